"""Writers, compaction and readers at work on one run at the same time."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import pytest

from assay.domain.metric import MetricPoint
from assay.services import compaction
from assay.services.compaction import Compaction
from assay.services.ingest import Ingest
from assay.services.metrics import Metrics
from assay.storage import metric_series
from assay.storage.database import Database
from tests.support.metric_runs import make_run
from tests.support.platform import a_context, make_platform

CONTEXT = a_context()
BATCHES = 150
POINTS = 20
KEYS = ("loss", "acc", "lr")


class Writer:
    """Writes batch after batch and knows how many steps were acknowledged."""

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest
        self.steps = 0
        self.thread = threading.Thread(target=self._write)

    def _write(self) -> None:
        for start in range(0, BATCHES * POINTS, POINTS):
            batch = [
                MetricPoint(key, step / 3, step, step)
                for step in range(start, start + POINTS)
                for key in KEYS
            ]
            self._ingest.submit_sync(CONTEXT, "run-1", batch)
            self.steps = start + POINTS


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits so low that everything is rearranged all the time."""
    monkeypatch.setattr(compaction, "CHUNK_POINTS", 50)
    monkeypatch.setattr(compaction, "IDLE_CHUNK_POINTS", 30)
    monkeypatch.setattr(compaction, "FLUSH_POINTS", 500)


@pytest.mark.usefixtures("small_limits")
def test_readers_never_see_a_series_rearranged(tmp_path: Path, database: Database) -> None:
    """At every moment a series is a beginning of what was sent, with all that was acknowledged."""
    platform = make_platform(tmp_path, database)
    run_pk = make_run(database, "run-1")
    packers = [Compaction(platform), Compaction(platform)]
    metrics = Metrics(platform)
    passes = 0
    with closing(Ingest(platform)) as ingest:
        ingest.start()
        writer = Writer(ingest)
        finished = threading.Event()

        def pack(packer: Compaction, *, is_idle: bool) -> None:
            nonlocal passes
            while not finished.is_set():
                passes += packer.compact_run(run_pk, is_idle=is_idle)

        threads = [
            writer.thread,
            threading.Thread(target=pack, args=(packers[0],), kwargs={"is_idle": False}),
            threading.Thread(target=pack, args=(packers[1],), kwargs={"is_idle": True}),
        ]
        for thread in threads:
            thread.start()
        try:
            while writer.thread.is_alive():
                at_least = writer.steps
                steps = metrics.history(CONTEXT, "run-1", "acc").steps.tolist()
                assert steps == list(range(len(steps)))
                assert len(steps) >= at_least
        finally:
            finished.set()
            for thread in threads:
                thread.join()

    assert passes > 0
    packers[0].compact_run(run_pk, is_idle=True)
    with database.read() as tx:
        found = metric_series.summaries_of(tx, run_pk)
    assert {stored.key: stored.summary.points for stored in found} == dict.fromkeys(
        KEYS, BATCHES * POINTS
    )
    for key in KEYS:
        assert metrics.history(CONTEXT, "run-1", key).row_count == BATCHES * POINTS
