"""Thinning a long curve for a chart: at most N buckets, or at most N of its rows.

Both take the columns of a merged series: in order and without duplicates.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from assay.domain.errors import InvalidArgument
from assay.series.points import FloatColumn, IntegerColumn, Points, with_one_nan

Axis = Literal["step", "time"]
Positions = npt.NDArray[np.intp]


class Buckets(NamedTuple):
    """One row a bucket, in the order of the axis; the columns are equally long.

    `minima`, `maxima` and `means` leave NaN out and are NaN where nothing else is; `counts` counts
    every point; `lasts` is the value of the last point even if it is NaN.
    """

    first_steps: IntegerColumn
    last_steps: IntegerColumn
    first_timestamps_ms: IntegerColumn
    last_timestamps_ms: IntegerColumn
    counts: IntegerColumn
    minima: FloatColumn
    maxima: FloatColumn
    means: FloatColumn
    lasts: FloatColumn


def bucketed(
    steps: IntegerColumn,
    timestamps_ms: IntegerColumn,
    values: FloatColumn,
    *,
    buckets: int,
    start_step: int | None = None,
    end_step: int | None = None,
    axis: Axis = "step",
) -> Buckets:
    """Summarise the points from `start_step` to `end_step`, both included, in `buckets` rows or less.

    With no more points than buckets every point has its own and all columns are exact. Otherwise
    buckets are equally wide stretches of the axis between the first and the last point, and empty
    ones are left out. Raises `InvalidArgument` for less than one bucket.
    """
    if buckets < 1:
        raise InvalidArgument("A chart needs at least one bucket.", field="buckets")
    points = within_steps(Points(steps, timestamps_ms, values), start_step, end_step)
    if axis == "time" and np.any(points.timestamps_ms[1:] < points.timestamps_ms[:-1]):
        points = points.rows(np.argsort(points.timestamps_ms, kind="stable"))
    if points.row_count <= buckets:
        return _one_each(points)
    return _summarised(
        points, _starts(points.steps if axis == "step" else points.timestamps_ms, buckets)
    )


def within_steps(points: Points, start_step: int | None, end_step: int | None) -> Points:
    """Return the points from `start_step` to `end_step`, both included; `None` means no bound."""
    start = 0 if start_step is None else np.searchsorted(points.steps, start_step, "left")
    end = None if end_step is None else np.searchsorted(points.steps, end_step, "right")
    return points.rows(slice(start, end))


def sample_rows(points: Points, limit: int) -> Points:
    """Return at most `limit` rows, evenly spaced by position, the first and the last among them.

    All rows when there are no more than `limit`; the last row when the limit is one. Raises
    `InvalidArgument` for less than one row.
    """
    if limit < 1:
        raise InvalidArgument("A sample needs at least one row.", field="limit")
    count = points.row_count
    if count <= limit:
        return points
    if limit == 1:
        return points.rows(slice(count - 1, None))
    # The first rows of `limit` equal parts, of which the earlier ones take what is over: the rows
    # that other trackers choose as well.
    width, over = divmod(count, limit)
    number = np.arange(limit, dtype=np.intp)
    chosen = number * width + np.minimum(number, over)
    chosen[-1] = count - 1
    return points.rows(chosen)


def _starts(places: IntegerColumn, buckets: int) -> Positions:
    """Return where each bucket that is not empty starts, for places on the axis that ascend."""
    if buckets == 1:
        return np.zeros(1, np.intp)
    first, extent = int(places[0]), int(places[-1]) - int(places[0]) + 1
    # Bucket i begins at floor(i * extent / buckets), split so that nothing exceeds 64 bits.
    width, rest = divmod(extent, buckets)
    number = np.arange(buckets, dtype=np.uint64)
    edges = number * np.uint64(width) + number * np.uint64(rest) // np.uint64(buckets)
    edges = (edges + np.uint64(first % 2**64)).view(np.int64)
    starts = np.searchsorted(places, edges, "left")
    return starts[np.r_[starts[1:] > starts[:-1], True]]


def _one_each(points: Points) -> Buckets:
    steps, timestamps_ms, values = points
    counts = np.ones(points.row_count, np.int64)
    return Buckets(steps, steps, timestamps_ms, timestamps_ms, counts, *[values] * 4)


def _summarised(points: Points, starts: Positions) -> Buckets:
    steps, timestamps_ms, values = points
    ends = np.r_[starts[1:], points.row_count] - 1
    minima = np.fmin.reduceat(values, starts)
    maxima = np.fmax.reduceat(values, starts)
    return Buckets(
        first_steps=steps[starts],
        last_steps=steps[ends],
        first_timestamps_ms=timestamps_ms[starts],
        last_timestamps_ms=timestamps_ms[ends],
        counts=ends - starts + 1,
        minima=minima,
        maxima=maxima,
        means=_means(values, starts, minima, maxima),
        lasts=values[ends],
    )


def _means(
    values: FloatColumn, starts: Positions, minima: FloatColumn, maxima: FloatColumn
) -> FloatColumn:
    is_nan = np.isnan(values)
    numbers = np.where(is_nan, 0.0, values)
    counts = np.add.reduceat(~is_nan, starts, dtype=np.int64)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        means = np.add.reduceat(numbers, starts) / counts
        # A sum may overflow where the mean does not.
        overflowed = ~np.isfinite(means)
        if overflowed.any():
            shares = numbers / np.repeat(counts, np.diff(np.r_[starts, len(values)]))
            means = np.where(overflowed, np.add.reduceat(shares, starts), means)
    # Rounding may carry a mean of equal numbers past them.
    return with_one_nan(np.clip(means, minima, maxima))
