"""Summaries of many series at once: what the ingest path merges into the database per drained group.

The rules are those of `domain.metric.summarise`, in columns.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from assay.series.points import FloatColumn, IntegerColumn, ranks_of

_ZERO: Final = np.zeros(1, np.intp)

Positions = npt.NDArray[np.intp]


class Summaries(NamedTuple):
    """One row a series, ordered by series. Extremes are NaN where nothing but NaN was logged.

    `counts` are of distinct points; zeros have no sign.
    """

    series: IntegerColumn
    counts: IntegerColumn
    first_steps: IntegerColumn
    first_timestamps_ms: IntegerColumn
    last_steps: IntegerColumn
    last_timestamps_ms: IntegerColumn
    last_values: FloatColumn
    minima: FloatColumn
    min_steps: IntegerColumn
    maxima: FloatColumn
    max_steps: IntegerColumn


class SeriesPoints(NamedTuple):
    """Points of any series in any order; `series` says, by a number, which one a row belongs to."""

    series: IntegerColumn
    steps: IntegerColumn
    timestamps_ms: IntegerColumn
    values: FloatColumn

    def rows(self, selection: Positions | npt.NDArray[np.bool_]) -> SeriesPoints:
        """The selected rows: positions or a mask."""
        return SeriesPoints(
            self.series[selection],
            self.steps[selection],
            self.timestamps_ms[selection],
            self.values[selection],
        )


def summarised(points: SeriesPoints) -> Summaries:
    """Summarise at least one point."""
    # Adding zero takes the sign off -0.0, as the database does, and leaves all else as it is.
    points = _in_order(points._replace(values=points.values + 0.0))
    series, steps, timestamps_ms, values = points
    starts = np.concatenate((_ZERO, np.flatnonzero(series[1:] != series[:-1]) + 1))
    if len(starts) == len(series):
        return _one_each(points)
    ends = np.append(starts[1:], len(series))
    counts = ends - starts
    minima = np.fmin.reduceat(values, starts)
    maxima = np.fmax.reduceat(values, starts)
    return Summaries(
        series=series[starts],
        counts=counts,
        first_steps=steps[starts],
        first_timestamps_ms=timestamps_ms[starts],
        last_steps=steps[ends - 1],
        last_timestamps_ms=timestamps_ms[ends - 1],
        last_values=values[ends - 1],
        minima=minima,
        min_steps=_first_steps_of(minima, points, starts, counts),
        maxima=maxima,
        max_steps=_first_steps_of(maxima, points, starts, counts),
    )


def _one_each(points: SeriesPoints) -> Summaries:
    series, steps, timestamps_ms, values = points
    return Summaries(
        series=series,
        counts=np.ones(len(series), np.int64),
        first_steps=steps,
        first_timestamps_ms=timestamps_ms,
        last_steps=steps,
        last_timestamps_ms=timestamps_ms,
        last_values=values,
        minima=values,
        min_steps=steps,
        maxima=values,
        max_steps=steps,
    )


def _in_order(points: SeriesPoints) -> SeriesPoints:
    """By series, step, timestamp and value, without exact duplicates."""
    if len(points.series) == 1:
        return points
    if not np.all(points.series[1:] >= points.series[:-1]):
        points = points.rows(np.argsort(points.series, kind="stable"))
    series, steps, timestamps_ms, _ = points
    follows = (steps[1:] > steps[:-1]) | (
        (steps[1:] == steps[:-1]) & (timestamps_ms[1:] > timestamps_ms[:-1])
    )
    if np.all(follows | (series[1:] != series[:-1])):
        return points
    ranks = ranks_of(points.values)
    order = np.lexsort((ranks, timestamps_ms, steps, series))
    points, ranks = points.rows(order), ranks[order]
    series, steps, timestamps_ms, _ = points
    repeats = (
        (series[1:] == series[:-1])
        & (steps[1:] == steps[:-1])
        & (timestamps_ms[1:] == timestamps_ms[:-1])
        & (ranks[1:] == ranks[:-1])
    )
    return points.rows(np.r_[True, ~repeats]) if repeats.any() else points


def _first_steps_of(
    extremes: FloatColumn, points: SeriesPoints, starts: Positions, counts: IntegerColumn
) -> IntegerColumn:
    """The step at which each series first has its extreme value (anything where that is NaN)."""
    hits = np.flatnonzero(points.values == np.repeat(extremes, counts))
    if not len(hits):
        return points.steps[starts]
    positions = np.searchsorted(hits, starts)
    return points.steps[hits[np.minimum(positions, len(hits) - 1)]]
