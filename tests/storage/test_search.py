"""Search on both engines, compared with a plain-Python reading of the same rules."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.domain.errors import InvalidArgument
from assay.domain.filters import Comparison, OrderBy, parse_filter, parse_order_by
from assay.domain.grammars import RUNS
from assay.domain.tracking import View, WholeRun
from assay.storage import search
from assay.storage.search import RunQuery, search_runs
from assay.storage.whole_runs import load_runs, load_whole_runs
from tests.support.platform import START_MS
from tests.support.tracking import Tracking

MANY = 40
NAMES = ("one", "Two", "three%", "four_", "fünf\\")
VALUES = ("a", "B", "b", "10", "9", "", "x%y", "x_y", "c\\")
METRICS = (0.0, -1.5, 2.0, 2.0, 2.0, 1e300, math.nan, math.inf, -math.inf)


def _populate(tracking: Tracking) -> list[WholeRun]:
    random = Random(7)
    made = [
        tracking.a_run(
            name=random.choice(NAMES),
            started_at_ms=START_MS + random.randrange(5),
            metrics={k: random.choice(METRICS) for k in ("loss", "acc") if random.random() < 0.7},
            params={k: random.choice(VALUES) for k in ("lr", "base") if random.random() < 0.7},
            tags={k: random.choice(VALUES) for k in ("team", "note") if random.random() < 0.7},
        )
        for _ in range(MANY)
    ]
    with tracking.database.read() as tx:
        return list(load_whole_runs(tx, load_runs(tx, [whole.run.pk for whole in made])))


@dataclass(frozen=True)
class Missing:
    """No value: after everything, in both directions."""


def _value(whole: WholeRun, entity: str, key: str) -> Any:
    if entity == "metric":
        found = [metric.value for metric in whole.metrics if metric.key == key]
        return found[0] if found else Missing()
    if entity in ("param", "tag"):
        return (whole.params if entity == "param" else whole.tags).get(key, Missing())
    return {
        "run_id": whole.run.run_id,
        "run_name": whole.run.name,
        "status": whole.run.status.value,
        "start_time": whole.run.started_at_ms,
    }[key]


def _like(pattern: str, value: str) -> bool:
    parts = {"%": ".*", "_": "."}
    expression = "".join(parts.get(mark, re.escape(mark)) for mark in pattern)
    return re.fullmatch(expression, value, re.DOTALL) is not None


def _ascii_lower(value: str) -> str:
    return "".join(mark.lower() if mark.isascii() else mark for mark in value)


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "LIKE": lambda left, right: _like(right, left),
    "ILIKE": lambda left, right: _like(_ascii_lower(right), _ascii_lower(left)),
    "IN": lambda left, right: left in right,
    "NOT IN": lambda left, right: left not in right,
}


def _matches(whole: WholeRun, clause: Comparison) -> bool:
    value = _value(whole, clause.entity, clause.key)
    if clause.operator == "IS NULL":
        return isinstance(value, Missing)
    if isinstance(value, Missing):
        return False
    return clause.operator == "IS NOT NULL" or COMPARE[clause.operator](value, clause.value)


def _order_key(whole: WholeRun, orders: Sequence[OrderBy]) -> list[Any]:
    keys: list[Any] = []
    for order in orders:
        value = _value(whole, order.entity, order.key)
        if isinstance(value, Missing):
            keys.append((2,))
        elif isinstance(value, float) and math.isnan(value):
            keys.append((1,))
        elif order.ascending:
            keys.append((0, value))
        else:
            keys.append((0, _Reversed(value)))
    return [*keys, -(whole.run.started_at_ms or 0), whole.run.run_id]


@dataclass(frozen=True)
class _Reversed:
    value: Any

    def __lt__(self, other: _Reversed) -> bool:
        return bool(other.value < self.value)


def _expected(runs: Sequence[WholeRun], query: RunQuery) -> list[str]:
    found = [run for run in runs if all(_matches(run, clause) for clause in query.filter)]
    found.sort(key=lambda whole: _order_key(whole, query.order_by))
    return [whole.run.run_id for whole in found]


def _found(tracking: Tracking, query: RunQuery, page: int) -> list[str]:
    found: list[str] = []
    carried = None
    for _ in range(MANY + 1):
        with tracking.database.read() as tx:
            keys = search_runs(tx, query, carried, page)
            found += [run.run_id for run in load_runs(tx, keys.pks)]
        carried = keys.carried
        if carried is None:
            return found
    raise AssertionError("the pages do not end")


def _texts() -> st.SearchStrategy[tuple[str, Any]]:
    some = st.sampled_from((*VALUES, *NAMES, "%b%", "_", "%"))
    return st.one_of(
        st.tuples(st.sampled_from(["=", "!=", "LIKE", "ILIKE"]), some),
        st.tuples(st.sampled_from(["IS NULL", "IS NOT NULL"]), st.none()),
    )


NUMBERS = st.tuples(
    st.sampled_from(["=", "!=", ">", ">=", "<", "<="]), st.sampled_from([0.0, 2.0, 1, 1e300])
)
CLAUSES = st.one_of(
    st.tuples(st.just("metric"), st.sampled_from(["loss", "acc", "unknown"]), NUMBERS),
    st.tuples(st.just("param"), st.sampled_from(["lr", "base"]), _texts()),
    st.tuples(st.just("tag"), st.sampled_from(["team", "note", "unknown"]), _texts()),
    st.tuples(
        st.just("attribute"),
        st.just("run_name"),
        st.tuples(st.sampled_from(["=", "!=", "LIKE", "ILIKE"]), st.sampled_from(NAMES)),
    ),
    st.tuples(
        st.just("attribute"),
        st.just("start_time"),
        st.tuples(
            st.sampled_from(["=", "!=", ">", ">=", "<", "<="]),
            st.sampled_from([START_MS + 1, START_MS + 2.5, 1e30]),
        ),
    ),
).map(lambda parts: Comparison(parts[0], parts[1], parts[2][0], parts[2][1]))
ORDERS = st.lists(
    st.builds(
        OrderBy,
        st.sampled_from(["metric", "param", "tag"]),
        st.sampled_from(["loss", "acc", "lr", "team"]),
        ascending=st.booleans(),
    )
    | st.builds(
        OrderBy,
        st.just("attribute"),
        st.sampled_from(["run_name", "status"]),
        ascending=st.booleans(),
    ),
    max_size=3,
    unique_by=lambda order: (order.entity, order.key),
)


@pytest.mark.parametrize("plan", ["listing", "metric index"])
def test_search_finds_what_the_rules_say(
    tracking: Tracking, monkeypatch: pytest.MonkeyPatch, plan: str
) -> None:
    """Filter, order and pages agree with a plain reading of the rules, under both plans."""
    if plan == "metric index":
        monkeypatch.setattr(search, "MANY_RUNS", 1)
        monkeypatch.setattr(search, "WINDOW", 4)
        monkeypatch.setattr(search, "FEW", 3)
    runs = _populate(tracking)

    @settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(CLAUSES, max_size=2), ORDERS, st.sampled_from([1, 3, 7, MANY]))
    def agree(clauses: list[Comparison], orders: list[OrderBy], page: int) -> None:
        query = RunQuery([0], clauses, orders)
        assert _found(tracking, query, page) == _expected(runs, query)

    agree()


def test_the_metric_index_fills_a_page_by_itself(
    tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With many runs the first page of an order by a metric never looks at the whole listing."""
    runs = _populate(tracking)
    monkeypatch.setattr(search, "MANY_RUNS", 1)
    monkeypatch.setattr(
        search._Search, "by_listing", lambda *_: pytest.fail("the listing was read")
    )
    query = RunQuery([0], (), [OrderBy("metric", "loss", ascending=False)])
    with tracking.database.read() as tx:
        page = search_runs(tx, query, None, 5)
        found = [run.run_id for run in load_runs(tx, page.pks)]
    assert found == _expected(runs, query)[:5]
    assert page.carried is not None


