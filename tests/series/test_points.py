"""Pieces of a series merge into one, whatever their order."""

import struct
from math import inf, nan
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.metric import MetricPoint, point_order
from assay.series.points import Points, as_ordered, from_ordered, merge_sorted

Row = tuple[int, int, float]
Identity = tuple[int, int, bytes]

STEPS = st.one_of(st.integers(0, 5), st.integers(-(2**63), 2**63 - 1))
VALUES = st.one_of(
    st.floats(), st.sampled_from([0.0, -0.0, 1.0, inf, -inf, nan, -nan, 5e-324, -5e-324])
)
ROWS = st.lists(st.tuples(STEPS, st.integers(0, 3), VALUES), max_size=40)


def as_points(rows: list[Row]) -> Points:
    """Points out of (step, timestamp, value) rows."""
    return Points(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.float64),
    )


def rank(row: Row) -> tuple[int, int, tuple[float, int]]:
    """The order that the domain gives to the points of a series."""
    step, timestamp, value = row
    return point_order(MetricPoint("loss", value, timestamp, step))


def identity(row: Row) -> Identity:
    """Rows that are one point have one identity."""
    step, timestamp, value = row
    canonical = nan if value != value else value  # noqa: PLR0124
    return (step, timestamp, struct.pack("<d", canonical))


def identities(points: Points) -> list[Identity]:
    """The identities of the rows of a merge, in their order."""
    return [
        (step, timestamp, struct.pack("<d", value))
        for step, timestamp, value in zip(*(column.tolist() for column in points), strict=True)
    ]


@given(st.lists(ROWS, max_size=5))
def test_a_merge_is_the_ordered_set_of_all_points(pieces: list[list[Row]]) -> None:
    """Equal to sorting in plain Python and dropping what is there already."""
    rows = sorted((row for piece in pieces for row in piece), key=rank)
    expected = list(dict.fromkeys(identity(row) for row in rows))
    assert identities(merge_sorted([as_points(piece) for piece in pieces])) == expected


@given(st.lists(ROWS, max_size=5), st.randoms())
def test_a_merge_does_not_depend_on_how_points_were_cut(
    pieces: list[list[Row]], random: Random
) -> None:
    """A chunk and a tail, or three tails in another order, or a batch sent twice: one result."""
    rows = [row for piece in pieces for row in piece]
    random.shuffle(rows)
    whole = merge_sorted([as_points(rows)])
    again = merge_sorted([merge_sorted([as_points(piece)]) for piece in [*pieces, rows]])
    assert identities(again) == identities(whole)


def test_a_point_that_differs_in_one_column_is_another_point() -> None:
    """Only all three together make a duplicate; the two zeros are two values."""
    rows = [(1, 1, 0.0), (1, 1, -0.0), (1, 2, 0.0), (2, 1, 0.0), (1, 1, 0.0)]
    merged = merge_sorted([as_points(rows)])
    assert identities(merged) == [identity(rows[n]) for n in (1, 0, 2, 3)]


def test_nans_of_any_payload_are_one_nan() -> None:
    """Sign and payload of a NaN carry no meaning and no client can send them on purpose."""
    strange = np.array(
        [0x7FF8_0000_0000_0001, 0xFFF8_0000_0000_0000, 0x7FF0_0000_0000_0001], np.uint64
    )
    merged = merge_sorted(
        [Points(np.zeros(3, np.int64), np.zeros(3, np.int64), strange.view("f8"))]
    )
    assert identities(merged) == [(0, 0, struct.pack("<d", nan))]


def test_nothing_merges_into_nothing() -> None:
    """No pieces, or pieces without rows, give columns without rows."""
    assert merge_sorted([]).row_count == 0
    assert merge_sorted([Points.empty(), Points.empty()]).row_count == 0


@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_ordered_integers_sort_as_their_floats_and_lead_back(values: list[float]) -> None:
    """The mapping keeps order and loses no bit."""
    column = np.array(values)
    ordered = as_ordered(column)
    assert from_ordered(ordered).tobytes() == column.tobytes()
    assert column[np.argsort(ordered, kind="stable")].tolist() == sorted(values)
