"""The route that completes filters with the values that a field has."""

from __future__ import annotations

from typing import Any

import pytest

from assay.domain.access import LOCAL_OWNER, Actor, Role
from assay.faces.dispatch import Dispatcher
from assay.faces.native import run_values as routes
from assay.services import run_values
from assay.services.run_values import RunValues
from tests.support.native_app import ask, native_app
from tests.support.platform import START_MS, an_actor
from tests.support.tracking import Tracking

VALUES = "/api/v1/experiments/0/values"


def an_app(tracking: Tracking, actor: Actor = LOCAL_OWNER) -> Dispatcher:
    """The route, asked by one actor."""
    return native_app(
        tracking.platform,
        routes.ENDPOINTS,
        lambda: actor,
        run_values=RunValues(tracking.platform),
    )


@pytest.fixture
def app(tracking: Tracking) -> Dispatcher:
    """The route on five runs of one experiment and one of another."""
    for place, algorithm in enumerate(["grpo", "grpo", "dapo", "GSPO", "it's"]):
        tracking.a_run(
            name=f"run-{place}",
            params={"algorithm": algorithm, "note": "" if place else "x" * 300},
            tags={"team": "red" if place % 2 else "blue"},
            started_at_ms=START_MS + place,
        )
    other = tracking.experiments.create(tracking.context, "other")
    tracking.a_run(other.experiment_id, params={"algorithm": "ppo"})
    return an_app(tracking)


def found(app: Dispatcher, field: str, **query: Any) -> list[tuple[str, int]]:
    """The values and their numbers of runs."""
    answer = ask(app, "GET", VALUES, params={"field": field, **query})
    assert answer.status_code == 200, answer.text
    return [(each["value"], each["runs"]) for each in answer.json()["values"]]


def test_values_come_by_how_many_runs_have_them(app: Dispatcher) -> None:
    """Then by their bytes; only those of this experiment."""
    assert found(app, "params.algorithm") == [("grpo", 2), ("GSPO", 1), ("dapo", 1), ("it's", 1)]
    assert found(app, "tags.team") == [("blue", 3), ("red", 2)]


def test_a_prefix_is_taken_in_any_case(app: Dispatcher) -> None:
    """What was typed is a beginning, not a pattern."""
    assert found(app, "params.algorithm", prefix="G") == [("grpo", 2), ("GSPO", 1)]
    assert found(app, "params.algorithm", prefix="it'") == [("it's", 1)]
    assert found(app, "params.algorithm", prefix="%") == []


def test_attributes_have_values_too(app: Dispatcher) -> None:
    """Whatever a filter compares as a text, under any of its names."""
    assert found(app, "run_name", prefix="run-3") == [("run-3", 1)]
    assert found(app, "attributes.status") == [("running", 5)]
    assert found(app, "tags.`mlflow.runName`", prefix="run-4") == [("run-4", 1)]


def test_values_that_nobody_picks_are_left_out(app: Dispatcher) -> None:
    """Empty ones and those too long for a list."""
    assert found(app, "params.note") == []
    assert found(app, "params.unknown") == []


def test_a_list_has_an_end(app: Dispatcher) -> None:
    """The most frequent stay; the largest list has a limit."""
    assert found(app, "params.algorithm", max_results=1) == [("grpo", 2)]
    too_many = ask(app, "GET", VALUES, params={"field": "run_name", "max_results": 101})
    assert too_many.status_code == 422


def test_only_the_newest_runs_are_looked_at(
    app: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the cost has a bound, and the answer says that older runs were left out."""
    whole = ask(app, "GET", VALUES, params={"field": "params.algorithm"}).json()
    monkeypatch.setattr(run_values, "NEWEST_RUNS", 2)
    part = ask(app, "GET", VALUES, params={"field": "params.algorithm"}).json()

    assert whole["is_whole"] is True
    assert [each["value"] for each in part["values"]] == ["GSPO", "it's"]
    assert part["is_whole"] is False


def test_deleted_runs_are_asked_for_by_name(app: Dispatcher, tracking: Tracking) -> None:
    """The bin has values of its own."""
    gone = tracking.a_run(params={"algorithm": "old"})
    tracking.runs.delete(tracking.context, gone.run.run_id)

    assert found(app, "params.algorithm", prefix="old") == []
    assert found(app, "params.algorithm", lifecycle="deleted") == [("old", 1)]


@pytest.mark.parametrize("field", ["metrics.loss", "start_time", "params.", "nonsense"])
def test_a_field_without_texts_is_refused(app: Dispatcher, field: str) -> None:
    """A metric has too many values to pick from, and what no filter knows has none."""
    answer = ask(app, "GET", VALUES, params={"field": field})
    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == "field"


def test_strangers_find_no_experiment(app: Dispatcher, tracking: Tracking) -> None:
    """Whoever may not read the workspace learns nothing of what is in it."""
    stranger = an_app(tracking, an_actor("eve", Role.VIEWER, workspace="elsewhere"))
    for where in (VALUES, "/api/v1/experiments/77/values"):
        assert ask(stranger, "GET", where, params={"field": "run_name"}).status_code == 404
    assert (
        ask(app, "GET", "/api/v1/experiments/77/values", params={"field": "run_name"}).status_code
        == 404
    )
