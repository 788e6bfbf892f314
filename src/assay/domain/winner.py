"""Choosing the winner of a sweep: only among runs that were scored on one and the same suite."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from assay.domain.errors import Incomparable, InvalidArgument

RULE_VERSION: Final = "winner-v1"
NO_SUITE: Final = "(no suite)"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run with the suite it was scored on (None: none is known) and its scores."""

    name: str
    suite: str | None
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Winner:
    """The best candidate, who shared its score, and the rule by which it was chosen."""

    name: str
    score: float
    suite: str
    metric: str
    maximize: bool
    tied: tuple[str, ...]
    ranked: tuple[str, ...]
    rule_version: str = RULE_VERSION


def select_winner(candidates: Sequence[Candidate], metric: str, *, maximize: bool) -> Winner:
    """The candidate with the best score; of equals the first given, so order by finish, then id.

    Refuses: no runs, runs that lack the metric or hold NaN (InvalidArgument naming them), and runs
    of several suites or of none (Incomparable, `details.groups` naming the suites in order).
    `details.refused` is `no runs`, `incomparable`, `missing metric` or `not a number`.
    """
    if not candidates:
        raise InvalidArgument(
            "no runs: there is nothing to choose from.", field="runs", refused="no runs"
        )
    suite = _one_suite(candidates)
    _check_scores(candidates, metric)
    sign = -1 if maximize else 1
    ranked = sorted(candidates, key=lambda candidate: sign * candidate.metrics[metric])
    best = ranked[0].metrics[metric]
    return Winner(
        name=ranked[0].name,
        score=best,
        suite=suite,
        metric=metric,
        maximize=maximize,
        tied=tuple(other.name for other in ranked[1:] if other.metrics[metric] == best),
        ranked=tuple(candidate.name for candidate in ranked),
    )


def suite_groups(candidates: Sequence[Candidate]) -> dict[str, list[str]]:
    """The candidates' names by suite, suites in order; those without one under `(no suite)`."""
    groups: dict[str, list[str]] = {}
    for candidate in candidates:
        groups.setdefault(candidate.suite or NO_SUITE, []).append(candidate.name)
    return dict(sorted(groups.items()))


def _one_suite(candidates: Sequence[Candidate]) -> str:
    groups = suite_groups(candidates)
    suite = candidates[0].suite
    if suite is not None and suite and len(groups) == 1:
        return suite
    listed = "; ".join(f"{name}: {_names(members)}" for name, members in groups.items())
    raise Incomparable(
        f"incomparable: the runs were not all scored on one suite ({listed}). "
        "Choose among the runs of one suite, or score the others on it.",
        field="runs",
        refused="incomparable",
        groups=list(groups),
        members=groups,
    )


def _check_scores(candidates: Sequence[Candidate], metric: str) -> None:
    without = [c.name for c in candidates if metric not in c.metrics]
    if without:
        raise InvalidArgument(
            f"missing metric: {_names(without)} did not log {metric!r}.",
            field="metric",
            refused="missing metric",
            runs=without,
        )
    not_numbers = [c.name for c in candidates if math.isnan(c.metrics[metric])]
    if not_numbers:
        raise InvalidArgument(
            f"not a number: {metric!r} of {_names(not_numbers)} is NaN.",
            field="metric",
            refused="not a number",
            runs=not_numbers,
        )


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(name[:100] for name in names[:10])
    return shown if len(names) <= 10 else f"{shown} and {len(names) - 10} more"
