"""Summaries in columns say what the domain's summary of each series says."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.metric import MetricPoint, Summary, summarise
from assay.series.summaries import SeriesPoints, Summaries, summarised
from tests.support.metric_points import columns_of, metric_points, without_signs

ROWS = st.lists(st.tuples(st.integers(0, 4), metric_points()), min_size=1, max_size=40)


def row_of(found: Summaries, row: int) -> Summary:
    """One row as the domain's value."""
    least, greatest = float(found.minima[row]), float(found.maxima[row])
    is_empty = np.isnan(least)
    return Summary(
        int(found.counts[row]),
        True,
        int(found.last_steps[row]),
        int(found.last_timestamps_ms[row]),
        float(found.last_values[row]),
        None if is_empty else least,
        None if is_empty else int(found.min_steps[row]),
        None if is_empty else greatest,
        None if is_empty else int(found.max_steps[row]),
        int(found.first_steps[row]),
        int(found.first_timestamps_ms[row]),
    )


@given(ROWS)
def test_every_series_is_summarised_as_the_domain_does(
    rows: list[tuple[int, MetricPoint]],
) -> None:
    """In any order, with repeated points, NaN and infinities; a zero has no sign."""
    by_series: dict[int, list[MetricPoint]] = {}
    for series, point in rows:
        by_series.setdefault(series, []).append(point)
    columns = columns_of(point for _, point in rows)

    found = summarised(SeriesPoints(np.array([series for series, _ in rows]), *columns))

    assert found.series.tolist() == sorted(by_series)
    assert [repr(row_of(found, row)) for row in range(len(by_series))] == [
        repr(summarise(without_signs(points))) for _, points in sorted(by_series.items())
    ]


def test_a_long_ascending_batch_is_summarised_without_sorting() -> None:
    """What trainers send: steps that ascend, keys in turn."""
    steps = np.repeat(np.arange(1000), 3)
    series = np.tile(np.arange(3), 1000)

    found = summarised(SeriesPoints(series, steps, steps * 10, np.sin(steps)))

    assert found.counts.tolist() == [1000] * 3
    assert found.last_steps.tolist() == [999] * 3
    assert found.min_steps.tolist() == [int(np.argmin(np.sin(np.arange(1000))))] * 3
