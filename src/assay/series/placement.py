"""Where new points of a long series go among its chunks.

The chunks of a series never overlap in the order of points, so their sizes add up to the number of
distinct points. New points that fall inside a chunk are merged with it; those that fall between two
become a chunk of their own, joined with a neighbour that is not much larger. Thus a series that
grows by small pieces is rewritten a logarithmic number of times, and has as many small chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from assay.series.codec import MAX_CHUNK_POINTS
from assay.series.points import Points, merge_sorted, places_of

_JOINS_UP_TO: Final = 2
"""A chunk is rewritten for the sake of its neighbour if it is at most this many times as large."""

Place: TypeAlias = tuple[int, int, int]
"""Where a point stands in the order: step, timestamp, rank of the value."""


class StoredChunk(NamedTuple):
    """What is known of a chunk without reading it."""

    chunk_id: int
    points: int
    min_step: int
    max_step: int


class Placement(NamedTuple):
    """The chunks that go, the stretches that come, and the distinct points of the whole series."""

    removed: tuple[int, ...]
    added: tuple[Points, ...]
    total: int


@dataclass(slots=True)
class _Entry:
    """A chunk that stays (`points` is None) or a stretch that has to be written."""

    count: int
    chunks: tuple[int, ...]
    points: Points | None


Load: TypeAlias = Callable[[int], Points]


def place(chunks: Sequence[StoredChunk], new: Points, load: Load) -> Placement:
    """Place at least one new point among the chunks of its series; `load` reads a chunk by its id."""
    new = merge_sorted([new])
    first, last = int(new.steps[0]), int(new.steps[-1])
    before = sorted((c for c in chunks if c.max_step < first), key=lambda c: c.min_step)
    after = sorted((c for c in chunks if c.min_step > last), key=lambda c: c.min_step)
    near = [c for c in chunks if c.max_step >= first and c.min_step <= last]
    entries = _joined(
        [*map(_stays, before), *_among(near, new, load), *map(_stays, after)],
        load,
    )
    written = [entry for entry in entries if entry.points is not None]
    return Placement(
        removed=tuple(chunk for entry in written for chunk in entry.chunks),
        added=tuple(part for entry in written for part in _split(entry.points)),
        total=sum(entry.count for entry in entries),
    )


def _stays(chunk: StoredChunk) -> _Entry:
    return _Entry(chunk.points, (chunk.chunk_id,), None)


def _comes(points: Points, chunks: tuple[int, ...] = ()) -> _Entry:
    return _Entry(points.row_count, chunks, points)


def _among(near: Sequence[StoredChunk], new: Points, load: Load) -> list[_Entry]:
    """Cut the new points where chunks begin whose steps they may share, and merge what overlaps."""
    bounds = sorted((*_bounds(load(chunk.chunk_id)), chunk) for chunk in near)
    cuts = [0, *(_position(new, begin) for begin, _, _ in bounds), new.row_count]
    entries = [_comes(new.rows(slice(0, cuts[1])))] if cuts[1] else []
    for (_, end, chunk), start, stop in zip(bounds, cuts[1:], cuts[2:], strict=False):
        piece = new.rows(slice(start, stop))
        if not piece.row_count:
            entries.append(_stays(chunk))
        elif _place_of(piece, 0) > end:
            entries += [_stays(chunk), _comes(piece)]
        else:
            merged = merge_sorted([load(chunk.chunk_id), piece])
            if merged.row_count == chunk.points:
                entries.append(_stays(chunk))
            else:
                entries.append(_comes(merged, (chunk.chunk_id,)))
    return entries


def _joined(entries: list[_Entry], load: Load) -> list[_Entry]:
    """Join neighbours of similar size, one of which at least has to be written anyway."""
    joined: list[_Entry] = []
    for entry in entries:
        joined.append(entry)
        while len(joined) > 1 and _should_join(joined[-2], joined[-1]):
            right, left = joined.pop(), joined.pop()
            parts = [_points_of(left, load), _points_of(right, load)]
            joined.append(_comes(merge_sorted(parts), left.chunks + right.chunks))
    return joined


def _should_join(left: _Entry, right: _Entry) -> bool:
    if left.count + right.count > MAX_CHUNK_POINTS:
        return False
    if left.points is None:
        return right.points is not None and left.count <= _JOINS_UP_TO * right.count
    return right.points is not None or right.count <= _JOINS_UP_TO * left.count


def _points_of(entry: _Entry, load: Load) -> Points:
    return load(entry.chunks[0]) if entry.points is None else entry.points


def _split(points: Points | None) -> list[Points]:
    if points is None:
        return []
    parts = -(-points.row_count // MAX_CHUNK_POINTS)
    edges = [points.row_count * part // parts for part in range(parts + 1)]
    return [points.rows(slice(start, stop)) for start, stop in pairwise(edges)]


def _bounds(points: Points) -> tuple[Place, Place]:
    return _place_of(points, 0), _place_of(points, points.row_count - 1)


def _place_of(points: Points, row: int) -> Place:
    rank = int(places_of(points.values[row : row + 1])[0])
    return int(points.steps[row]), int(points.timestamps_ms[row]), rank


def _position(points: Points, at: Place) -> int:
    """How many of the points stand before `at`."""
    step, timestamp_ms, rank = at
    start = int(np.searchsorted(points.steps, step, "left"))
    stop = int(np.searchsorted(points.steps, step, "right"))
    times = points.timestamps_ms[start:stop]
    inner_start = start + int(np.searchsorted(times, timestamp_ms, "left"))
    inner_stop = start + int(np.searchsorted(times, timestamp_ms, "right"))
    ranks = places_of(points.values[inner_start:inner_stop])
    return inner_start + int(np.searchsorted(ranks, rank, "left"))
