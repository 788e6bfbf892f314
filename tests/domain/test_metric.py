import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.errors import InvalidArgument
from assay.domain.metric import (
    MAX_STEP,
    MIN_STEP,
    MetricPoint,
    Summary,
    check_point,
    merge,
    point_order,
    summarise,
    value_order,
)

values = st.sampled_from([math.nan, 0.0, -0.0, 1.0, -1.0, math.inf, -math.inf]) | st.floats()
points = st.builds(MetricPoint, st.just("loss"), values, st.integers(0, 3), st.integers(-3, 3))
batches = st.lists(st.lists(points, min_size=1, max_size=5), min_size=1, max_size=5)


def plain(summary: Summary) -> tuple[str, ...]:
    """A summary in a form that tells -0.0 from 0.0 and compares NaN."""
    return tuple(map(repr, summary))


def without_count(summary: Summary) -> tuple[str, ...]:
    """Everything that must not depend on how the points arrived."""
    return plain(summary._replace(points=0, is_count_exact=True))


def merged(parts: list[Summary]) -> Summary:
    """The parts folded from the left."""
    whole = parts[0]
    for part in parts[1:]:
        whole = merge(whole, part)
    return whole


def reference(given: list[MetricPoint]) -> tuple[Any, ...]:
    """Last, least and greatest, found by looking at every point."""
    last = max(given, key=point_order)
    numbers = [point for point in given if not math.isnan(point.value)]
    least = min(numbers, key=lambda p: (value_order(p.value), p.step), default=None)
    greatest = max(numbers, key=lambda p: (value_order(p.value), -p.step), default=None)
    return last, least, greatest


