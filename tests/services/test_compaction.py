"""Compaction rearranges series and changes none: no point is lost, doubled or altered."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from assay.domain.metric import MetricPoint
from assay.services import compaction
from assay.services.compaction import Compaction
from assay.services.ingest import Ingest
from assay.services.metrics import Metrics
from assay.storage import metric_series
from assay.storage.database import Database, SqliteDatabase, Transaction
from assay.storage.tables.tracking import metric_chunks
from tests.support.metric_points import identities, metric_points, ordered_identities
from tests.support.metric_runs import make_run
from tests.support.platform import a_context, make_platform

CONTEXT = a_context()
KEEP_DATABASE = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
numbers = count(1)


class Rig:
    """A database with everything that touches metric series."""

    def __init__(self, tmp_path: Path, database: Database) -> None:
        platform = make_platform(tmp_path, database)
        self.database = database
        self.ingest = Ingest(platform)
        self.compaction = Compaction(platform)
        self.metrics = Metrics(platform)
        self.ingest.start()

    def close(self) -> None:
        self.ingest.close()
        self.compaction.close()

    def write(self, run_id: str, points: Sequence[MetricPoint]) -> None:
        self.ingest.submit_sync(CONTEXT, run_id, points)

    def rows(self, run_pk: int) -> tuple[int, int]:
        """How many tail rows and chunks a run has."""
        with self.database.read() as tx:
            tail = metric_series.tail_sizes(tx, run_pk)
            chunks = tx.execute(
                select(func.count()).where(metric_chunks.c.run_pk == run_pk)
            ).scalar_one()
            return len(tail), chunks

    def counts(self, run_pk: int) -> dict[str, tuple[int, bool]]:
        """What the summaries say of the number of points."""
        with self.database.read() as tx:
            found = metric_series.summaries_of(tx, run_pk)
        return {stored.key: stored.summary[:2] for stored in found}


@pytest.fixture
def rig(tmp_path: Path, database: Database) -> Iterator[Rig]:
    """Ingest, compaction and reading on one database."""
    with closing(Rig(tmp_path, database)) as made:
        yield made


def series(length: int, *, key: str = "loss", start: int = 0) -> list[MetricPoint]:
    """A series that ascends."""
    return [
        MetricPoint(key, 1 / (step + 2), 1_000 + 3 * step, step)
        for step in range(start, start + length)
    ]


def test_many_rows_become_few_and_every_point_stays(rig: Rig) -> None:
    """Small batches of a run end in one row, and read as before."""
    run_pk = make_run(rig.database, "run-1")
    for start in range(0, 200, 5):
        rig.write("run-1", [*series(5, start=start), *series(5, key="acc", start=start)])
    before = rig.rows(run_pk)

    assert rig.compaction.compact_run(run_pk)

    assert (before, rig.rows(run_pk)) == ((40, 0), (1, 0))
    for key in ("loss", "acc"):
        points = rig.metrics.history(CONTEXT, "run-1", key)
        assert identities(points) == ordered_identities(series(200))


def test_long_series_become_chunks_and_short_ones_share_a_block(rig: Rig) -> None:
    """A series with thousands of points stands alone; the rest stays together in the tail."""
    run_pk = make_run(rig.database, "run-1")
    rig.write("run-1", [*series(5_000), *series(50, key="acc")])

    rig.compaction.compact_run(run_pk)

    assert rig.rows(run_pk) == (1, 1)
    assert identities(rig.metrics.history(CONTEXT, "run-1", "loss")) == ordered_identities(
        series(5_000)
    )
    assert rig.metrics.history(CONTEXT, "run-1", "acc").row_count == 50


def test_an_idle_run_is_packed_for_good(rig: Rig) -> None:
    """A run that has ended keeps no raw row; doing it again gains nothing."""
    run_pk = make_run(rig.database, "run-1")
    for start in range(0, 1_000, 10):
        rig.write("run-1", [*series(10, start=start), *series(1, key="lr", start=start)])

    assert rig.compaction.compact_run(run_pk, is_idle=True)
    assert not rig.compaction.compact_run(run_pk, is_idle=True)

    assert rig.rows(run_pk) == (0, 2)


def test_counts_become_exact(rig: Rig) -> None:
    """Retried batches leave the count in doubt; compaction settles it, wherever the points end up."""
    run_pk = make_run(rig.database, "run-1")
    for start in (0, 4_900, 0, 5_000):
        rig.write("run-1", [*series(5_000, start=start), *series(10, key="acc", start=start)])
    doubtful = rig.counts(run_pk)

    rig.compaction.compact_run(run_pk)

    assert [is_exact for _, is_exact in doubtful.values()] == [False, False]
    assert rig.counts(run_pk) == {"acc": (30, True), "loss": (10_000, True)}


def test_a_count_stays_in_doubt_while_a_row_is_unread(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Points that arrive while compaction computes are neither lost nor miscounted."""
    run_pk = make_run(rig.database, "run-1")
    for _ in range(2):
        rig.write("run-1", [*series(100), *series(100, key="acc")])
    carry_out = compaction._carry_out

    def late(database: Database, plan: object) -> None:
        rig.write("run-1", series(50, start=80))
        carry_out(database, plan)  # type: ignore[arg-type]

    monkeypatch.setattr(compaction, "_carry_out", late)
    assert rig.compaction.compact_run(run_pk)
    monkeypatch.undo()

    assert rig.counts(run_pk)["acc"] == (100, True)
    assert rig.counts(run_pk)["loss"][1] is False
    assert rig.metrics.history(CONTEXT, "run-1", "loss").row_count == 130
    rig.compaction.compact_run(run_pk, is_idle=True)
    assert rig.counts(run_pk)["loss"] == (130, True)


