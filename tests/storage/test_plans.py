"""The queries that must stay quick use the indexes that were made for them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from assay.domain.filters import Comparison, OrderBy
from assay.storage import runs, search
from assay.storage.database import Transaction
from assay.storage.files import RUN_FILES
from assay.storage.search import RunQuery, search_runs
from assay.storage.whole_runs import load_runs, load_whole_runs
from tests.support.tracking import Tracking


class Explained:
    """Collects SQLite's plan of every statement that a transaction runs."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._statements: list[tuple[str, Any]] = []
        event.listen(tx.connection, "before_cursor_execute", self._note)

    def _note(self, *arguments: Any) -> None:
        _, _, statement, parameters, _, _ = arguments
        self._statements.append((statement, parameters))

    def steps(self) -> list[str]:
        """The steps of all plans so far."""
        event.remove(self._tx.connection, "before_cursor_execute", self._note)
        found: list[str] = []
        for statement, parameters in self._statements:
            rows = self._tx.driver_rows(f"EXPLAIN QUERY PLAN {statement}", parameters)
            found += [row[3] for row in rows]
        return found


def _scans(steps: list[str]) -> list[str]:
    return [step for step in steps if step.startswith("SCAN") and "json_each" not in step]


def test_the_newest_runs_come_from_the_listing_in_order(sqlite_tracking: Tracking) -> None:
    """The first page of an experiment is read off the index, without sorting its runs."""
    with sqlite_tracking.database.read() as tx:
        explained = Explained(tx)
        search_runs(tx, RunQuery([0]), None, 100)
        steps = explained.steps()
    assert len(steps) == 1
    assert "INDEX ix_runs_listing (experiment_id=? AND lifecycle=?)" in steps[0]


def test_a_search_looks_up_what_it_compares(sqlite_tracking: Tracking) -> None:
    """Params, tags and metrics of a run are found by their keys; no table is read through."""
    query = RunQuery(
        [0],
        [
            Comparison("metric", "acc", ">", 0.5),
            Comparison("param", "lr", "=", "1"),
            Comparison("tag", "team", "LIKE", "a%"),
        ],
        [OrderBy("metric", "loss", ascending=False)],
    )
    with sqlite_tracking.database.read() as tx:
        explained = Explained(tx)
        search_runs(tx, query, None, 100)
        steps = explained.steps()
    assert _scans(steps) == []
    looked_up = [step for step in steps if "PRIMARY KEY (run_pk=? AND key" in step]
    assert len(looked_up) == 4


def test_many_runs_are_ordered_from_the_metrics_index(
    sqlite_tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With many runs an order by a metric starts at its best values."""
    monkeypatch.setattr(search, "MANY_RUNS", 1)
    for number in range(3):
        sqlite_tracking.a_run(metrics={"loss": float(number)})
    query = RunQuery([0], (), [OrderBy("metric", "loss")])
    with sqlite_tracking.database.read() as tx:
        explained = Explained(tx)
        search_runs(tx, query, None, 2)
        steps = explained.steps()
    assert _scans(steps) == []
    assert any(
        step.startswith("SEARCH order_0 USING COVERING INDEX ix_metric_summaries_lookup")
        for step in steps
    )


@pytest.mark.parametrize("operator", ["=", ">", ">=", "<", "<="])
def test_a_rare_value_of_a_metric_is_looked_up(
    sqlite_tracking: Tracking, monkeypatch: pytest.MonkeyPatch, operator: str
) -> None:
    """With many runs only those that have it are looked at, and the same ones are found."""
    for number in range(3):
        sqlite_tracking.a_run(metrics={"loss": float(number)})
    query = RunQuery([0], [Comparison("metric", "loss", operator, 1.0)])  # type: ignore[arg-type]
    with sqlite_tracking.database.read() as tx:
        listed = search_runs(tx, query, None, 10)
        monkeypatch.setattr(search, "MANY_RUNS", 1)
        explained = Explained(tx)
        assert search_runs(tx, query, None, 10) == listed
        steps = explained.steps()
    assert len(listed.pks) in {1, 2}
    assert _scans(steps) == []
    assert any(step.startswith("SEARCH runs USING INTEGER PRIMARY KEY") for step in steps)


def test_a_common_value_of_a_metric_is_found_in_the_listing(
    sqlite_tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of the newest is then read off in order, and not sorted out of all that have it."""
    for number in range(3):
        sqlite_tracking.a_run(metrics={"loss": float(number)})
    query = RunQuery([0], [Comparison("metric", "loss", ">=", 0.0)])
    monkeypatch.setattr(search, "MANY_RUNS", 1)
    monkeypatch.setattr(search, "FEW", 2)
    with sqlite_tracking.database.read() as tx:
        explained = Explained(tx)
        assert len(search_runs(tx, query, None, 10).pks) == 3
        steps = explained.steps()
    assert not any(step.startswith("SEARCH runs USING INTEGER PRIMARY KEY") for step in steps)


def test_reading_runs_reads_no_table_through(sqlite_tracking: Tracking) -> None:
    """One run or a page of them: every statement goes by keys."""
    whole = sqlite_tracking.a_run(metrics={"a": 1.0}, params={"b": "1"}, tags={"c": "1"})
    with sqlite_tracking.database.read() as tx:
        explained = Explained(tx)
        runs.find_run(tx, whole.run.run_id)
        runs.find_handle(tx, whole.run.run_id)
        RUN_FILES.walk(tx, whole.run.pk, "model")
        RUN_FILES.find_clash(tx, whole.run.pk, "a/b/c")
        steps = explained.steps()
        assert _scans(steps) == []
        assert load_whole_runs(tx, load_runs(tx, [whole.run.pk]))[0].params == {"b": "1"}
