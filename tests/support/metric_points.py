"""Metric points for tests: strategies that look for trouble, and forms that compare every bit."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable

import numpy as np
from hypothesis import strategies as st

from assay.domain.metric import MetricPoint, Summary, point_order
from assay.series.points import Points

STEPS = st.one_of(st.integers(-3, 12), st.sampled_from([-(2**63), 2**63 - 1]))
TIMES = st.one_of(st.integers(0, 4), st.just(2**63 - 1))
VALUES = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, math.nan, math.inf, -math.inf, 5e-324, -5e-324]),
    st.floats(),
)

Identity = tuple[int, int, bytes]


def metric_points(*keys: str) -> st.SearchStrategy[MetricPoint]:
    """Points that often share steps, timestamps and values."""
    return st.builds(MetricPoint, st.sampled_from(keys or ("loss",)), VALUES, TIMES, STEPS)


def columns_of(points: Iterable[MetricPoint]) -> Points:
    """Points of one series as columns, in their order."""
    rows = list(points)
    return Points(
        np.array([point.step for point in rows], np.int64),
        np.array([point.timestamp_ms for point in rows], np.int64),
        np.array([point.value for point in rows], np.float64),
    )


def identity(step: int, timestamp_ms: int, value: float) -> Identity:
    """What makes a point this point: the bits of its value count, those of a NaN do not."""
    return step, timestamp_ms, struct.pack("<d", math.nan if math.isnan(value) else value)


def identities(points: Points) -> list[Identity]:
    """The identities of columns, in their order."""
    return [identity(*row) for row in zip(*(column.tolist() for column in points), strict=True)]


def ordered_identities(points: Iterable[MetricPoint]) -> list[Identity]:
    """What a series of these points has to look like: in order, each point once."""
    ordered = sorted(points, key=point_order)
    return list(
        dict.fromkeys(identity(point.step, point.timestamp_ms, point.value) for point in ordered)
    )


def without_signs(points: Iterable[MetricPoint]) -> list[MetricPoint]:
    """The same points with 0.0 for -0.0, as a database column keeps them."""
    return [point._replace(value=point.value + 0.0) for point in points]


def comparable(summary: Summary) -> tuple[str, ...]:
    """A summary in a form in which NaN equals NaN; where the series began is left out."""
    return tuple(map(repr, summary._replace(first_step=None, first_timestamp_ms=None)))
