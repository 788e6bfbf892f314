"""Metric points in the database: summaries merge there as the domain says, on both engines."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.domain.metric import MetricPoint, Summary, merge, summarise
from assay.storage import metric_series, metrics
from assay.storage.database import Database
from assay.storage.metric_series import NewChunk
from assay.storage.metrics import TailRow
from tests.support.metric_points import comparable, metric_points, without_signs
from tests.support.metric_runs import bin_run, make_run

BATCHES = st.lists(st.lists(metric_points(), min_size=1, max_size=4), min_size=1, max_size=5)
KEEP_DATABASE = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def run_pk(database: Database) -> int:
    """A run to write to."""
    return make_run(database, "run-1")


def stored(database: Database, run_pk: int) -> dict[str, Summary]:
    """The summaries of a run by key."""
    with database.read() as tx:
        return {found.key: found.summary for found in metric_series.summaries_of(tx, run_pk)}


numbers: Iterator[int] = iter(range(10**9))


@KEEP_DATABASE
@given(batches=BATCHES)
def test_summaries_merge_as_the_domain_says(
    database: Database, run_pk: int, batches: list[list[MetricPoint]]
) -> None:
    """One statement without a read gives what `domain.metric.merge` gives, batch after batch."""
    key = f"loss-{next(numbers)}"
    expected: Summary | None = None
    for batch in batches:
        summary = summarise(without_signs(batch))
        with database.write() as tx:
            key_id = metrics.intern_keys(tx, [key])[key]
            metrics.merge_summaries(tx, [metrics.summary_row(run_pk, key_id, summary)])
        known = (
            None
            if expected is None
            else expected._replace(first_step=None, first_timestamp_ms=None)
        )
        expected = summary if known is None else merge(known, summary)
        assert comparable(stored(database, run_pk)[key]) == comparable(expected)


def test_many_summaries_are_merged_at_once(database: Database, run_pk: int) -> None:
    """Series of several runs, given in any order, each find their own row."""
    other_pk = make_run(database, "run-2")
    points = [MetricPoint("", value, 10, 10) for value in (1.0, 2.0, 3.0)]
    with database.write() as tx:
        ids = metrics.intern_keys(tx, ["a", "b"])
        metrics.merge_summaries(
            tx,
            [
                metrics.summary_row(other_pk, ids["b"], summarise(points[:1])),
                metrics.summary_row(run_pk, ids["b"], summarise(points[1:2])),
                metrics.summary_row(run_pk, ids["a"], summarise(points[2:])),
            ],
        )

    last = {key: summary.last_value for key, summary in stored(database, run_pk).items()}
    assert last == {"a": 3.0, "b": 2.0}
    assert stored(database, other_pk)["b"].last_value == 1.0


def test_keys_are_interned_once(database: Database) -> None:
    """A key has one id however often it is asked for, and any text is a key."""
    keys = ["loss", "Loss", "ü/%s?:", "x" * 250, *(f"key-{number}" for number in range(700))]
    with database.write() as tx:
        first = metrics.intern_keys(tx, keys)
    with database.write() as tx:
        assert metrics.intern_keys(tx, keys) == first
    with database.read() as tx:
        assert metrics.key_ids_of(tx, [*keys, "unknown"]) == first
    assert len(set(first.values())) == len(keys)


def test_a_writer_only_moves_forward(database: Database, run_pk: int) -> None:
    """A sequence at or below the last one is known already; writers do not disturb each other."""
    with database.write() as tx:
        answers = [
            metrics.advance_writer(tx, run_pk, writer, sequence)
            for writer, sequence in [("a", 0), ("a", 0), ("a", 3), ("a", 2), ("b", 1), ("a", 4)]
        ]

    assert answers == [True, False, True, False, True, True]


def test_runs_are_found_with_their_lifecycle(database: Database, run_pk: int) -> None:
    """A deleted run is found, so that the refusal can say what it is; an unknown one is not."""
    gone_pk = make_run(database, "run-2", workspace="other")
    bin_run(database, gone_pk)

    with database.read() as tx:
        found = metrics.find_writable_runs(tx, {"run-1", "run-2", "run-3"})

    assert {run_id: run.is_active for run_id, run in found.items()} == {
        "run-1": True,
        "run-2": False,
    }
    assert (found["run-1"].pk, found["run-2"].workspace) == (run_pk, "other")


def test_tail_rows_are_deleted_by_what_was_read(database: Database, run_pk: int) -> None:
    """The number of rows that were there tells whether somebody else was faster."""
    with database.write() as tx:
        metrics.append_tail(tx, [TailRow(run_pk, 1, bytes([n])) for n in range(5)])
        sizes = metric_series.tail_sizes(tx, run_pk)
        assert metric_series.delete_tail(tx, [row.row_id for row in sizes[:3]]) == 3
        assert metric_series.delete_tail(tx, [row.row_id for row in sizes]) == 2
        assert metric_series.tail_payloads(tx, run_pk) == []


def test_chunks_are_found_by_step(database: Database, run_pk: int) -> None:
    """Only chunks that can hold wanted steps are read; ends are included, any int64 is a step."""
    low, high = -(2**63), 2**63 - 1
    with database.write() as tx:
        key_id = metrics.intern_keys(tx, ["loss"])["loss"]
        metric_series.insert_chunks(
            tx,
            run_pk,
            [
                NewChunk(key_id, 3, 10, 19, b"second"),
                NewChunk(key_id, 2, low, 9, b"first"),
                NewChunk(key_id, 4, 20, high, b"third"),
            ],
        )
        found = {
            (start, end): metric_series.chunk_payloads(tx, run_pk, key_id, start, end)
            for start, end in [(low, high), (10, 19), (19, 20), (20, 10**9), (low, low)]
        }
        rows = metric_series.chunk_rows(tx, run_pk, [key_id])[key_id]

    assert found == {
        (low, high): [b"first", b"second", b"third"],
        (10, 19): [b"second"],
        (19, 20): [b"second", b"third"],
        (20, 10**9): [b"third"],
        (low, low): [b"first"],
    }
    assert [row.points for row in rows] == [2, 3, 4]


def test_counts_are_corrected_only_where_told(database: Database, run_pk: int) -> None:
    """A corrected count is exact, its neighbours stay in doubt."""
    doubtful = summarise([MetricPoint("", 1.0, 1, 1)])._replace(is_count_exact=False, points=7)
    with database.write() as tx:
        ids = metrics.intern_keys(tx, ["a", "b"])
        rows = [metrics.summary_row(run_pk, key_id, doubtful) for key_id in ids.values()]
        metrics.merge_summaries(tx, rows)
        assert metric_series.inexact_keys(tx, run_pk) == set(ids.values())
        metrics.set_exact_counts(tx, run_pk, {ids["a"]: 5})
        assert metric_series.inexact_keys(tx, run_pk) == {ids["b"]}

    counts = {key: found[:2] for key, found in stored(database, run_pk).items()}
    assert counts == {"a": (5, True), "b": (7, False)}


def test_tails_are_counted_by_run(database: Database, run_pk: int) -> None:
    """What an earlier process left is known without reading it; packed rows are no load."""
    other_pk = make_run(database, "run-2")
    with database.write() as tx:
        metrics.append_tail(
            tx,
            [
                TailRow(run_pk, 3, b"\x11x"),
                TailRow(run_pk, 4, b"\x12y"),
                TailRow(run_pk, 9, b"\x22z"),
                TailRow(other_pk, 9, b"\x22z"),
            ],
        )

    with database.read() as tx:
        assert metric_series.tail_loads(tx, b"\x22") == [(run_pk, 2, 7)]
        assert [row.mark for row in metric_series.tail_sizes(tx, run_pk)] == [
            b"\x11",
            b"\x12",
            b"\x22",
        ]


def test_two_servers_merge_into_one_series(database: Database, run_pk: int) -> None:
    """Merges from several connections at once lose nothing and end in one order."""
    with database.write() as tx:
        ids = metrics.intern_keys(tx, [f"key-{number}" for number in range(20)])

    def write(first_step: int) -> None:
        for step in range(first_step, 200, 4):
            summary = summarise([MetricPoint("", float(step), step, step)])
            with database.write() as tx:
                metrics.merge_summaries(
                    tx, [metrics.summary_row(run_pk, key_id, summary) for key_id in ids.values()]
                )

    threads = [threading.Thread(target=write, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = stored(database, run_pk)
    assert {summary.last_step for summary in found.values()} == {199}
    assert {summary.min_value for summary in found.values()} == {0.0}
    assert len(found) == 20
