"""Metric points, the summary that a series keeps of them, and how summaries merge.

Points and summaries are named tuples: they are made by the hundred thousand a second on the ingest
path, where a frozen dataclass costs five times as much.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from assay.domain.errors import InvalidArgument
from assay.domain.names import check_metric_key

MIN_STEP: Final = -(2**63)
MAX_STEP: Final = 2**63 - 1
MAX_TIMESTAMP_MS: Final = 2**63 - 1


class MetricPoint(NamedTuple):
    """A value of one metric at a step. NaN and infinities are values like any other."""

    key: str
    value: float
    timestamp_ms: int
    step: int


class Summary(NamedTuple):
    """What is known of a series without reading it.

    `points` is the number of distinct points when `is_count_exact`; otherwise at least that many,
    until the series is compacted. `first_*` and `last_*` are the least and the greatest point by
    (step, timestamp, value). Extremes leave NaN out and are None when nothing else was logged;
    their step is the earliest.
    """

    points: int
    is_count_exact: bool
    first_step: int
    first_timestamp_ms: int
    last_step: int
    last_timestamp_ms: int
    last_value: float
    min_value: float | None
    min_step: int | None
    max_value: float | None
    max_step: int | None
    has_nan: bool


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
        return (0.0, 0)
    if value == 0.0 and str(value)[0] == "-":
        return (0.0, 1)
    return (value, 2)


def point_order(point: MetricPoint) -> tuple[int, int, tuple[float, int]]:
    """The total order of the points of one series: step, then timestamp, then value."""
    return (point.step, point.timestamp_ms, value_order(point.value))


def summarise(points: Iterable[MetricPoint]) -> Summary:
    """The summary of one series' points, at least one; a point that occurs twice counts once."""
    iterator = iter(points)
    first = next(iterator)
    lowest = highest = first
    distinct = {_identity(first)}
    is_nan = first.value != first.value
    has_nan = is_nan
    least = greatest = None if is_nan else first
    for point in iterator:
        distinct.add(_identity(point))
        if point_order(point) < point_order(lowest):
            lowest = point
        elif point_order(point) > point_order(highest):
            highest = point
        if point.value != point.value:
            has_nan = True
            continue
        least = point if least is None else _lower(least, point)
        greatest = point if greatest is None else _higher(greatest, point)
    return Summary(
        len(distinct),
        True,  # noqa: FBT003 -- positional, as the hot path needs
        lowest.step,
        lowest.timestamp_ms,
        highest.step,
        highest.timestamp_ms,
        highest.value,
        None if least is None else least.value,
        None if least is None else least.step,
        None if greatest is None else greatest.value,
        None if greatest is None else greatest.step,
        has_nan,
    )


def merge(a: Summary, b: Summary) -> Summary:
    """The summary of both series together.

    All but the count is independent of order and of repetition. The counts add up exactly when one
    series lies wholly before the other; when they overlap, as a retried batch does, the greater one
    stands and is marked as not exact, so that a retry never inflates it.
    """
    is_apart = _is_before(a, b) or _is_before(b, a)
    newest = a if _last_order(a) >= _last_order(b) else b
    oldest = a if _first_order(a) <= _first_order(b) else b
    min_value, min_step = _least(a.min_value, a.min_step, b.min_value, b.min_step)
    max_value, max_step = _greatest(a.max_value, a.max_step, b.max_value, b.max_step)
    return Summary(
        a.points + b.points if is_apart else max(a.points, b.points),
        is_apart and a.is_count_exact and b.is_count_exact,
        oldest.first_step,
        oldest.first_timestamp_ms,
        newest.last_step,
        newest.last_timestamp_ms,
        newest.last_value,
        min_value,
        min_step,
        max_value,
        max_step,
        a.has_nan or b.has_nan,
    )


def _integer(value: object, field: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidArgument(f"{field} must be a whole number from {low} to {high}.", field=field)
    return value


def _identity(point: MetricPoint) -> tuple[int, int, tuple[float, int]]:
    return (point.step, point.timestamp_ms, value_order(point.value))


def _first_order(summary: Summary) -> tuple[int, int]:
    return (summary.first_step, summary.first_timestamp_ms)


def _last_order(summary: Summary) -> tuple[int, int, tuple[float, int]]:
    return (summary.last_step, summary.last_timestamp_ms, value_order(summary.last_value))


def _is_before(a: Summary, b: Summary) -> bool:
    return (a.last_step, a.last_timestamp_ms) < _first_order(b)


def _lower(held: MetricPoint, other: MetricPoint) -> MetricPoint:
    a, b = (value_order(held.value), held.step), (value_order(other.value), other.step)
    return other if b < a else held


def _higher(held: MetricPoint, other: MetricPoint) -> MetricPoint:
    a, b = value_order(held.value), value_order(other.value)
    return other if b > a or (b == a and other.step < held.step) else held


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
