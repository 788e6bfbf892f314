"""From runs and what they reported to the candidates of one contest, on one suite.

`winner` then chooses. Runs that are not over are left aside with the reason; a run that could be
compared on several suites is compared on the one that all of them share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assay.domain.errors import Incomparable
from assay.domain.tracking import EvalResult, Run, RunStatus
from assay.domain.winner import Candidate


@dataclass(frozen=True, slots=True)
class Contest:
    """Who takes part, earliest finished first, and who does not (run id → why)."""

    candidates: tuple[Candidate, ...]
    excluded: Mapping[str, str]
    suite: str | None


def line_up(
    runs: Sequence[Run], results: Sequence[EvalResult], metric: str, suite: str | None = None
) -> Contest:
    """The candidates for `metric`, on `suite` if one is named.

    With a named suite, runs that were not scored on it are excluded. Without one the runs must
    share exactly one suite that scores the metric: Incomparable when they share several.
    """
    excluded: dict[str, str] = {}
    finished = []
    for run in runs:
        if run.status is RunStatus.FINISHED:
            finished.append(run)
        else:
            excluded[run.run_id] = f"it is {run.status.value}, not finished"
    finished.sort(key=lambda run: (run.ended_at_ms or run.created_at_ms, run.run_id))
    scores = _scores(results)
    if suite is None:
        suite = _shared_suite([scores.get(run.run_id, {}) for run in finished], metric)
    else:
        for run in finished:
            if suite not in scores.get(run.run_id, {}):
                excluded[run.run_id] = f"it has no result on suite {suite}"
    return Contest(
        candidates=tuple(
            _candidate(run, scores.get(run.run_id, {}), metric, suite)
            for run in finished
            if run.run_id not in excluded
        ),
        excluded=excluded,
        suite=suite,
    )


_Scores = Mapping[str, Mapping[str, float]]


def _scores(results: Sequence[EvalResult]) -> dict[str, dict[str, dict[str, float]]]:
    found: dict[str, dict[str, dict[str, float]]] = {}
    for result in results:
        suites = found.setdefault(result.run_id, {})
        suites.setdefault(result.suite_fingerprint, {})[result.metric] = result.value
    return found


def _shared_suite(scored: Sequence[_Scores], metric: str) -> str | None:
    sets = [{suite for suite, values in run.items() if metric in values} for run in scored]
    shared = sorted(set.intersection(*sets)) if sets else []
    if len(shared) > 1:
        raise Incomparable(
            f"incomparable: all runs were scored with {metric!r} on {len(shared)} suites "
            f"({', '.join(shared)}). Say which suite counts.",
            field="suite",
            refused="incomparable",
            groups=shared,
        )
    return shared[0] if shared else None


def _candidate(run: Run, scored: _Scores, metric: str, suite: str | None) -> Candidate:
    if suite is not None:
        return Candidate(run.run_id, suite, dict(scored[suite]))
    # No suite is shared: name what each run was scored on, so that the refusal tells them apart.
    own = sorted(name for name, values in scored.items() if metric in values) or sorted(scored)
    metrics = {name: value for suite in own for name, value in scored[suite].items()}
    return Candidate(run.run_id, " + ".join(own) or None, metrics)
