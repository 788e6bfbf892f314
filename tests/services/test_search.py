"""Searching runs as a use case: pages, tokens, sight. What matches is tested in `tests/storage`."""

import math

import pytest

from assay.domain.errors import InvalidArgument, LimitExceeded
from assay.domain.tracking import LatestMetric, View, WholeRun
from tests.support.platform import START_MS
from tests.support.tracking import Tracking


def _ids(found: tuple[WholeRun, ...]) -> list[str]:
    return [whole.run.run_id for whole in found]


def test_whole_runs_are_found(tracking: Tracking) -> None:
    """A page has each run with its latest metrics, params and tags, by key."""
    tracking.a_run(metrics={"b": 1.5, "a": math.inf}, params={"z": "1", "y": "2"}, tags={"t": ""})
    tracking.a_run()
    second, first = tracking.search.search_runs(
        tracking.context, ["0"], order_by=["metrics.b DESC"]
    ).items[::-1]
    assert (second.metrics, second.params, second.tags) == ((), {}, {})
    assert (list(first.params), first.tags) == (["y", "z"], {"t": ""})
    assert first.metrics == (
        LatestMetric("a", math.inf, START_MS, 1, 1, math.inf, 1, math.inf, 1),
        LatestMetric("b", 1.5, START_MS, 1, 1, 1.5, 1, 1.5, 1),
    )


def test_pages_follow_each_other(tracking: Tracking) -> None:
    """Newest first; the last page has no token."""
    made = [tracking.a_run(started_at_ms=START_MS + n).run.run_id for n in range(5)]
    search = tracking.search.search_runs
    first = search(tracking.context, ["0"], max_results=3)
    assert _ids(first.items) == made[:1:-1]
    last = search(tracking.context, ["0"], max_results=3, page_token=first.next_token)
    assert (_ids(last.items), last.next_token) == (made[1::-1], None)


def test_a_nan_and_infinities_survive_a_token(tracking: Tracking) -> None:
    """Pages of one run go through every kind of value."""
    values = [math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, None]
    for value in values:
        tracking.a_run(metrics={} if value is None else {"m": value})
    found = []
    token = None
    for _ in values:
        page = tracking.search.search_runs(
            tracking.context, ["0"], order_by=["metrics.m DESC"], max_results=1, page_token=token
        )
        found += [whole.metrics[0].value if whole.metrics else None for whole in page.items]
        token = page.next_token
    assert token is None
    assert repr(found[0]) + repr(found[1]) == "inf5e-324"
    assert found[2:4] == [0.0, 0.0]
    assert repr(found[4:]) == "[-inf, nan, None]"


def test_a_token_belongs_to_its_query(sqlite_tracking: Tracking) -> None:
    """Other experiments, filter, order or view than the token's are refused; another page size is not."""
    for _ in range(3):
        sqlite_tracking.a_run()
    search, context = sqlite_tracking.search.search_runs, sqlite_tracking.context
    token = search(context, ["0"], max_results=1).next_token
    assert len(search(context, ["0"], max_results=9, page_token=token).items) == 2
    for experiment_ids, other in (
        (["0", "1"], {}),
        (["0"], {"filter": "tags.a = 'b'"}),
        (["0"], {"order_by": ["run_id"]}),
        (["0"], {"view": View.ALL}),
    ):
        with pytest.raises(InvalidArgument, match="another query"):
            search(context, experiment_ids, page_token=token, **other)  # type: ignore[arg-type]


def test_limits_are_said(sqlite_tracking: Tracking) -> None:
    """A page size, a filter and the number of experiments are bounded, each by name."""
    search, context = sqlite_tracking.search.search_runs, sqlite_tracking.context
    for size in (0, 50_001):
        with pytest.raises(InvalidArgument) as caught:
            search(context, ["0"], max_results=size)
        assert caught.value.field == "max_results"
    with pytest.raises(InvalidArgument) as caught:
        search(context, ["0"], filter="metrics.a > 'x'")
    assert caught.value.field == "filter"
    with pytest.raises(InvalidArgument) as caught:
        search(context, ["0"], order_by=["dataset.name"])
    assert caught.value.field == "order_by"
    with pytest.raises(LimitExceeded):
        search(context, [str(number) for number in range(1_001)])
    with pytest.raises(InvalidArgument):
        search(context, ["a b"])
    assert search(context, []).items == ()
    assert search(context, ["99", "abc"]).items == ()
