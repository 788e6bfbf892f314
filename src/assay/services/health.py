"""RL health: runs are examined as their points arrive, and a finding is told once.

A thread of its own reads what is durable; training, ingest and the registry never wait for it.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Final

import structlog

from assay.domain.access import SYSTEM, Action
from assay.domain.errors import AppError, NotFound
from assay.domain.health import (
    DEFAULT_THRESHOLDS,
    HELD_OUT_POINTS,
    WINDOW_POINTS,
    Ends,
    Finding,
    Thresholds,
    Window,
    examine,
    with_thresholds,
)
from assay.domain.paging import bind, decode, encode
from assay.domain.rl_keys import Family, family_of
from assay.domain.tracking import LatestMetric, Page
from assay.series.points import Points
from assay.services.checks import check_page_size
from assay.services.context import Context
from assay.services.experiments import experiment_pk
from assay.services.ledger import Ledger
from assay.services.metrics import Metrics
from assay.services.platform import Platform
from assay.services.runs import get_run
from assay.storage import experiments, workspaces
from assay.storage import health as rows
from assay.storage.database import Transaction
from assay.storage.health import KeptFinding, RunPlace

__all__ = ["Health", "KeptFinding", "RunHealth"]

EVERY_S: Final = 5.0
"""So often the runs that got points are looked at."""

MAX_RUNS_A_ROUND: Final = 100
MAX_SERIES: Final = 200
"""Series of one run that are examined: those of a known family, by key."""

MAX_PAGE: Final = 1_000
ACTION: Final = "run.health_finding"

_MAX_WAITING: Final = 100_000
_MAX_BEGINNINGS: Final = 20_000
_FEW_EVALUATIONS: Final = frozenset({Family.HELD_OUT_SCORE, Family.HELD_OUT_LOSS})
_log = structlog.get_logger("assay.health")


@dataclass(frozen=True, slots=True)
class RunHealth:
    """What is known of a run: all that was found, and whether any of its series could be examined."""

    findings: tuple[KeptFinding, ...]
    examined_keys: tuple[str, ...]


class Health:
    """Examines runs after `start()`, or one at a time by `examine_run`."""

    def __init__(
        self, platform: Platform, ledger: Ledger, metrics: Metrics, *, every_s: float = EVERY_S
    ) -> None:
        self._platform = platform
        self._ledger = ledger
        self._metrics = metrics
        self._every_s = every_s
        self._lock = threading.Lock()
        self._waiting: dict[int, None] = {}
        # The first points of a long series do not change; most of what is read each time are the last.
        self._beginnings: OrderedDict[tuple[str, str], Window] = OrderedDict()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the examining thread."""
        self._thread = threading.Thread(
            target=self._keep_examining, name="assay-health", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop after the run at hand. Again is fine."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def note(self, run_pk: int, keys: Iterable[str]) -> None:
        """Remember that a run got points of series that a detector looks at; others tell nothing new.

        Called by the ingest thread, so it does nothing else.
        """
        if not any(map(family_of, set(keys))):
            return
        with self._lock:
            if len(self._waiting) < _MAX_WAITING:
                self._waiting[run_pk] = None

    def of_run(self, context: Context, run_id: str) -> RunHealth:
        """What was found in a run, and the keys that a detector looks at."""
        with self._platform.database.read() as tx:
            run = get_run(tx, context, Action.TRACKING_READ, run_id)
            found = rows.list_findings(tx, run.pk)
        examined = _known_series(self._metrics.keys(context, run_id))
        return RunHealth(found, tuple(metric.key for metric in examined))

    def examine(self, context: Context, run_id: str) -> RunHealth:
        """Examine a run now, as it is examined after its points arrive."""
        with self._platform.database.read() as tx:
            run = get_run(tx, context, Action.TRACKING_WRITE, run_id)
        self.examine_runs([run.pk])
        return self.of_run(context, run_id)

    def of_experiment(
        self,
        context: Context,
        experiment_id: str,
        *,
        max_results: int = 100,
        page_token: str | None = None,
    ) -> Page[KeptFinding]:
        """What stands now in the runs of an experiment, newest first."""
        check_page_size(max_results, MAX_PAGE)
        binding = bind(["health", experiment_id])
        pk = experiment_pk(experiment_id)
        with self._platform.database.read() as tx:
            home = experiments.find_experiment(tx, pk)
            what = f"Experiment {experiment_id!r}"
            if home is None:
                raise NotFound(f"{what} does not exist.", field="experiment_id")
            context.require_object(Action.TRACKING_READ, home.workspace, what)
            before = rows.last_number(tx)
            if page_token:
                (token,) = decode(page_token, binding, size=1)
                before = token if isinstance(token, int) else before
            found = rows.list_open_findings(tx, pk, before, max_results + 1)
        shown = found[:max_results]
        more = len(found) > max_results
        return Page(
            tuple(kept for _, kept in shown), encode([shown[-1][0]], binding) if more else None
        )

    def thresholds(self, context: Context, workspace: str) -> Thresholds:
        """The thresholds in force in a workspace."""
        context.require_object(Action.WORKSPACE_READ, workspace, f"Workspace {workspace!r}")
        with self._platform.database.read() as tx:
            pk = workspaces.find_workspace_pk(tx, workspace)
            if pk is None:
                raise NotFound(f"Workspace {workspace!r} does not exist.", field="workspace")
            return with_thresholds(rows.thresholds_of(tx, pk))

    def set_thresholds(
        self, context: Context, workspace: str, values: Mapping[str, object]
    ) -> Thresholds:
        """Give a workspace thresholds of its own; what is not named has its default again."""
        context.require_object(Action.WORKSPACE_WRITE, workspace, f"Workspace {workspace!r}")
        wanted = with_thresholds(values)
        default = asdict(DEFAULT_THRESHOLDS)
        own = {name: value for name, value in asdict(wanted).items() if value != default[name]}
        with self._platform.database.write() as tx:
            pk = workspaces.find_workspace_pk(tx, workspace)
            if pk is None:
                raise NotFound(f"Workspace {workspace!r} does not exist.", field="workspace")
            rows.set_thresholds(tx, pk, own, context.now_ms)
            self._ledger.record(
                tx,
                context,
                action="workspace.health_thresholds_changed",
                object=f"workspace:{workspace}",
                workspace=workspace,
                details={"thresholds": own},
            )
        return wanted

    def examine_waiting(self) -> int:
        """Examine the runs that got points since the last time; returns how many there were."""
        with self._lock:
            taken = list(self._waiting)[:MAX_RUNS_A_ROUND]
            for run_pk in taken:
                del self._waiting[run_pk]
        self.examine_runs(taken)
        return len(taken)

    def examine_runs(self, run_pks: list[int]) -> None:
        """Examine these runs and write down what is found. A finding is in the ledger once."""
        if not run_pks:
            return
        with self._platform.database.read() as tx:
            places = rows.places_of(tx, run_pks)
            own = {
                place.workspace_pk: rows.thresholds_of(tx, place.workspace_pk) for place in places
            }
        for place in places:
            if self._stop.is_set():
                return
            context = Context(SYSTEM, place.workspace, "health", self._platform.now_ms())
            found = examine(self._ends_of(context, place), with_thresholds(own[place.workspace_pk]))
            self._write_down(context, place, found)

    def _ends_of(self, context: Context, place: RunPlace) -> dict[str, Ends]:
        keys = _known_series(self._metrics.keys(context, place.run_id))
        return {metric.key: self._ends(context, place.run_id, metric) for metric in keys}

    def _ends(self, context: Context, run_id: str, metric: LatestMetric) -> Ends:
        family = family_of(metric.key)
        wanted = HELD_OUT_POINTS if family in _FEW_EVALUATIONS else WINDOW_POINTS
        known = self._beginnings.get((run_id, metric.key))
        if known is None:
            points = self._metrics.history(context, run_id, metric.key)
            first, last = _window(points, 0, WINDOW_POINTS), _window(points, -wanted, None)
            if family in _FEW_EVALUATIONS:
                return Ends(Window((), ()), last)
            if points.row_count < 2 * WINDOW_POINTS:
                return Ends(Window((), ()), last)
            self._remember((run_id, metric.key), first)
            return Ends(first, last)
        # About twice as many steps as hold a window, at the pace of the series so far.
        pace = (metric.step - known.steps[0]) / max(metric.count - 1, 1)
        start = metric.step - int(pace * WINDOW_POINTS * 2) - 1
        start = max(start, known.steps[-1] + 1)
        points = self._metrics.history(context, run_id, metric.key, start_step=start)
        if points.row_count < WINDOW_POINTS:
            points = self._metrics.history(
                context, run_id, metric.key, start_step=known.steps[-1] + 1
            )
        return Ends(known, _window(points, -wanted, None))

    def _remember(self, key: tuple[str, str], first: Window) -> None:
        self._beginnings[key] = first
        if len(self._beginnings) > _MAX_BEGINNINGS:
            self._beginnings.popitem(last=False)

    def _write_down(self, context: Context, place: RunPlace, found: tuple[Finding, ...]) -> None:
        seen = {(finding.detector.value, finding.key) for finding in found}
        with self._platform.database.read() as tx:
            standing = {
                (kept.finding.detector.value, kept.finding.key): kept
                for kept in rows.list_findings(tx, place.run_pk)
            }
        gone = {pair for pair, kept in standing.items() if kept.cleared_at_ms is None} - seen
        changed = [
            finding
            for finding in found
            if (kept := standing.get((finding.detector.value, finding.key))) is None
            or kept.cleared_at_ms is not None
            or kept.finding != finding
        ]
        if not changed and not gone:
            return
        with self._platform.database.write() as tx:
            if any((finding.detector.value, finding.key) not in standing for finding in changed):
                self._ledger.lock(tx)
            known = rows.known_findings(tx, place.run_pk)
            rows.keep_findings(tx, place.run_pk, changed, context.now_ms)
            rows.clear_findings(tx, place.run_pk, gone, context.now_ms)
            for finding in changed:
                if (finding.detector.value, finding.key) not in known:
                    self._tell(tx, context, place, finding)

    def _tell(self, tx: Transaction, context: Context, place: RunPlace, found: Finding) -> None:
        self._ledger.record(
            tx,
            context,
            action=ACTION,
            object=f"run:{place.run_id}",
            workspace=place.workspace,
            details={
                "detector": found.detector.value,
                "key": found.key,
                "first_step": found.first_step,
                "last_step": found.last_step,
                "numbers": dict(found.numbers),
                "message": found.message,
            },
        )

    def _keep_examining(self) -> None:
        while not self._stop.wait(self._every_s):
            started = time.monotonic()
            try:
                while self.examine_waiting() == MAX_RUNS_A_ROUND and not self._stop.is_set():
                    pass
            except AppError:
                _log.exception("runs could not be examined for their health")
            except Exception:  # noqa: BLE001 -- one odd run must not end the examination of all
                _log.exception("a run could not be examined for its health")
            # Never more than a tenth of the time, however many runs there are.
            self._stop.wait(9 * (time.monotonic() - started))


def _known_series(metrics: tuple[LatestMetric, ...]) -> list[LatestMetric]:
    return [metric for metric in metrics if family_of(metric.key) is not None][:MAX_SERIES]


def _window(points: Points, start: int, stop: int | None) -> Window:
    rows_ = slice(start, stop)
    return Window(points.steps[rows_].tolist(), points.values[rows_].tolist())
