"""Choosing a sweep's winner, and registering the winner and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from assay.domain.access import Action
from assay.domain.contest import Contest, line_up
from assay.domain.errors import FailedPrecondition, InvalidArgument, LimitExceeded, NotFound
from assay.domain.evaluation import direction_text, suite_from_text
from assay.domain.registry import ModelVersion
from assay.domain.tracking import Lifecycle, Run
from assay.domain.winner import Winner, select_winner, suite_groups
from assay.services.context import Context
from assay.services.platform import Platform
from assay.services.registration import Registration
from assay.storage import contenders, evals, experiments, runs
from assay.storage.database import Transaction

MAX_RUNS = 10_000
MAX_EXPERIMENTS = 1_000


@dataclass(frozen=True, slots=True)
class WinnerResult:
    """The winner with its run, who took part by suite, who did not and why, and its registration."""

    winner: Winner
    run: Run
    groups: dict[str, list[str]]
    excluded: dict[str, str]
    version: ModelVersion | None = None


class Winners:
    """Selects among runs by what they reported on one suite."""

    def __init__(self, platform: Platform, registration: Registration) -> None:
        self._platform = platform
        self._registration = registration

    def select(
        self,
        context: Context,
        metric: str,
        *,
        run_ids: Sequence[str] = (),
        experiment_ids: Sequence[str] = (),
        maximize: bool | None = None,
        suite: str | None = None,
    ) -> WinnerResult:
        """The run with the best score among those named; of equals the one that finished first.

        The direction is the suite's own where it is stored here, else `maximize` must say it. Raises
        Incomparable listing the groups for runs of several suites or none, InvalidArgument for runs
        without the metric.
        """
        with self._platform.database.read() as tx:
            found = self._runs(tx, context, run_ids, experiment_ids)
            results = evals.list_results(tx, [run.pk for run in found])
            contest = line_up(found, results, metric, self._suite(tx, context, suite))
            better = self._direction(tx, context, contest, metric, maximize)
        winner = select_winner(contest.candidates, metric, maximize=better)
        return WinnerResult(
            winner=winner,
            run=next(run for run in found if run.run_id == winner.name),
            groups=suite_groups(contest.candidates),
            excluded=dict(contest.excluded),
        )

    def register(
        self,
        context: Context,
        result: WinnerResult,
        model: str,
        *,
        artifact_path: str | None = None,
        logged_model_id: str | None = None,
        lineage: str | None = None,
    ) -> WinnerResult:
        """Register the chosen run's files, under all the rules of a registration."""
        version = self._registration.register(
            context,
            model,
            run_id=result.run.run_id,
            artifact_path=artifact_path,
            logged_model_id=logged_model_id,
            lineage=lineage,
            description=(
                f"Winner by {result.winner.metric} ({result.winner.score}) on suite "
                f"{result.winner.suite} among {len(result.winner.ranked)} runs."
            ),
        )
        return replace(result, version=version)

    def _runs(
        self,
        tx: Transaction,
        context: Context,
        run_ids: Sequence[str],
        experiment_ids: Sequence[str],
    ) -> list[Run]:
        if bool(run_ids) == bool(experiment_ids):
            raise InvalidArgument("Name either runs or experiments.", field="run_ids")
        if len(run_ids) > MAX_RUNS or len(experiment_ids) > MAX_EXPERIMENTS:
            raise LimitExceeded(
                f"At most {MAX_RUNS} runs or {MAX_EXPERIMENTS} experiments at once."
            )
        if run_ids:
            return [self._run(tx, context, run_id) for run_id in dict.fromkeys(run_ids)]
        pks = [self._experiment(tx, context, text) for text in dict.fromkeys(experiment_ids)]
        found = contenders.runs_of_experiments(tx, pks, MAX_RUNS + 1)
        if len(found) > MAX_RUNS:
            raise LimitExceeded(f"These experiments have more than {MAX_RUNS} runs.")
        return found

    def _run(self, tx: Transaction, context: Context, run_id: str) -> Run:
        run = runs.find_run(tx, run_id)
        if run is None:
            raise NotFound(f"Run {run_id[:300]!r} does not exist.", field="run_ids")
        context.require_object(Action.TRACKING_READ, run.workspace, f"Run {run_id!r}")
        if run.lifecycle is not Lifecycle.ACTIVE:
            raise FailedPrecondition(f"Run {run_id!r} was deleted.", field="run_ids")
        return run

    def _experiment(self, tx: Transaction, context: Context, text: str) -> int:
        what = f"Experiment {text[:100]!r}"
        pk = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
        found = None if pk is None else experiments.find_experiment(tx, pk)
        if pk is None or found is None:
            raise NotFound(f"{what} does not exist.", field="experiment_ids")
        context.require_object(Action.TRACKING_READ, found.workspace, what)
        return pk

    def _suite(self, tx: Transaction, context: Context, name: str | None) -> str | None:
        """The fingerprint for the name of a suite of ours; any other text is a suite's own label."""
        if name is None:
            return None
        found = evals.find_suite_named(tx, context.workspace, name)
        return name.removeprefix("sha256:") if found is None else found.fingerprint

    def _direction(
        self,
        tx: Transaction,
        context: Context,
        contest: Contest,
        metric: str,
        maximize: bool | None,  # noqa: FBT001 - what the caller said, or nothing
    ) -> bool:
        known = None
        if contest.suite is not None:
            known = evals.find_suite(tx, context.workspace, contest.suite)
        if known is not None:
            declared = suite_from_text(evals.suite_text_of(tx, known.pk)).metric(metric).maximize
            if maximize not in {None, declared}:
                better = direction_text(maximize=declared)
                raise InvalidArgument(
                    f"The suite declares {metric!r} as {better}.", field="maximize"
                )
            return declared
        if maximize is None:
            # A refusal that needs no direction comes first.
            select_winner(contest.candidates, metric, maximize=True)
            raise InvalidArgument(
                f"Say whether more of {metric!r} is better: this suite is not stored here.",
                field="maximize",
            )
        return maximize
