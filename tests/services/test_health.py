"""Runs are examined as their points arrive: findings stand, clear, and are told once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.domain.access import Role
from assay.domain.errors import InvalidArgument, NotFound, PermissionDenied
from assay.domain.health import Detector
from assay.domain.metric import MetricPoint
from assay.services.health import ACTION, Health
from assay.services.ingest import Ingest
from assay.services.ledger import Ledger
from assay.services.metrics import Metrics
from assay.services.platform import Platform
from assay.services.workspaces import Workspaces
from assay.storage.database import Database
from tests.support.metric_runs import AT_MS, make_run
from tests.support.platform import a_context, an_actor, make_platform

RUN = "a" * 32
OTHER = "b" * 32


class Clinic:
    """A server's parts that take points and examine runs, one step at a time."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.ledger = Ledger(platform)
        Workspaces(platform, self.ledger).ensure_defaults(AT_MS)
        self.metrics = Metrics(platform)
        self.health = Health(platform, self.ledger, self.metrics)
        self.ingest = Ingest(platform, health=self.health)
        self.ingest.start()
        for run_id in (RUN, OTHER):
            make_run(platform.database, run_id)

    def log(self, key: str, values: list[float], *, run_id: str = RUN, start: int = 0) -> None:
        points = [
            MetricPoint(key, value, AT_MS + start + step, start + step)
            for step, value in enumerate(values)
        ]
        self.ingest.submit_sync(a_context(), run_id, points)

    def look(self, run_id: str = RUN) -> list[tuple[Detector, str, bool]]:
        """Examine what got points; detector, key and whether each finding of the run stands."""
        self.health.examine_waiting()
        return [
            (kept.finding.detector, kept.finding.key, kept.cleared_at_ms is None)
            for kept in self.health.of_run(a_context(), run_id).findings
        ]

    def told(self) -> list[str]:
        events = self.ledger.list(a_context(), action=ACTION).items
        return [f"{entry.event.details['detector']} {entry.event.target}" for entry in events]


@pytest.fixture
def clinic(tmp_path: Path, database: Database) -> Iterator[Clinic]:
    """A clinic on each engine."""
    opened = Clinic(make_platform(tmp_path, database))
    yield opened
    opened.ingest.close()


def test_a_run_is_examined_when_points_arrive_and_told_of_once(clinic: Clinic) -> None:
    """More points of the same trouble change the window, not the number of events."""
    clinic.log("actor/entropy", [1.0] * 40)
    assert clinic.look() == []

    clinic.log("actor/entropy", [0.05] * 30, start=40)
    assert clinic.look() == [(Detector.ENTROPY_COLLAPSE, "actor/entropy", True)]
    (kept,) = clinic.health.of_run(a_context(), RUN).findings
    assert (kept.finding.first_step, kept.finding.last_step) == (50, 69)

    clinic.log("actor/entropy", [0.04] * 30, start=70)
    assert clinic.look() == [(Detector.ENTROPY_COLLAPSE, "actor/entropy", True)]
    (kept,) = clinic.health.of_run(a_context(), RUN).findings
    assert (kept.finding.first_step, kept.finding.last_step) == (80, 99)
    assert clinic.told() == [f"entropy_collapse run:{RUN}"]


def test_a_finding_that_passes_is_cleared_and_not_told_again(clinic: Clinic) -> None:
    """It stays in the run's history; when it comes back it stands again, without a second event."""
    clinic.log("train/loss", [0.5, float("nan")])
    assert clinic.look() == [(Detector.NOT_A_NUMBER, "train/loss", True)]
    clinic.log("train/loss", [0.5] * 30, start=2)
    assert clinic.look() == [(Detector.NOT_A_NUMBER, "train/loss", False)]
    clinic.log("train/loss", [float("inf")], start=40)
    assert clinic.look() == [(Detector.NOT_A_NUMBER, "train/loss", True)]
    assert clinic.told() == [f"not_a_number run:{RUN}"]


