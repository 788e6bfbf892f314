"""A writer that is killed at any moment loses nothing that it acknowledged and leaves no half batch."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from assay.domain.metric import MetricPoint
from assay.services.metrics import Metrics
from assay.storage import metric_series, params, tags
from assay.storage.database import Database, PostgresqlDatabase, SqliteDatabase, open_database
from tests.repo.sources import ROOT
from tests.support.ingest_writer import POINTS, TASKS, points_of
from tests.support.metric_points import identity
from tests.support.metric_runs import make_run
from tests.support.platform import a_context, make_platform


def address_of(database: Database) -> str:
    """Where another process finds the database."""
    if isinstance(database, SqliteDatabase):
        return str(database.path)
    assert isinstance(database, PostgresqlDatabase)
    return database._engine.url.render_as_string(hide_password=False)


def write_until_killed(address: str, first: int, acknowledgements: int) -> set[tuple[int, int]]:
    """Kill a writer after so many acknowledgements; returns all that it gave before it died."""
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.support.ingest_writer", address, str(first)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    lines = [writer.stdout.readline() for _ in range(acknowledgements)]
    writer.send_signal(signal.SIGKILL)
    lines += writer.stdout.readlines()
    assert writer.wait() == -signal.SIGKILL
    writer.stdout.close()
    # What the pipe cut off was not acknowledged.
    whole = [line.split() for line in lines if line.endswith("\n")]
    return {(int(task), int(batch)) for task, batch in whole}


class Kept:
    """What a database holds of the batches, read in one go after a crash."""

    def __init__(self, database: Database, run_pk: int) -> None:
        with database.read() as tx:
            self.params = params.params_of_run(tx, run_pk)
            self.tags = tags.tags_of_run(tx, run_pk)
            stored = metric_series.summaries_of(tx, run_pk)
        self.summaries = {found.key: found.summary for found in stored}
        metrics = Metrics(make_platform(Path("unused"), database))
        self.series = {}
        for key in self.summaries:
            columns = metrics.history(a_context(), "run-1", key)
            rows = zip(*(column.tolist() for column in columns), strict=True)
            self.series[key] = [identity(*row) for row in rows]
        self._places = {key: set(rows) for key, rows in self.series.items()}

    def parts_of(self, task: int, batch: int) -> list[bool]:
        """Which parts of a batch are there: each point, the param, the tag."""
        points = [self._has(point) for point in points_of(task, batch)]
        name = f"{task}-{batch}"
        return [*points, f"param-{name}" in self.params, f"tag-{name}" in self.tags]

    def last_batch(self) -> int:
        """The highest number of a batch of which anything is there; -1 for none."""
        numbers = [int(value) for value in (*self.params.values(), *self.tags.values())]
        return max(numbers, default=-1)

    def _has(self, point: MetricPoint) -> bool:
        place = identity(point.step, point.timestamp_ms, point.value)
        return place in self._places.get(point.key, ())


def check(kept: Kept, acknowledged: set[tuple[int, int]]) -> None:
    """Every acknowledged batch is whole, every other one is whole or absent, nothing is twice."""
    last = kept.last_batch()
    for task in range(TASKS):
        for batch in range(last + 1):
            parts = kept.parts_of(task, batch)
            assert all(parts) or not any(parts), (task, batch, parts)
            assert all(parts) or (task, batch) not in acknowledged, (task, batch)
    assert all(batch <= last for _, batch in acknowledged)
    for key, rows in kept.series.items():
        assert len(rows) == len(set(rows)), key
        summary = kept.summaries[key]
        assert summary.last_step == rows[-1][0]
        assert summary.points == len(rows) or not summary.is_count_exact


def crash_repeatedly(database: Database, kills: int, seed: int) -> None:
    """Kill writers one after the other on one database and look at it after each."""
    chance = random.Random(seed)
    address = address_of(database)
    run_pk = make_run(database, "run-1")
    acknowledged: set[tuple[int, int]] = set()
    first = 0
    for _ in range(kills):
        acknowledged |= write_until_killed(address, first, chance.randint(1, 60))
        with closing(open_database(address)) as reopened:
            kept = Kept(reopened, run_pk)
        check(kept, acknowledged)
        first = kept.last_batch() + 1
    assert len(acknowledged) >= kills
    assert first * POINTS > kills


def test_a_killed_writer_keeps_its_word(database: Database) -> None:
    """Three kills: what was acknowledged is there, and nothing is there by halves."""
    crash_repeatedly(database, kills=3, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_many_kills_lose_nothing(database: Database) -> None:
    """Fifty kills at random moments, compaction running all the while."""
    crash_repeatedly(database, kills=50, seed=2)
