"""A thinned curve shows every extreme and invents nothing."""

import math
from fractions import Fraction
from itertools import pairwise
from math import inf, nan

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assay.domain.errors import InvalidArgument
from assay.series.buckets import Axis, Buckets, bucketed, sample_rows, within_steps
from assay.series.points import Points, merge_sorted

INT64 = st.integers(-(2**63), 2**63 - 1)
STEPS = st.one_of(st.integers(0, 60), INT64)
TIMES = st.one_of(st.integers(0, 60), INT64)
VALUES = st.one_of(
    st.floats(-100, 100), st.floats(), st.sampled_from([nan, inf, -inf, 0.1, 1.7e308])
)
SERIES = st.lists(st.tuples(STEPS, TIMES, VALUES), min_size=1, max_size=80).map(
    lambda rows: merge_sorted(
        [
            Points(
                np.array([row[0] for row in rows], np.int64),
                np.array([row[1] for row in rows], np.int64),
                np.array([row[2] for row in rows], np.float64),
            )
        ]
    )
)
AXES: st.SearchStrategy[Axis] = st.sampled_from(["step", "time"])


def line(values: list[float]) -> Points:
    """Points at the steps 0, 1, 2 ... and ten seconds apart."""
    steps = np.arange(len(values))
    return Points(steps, 1_760_000_000_000 + 10_000 * steps, np.array(values, np.float64))


def numbers(values: list[float]) -> list[float]:
    """The values without NaN."""
    return [value for value in values if not math.isnan(value)]


def along(points: Points, axis: Axis) -> list[tuple[int, int, float]]:
    """The rows in the order in which a chart over that axis draws them."""
    rows = list(zip(*(column.tolist() for column in points), strict=True))
    return sorted(rows, key=lambda row: row[1]) if axis == "time" else rows