def test_a_large_block_is_left_alone_until_as_much_has_come(rig: Rig) -> None:
    """Packing a little does not rewrite a lot; every raw row is packed, however large its neighbour."""
    run_pk = make_run(rig.database, "run-1")
    rig.write("run-1", [p for key in "abcdef" for p in series(500, key=key)])
    rig.compaction.compact_run(run_pk)
    rig.write("run-1", series(10, key="a", start=500))
    rig.write("run-1", series(1_000, key="b", start=500))
    rig.write("run-1", series(1, key="a", start=510))

    rig.compaction.compact_run(run_pk)
    with rig.database.read() as tx:
        apart = [row.points for row in metric_series.tail_sizes(tx, run_pk)]
    rig.write("run-1", series(1_000, key="c", start=500))
    rig.compaction.compact_run(run_pk)
    with rig.database.read() as tx:
        together = [row.points for row in metric_series.tail_sizes(tx, run_pk)]

    assert (apart, together) == ([3_000, 1_011], [5_011])


def test_of_two_compactions_one_gives_way(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two servers that compact one run at the same time leave every point once."""
    run_pk = make_run(rig.database, "run-1")
    for start in range(0, 6_000, 100):
        rig.write("run-1", series(100, start=start))
    other = Compaction(make_platform(Path("unused"), rig.database))
    carry_out = compaction._carry_out

    def overtaken(database: Database, plan: object) -> None:
        monkeypatch.setattr(compaction, "_carry_out", carry_out)
        assert other.compact_run(run_pk)
        carry_out(database, plan)  # type: ignore[arg-type]

    monkeypatch.setattr(compaction, "_carry_out", overtaken)

    assert not rig.compaction.compact_run(run_pk)
    assert rig.rows(run_pk) == (0, 1)
    assert rig.metrics.history(CONTEXT, "run-1", "loss").row_count == 6_000


@KEEP_DATABASE
@given(
    batches=st.lists(st.lists(metric_points("a", "b"), min_size=1, max_size=8), max_size=8),
    packed_after=st.sets(st.integers(0, 7)),
    is_idle=st.booleans(),
)
def test_compaction_at_any_moment_changes_no_series(
    rig: Rig, batches: list[list[MetricPoint]], packed_after: set[int], *, is_idle: bool
) -> None:
    """Whatever is logged and whenever it is packed, each series is the set of its points."""
    run_id = f"run-{next(numbers)}"
    run_pk = make_run(rig.database, run_id)
    with small_chunks():
        for number, batch in enumerate(batches):
            rig.write(run_id, batch)
            if number in packed_after:
                rig.compaction.compact_run(run_pk, is_idle=is_idle)

    for key in "ab":
        points = rig.metrics.history(CONTEXT, run_id, key)
        logged = [point for batch in batches for point in batch if point.key == key]
        assert identities(points) == ordered_identities(logged)
    exact = {key: found for key, (found, is_exact) in rig.counts(run_pk).items() if is_exact}
    for key, found in exact.items():
        logged = [point for batch in batches for point in batch if point.key == key]
        assert found == len(ordered_identities(logged))


@contextmanager
def small_chunks() -> Iterator[None]:
    """A few points are enough for a chunk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compaction, "CHUNK_POINTS", 6)
        patch.setattr(compaction, "IDLE_CHUNK_POINTS", 3)
        yield


