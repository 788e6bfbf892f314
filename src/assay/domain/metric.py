"""Metric points, the summary that a series keeps of them, and how summaries merge.

Points and summaries are named tuples: they are made by the hundred thousand a second on the ingest
path, where a frozen dataclass costs five times as much.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from assay.domain.errors import InvalidArgument
from assay.domain.names import check_metric_key

MIN_STEP: Final = -(2**63)
MAX_STEP: Final = 2**63 - 1
MAX_TIMESTAMP_MS: Final = 2**63 - 1

_NAN_ORDER: Final = (0.0, 0)


class MetricPoint(NamedTuple):
    """A value of one metric at a step. NaN and infinities are values like any other."""

    key: str
    value: float
    timestamp_ms: int
    step: int


class Summary(NamedTuple):
    """What is known of a series without reading it.

    `points` is the number of distinct points when `is_count_exact`, otherwise at least that many,
    until the series is compacted. `last_*` is the greatest point by (step, timestamp, value),
    `first_*` the least (step, timestamp), None where that was not kept. Extremes leave NaN out and
    are None when nothing else was logged; their step is the earliest.
    """

    points: int
    is_count_exact: bool
    last_step: int
    last_timestamp_ms: int
    last_value: float
    min_value: float | None
    min_step: int | None
    max_value: float | None
    max_step: int | None
    first_step: int | None = None
    first_timestamp_ms: int | None = None


def check_point(key: object, value: object, timestamp_ms: object, step: object = 0) -> MetricPoint:
    """A legal point, or InvalidArgument naming `key`, `value`, `timestamp` or `step`."""
    name = check_metric_key(key, "key")
    moment = _integer(timestamp_ms, "timestamp", 0, MAX_TIMESTAMP_MS)
    place = _integer(step, "step", MIN_STEP, MAX_STEP)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidArgument(f"value of metric {name[:100]!r} must be a number.", field="value")
    try:
        return MetricPoint(name, float(value), moment, place)
    except OverflowError:
        raise InvalidArgument(
            f"value of metric {name[:100]!r} is larger than a double can hold.", field="value"
        ) from None


def value_order(value: float) -> tuple[float, int]:
    """Where a value stands among values of one step and moment.

    NaN counts as 0.0 and loses to a number of equal value; -0.0 loses to 0.0.
    """
    if value != value:  # noqa: PLR0124 -- true for NaN alone, at a third of the cost of a call
        return _NAN_ORDER
    if value == 0.0 and math.copysign(1.0, value) < 0:
        return (value, 1)
    return (value, 2)


def point_order(point: MetricPoint) -> tuple[int, int, tuple[float, int]]:
    """The total order of the points of one series: step, then timestamp, then value."""
    return (point.step, point.timestamp_ms, value_order(point.value))


def summarise(points: Iterable[MetricPoint]) -> Summary:
    """The summary of one series' points, at least one; a point that occurs twice counts once."""
    ordered = sorted(set(map(point_order, points)))
    first, last = ordered[0], ordered[-1]
    numbers = [(value, step) for step, _, value in ordered if value != _NAN_ORDER]
    least = greatest = None
    if numbers:
        least = min(numbers)
        greatest = max(numbers, key=lambda number: (number[0], -number[1]))
    return Summary(
        points=len(ordered),
        is_count_exact=True,
        last_step=last[0],
        last_timestamp_ms=last[1],
        last_value=math.nan if last[2] == _NAN_ORDER else last[2][0],
        min_value=None if least is None else least[0][0],
        min_step=None if least is None else least[1],
        max_value=None if greatest is None else greatest[0][0],
        max_step=None if greatest is None else greatest[1],
        first_step=first[0],
        first_timestamp_ms=first[1],
    )


def merge(a: Summary, b: Summary) -> Summary:
    """The summary of both series together.

    All but the count is independent of order and of repetition. The counts add up exactly when one
    series lies wholly before the other; when they overlap, as a retried batch does, the greater one
    stands and is marked as not exact, so that a retry never inflates it.
    """
    is_apart = _is_before(a, b) or _is_before(b, a)
    newest = a if _last_order(a) >= _last_order(b) else b
    first = _first(a, b)
    return Summary(
        a.points + b.points if is_apart else max(a.points, b.points),
        is_apart and a.is_count_exact and b.is_count_exact,
        newest.last_step,
        newest.last_timestamp_ms,
        newest.last_value,
        *_least(a.min_value, a.min_step, b.min_value, b.min_step),
        *_greatest(a.max_value, a.max_step, b.max_value, b.max_step),
        *first,
    )


def _integer(value: object, field: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidArgument(f"{field} must be a whole number from {low} to {high}.", field=field)
    return value


def _last_order(summary: Summary) -> tuple[int, int, tuple[float, int]]:
    return (summary.last_step, summary.last_timestamp_ms, value_order(summary.last_value))


def _is_before(a: Summary, b: Summary) -> bool:
    if b.first_step is None or b.first_timestamp_ms is None:
        return False
    return (a.last_step, a.last_timestamp_ms) < (b.first_step, b.first_timestamp_ms)


def _first(a: Summary, b: Summary) -> tuple[int | None, int | None]:
    if a.first_step is None or a.first_timestamp_ms is None:
        return None, None
    if b.first_step is None or b.first_timestamp_ms is None:
        return None, None
    return min((a.first_step, a.first_timestamp_ms), (b.first_step, b.first_timestamp_ms))


def _least(
    a: float | None, a_step: int | None, b: float | None, b_step: int | None
) -> tuple[float | None, int | None]:
    if a is None or a_step is None:
        return b, b_step
    if b is None or b_step is None:
        return a, a_step
    is_b = (value_order(b), b_step) < (value_order(a), a_step)
    return (b, b_step) if is_b else (a, a_step)


def _greatest(
    a: float | None, a_step: int | None, b: float | None, b_step: int | None
) -> tuple[float | None, int | None]:
    if a is None or a_step is None:
        return b, b_step
    if b is None or b_step is None:
        return a, a_step
    is_b = (value_order(b), -b_step) > (value_order(a), -a_step)
    return (b, b_step) if is_b else (a, a_step)