def test_pages_are_right_while_runs_are_added(tracking: Tracking) -> None:
    """A run that starts meanwhile neither repeats nor hides one of a page to come."""
    runs = _populate(tracking)
    query = RunQuery([0])
    seen: list[str] = []
    carried = None
    while True:
        with tracking.database.read() as tx:
            page = search_runs(tx, query, carried, 6)
            seen += [run.run_id for run in load_runs(tx, page.pks)]
        carried = page.carried
        if carried is None:
            break
        tracking.a_run(started_at_ms=START_MS + 1_000)
        tracking.a_run(started_at_ms=START_MS + 3)
    known = {whole.run.run_id for whole in runs}
    assert [run_id for run_id in seen if run_id in known] == _expected(runs, query)
    assert len(seen) == len(set(seen))


def test_experiments_and_lifecycles_bound_a_search(tracking: Tracking) -> None:
    """Only runs of the named experiments are found, and only those of the view."""
    other = tracking.experiments.create(tracking.context, "other").experiment_id
    here = tracking.a_run().run.run_id
    there = tracking.a_run(other).run.run_id
    gone = tracking.a_run().run.run_id
    tracking.runs.delete(tracking.context, gone)
    both = RunQuery([0, int(other)])
    assert set(_found(tracking, both, 10)) == {here, there}
    assert _found(tracking, RunQuery([0]), 10) == [here]
    assert _found(tracking, replace(both, view=View.DELETED), 10) == [gone]
    assert set(_found(tracking, replace(both, view=View.ALL), 10)) == {here, there, gone}


