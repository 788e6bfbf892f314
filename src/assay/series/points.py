"""Columns of metric points and the one order in which they are kept.

The order is that of `domain.metric`: step, timestamp, value, where NaN stands just before -0.0. Two
points are one when step, timestamp and the bits of the value agree; all NaNs are the same NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

IntegerColumn: TypeAlias = npt.NDArray[np.int64]
IdColumn: TypeAlias = npt.NDArray[np.uint32]
FloatColumn: TypeAlias = npt.NDArray[np.float64]

_MAGNITUDE = np.int64(0x7FFF_FFFF_FFFF_FFFF)


class Points(NamedTuple):
    """Points of one series as equally long columns. The columns may be read-only views."""

    steps: IntegerColumn
    timestamps_ms: IntegerColumn
    values: FloatColumn

    @classmethod
    def empty(cls) -> Points:
        """Return columns without a row."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))

    @property
    def row_count(self) -> int:
        """The number of rows (`len` counts the columns, as for any named tuple)."""
        return len(self.steps)

    def rows(self, selection: slice | npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Points:
        """Return the selected rows: a slice, positions or a mask."""
        return Points(self.steps[selection], self.timestamps_ms[selection], self.values[selection])


class KeyedPoints(NamedTuple):
    """Points of several series of one run, in the order in which they arrived."""

    key_ids: IdColumn
    steps: IntegerColumn
    timestamps_ms: IntegerColumn
    values: FloatColumn

    @property
    def row_count(self) -> int:
        """The number of rows."""
        return len(self.key_ids)

    def of_key(self, key_id: int) -> Points:
        """Return the rows of one key, in order of arrival; no rows when the key does not occur."""
        return Points(self.steps, self.timestamps_ms, self.values).rows(self.key_ids == key_id)

    def by_key(self) -> Iterator[tuple[int, Points]]:
        """Yield every key that occurs, ascending, with its rows in order of arrival."""
        if self.row_count == 0:
            return
        order = np.argsort(self.key_ids, kind="stable")
        key_ids = self.key_ids[order]
        points = Points(self.steps, self.timestamps_ms, self.values).rows(order)
        starts = np.flatnonzero(np.r_[True, key_ids[1:] != key_ids[:-1]]).tolist()
        for start, end in zip(starts, [*starts[1:], self.row_count], strict=True):
            yield int(key_ids[start]), points.rows(slice(start, end))


def merge_sorted(pieces: Iterable[Points]) -> Points:
    """Merge pieces, each sorted or not, into one in order and without exact duplicates.

    The result depends on the set of points alone, not on how they were cut or ordered. Infinities
    and -0.0 keep their bits; every NaN comes out as the one quiet NaN of `float("nan")`.
    """
    present = [piece for piece in pieces if piece.row_count]
    if not present:
        return Points.empty()
    points = present[0] if len(present) == 1 else _concatenated(present)
    points = points._replace(values=with_one_nan(points.values))
    if np.all(points.steps[1:] > points.steps[:-1]):
        return points
    ascending, repeated = _compare_neighbours(points)
    if not ascending:
        points = _sorted(points)
        _, repeated = _compare_neighbours(points)
    if repeated.any():
        points = points.rows(np.r_[True, ~repeated])
    return points


def with_one_nan(values: FloatColumn) -> FloatColumn:
    """Return the values with every NaN, whatever its sign and payload, as the one quiet NaN."""
    is_nan = np.isnan(values)
    return np.where(is_nan, np.nan, values) if is_nan.any() else values


def as_ordered(values: FloatColumn) -> IntegerColumn:
    """Map floats to integers that sort as numbers do, NaN last; `from_ordered` undoes it."""
    bits = values.view(np.int64)
    return bits ^ ((bits >> 63) & _MAGNITUDE)


def from_ordered(ordered: IntegerColumn) -> FloatColumn:
    """Map what `as_ordered` returned back to the floats, bit for bit."""
    return (ordered ^ ((ordered >> 63) & _MAGNITUDE)).view(np.float64)


def _concatenated(pieces: list[Points]) -> Points:
    return Points(
        np.concatenate([piece.steps for piece in pieces]),
        np.concatenate([piece.timestamps_ms for piece in pieces]),
        np.concatenate([piece.values for piece in pieces]),
    )


def _sorted(points: Points) -> Points:
    # Pieces are runs that ascend already, which this sort uses; only ties need all three columns.
    by_step = points.rows(np.argsort(points.steps, kind="stable"))
    ascending, _ = _compare_neighbours(by_step)
    if ascending:
        return by_step
    return by_step.rows(
        np.lexsort((ranks_of(by_step.values), by_step.timestamps_ms, by_step.steps))
    )


def ranks_of(values: FloatColumn) -> IntegerColumn:
    """Return integers that sort as `domain.metric.value_order` does; equal for equal bits alone.

    They compare within this column only; those of `places_of` compare across columns.
    """
    return places_of(values) if np.isnan(values).any() else as_ordered(values)


def places_of(values: FloatColumn) -> IntegerColumn:
    """Return for each value an integer that depends on it alone and sorts as `ranks_of` does."""
    ordered = as_ordered(values)
    # -0.0 is -1 and the negative number next to it is -2: the latter make room for NaN.
    return np.where(np.isnan(values), -2, ordered - (ordered < -1))


def _compare_neighbours(points: Points) -> tuple[bool, npt.NDArray[np.bool_]]:
    """Tell whether the rows ascend, and which rows, from the second on, repeat the one before."""
    steps, timestamps, ranks = points.steps, points.timestamps_ms, ranks_of(points.values)
    same_step = steps[1:] == steps[:-1]
    same_time = same_step & (timestamps[1:] == timestamps[:-1])
    ascends = (
        (steps[1:] > steps[:-1])
        | (same_step & (timestamps[1:] > timestamps[:-1]))
        | (same_time & (ranks[1:] >= ranks[:-1]))
    )
    return bool(ascends.all()), same_time & (ranks[1:] == ranks[:-1])
