"""Columns are checked while they are packed, and every refusal names row and column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.errors import AppError, InvalidArgument, LimitExceeded
from assay.domain.metric import MetricPoint
from assay.services.batch import EMPTY, MAX_PARAMS, MAX_POINTS, Batch, Columns
from tests.support.metric_points import identity, metric_points


def rows_of(columns: Columns) -> list[tuple[str, tuple[int, int, bytes]]]:
    """The points of packed columns."""
    steps = np.frombuffer(columns.steps, np.int64).tolist()
    times = np.frombuffer(columns.timestamps_ms, np.int64).tolist()
    values = np.frombuffer(columns.values, np.float64).tolist()
    rows = zip(columns.keys, steps, times, values, strict=True)
    return [(key, identity(step, time, value)) for key, step, time, value in rows]


@given(st.lists(metric_points("a", "b"), max_size=20))
def test_packing_keeps_every_point(points: list[MetricPoint]) -> None:
    """In order, repetitions included, to the last bit."""
    assert rows_of(Columns.of_points(points)) == [
        (p.key, identity(p.step, p.timestamp_ms, p.value)) for p in points
    ]


def test_keys_can_be_given_by_number() -> None:
    """A compact batch names each key once."""
    columns = Columns.of(["a", "b"], [1, 2, 3], [1, 2, 3], [0.0, 1.0, 2.0], key_index=[1, 0, 1])

    assert list(columns.keys) == ["b", "a", "b"]


def test_spelled_numbers_are_understood() -> None:
    """JSON has no NaN and no infinities, so they travel as words."""
    words: Sequence[float | str] = ["NaN", 1, "Infinity", 2.5, "-Infinity"]
    columns = Columns.of(["a"] * 5, [0] * 5, [0] * 5, words)

    values = np.frombuffer(columns.values, np.float64).tolist()
    assert repr(values) == repr([math.nan, 1.0, math.inf, 2.5, -math.inf])


def test_integers_of_any_size_become_doubles_or_are_refused() -> None:
    """A value that no double can hold is named."""
    big = Columns.of(["a"], [0], [0], [10**300])
    assert np.frombuffer(big.values, np.float64)[0] == 1e300

    with pytest.raises(InvalidArgument) as refused:
        Columns.of(["a", "a"], [0, 0], [0, 0], [1, 10**400])
    assert refused.value.field == "points[1].value"


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ((["a"], [0, 1], [0], [0.0]), "points"),
        ((["a"] * 2, [0, 2**63], [0, 0], [0.0] * 2), "points[1].step"),
        ((["a"] * 2, [0, 1.5], [0, 0], [0.0] * 2), "points[1].step"),
        ((["a"] * 2, [0, "1"], [0, 0], [0.0] * 2), "points[1].step"),
        ((["a"] * 2, [0, 1], [0, -1], [0.0] * 2), "points[1].timestamp_ms"),
        ((["a"] * 2, [0, 1], [0, None], [0.0] * 2), "points[1].timestamp_ms"),
        ((["a"] * 2, [0, 1], [0, 0], [0.0, "nan"]), "points[1].value"),
        ((["a"] * 2, [0, 1], [0, 0], [0.0, None]), "points[1].value"),
        ((["a"] * 2, [0, 1], [0, 0], [0.0, [1.0]]), "points[1].value"),
    ],
)
def test_a_refusal_names_row_and_column(columns: Any, field: str) -> None:
    """The first thing that is wrong is said."""
    with pytest.raises(InvalidArgument) as refused:
        Columns.of(*columns)

    assert refused.value.field == field


@pytest.mark.parametrize("key_index", [[0, 2], [-1, 0], [0]])
def test_a_number_that_names_no_key_is_refused(key_index: list[int]) -> None:
    """Negative numbers do not count from the end."""
    with pytest.raises(InvalidArgument):
        Columns.of(["a", "b"], [0, 1], [0, 1], [0.0, 1.0], key_index=key_index)


def test_a_batch_has_a_largest_size() -> None:
    """Points, params and tags are bounded, each with its limit in the message."""
    count = MAX_POINTS + 1
    with pytest.raises(LimitExceeded, match=str(MAX_POINTS)):
        Columns.of(["a"] * count, [0] * count, [0] * count, [0.0] * count)
    for name in ("params", "tags"):
        many: dict[str, Any] = {name: {str(n): "" for n in range(MAX_PARAMS + 1)}}
        with pytest.raises(LimitExceeded, match=str(MAX_PARAMS)):
            Batch(**many).check()


def test_the_size_in_memory_counts_everything() -> None:
    """What waits in the queue is bounded by it."""
    plain = Batch(EMPTY).size_bytes()

    assert Batch(EMPTY, params={"a": "x" * 100}).size_bytes() > plain + 100
    assert Batch(EMPTY, tags={"a": "x" * 100}).size_bytes() > plain + 100
    points = Columns.of_points(MetricPoint("loss", 0.0, n, n) for n in range(100))
    assert Batch(points).size_bytes() > plain + 100 * 24


def test_refusals_are_of_the_error_tree() -> None:
    """Whatever a client sends, it meets an AppError and not a Python error."""
    for values in ([object()], [b"1"], [{}]):
        with pytest.raises(AppError):
            Columns.of(["a"], [0], [0], values)  # type: ignore[arg-type]
