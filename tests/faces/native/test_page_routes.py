"""Routes that the page needs: saved views, and whole tables of runs as files."""

from __future__ import annotations

import csv
import io

import pyarrow.parquet as pq
import pytest

from assay.faces.dispatch import Dispatcher
from assay.faces.native import run_export, saved_views
from assay.services.saved_views import SavedViews
from tests.support.native_app import ask, native_app
from tests.support.tracking import Tracking

RUNS = "/api/v1/experiments/0/runs"


@pytest.fixture
def app(tracking: Tracking) -> Dispatcher:
    """The routes, with two runs of which one has a hostile name."""
    tracking.a_run(name="first", metrics={"loss": 0.5}, params={"lr": "1e-5"})
    tracking.a_run(name='a,"b"=1', metrics={"acc": float("nan")}, tags={"kept": "yes"})
    return native_app(
        tracking.platform,
        (*run_export.ENDPOINTS, *saved_views.ENDPOINTS),
        experiments=tracking.experiments,
        search=tracking.search,
        saved_views=SavedViews(tracking.platform),
    )


def test_a_table_of_runs_comes_as_csv(app: Dispatcher) -> None:
    """One row for each run, one column for each key that any run has, whatever stands in them."""
    answer = ask(app, "GET", f"{RUNS}.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert {row["name"] for row in rows} == {"first", 'a,"b"=1'}
    (first,) = [row for row in rows if row["name"] == "first"]
    assert (first["metrics.loss"], first["params.lr"], first["tags.kept"]) == ("0.5", "1e-5", "")


def test_a_table_of_runs_comes_as_parquet_with_types(app: Dispatcher) -> None:
    """Metrics are doubles and NaN stays NaN; what a run does not have is null."""
    answer = ask(app, "GET", f"{RUNS}.parquet")
    table = pq.read_table(io.BytesIO(answer.content)).to_pylist()

    assert (
        answer.headers["content-disposition"] == 'attachment; filename="experiment-0-runs.parquet"'
    )
    by_name = {row["name"]: row for row in table}
    assert by_name["first"]["metrics.loss"] == 0.5
    assert by_name["first"]["metrics.acc"] is None
    assert str(by_name['a,"b"=1']["metrics.acc"]) == "nan"


def test_only_what_matches_is_in_the_file(app: Dispatcher) -> None:
    """The filter is the one of searches; an empty table still has its header."""
    some = ask(app, "GET", f"{RUNS}.csv", params={"filter": "params.lr = '1e-5'"}).text
    none = ask(app, "GET", f"{RUNS}.csv", params={"filter": "params.lr = 'x'"}).text

    assert len(some.splitlines()) == 2
    assert none == "run_id,name,experiment_id,status,user_name,started_at_ms,ended_at_ms\n"


def test_an_experiment_that_is_not_there_has_no_file(app: Dispatcher) -> None:
    """Not an empty table: whoever mistyped is told."""
    assert ask(app, "GET", "/api/v1/experiments/77/runs.csv").status_code == 404


def test_a_view_comes_back_as_it_was_saved(app: Dispatcher) -> None:
    """Whatever JSON the page keeps, and under any name that fits into an address."""
    state = {"filter": "metrics.`a/b` > 1", "smooth": 0.6, "hide": ["x"], "logx": True}
    path = "/api/v1/experiments/0/views"
    assert ask(app, "PUT", f"{path}/weekly%20%C3%BC", json={"state": state}).status_code == 200

    (view,) = ask(app, "GET", path).json()["views"]
    assert (view["name"], view["state"]) == ("weekly ü", state)
    assert ask(app, "PUT", f"{path}/x", json={"state": [1]}).status_code == 422
    assert ask(app, "DELETE", f"{path}/weekly%20%C3%BC").status_code == 200
    assert ask(app, "GET", path).json() == {"views": []}
