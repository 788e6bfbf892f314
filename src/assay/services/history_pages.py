"""Pages of one series by time, each for the price of a page.

MLflow's clients read a history in pages by (timestamp, step, value), while chunks are kept by step
and may overlap in time. Decoding and ordering the whole series for every page made reading it
quadratic. Now the chunks of the series read last stay in memory, decoded and in order by time, and
so do those of its points that are still in the run's tail; a page is merged from one slice of each.

What is kept is bound to the ids of the rows that it came from. These are read again for every page
(they are few and stand in an index), in the same transaction as whatever has to be decoded, so that
a page never misses points that were committed before it, by this server or another. Appending
leaves the part from the chunks alone: following a run that still logs stays cheap too.

Memory is bounded by points: `KEPT_POINTS` in all, 24 bytes each. A longer series is decoded for each
page, as all were before. One series is decoded at a time, for the same reason.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np

from assay.domain import paging
from assay.domain.canonical import JsonScalar
from assay.domain.errors import DataCorrupted
from assay.domain.metric import MAX_STEP, MIN_STEP
from assay.series.blocks import Tail
from assay.series.codec import decode_chunk
from assay.series.points import Points, merge_sorted, places_of
from assay.storage import metric_series, series_versions
from assay.storage.database import Transaction

KEPT_POINTS: Final = 2_000_000
"""How many points are kept decoded, 24 bytes each: one or two very long series, or many short."""

KEPT_PARTS: Final = 64

PartName: TypeAlias = tuple[int, int, Literal["chunks", "tail"]]


class HistoryPage(NamedTuple):
    """Part of a series by (timestamp, step, value), and where the next part begins."""

    points: Points
    next_token: str | None


class _Part(NamedTuple):
    """Points of a series in order by time, from those rows."""

    row_ids: tuple[int, ...]
    points: Points


class HistoryPages:
    """Cuts pages and remembers what they were cut from. For any number of threads."""

    def __init__(self, kept_points: int = KEPT_POINTS) -> None:
        self._kept_points = kept_points
        self._parts: OrderedDict[PartName, _Part] = OrderedDict()
        self._lock = threading.Lock()
        self._one_at_a_time = threading.Lock()

    @property
    def held_points(self) -> int:
        """How many points are in memory now."""
        with self._lock:
            return sum(part.points.row_count for part in self._parts.values())

    def page(
        self,
        tx: Transaction,
        run_pk: int,
        key_id: int,
        *,
        limit: int,
        page_token: str | None,
        binding: str,
    ) -> HistoryPage:
        """At most `limit` points after the one that the token names, each once.

        Raises InvalidArgument on `page_token` for a token of something else.
        """
        parts = [self._chunks(tx, run_pk, key_id), self._tail(tx, run_pk, key_id)]
        if page_token:
            place = paging.decode(page_token, binding, size=3)
            parts = [points.rows(slice(_position_after(points, place), None)) for points in parts]
        first = _merged([points.rows(slice(0, limit + 1)) for points in parts])
        page = first.rows(slice(0, limit))
        if first.row_count <= limit:
            return HistoryPage(page, None)
        last = (int(page.timestamps_ms[-1]), int(page.steps[-1]), float(page.values[-1]))
        return HistoryPage(page, paging.encode(last, binding))

    def _chunks(self, tx: Transaction, run_pk: int, key_id: int) -> Points:
        def read() -> Points:
            payloads = metric_series.chunk_payloads(tx, run_pk, key_id, MIN_STEP, MAX_STEP)
            return merge_sorted(map(decode_chunk, payloads))

        row_ids = series_versions.chunk_ids(tx, run_pk, key_id)
        return self._part((run_pk, key_id, "chunks"), row_ids, read)

    def _tail(self, tx: Transaction, run_pk: int, key_id: int) -> Points:
        def read() -> Points:
            return Tail(metric_series.tail_payloads(tx, run_pk)).of_key(key_id)

        row_ids = series_versions.tail_ids(tx, run_pk)
        return self._part((run_pk, key_id, "tail"), row_ids, read)

    def _part(self, name: PartName, row_ids: tuple[int, ...], read: Callable[[], Points]) -> Points:
        if not row_ids:
            self._forget(name)
            return Points.empty()
        kept = self._find(name, row_ids)
        if kept is not None:
            return kept
        with self._one_at_a_time:
            kept = self._find(name, row_ids)
            if kept is not None:
                return kept
            self._forget(name)
            points = _by_time(read())
            self._keep(name, _Part(row_ids, points))
            return points

    def _find(self, name: PartName, row_ids: tuple[int, ...]) -> Points | None:
        with self._lock:
            part = self._parts.get(name)
            if part is None or part.row_ids != row_ids:
                return None
            self._parts.move_to_end(name)
            return part.points

    def _forget(self, name: PartName) -> None:
        with self._lock:
            self._parts.pop(name, None)

    def _keep(self, name: PartName, part: _Part) -> None:
        if part.points.row_count > self._kept_points:
            return
        with self._lock:
            self._parts[name] = part
            total = sum(each.points.row_count for each in self._parts.values())
            while total > self._kept_points or len(self._parts) > KEPT_PARTS:
                _, oldest = self._parts.popitem(last=False)
                total -= oldest.points.row_count


def _by_time(points: Points) -> Points:
    """Order by (timestamp, step, value) what is in order by (step, timestamp, value)."""
    timestamps_ms = points.timestamps_ms
    if not np.all(timestamps_ms[1:] >= timestamps_ms[:-1]):
        # A stable sort by the time alone: what has the same time stays in order by step and value.
        points = points.rows(np.argsort(timestamps_ms, kind="stable"))
    # Columns of their own, lest a view keeps the larger arrays alive that it was cut from.
    return Points(points.steps.copy(), points.timestamps_ms.copy(), points.values.copy())


def _merged(parts: list[Points]) -> Points:
    """Parts in order by time as one, each point once."""
    present = [points for points in parts if points.row_count]
    if len(present) <= 1:
        return present[0] if present else Points.empty()
    steps, timestamps_ms, values = (
        np.concatenate(columns) for columns in zip(*present, strict=True)
    )
    places = places_of(values)
    order = np.lexsort((places, steps, timestamps_ms))
    points, places = Points(steps, timestamps_ms, values).rows(order), places[order]
    is_repeated = (
        (points.timestamps_ms[1:] == points.timestamps_ms[:-1])
        & (points.steps[1:] == points.steps[:-1])
        & (places[1:] == places[:-1])
    )
    return points.rows(np.r_[True, ~is_repeated])


def _position_after(points: Points, place: tuple[JsonScalar, ...]) -> int:
    """How many points, by time, stand before or at that (timestamp, step, value)."""
    timestamp_ms, step, value = place
    if not isinstance(timestamp_ms, int) or not isinstance(step, int):
        raise DataCorrupted("A page token that this server made holds no point.")
    start, stop = 0, points.row_count
    for column, wanted in ((points.timestamps_ms, timestamp_ms), (points.steps, step)):
        inside = column[start:stop]
        start, stop = (
            start + int(np.searchsorted(inside, wanted, "left")),
            start + int(np.searchsorted(inside, wanted, "right")),
        )
    inside = places_of(points.values[start:stop])
    wanted_place = places_of(np.array([value], np.float64))[0]
    return start + int(np.searchsorted(inside, wanted_place, "right"))
