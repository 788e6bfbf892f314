"""The queue before the writing thread: in order, bounded, and drained at the end."""

from __future__ import annotations

import pytest

from assay.domain.errors import Unavailable
from assay.domain.metric import MetricPoint
from assay.services import ingest_queue
from assay.services.batch import Batch, Columns
from assay.services.ingest_queue import IngestQueue, Item
from tests.support.platform import a_context


def an_item(points: int, run_id: str = "run-1") -> Item:
    """A batch of so many points."""
    columns = Columns.of_points(MetricPoint("loss", 0.5, step, step) for step in range(points))
    batch = Batch(columns)
    return Item(a_context(), run_id, batch, batch.size_bytes())


def test_items_come_out_in_order() -> None:
    """First in, first out, as many as there are."""
    queue = IngestQueue()
    items = [an_item(1) for _ in range(3)]
    for item in items:
        assert queue.put(item)

    assert list(queue.take()) == items
    assert queue.is_empty()


def test_a_group_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """By batches and by points; one batch always goes."""
    monkeypatch.setattr(ingest_queue, "MAX_GROUP_POINTS", 10)
    monkeypatch.setattr(ingest_queue, "MAX_GROUP_ITEMS", 3)
    queue = IngestQueue()
    for points in (12, 6, 4, 1, 1, 1, 1):
        queue.put(an_item(points))

    groups = [[item.points for item in queue.take()] for _ in range(4)]

    assert groups == [[12], [6, 4], [1, 1, 1], [1]]


def test_what_does_not_fit_waits_in_order() -> None:
    """A small batch does not overtake a large one that waits; both enter once there is room."""
    queue = IngestQueue(max_points=10)
    first, large, small = an_item(8), an_item(9), an_item(1)

    assert [queue.put(item) for item in (first, large, small)] == [True, False, False]
    assert list(queue.take()) == [first]
    assert list(queue.take()) == [large, small]


def test_memory_is_bounded_too() -> None:
    """Few points with long texts fill the queue as well."""
    queue = IngestQueue(max_bytes=5_000)
    batch = Batch(tags={"note": "x" * 4_000})
    items = [Item(a_context(), "run-1", batch, batch.size_bytes()) for _ in range(2)]

    assert [queue.put(item) for item in items] == [True, False]


def test_a_batch_larger_than_the_queue_enters_an_empty_one() -> None:
    """Nothing waits for ever."""
    queue = IngestQueue(max_points=10)

    assert queue.put(an_item(50))
    assert not queue.put(an_item(1))
    assert [item.points for item in queue.take()] == [50]


def test_only_what_still_waits_is_withdrawn() -> None:
    """What is queued will be written, so it cannot be taken back."""
    queue = IngestQueue(max_points=10)
    queued, waiting = an_item(10), an_item(10)
    queue.put(queued)
    queue.put(waiting)

    assert [queue.withdraw(item) for item in (queued, waiting, waiting)] == [False, True, False]
    assert list(queue.take()) == [queued]
    assert queue.put(an_item(10))


def test_a_closed_queue_is_drained() -> None:
    """New items are refused, old ones still come out, then nothing does."""
    queue = IngestQueue(max_points=10)
    items = [an_item(10), an_item(10)]
    for item in items:
        queue.put(item)
    queue.close()

    with pytest.raises(Unavailable):
        queue.put(an_item(1))
    assert [list(queue.take()) for _ in range(3)] == [items[:1], items[1:], []]
