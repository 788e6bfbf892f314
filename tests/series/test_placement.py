"""New points find their place among the chunks of a series."""

from __future__ import annotations

import math
from itertools import count, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.metric import MetricPoint, point_order
from assay.series import placement
from assay.series.placement import StoredChunk, place
from assay.series.points import Points
from tests.support.metric_points import columns_of, identities, metric_points, ordered_identities


class Series:
    """The chunks of one series, kept as the database keeps them."""

    def __init__(self) -> None:
        self.chunks: dict[int, Points] = {}
        self.reads = 0
        self._ids = count(1)

    def add(self, new: Points) -> int:
        """Place points; returns how many the series has now."""
        found = place(self.known(), new, self._load)
        for chunk_id in found.removed:
            del self.chunks[chunk_id]
        for part in found.added:
            self.chunks[next(self._ids)] = part
        return found.total

    def known(self) -> list[StoredChunk]:
        """What is known without reading."""
        return [
            StoredChunk(key, part.row_count, int(part.steps[0]), int(part.steps[-1]))
            for key, part in self.chunks.items()
        ]

    def stretches(self) -> list[tuple[object, object]]:
        """First and last place of every chunk, in order."""
        ends = [(places(part)[0], places(part)[-1]) for part in self.chunks.values()]
        return sorted(ends)

    def _load(self, chunk_id: int) -> Points:
        self.reads += 1
        return self.chunks[chunk_id]


def places(points: Points) -> list[tuple[int, int, tuple[float, int]]]:
    """Where each row stands in the domain's order."""
    rows = zip(*(column.tolist() for column in points), strict=True)
    return [point_order(MetricPoint("", value, time, step)) for step, time, value in rows]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of at most eight points, so that few points make many chunks."""
    monkeypatch.setattr(placement, "MAX_CHUNK_POINTS", 8)


@pytest.mark.usefixtures("small_chunks")
@given(st.lists(st.lists(metric_points(), min_size=1, max_size=12), max_size=12))
def test_chunks_hold_every_point_once_and_never_overlap(batches: list[list[MetricPoint]]) -> None:
    """However points arrive, reading the chunks in order is reading the series."""
    series = Series()
    everything: list[MetricPoint] = []
    for batch in batches:
        everything += batch
        total = series.add(columns_of(batch))
        assert total == sum(part.row_count for part in series.chunks.values())

    ordered = sorted(series.chunks.values(), key=lambda part: places(part)[0])
    assert [row for part in ordered for row in identities(part)] == ordered_identities(everything)
    assert all(end < begin for (_, end), (begin, _) in pairwise(series.stretches()))
    assert all(part.row_count <= 8 for part in ordered)


def test_a_retried_batch_changes_nothing() -> None:
    """Points that are all there already rewrite no chunk."""
    series = Series()
    points = columns_of([MetricPoint("", value / 7, value, value) for value in range(100)])
    series.add(points)
    before = dict(series.chunks)

    assert series.add(points.rows(slice(10, 50))) == 100
    assert series.chunks == before


def test_a_growing_series_is_rewritten_a_logarithmic_number_of_times() -> None:
    """Appending small pieces leaves few chunks and reads few."""
    series = Series()
    for start in range(0, 64 * 512, 64):
        steps = np.arange(start, start + 64)
        series.add(Points(steps, steps, np.ones(64)))

    sizes = [part.row_count for part in series.chunks.values()]
    assert sum(sizes) == 64 * 512
    assert len(sizes) <= 10
    assert series.reads < 2 * 512


def test_points_at_one_step_are_told_apart_by_time() -> None:
    """A metric that is always logged at step 0 is appended to, not rewritten."""
    series = Series()
    for start in range(0, 1000, 100):
        times = np.arange(start, start + 100)
        series.add(Points(np.zeros(100, np.int64), times, times / 3))

    assert sum(part.row_count for part in series.chunks.values()) == 1000
    assert all(end < begin for (_, end), (begin, _) in pairwise(series.stretches()))


def test_nan_stands_before_zero_between_chunks() -> None:
    """The order of values holds across chunks that share a step and a moment."""
    series = Series()
    for value in (-1.0, 0.0, math.nan, -5e-324, -0.0):
        series.add(columns_of([MetricPoint("", value, 1, 1)]))

    [points] = series.chunks.values()
    assert [repr(value) for value in points.values.tolist()] == [
        "-1.0", "-5e-324", "nan", "-0.0", "0.0",
    ]  # fmt: skip
