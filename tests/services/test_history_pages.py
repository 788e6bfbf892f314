"""Pages of a series cost what the page costs, and are right whatever happens in between."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update

from assay.domain.errors import DataCorrupted
from assay.domain.metric import MetricPoint
from assay.services.compaction import Compaction
from assay.services.history_pages import HistoryPage, HistoryPages
from assay.services.ingest import Ingest
from assay.storage.database import Database
from assay.storage.metrics import key_ids_of
from assay.storage.tables.tracking import metric_chunks, metric_tail
from tests.support.metric_points import Identity, identities, metric_points
from tests.support.metric_runs import make_run
from tests.support.platform import a_context, make_platform

CONTEXT = a_context()
numbers = count(1)


class Rig:
    """A database with ingest and compaction, and pages cut from it."""

    def __init__(self, tmp_path: Path, database: Database) -> None:
        platform = make_platform(tmp_path, database)
        self.database = database
        self.ingest = Ingest(platform)
        self.compaction = Compaction(platform)
        self.pages = HistoryPages()
        self.ingest.start()

    def close(self) -> None:
        self.ingest.close()

    def page(
        self, run_pk: int, limit: int, token: str | None = None, pages: HistoryPages | None = None
    ) -> HistoryPage:
        """A page of the series `loss`."""
        with self.database.read() as tx:
            key_id = key_ids_of(tx, ["loss"])["loss"]
            return (pages or self.pages).page(
                tx, run_pk, key_id, limit=limit, page_token=token, binding="b"
            )

    def spoil(self) -> None:
        """Make every stored point unreadable under the same ids."""
        with self.database.write() as tx:
            tx.execute(update(metric_chunks).values(payload=b"\x00"))
            tx.execute(update(metric_tail).values(payload=b"\x00"))


@pytest.fixture
def rig(tmp_path: Path, database: Database) -> Iterator[Rig]:
    """One rig for each database."""
    with closing(Rig(tmp_path, database)) as made:
        yield made


def overlapping(length: int) -> list[MetricPoint]:
    """A series whose time goes back again and again, as that of a resumed run does."""
    return [
        MetricPoint("loss", step / 7, 1_000 * (step % 50) + step, step) for step in range(length)
    ]


def test_the_next_page_decodes_nothing(rig: Rig) -> None:
    """Once a series was read for a page, later pages come from memory, chunks and tail alike."""
    run_pk = make_run(rig.database, "run-1")
    rig.ingest.submit_sync(CONTEXT, "run-1", overlapping(500))
    rig.compaction.compact_run(run_pk, is_idle=True)
    rig.ingest.submit_sync(CONTEXT, "run-1", [MetricPoint("loss", 1.0, 3, 1_000)])
    first = rig.page(run_pk, 100)
    rig.spoil()

    second = rig.page(run_pk, 100, first.next_token)

    assert second.points.row_count == 100
    with pytest.raises(DataCorrupted):
        rig.page(run_pk, 100, pages=HistoryPages())


def test_new_points_leave_what_was_decoded_from_chunks(rig: Rig) -> None:
    """A run that logs while it is paged has only its tail read again."""
    run_pk = make_run(rig.database, "run-1")
    rig.ingest.submit_sync(CONTEXT, "run-1", overlapping(500))
    rig.compaction.compact_run(run_pk, is_idle=True)
    first = rig.page(run_pk, 100)
    with rig.database.write() as tx:
        tx.execute(update(metric_chunks).values(payload=b"\x00"))
    rig.ingest.submit_sync(CONTEXT, "run-1", [MetricPoint("loss", 9.0, 90_000, 1_000)])

    rest = rig.page(run_pk, 1_000, first.next_token)

    assert rest.points.row_count == 401
    assert rest.points.steps[-1] == 1_000


def test_a_point_that_came_between_two_pages_is_on_the_next(rig: Rig) -> None:
    """Keyset: what sorts after the last page's end is there, what sorts before it is not."""
    run_pk = make_run(rig.database, "run-1")
    rig.ingest.submit_sync(
        CONTEXT, "run-1", [MetricPoint("loss", 0.0, 10 * n, n) for n in range(6)]
    )
    first = rig.page(run_pk, 3)
    rig.ingest.submit_sync(
        CONTEXT, "run-1", [MetricPoint("loss", 5.0, 1, 50), MetricPoint("loss", 5.0, 31, 51)]
    )

    rest = rig.page(run_pk, 100, first.next_token)

    assert rest.points.steps.tolist() == [3, 51, 4, 5]


def test_a_point_that_is_both_packed_and_sent_again_is_one(rig: Rig) -> None:
    """A retry that lands in the tail after compaction adds no row to any page."""
    run_pk = make_run(rig.database, "run-1")
    points = overlapping(300)
    rig.ingest.submit_sync(CONTEXT, "run-1", points)
    rig.compaction.compact_run(run_pk, is_idle=True)
    rig.ingest.submit_sync(CONTEXT, "run-1", points[100:150])

    found: list[Identity] = []
    token = None
    while True:
        page = rig.page(run_pk, 7, token)
        found += identities(page.points)
        token = page.next_token
        if token is None:
            break

    assert len(found) == 300
    assert len(set(found)) == 300


def test_what_is_held_has_a_bound(rig: Rig) -> None:
    """The series that was read longest ago gives way, and one above the bound is never held."""
    run_pks = [make_run(rig.database, f"run-{number}") for number in range(3)]
    for number in range(3):
        rig.ingest.submit_sync(CONTEXT, f"run-{number}", overlapping(400))
    pages, small = HistoryPages(kept_points=1_000), HistoryPages(kept_points=399)

    for run_pk in run_pks:
        rig.page(run_pk, 10, pages=pages)
        rig.page(run_pk, 10, pages=small)

    assert pages.held_points == 800
    assert small.held_points == 0


def test_points_that_are_gone_are_not_remembered(rig: Rig) -> None:
    """A series whose rows were deleted is empty, whatever is in memory."""
    run_pk = make_run(rig.database, "run-1")
    rig.ingest.submit_sync(CONTEXT, "run-1", overlapping(20))
    rig.page(run_pk, 5)
    with rig.database.write() as tx:
        tx.execute(delete(metric_tail))

    assert rig.page(run_pk, 5).points.row_count == 0
    assert rig.pages.held_points == 0


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.lists(st.lists(metric_points(), min_size=1, max_size=12), min_size=1, max_size=4),
    size=st.integers(1, 9),
    seed=st.integers(0, 1_000),
)
def test_pages_are_the_same_with_and_without_memory(
    rig: Rig, parts: list[list[MetricPoint]], size: int, seed: int
) -> None:
    """Whatever is logged and packed between two pages, memory changes no page."""
    chance = random.Random(seed)
    run_id = f"run-{next(numbers)}"
    run_pk = make_run(rig.database, run_id)
    rig.ingest.submit_sync(CONTEXT, run_id, parts[0])
    token = None
    for part in [*parts[1:], [], []]:
        remembered = rig.page(run_pk, size, token)
        fresh = rig.page(run_pk, size, token, HistoryPages())
        assert identities(remembered.points) == identities(fresh.points)
        assert remembered.next_token == fresh.next_token
        token = fresh.next_token
        if part:
            rig.ingest.submit_sync(CONTEXT, run_id, part)
        if chance.random() < 0.5:
            rig.compaction.compact_run(run_pk, is_idle=True)