def test_a_long_series_is_read_at_its_ends_only(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the beginning is known, an examination asks for the last steps, not for everything."""
    clinic.log("kl", [0.01] * 2_000)
    assert clinic.look() == []
    asked: list[int | None] = []
    history = clinic.metrics.history

    def watched(*args: object, start_step: int | None = None, **rest: object) -> object:
        asked.append(start_step)
        return history(*args, start_step=start_step, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(clinic.metrics, "history", watched)
    clinic.log("kl", [2.0] * 20, start=2_000)
    assert clinic.look() == [(Detector.KL_EXPLOSION, "kl", True)]
    assert asked
    assert all(start is not None and start > 1_900 for start in asked)


def test_findings_of_an_experiment_are_paged_newest_first(clinic: Clinic) -> None:
    """Only those that stand, over all of its runs."""
    clinic.log("loss", [float("nan")])
    clinic.look()
    clinic.log("reward_std", [0.0] * 30, run_id=OTHER)
    clinic.look()
    with clinic.platform.database.read() as tx:
        ids = {row[0] for row in tx.driver("SELECT experiment_id FROM runs")}
    (experiment_id,) = map(str, ids)

    first = clinic.health.of_experiment(a_context(), experiment_id, max_results=1)
    rest = clinic.health.of_experiment(
        a_context(), experiment_id, max_results=1, page_token=first.next_token
    )

    assert [kept.run_id for kept in (*first.items, *rest.items)] == [OTHER, RUN]
    assert rest.next_token is None
    with pytest.raises(NotFound):
        clinic.health.of_experiment(a_context(), "999999")


def test_a_workspace_sets_its_thresholds_on_record(clinic: Clinic) -> None:
    """They count from the next examination on, defaults come back when left out, and the ledger knows."""
    clinic.health.set_thresholds(a_context(), "default", {"entropy_ratio": 0.9})
    clinic.log("entropy", [1.0] * 20 + [0.8] * 20)
    assert clinic.look() == [(Detector.ENTROPY_COLLAPSE, "entropy", True)]

    clinic.health.set_thresholds(a_context(), "default", {})
    assert clinic.health.thresholds(a_context(), "default").entropy_ratio == 0.2
    clinic.health.examine(a_context(), RUN)
    assert clinic.look() == [(Detector.ENTROPY_COLLAPSE, "entropy", False)]
    events = clinic.ledger.list(a_context(), action="workspace.health_thresholds_changed").items
    assert [entry.event.details for entry in events] == [
        {"thresholds": {"entropy_ratio": 0.9}},
        {"thresholds": {}},
    ]
    with pytest.raises(InvalidArgument):
        clinic.health.set_thresholds(a_context(), "default", {"entropy_ratio": -1})


def test_who_may_see_and_set(clinic: Clinic) -> None:
    """A viewer reads findings and thresholds; setting them and examining take more."""
    viewer = a_context(an_actor("vera", Role.VIEWER))
    stranger = a_context(an_actor("otto", Role.VIEWER, workspace="elsewhere"))
    assert clinic.health.of_run(viewer, RUN).findings == ()
    with pytest.raises(PermissionDenied):
        clinic.health.examine(viewer, RUN)
    with pytest.raises(PermissionDenied):
        clinic.health.set_thresholds(viewer, "default", {})
    with pytest.raises(NotFound):
        clinic.health.of_run(stranger, RUN)


def test_a_run_without_a_series_for_a_detector_is_not_looked_at(clinic: Clinic) -> None:
    """Points of keys that no detector knows cost nothing; one key that it knows is enough."""
    clinic.log("metric_7", [1.0] * 30)
    assert clinic.health.examine_waiting() == 0
    clinic.log("train/loss", [1.0])
    clinic.log("metric_7", [1.0], start=30)
    assert clinic.health.examine_waiting() == 1


def test_the_thread_examines_by_itself(clinic: Clinic) -> None:
    """Started, it needs nobody to call it."""
    watcher = Health(clinic.platform, clinic.ledger, clinic.metrics, every_s=0.01)
    ingest = Ingest(clinic.platform, health=watcher)
    ingest.start()
    watcher.start()
    try:
        points = [MetricPoint("loss", float("nan"), AT_MS, 1)]
        ingest.submit_sync(a_context(), RUN, points)
        deadline = time.monotonic() + 30
        while not clinic.told() and time.monotonic() < deadline:
            threading.Event().wait(0.02)
        assert clinic.told() == [f"not_a_number run:{RUN}"]
    finally:
        watcher.close()
        ingest.close()