@given(batches, st.randoms(use_true_random=False))
def test_merging_does_not_depend_on_order_or_repetition(
    parts: list[list[MetricPoint]], random: Any
) -> None:
    """Batches in any order, some of them twice, give what all points at once give."""
    everything = [point for part in parts for point in part]
    shuffled = [*parts, *random.sample(parts, len(parts) // 2)]
    random.shuffle(shuffled)

    folded = merged([summarise(part) for part in shuffled])

    assert without_count(summarise(everything)) == without_count(folded)
    assert without_count(merge(folded, folded)) == without_count(folded)


@given(st.lists(points, min_size=1, max_size=12))
def test_a_summary_says_what_looking_at_every_point_says(series: list[MetricPoint]) -> None:
    """Last by (step, timestamp, value); extremes without NaN, where they first occurred."""
    last, least, greatest = reference(series)

    found = summarise(series)

    assert (last.step, last.timestamp_ms) == (found.last_step, found.last_timestamp_ms)
    assert repr(last.value) == repr(found.last_value)
    assert (found.min_step, found.max_step) == (
        None if least is None else least.step,
        None if greatest is None else greatest.step,
    )
    assert repr(found.min_value) == repr(None if least is None else least.value)
    assert repr(found.max_value) == repr(None if greatest is None else greatest.value)


@given(batches)
def test_an_exact_count_is_the_number_of_distinct_points(parts: list[list[MetricPoint]]) -> None:
    """Counts that call themselves exact are; others never exceed the truth."""
    distinct = {point_order(point) for part in parts for point in part}

    folded = merged([summarise(part) for part in parts])

    if folded.is_count_exact:
        assert folded.points == len(distinct)
    assert folded.points <= len(distinct)


def test_batches_one_after_another_count_exactly() -> None:
    """The ordinary course of a training keeps the count exact, in either order of merging."""
    parts = [
        summarise([MetricPoint("loss", 1.0, step, step) for step in range(start, start + 10)])
        for start in (0, 10, 20)
    ]
    assert (merged(parts).points, merged(parts).is_count_exact) == (30, True)
    assert plain(merged(parts[::-1])) == plain(merged(parts))


def test_a_retried_batch_never_inflates_the_count() -> None:
    """The same batch again leaves the count where it was, marked as not exact."""
    batch = summarise([MetricPoint("loss", 1.0, step, step) for step in range(10)])
    again = merge(batch, batch)
    assert (again.points, again.is_count_exact) == (10, False)
    assert merge(again, batch).points == 10


def test_a_stored_summary_without_its_first_point_counts_what_follows() -> None:
    """Where the first point was not kept, later points still count exactly, earlier ones do not."""
    stored = summarise([MetricPoint("loss", 1.0, 5, 5)])._replace(
        first_step=None, first_timestamp_ms=None
    )
    later, earlier = (summarise([MetricPoint("loss", 1.0, at, at)]) for at in (6, 4))
    assert merge(stored, later)[:2] == (2, True)
    assert merge(stored, earlier)[:2] == (1, False)
    assert merge(stored, later).first_step is None
    assert merge(later, stored)[:2] == (2, True)
    assert merge(later, stored).first_step is None


@pytest.mark.parametrize(
    ("lower", "higher"),
    [(math.nan, 0.0), (math.nan, -0.0), (-0.0, 0.0), (-1.0, math.nan), (math.nan, 5e-324),
     (-math.inf, -1.0), (1.0, math.inf), (-5e-324, math.nan)],
)  # fmt: skip
def test_values_of_one_moment_have_one_order(lower: float, higher: float) -> None:
    """NaN counts as zero and loses to it; minus zero is below zero."""
    assert value_order(lower) < value_order(higher)
    pair = [MetricPoint("m", value, 7, 7) for value in (higher, lower)]
    assert repr(summarise(pair).last_value) == repr(higher)
    assert repr(summarise(pair[::-1]).last_value) == repr(higher)


def test_a_later_nan_is_the_latest_value() -> None:
    """A run that diverged shows NaN, not its last good value; its extremes stay."""
    found = summarise([MetricPoint("m", 0.5, 1, 1), MetricPoint("m", math.nan, 2, 2)])
    assert math.isnan(found.last_value)
    assert (found.min_value, found.max_value) == (0.5, 0.5)
    only = summarise([MetricPoint("m", math.nan, 2, 2)])
    assert (only.min_value, only.min_step, only.max_value, only.max_step) == (None,) * 4


def test_a_step_outranks_a_timestamp() -> None:
    """The greatest step is the latest, even when its clock was behind."""
    found = summarise([MetricPoint("m", 1.0, 9, 1), MetricPoint("m", 2.0, 3, 2)])
    assert (found.last_step, found.last_value) == (2, 2.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0, 7, -0.0, 1e-320])
def test_every_double_is_a_value(value: float) -> None:
    """NaN and infinities are kept; whole numbers become doubles."""
    point = check_point("train/loss@1 é", value, 0, MIN_STEP)
    assert repr(point.value) == repr(float(value))
    assert point.key == "train/loss@1 é"
    assert check_point("k", value, 2**63 - 1, MAX_STEP).step == MAX_STEP


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("", 1.0, 0, 0), "key"),
        (("k" * 251, 1.0, 0, 0), "key"),
        (("a\0", 1.0, 0, 0), "key"),
        (("\ud800", 1.0, 0, 0), "key"),
        ((3, 1.0, 0, 0), "key"),
        (("k", "1.0", 0, 0), "value"),
        (("k", True, 0, 0), "value"),
        (("k", None, 0, 0), "value"),
        (("k", 10**400, 0, 0), "value"),
        (("k", 1.0, -1, 0), "timestamp"),
        (("k", 1.0, 2**63, 0), "timestamp"),
        (("k", 1.0, 1.5, 0), "timestamp"),
        (("k", 1.0, 0, 2**63), "step"),
        (("k", 1.0, 0, -(2**63) - 1), "step"),
        (("k", 1.0, 0, True), "step"),
        (("k", 1.0, 0, "5"), "step"),
    ],
)
def test_a_malformed_point_is_refused_by_field(arguments: tuple[Any, ...], field: str) -> None:
    """The refusal names what is wrong with the point."""
    with pytest.raises(InvalidArgument) as caught:
        check_point(*arguments)
    assert caught.value.field == field