def rows_of(found: Buckets) -> list[dict[str, float]]:
    """The buckets one by one."""
    columns = {name: column.tolist() for name, column in found._asdict().items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


@given(SERIES, st.integers(1, 30), AXES)
@example(line([0.1, 0.1, 0.1]), 1, "step")
@example(line([1.7e308, 1.7e308, nan]), 1, "step")
@example(line([inf, -inf]), 1, "time")
@example(line([-inf, 1.7e308, 1.7e308]), 1, "step")
def test_buckets_cut_the_curve_into_stretches_that_tell_what_is_in_them(
    points: Points, buckets: int, axis: Axis
) -> None:
    """Each point is in exactly one bucket; count, extremes, mean and last are those of its points."""
    rows = along(points, axis)
    found = rows_of(bucketed(*points, buckets=buckets, axis=axis))
    assert 1 <= len(found) <= buckets
    for bucket in found:
        inside, rows = rows[: int(bucket["counts"])], rows[int(bucket["counts"]) :]
        assert inside
        assert (bucket["first_steps"], bucket["last_steps"]) == (inside[0][0], inside[-1][0])
        assert bucket["first_timestamps_ms"] == inside[0][1]
        assert bucket["last_timestamps_ms"] == inside[-1][1]
        assert repr(bucket["lasts"]) == repr(inside[-1][2])
        shown = numbers([row[2] for row in inside])
        assert_summary(bucket, shown)
    assert rows == []


def assert_summary(bucket: dict[str, float], shown: list[float]) -> None:
    """Extremes are exact; the mean is right to rounding and never outside of them."""
    if not shown:
        assert all(math.isnan(bucket[name]) for name in ("minima", "maxima", "means"))
        return
    assert (bucket["minima"], bucket["maxima"]) == (min(shown), max(shown))
    if inf in shown and -inf in shown:
        assert math.isnan(bucket["means"])
    elif inf in shown or -inf in shown:
        assert bucket["means"] == sum(numbers([v for v in shown if math.isinf(v)]))
    else:
        assert bucket["minima"] <= bucket["means"] <= bucket["maxima"]
        exact = float(sum(map(Fraction, shown)) / len(shown))
        largest = max(abs(value) for value in shown)
        assert bucket["means"] == pytest.approx(exact, rel=1e-12, abs=largest * 1e-12)


@given(SERIES, AXES)
def test_no_more_points_than_buckets_means_every_point_as_it_is(points: Points, axis: Axis) -> None:
    """Zoomed in far enough, a chart shows what was logged, bit for bit."""
    found = bucketed(*points, buckets=points.row_count, axis=axis)
    rows = along(points, axis)
    assert found.counts.tolist() == [1] * len(rows)
    assert found.first_steps.tolist() == found.last_steps.tolist() == [row[0] for row in rows]
    values = np.array([row[2] for row in rows])
    for column in (found.minima, found.maxima, found.means, found.lasts):
        assert column.tobytes() == values.tobytes()


@given(SERIES, STEPS, STEPS, st.integers(1, 10))
def test_a_zoom_sees_the_points_between_its_bounds(
    points: Points, start: int, end: int, buckets: int
) -> None:
    """Both bounds are included; a stretch without points has no buckets."""
    inside = points.rows((points.steps >= start) & (points.steps <= end))
    found = bucketed(*points, buckets=buckets, start_step=start, end_step=end)
    expected = bucketed(*inside, buckets=buckets)
    for column, wanted in zip(found, expected, strict=True):
        assert column.tobytes() == wanted.tobytes()
    assert int(found.counts.sum()) == inside.row_count


def test_buckets_are_equally_wide_stretches_of_the_axis() -> None:
    """A gap in the curve stays a gap: buckets without points are left out, none grows over it."""
    steps = np.array([0, 1, 2, 3, 90, 99])
    found = bucketed(steps, steps * 1000, steps / 2, buckets=5)
    assert found.first_steps.tolist() == [0, 90]
    assert found.last_steps.tolist() == [3, 99]
    assert found.counts.tolist() == [4, 2]


@pytest.mark.parametrize("buckets", [1, 2, 3])
def test_the_axis_may_span_all_of_int64(buckets: int) -> None:
    """The widest curve there is still falls into buckets, its ends into the first and the last."""
    points = line([0.5, 0.25, 0.125, 1.0])
    widest = points._replace(steps=np.array([-(2**63), -1, 0, 2**63 - 1]))
    found = bucketed(*widest, buckets=buckets)
    assert found.counts.tolist() == {1: [4], 2: [2, 2], 3: [1, 2, 1]}[buckets]


def test_time_and_step_may_disagree() -> None:
    """A resumed run repeats steps later: over time its points come in the order of the clock."""
    points = merge_sorted(
        [Points(np.array([0, 1, 2, 1]), np.array([10, 20, 30, 40]), np.array([4.0, 3.0, 2.0, 9.0]))]
    )
    found = bucketed(*points, buckets=1, axis="time")
    assert (found.first_steps.tolist(), found.last_steps.tolist()) == ([0], [1])
    assert found.lasts.tolist() == [9.0]
    assert bucketed(*points, buckets=1).lasts.tolist() == [2.0]


@pytest.mark.parametrize("limit", [0, -1])
def test_less_than_one_row_is_refused(limit: int) -> None:
    """The refusal names the field."""
    with pytest.raises(InvalidArgument) as refusal:
        bucketed(*line([0.5]), buckets=limit)
    assert refusal.value.field == "buckets"
    with pytest.raises(InvalidArgument) as refusal:
        sample_rows(line([0.5]), limit)
    assert refusal.value.field == "limit"


@given(st.integers(1, 400), st.integers(1, 120))
def test_a_sample_keeps_first_and_last_and_spreads_the_rest(count: int, limit: int) -> None:
    """The first row of each of equal parts; of the last part it is the last row."""
    steps = sample_rows(line([0.5] * count), limit).steps.tolist()
    assert len(steps) == min(count, limit)
    assert steps[-1] == count - 1
    assert steps[0] == 0 or limit == 1
    starts = [*steps[:-1], count - (count // limit)] if count > limit else steps
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert not gaps or (min(gaps) >= 1 and max(gaps) - min(gaps) <= 1)


@pytest.mark.parametrize(
    ("count", "limit", "chosen"),
    [(10, 5, [0, 2, 4, 6, 9]), (20, 5, [0, 4, 8, 12, 19]), (11, 4, [0, 3, 6, 10]), (3, 2, [0, 2])],
)
def test_a_sample_takes_the_rows_that_other_trackers_take(
    count: int, limit: int, chosen: list[int]
) -> None:
    """The earlier parts are one row longer when they cannot all be equal."""
    assert sample_rows(line([0.5] * count), limit).steps.tolist() == chosen


def test_bounds_may_be_left_open() -> None:
    """None is no bound; a bound beyond the points takes them all."""
    points = line([1.0, 2.0, 3.0])
    assert within_steps(points, None, None).steps.tolist() == [0, 1, 2]
    assert within_steps(points, 1, None).steps.tolist() == [1, 2]
    assert within_steps(points, None, 1).steps.tolist() == [0, 1]
    assert within_steps(points, -(2**63), 2**63 - 1).steps.tolist() == [0, 1, 2]