@pytest.mark.parametrize(
    ("clause", "is_found"),
    [
        ("dataset.name = 'train'", True),
        ("datasets.name LIKE 'tr%'", True),
        ("dataset.name != 'train'", False),
        ("dataset.digest IN ('d1', 'x')", True),
        ("dataset.context = 'training'", True),
        ("dataset.context = 'eval'", False),
    ],
)
def test_runs_are_found_by_their_datasets(
    tracking: Tracking, clause: str, *, is_found: bool
) -> None:
    """Name, digest and context of a dataset that a run read can be asked for."""
    from assay.domain.tracking import Dataset, RunInput

    run_id = tracking.a_run().run.run_id
    tracking.a_run()
    given_input = RunInput(Dataset("train", "d1", "local", "{}"), {"context": "training"})
    tracking.datasets.log_inputs(tracking.context, run_id, [given_input])
    query = RunQuery([0], parse_filter(clause, RUNS))
    assert _found(tracking, query, 10) == ([run_id] if is_found else [])


def test_an_artifact_uri_can_be_asked_for(tracking: Tracking) -> None:
    """The address of a run's artifacts starts at its experiment's, or at the root that is given."""
    placed = tracking.experiments.create(tracking.context, "p", artifact_location="s3://b/p")
    default = tracking.a_run().run.run_id
    moved = tracking.a_run(placed.experiment_id).run.run_id
    for run_id, uri in ((default, f"m:/0/{default}"), (moved, f"s3://b/p/{moved}")):
        clauses = parse_filter(f"artifact_uri = '{uri}/artifacts'", RUNS)
        query = RunQuery([0, int(placed.experiment_id)], clauses, artifact_root="m:/")
        assert _found(tracking, query, 10) == [run_id]


@pytest.mark.parametrize(
    "carried",
    [
        (),
        (0, 1.0, START_MS),
        (0, 1.0, START_MS, "r", "more"),
        (3, 1.0, START_MS, "r"),
        (-1, 1.0, START_MS, "r"),
        (True, 1.0, START_MS, "r"),
        (0, "1.0", START_MS, "r"),
        (0, 1, START_MS, "r"),
        (0, None, START_MS, "r"),
        (0, 1.0, 2**63, "r"),
        (0, 1.0, START_MS, 5),
    ],
)
def test_values_of_another_order_are_refused(
    sqlite_tracking: Tracking, carried: tuple[Any, ...]
) -> None:
    """A page token whose values do not fit the order is the client's mistake, not the database's."""
    query = RunQuery([0], (), parse_order_by(["metrics.loss"], RUNS))
    with (
        sqlite_tracking.database.read() as tx,
        pytest.raises(InvalidArgument, match="page_token"),
    ):
        search_runs(tx, query, carried, 5)


def test_a_long_pattern_is_refused(tracking: Tracking) -> None:
    """A pattern beyond the limit is refused by name instead of failing in one of the databases."""
    query = RunQuery([0], [Comparison("tag", "t", "LIKE", "%" * 10_001)])
    with tracking.database.read() as tx, pytest.raises(InvalidArgument, match="LIKE"):
        search_runs(tx, query, None, 5)


def test_hostile_text_is_only_text(tracking: Tracking) -> None:
    """What looks like SQL is compared as the text that it is."""
    hostile = "'; DROP TABLE runs; --"
    run_id = tracking.a_run(params={hostile: hostile}, tags={hostile: "%s %(x)s :x ?"}).run.run_id
    clauses = [
        Comparison("param", hostile, "=", hostile),
        Comparison("tag", hostile, "LIKE", "\\%s%"),
    ]
    assert _found(tracking, RunQuery([0], clauses[:1]), 5) == [run_id]
    assert _found(tracking, RunQuery([0], clauses), 5) == []
    orders = [OrderBy("param", hostile), OrderBy("tag", hostile, ascending=False)]
    assert _found(tracking, RunQuery([0], (), orders), 1) == [run_id]
