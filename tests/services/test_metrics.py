"""Reading series back: whole, page by page, thinned, and only by who may."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.domain.access import Role
from assay.domain.errors import InvalidArgument, LimitExceeded, NotFound, PermissionDenied
from assay.domain.metric import MetricPoint, value_order
from assay.series.codec import decode_columns_wire
from assay.services.compaction import Compaction
from assay.services.ingest import Ingest
from assay.services.metrics import Metrics
from assay.storage.database import Database
from tests.support.metric_points import Identity, identities, identity, metric_points
from tests.support.metric_runs import make_run
from tests.support.platform import a_context, an_actor, make_platform

CONTEXT = a_context()
KEEP_DATABASE = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
numbers = count(1)


class Rig:
    """Writing and reading of one database."""

    def __init__(self, tmp_path: Path, database: Database) -> None:
        platform = make_platform(tmp_path, database)
        self.database = database
        self.ingest = Ingest(platform)
        self.compaction = Compaction(platform)
        self.metrics = Metrics(platform)
        self.ingest.start()

    def close(self) -> None:
        self.ingest.close()

    def pages(self, run_id: str, key: str, size: int) -> list[list[Identity]]:
        """The whole series, page by page."""
        found: list[list[Identity]] = []
        token = None
        while True:
            page = self.metrics.history_page(
                CONTEXT, run_id, key, max_results=size, page_token=token
            )
            found.append(identities(page.points))
            token = page.next_token
            if token is None:
                return found


@pytest.fixture
def rig(tmp_path: Path, database: Database) -> Iterator[Rig]:
    """Ingest and metrics on one database."""
    with closing(Rig(tmp_path, database)) as made:
        yield made


def series(length: int, *, key: str = "loss") -> list[MetricPoint]:
    """A series that ascends in step and time."""
    return [MetricPoint(key, math.sin(step), 10 * step, step) for step in range(length)]


def by_time(points: list[MetricPoint]) -> list[Identity]:
    """Each point once, by (timestamp, step, value)."""
    ordered = sorted(points, key=lambda p: (p.timestamp_ms, p.step, value_order(p.value)))
    return list(dict.fromkeys(identity(p.step, p.timestamp_ms, p.value) for p in ordered))


@KEEP_DATABASE
@given(points=st.lists(metric_points(), max_size=30), size=st.integers(1, 7))
def test_pages_hold_every_point_once_by_time(
    rig: Rig, points: list[MetricPoint], size: int
) -> None:
    """By (timestamp, step, value), whatever the steps say; only the last page may be short."""
    run_id = f"run-{next(numbers)}"
    make_run(rig.database, run_id)
    rig.ingest.submit_sync(CONTEXT, run_id, points)

    pages = rig.pages(run_id, "loss", size)

    assert [row for page in pages for row in page] == by_time(points)
    assert all(len(page) == size for page in pages[:-1])


def test_a_page_token_survives_new_points_and_compaction(rig: Rig) -> None:
    """The next page goes on after the last point, whatever was logged or packed meanwhile."""
    run_pk = make_run(rig.database, "run-1")
    rig.ingest.submit_sync(CONTEXT, "run-1", series(10))
    first = rig.metrics.history_page(CONTEXT, "run-1", "loss", max_results=4)
    rig.ingest.submit_sync(CONTEXT, "run-1", [MetricPoint("loss", 5.0, 5, 77)])
    rig.compaction.compact_run(run_pk, is_idle=True)

    second = rig.metrics.history_page(CONTEXT, "run-1", "loss", page_token=first.next_token)

    assert second.points.steps.tolist() == [4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize("token", ["x", "", "AAAA", "another run's"])
def test_a_foreign_page_token_is_refused(rig: Rig, token: str) -> None:
    """Damaged, invented, or of another series: never a silent wrong page. Empty means the start."""
    make_run(rig.database, "run-1")
    make_run(rig.database, "run-2")
    for run_id in ("run-1", "run-2"):
        rig.ingest.submit_sync(CONTEXT, run_id, series(5))
    if token == "another run's":
        page = rig.metrics.history_page(CONTEXT, "run-2", "loss", max_results=1)
        assert page.next_token is not None
        token = page.next_token
    if not token:
        found = rig.metrics.history_page(CONTEXT, "run-1", "loss", page_token=token)
        assert found.points.row_count == 5
        return

    with pytest.raises(InvalidArgument) as refused:
        rig.metrics.history_page(CONTEXT, "run-1", "loss", page_token=token)
    assert refused.value.field == "page_token"


@pytest.mark.parametrize("size", [0, -1, 100_001])
def test_a_page_has_a_size(rig: Rig, size: int) -> None:
    """Neither none nor without end."""
    make_run(rig.database, "run-1")

    with pytest.raises(InvalidArgument, match="max_results"):
        rig.metrics.history_page(CONTEXT, "run-1", "loss", max_results=size)


def test_a_history_can_be_bounded_by_steps(rig: Rig) -> None:
    """Both ends are included, in the tail and in chunks alike."""
    run_pk = make_run(rig.database, "run-1")
    rig.ingest.submit_sync(CONTEXT, "run-1", series(200))

    def between(start: int | None, end: int | None) -> list[int]:
        points = rig.metrics.history(CONTEXT, "run-1", "loss", start_step=start, end_step=end)
        found: list[int] = points.steps.tolist()
        return found

    before = [between(5, 7), between(None, 1), between(198, None), between(7, 5)]
    rig.compaction.compact_run(run_pk, is_idle=True)

    assert before == [[5, 6, 7], [0, 1], [198, 199], []]
    assert [between(5, 7), between(None, 1), between(198, None), between(7, 5)] == before


def test_the_wire_form_is_the_history(rig: Rig) -> None:
    """A binary client maps the same columns."""
    make_run(rig.database, "run-1")
    rig.ingest.submit_sync(CONTEXT, "run-1", [*series(20), MetricPoint("loss", math.nan, 9, 50)])

    wire = rig.metrics.history_wire(CONTEXT, "run-1", "loss")

    expected = rig.metrics.history(CONTEXT, "run-1", "loss")
    assert identities(decode_columns_wire(wire)) == identities(expected)


def test_an_unknown_key_has_no_points(rig: Rig) -> None:
    """A key that nobody or only another run logged is an empty series, not an error."""
    for run_id in ("run-1", "run-2"):
        make_run(rig.database, run_id)
    rig.ingest.submit_sync(CONTEXT, "run-2", series(3, key="acc"))

    for key in ("acc", "nobody's"):
        assert rig.metrics.history(CONTEXT, "run-1", key).row_count == 0
        assert rig.metrics.history_page(CONTEXT, "run-1", key).next_token is None


def test_the_series_of_a_run_are_listed_with_their_summaries(rig: Rig) -> None:
    """By key, with last, least and greatest; counts in doubt are settled when asked for."""
    make_run(rig.database, "run-1")
    for batch in (series(50), series(40), series(3, key="acc")):
        rig.ingest.submit_sync(CONTEXT, "run-1", batch)
    rig.ingest.submit_sync(CONTEXT, "run-1", [MetricPoint("loss", 9.0, 0, 60)])
    rig.ingest.submit_sync(CONTEXT, "run-1", [MetricPoint("loss", 8.0, 0, 20)])

    acc, loss = rig.metrics.keys(CONTEXT, "run-1", is_exact=True)
    quick = rig.metrics.keys(CONTEXT, "run-1")

    assert (acc.key, acc.count, acc.step) == ("acc", 3, 2)
    assert (loss.key, loss.count, loss.step, loss.value) == ("loss", 52, 60, 9.0)
    assert (loss.max_value, loss.max_step, loss.min_step) == (9.0, 60, 11)
    assert quick[1].count <= loss.count


def test_a_chart_gets_buckets_of_several_runs(rig: Rig) -> None:
    """Every point is in one bucket; a run without the series is left out."""
    for run_id in ("run-1", "run-2", "run-3"):
        make_run(rig.database, run_id)
    rig.ingest.submit_sync(CONTEXT, "run-1", [*series(1_000), *series(5, key="acc")])
    rig.ingest.submit_sync(CONTEXT, "run-2", series(10))

    found = rig.metrics.buckets(CONTEXT, ["run-1", "run-2", "run-3"], ["acc", "loss"], 32)

    sizes = {
        (row.run_id, row.key): (len(row.buckets.counts), int(row.buckets.counts.sum()))
        for row in found
    }
    assert sizes == {
        ("run-1", "acc"): (5, 5),
        ("run-1", "loss"): (32, 1_000),
        ("run-2", "loss"): (10, 10),
    }


def test_a_sample_keeps_the_ends(rig: Rig) -> None:
    """At most so many points, the first and the last among them, within the steps."""
    make_run(rig.database, "run-1")
    rig.ingest.submit_sync(CONTEXT, "run-1", series(1_000))

    [found] = rig.metrics.samples(CONTEXT, ["run-1"], ["loss"], 10, start_step=100, end_step=899)

    assert found.points.row_count == 10
    assert found.points.steps[[0, -1]].tolist() == [100, 899]


def test_an_answer_about_many_series_is_bounded(rig: Rig) -> None:
    """Neither too many series nor too many rows of each."""
    make_run(rig.database, "run-1")

    with pytest.raises(LimitExceeded):
        rig.metrics.buckets(CONTEXT, ["run-1"] * 1_001, ["loss"], 1)
    with pytest.raises(LimitExceeded):
        rig.metrics.buckets(CONTEXT, ["run-1"] * 500, ["loss"], 10_000)
    for buckets in (0, -1, 10_001):
        with pytest.raises(InvalidArgument, match="buckets"):
            rig.metrics.buckets(CONTEXT, ["run-1"], ["loss"], buckets)


def test_only_who_may_see_the_run_reads_it(rig: Rig) -> None:
    """A stranger is told that there is no such run, a gate runner that it may not."""
    make_run(rig.database, "run-1")
    rig.ingest.submit_sync(CONTEXT, "run-1", series(1))
    viewer = a_context(an_actor("victor", Role.VIEWER))
    stranger = a_context(an_actor("stella", Role.VIEWER, workspace="other"))
    runner = a_context(an_actor("gate", Role.GATE))

    assert rig.metrics.history(viewer, "run-1", "loss").row_count == 1
    for read in (
        lambda who: rig.metrics.history(who, "run-1", "loss"),
        lambda who: rig.metrics.keys(who, "run-1"),
        lambda who: rig.metrics.buckets(who, ["run-1"], ["loss"], 5),
        lambda who: rig.metrics.samples(who, ["run-1"], ["loss"], 5),
        lambda who: rig.metrics.locate(who, "run-1"),
    ):
        with pytest.raises(NotFound):
            read(stranger)
        with pytest.raises(PermissionDenied):
            read(runner)
    with pytest.raises(NotFound):
        rig.metrics.history(CONTEXT, "run-9", "loss")