def test_the_thread_packs_what_has_piled_up(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run over its limits is compacted without being asked, as soon as ingest is quiet."""
    packed = threading.Event()
    carry_out = compaction._carry_out

    def tell(database: Database, plan: object) -> None:
        carry_out(database, plan)  # type: ignore[arg-type]
        packed.set()

    monkeypatch.setattr(compaction, "_carry_out", tell)
    platform = make_platform(tmp_path, database)
    run_pk = make_run(database, "run-1")
    background = Compaction(platform)
    with closing(background), closing(Ingest(platform, compaction=background)) as ingest:
        background.start()
        ingest.start()
        ingest.submit_sync(CONTEXT, "run-1", series(40_000))
        assert packed.wait(30)

    with database.read() as tx:
        assert metric_series.tail_sizes(tx, run_pk) == []


def test_the_thread_packs_what_an_earlier_process_left(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a start, tails from before are found and packed once they are idle."""
    packed = threading.Event()
    carry_out = compaction._carry_out

    def tell(database: Database, plan: object) -> None:
        carry_out(database, plan)  # type: ignore[arg-type]
        packed.set()

    monkeypatch.setattr(compaction, "_carry_out", tell)
    platform = make_platform(tmp_path, database)
    run_pk = make_run(database, "run-1")
    with closing(Ingest(platform)) as ingest:
        ingest.start()
        for start in range(0, 40, 2):
            ingest.submit_sync(CONTEXT, "run-1", series(2, start=start))
    with closing(Compaction(platform, idle_s=0.0)) as background:
        background.start()
        assert packed.wait(30)

    with database.read() as tx:
        assert [row.points for row in metric_series.tail_sizes(tx, run_pk)] == [40]


class _Broken:
    """A database that fails to write once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._write: Callable[[], object] = database.write
        self.engine = database.engine
        self.read = database.read

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Do everything, then fail."""
        with self._database.write() as tx:
            yield tx
            msg = "power cut"
            raise OSError(msg)


def test_a_failed_compaction_leaves_everything_as_it_was(
    tmp_path: Path, database: Database, rig: Rig
) -> None:
    """Deleting rows and adding what replaces them is one transaction."""
    run_pk = make_run(database, "run-1")
    for start in range(0, 6_000, 1_000):
        rig.write("run-1", series(1_000, start=start))
    before = rig.rows(run_pk)
    failing = Compaction(make_platform(tmp_path, _Broken(database)))  # type: ignore[arg-type]

    with pytest.raises(OSError, match="power cut"):
        failing.compact_run(run_pk)

    assert rig.rows(run_pk) == before
    assert rig.metrics.history(CONTEXT, "run-1", "loss").row_count == 6_000


def test_freed_pages_are_given_back(rig: Rig) -> None:
    """A SQLite file shrinks once its tail is packed; some pages stay, and no point goes."""
    run_pk = make_run(rig.database, "run-1")
    for start in range(0, 40_000, 4_000):
        rig.write("run-1", series(4_000, start=start))
    rig.compaction.compact_run(run_pk, is_idle=True)
    if not isinstance(rig.database, SqliteDatabase):
        rig.compaction.shrink(keep_pages=0)
        return

    def pages() -> tuple[int, int]:
        with rig.database.read() as tx:
            [[free]] = tx.driver_rows("PRAGMA freelist_count")
            [[total]] = tx.driver_rows("PRAGMA page_count")
            return free, total

    free, total = pages()
    rig.compaction.shrink(keep_pages=10)

    assert free > 50
    assert pages() == (10, total - free + 10)
    assert rig.metrics.history(CONTEXT, "run-1", "loss").row_count == 40_000


def test_while_points_come_the_planner_hears_of_tables_that_grow(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import is followed by a look at its tables, without waiting for the database's own."""
    asked = threading.Event()

    def refresh() -> tuple[str, ...]:
        asked.set()
        return ()

    monkeypatch.setattr(database, "refresh_statistics", refresh)
    with closing(Compaction(make_platform(tmp_path, database))) as background:
        background.start()
        background.note(1, 1)
        assert asked.wait(30)
