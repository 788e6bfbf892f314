"""The native routes of tracking: what goes in, what comes out, and how refusals read."""

from __future__ import annotations

import base64
import math
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from assay.faces.dispatch import Dispatcher
from assay.faces.native import experiments, logged_models, run_data, runs, workspaces
from tests.support.native_app import ask, native_app
from tests.support.platform import START_MS
from tests.support.tracking import Tracking

ENDPOINTS = (
    *workspaces.ENDPOINTS,
    *experiments.ENDPOINTS,
    *runs.ENDPOINTS,
    *run_data.ENDPOINTS,
    *logged_models.ENDPOINTS,
)


class Rig:
    """The routes on an empty server."""

    def __init__(self, tracking: Tracking) -> None:
        self.tracking = tracking
        self.app: Dispatcher = native_app(
            tracking.platform,
            ENDPOINTS,
            workspaces=tracking.workspaces,
            experiments=tracking.experiments,
            runs=tracking.runs,
            search=tracking.search,
            datasets=tracking.datasets,
            records=tracking.records,
            logged_models=tracking.logged_models,
        )

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx2.Response:
        if body is not None:
            options["json"] = body
        return ask(self.app, method, f"/api/v1{path}", **options)

    def done(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = self.call(method, path, body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str | None, str]:
        """Status, field and message."""
        answer = self.call(method, path, body)
        error = answer.json()["error"]
        return answer.status_code, error.get("field"), error["message"]


@pytest.fixture
def rig(sqlite_tracking: Tracking) -> Rig:
    return Rig(sqlite_tracking)


def test_workspaces_and_policies(rig: Rig) -> None:
    """A workspace is made under the server's policy, which is then changed in parts."""
    made = rig.done("POST", "/workspaces", {"name": "team-b"}, 201)
    server = {"strict_refs": "warn", "closure_at_promotion": "off"}
    assert made["policy"] == {
        "lineage": "required",
        "protected": ["champion", "production"],
        **server,
    }
    changed = rig.done(
        "PATCH", "/workspaces/team-b", {"lineage": "recorded", "protected": ["live"]}
    )
    assert changed["policy"] == {"lineage": "recorded", "protected": ["live"], **server}
    back = rig.done("PATCH", "/workspaces/team-b", {"protected": "inherit"})
    assert back["policy"]["protected"] == ["champion", "production"]
    assert rig.done("GET", "/workspaces/team-b") == back
    listed = rig.done("GET", "/workspaces")["workspaces"]
    assert [found["name"] for found in listed] == ["default", "team-b"]
    assert rig.refused("PATCH", "/workspaces/team-b", {"lineage": "sometimes"})[:2] == (
        422,
        "lineage",
    )
    assert rig.refused("GET", "/workspaces/nowhere")[0] == 404


def test_a_header_names_the_workspace(rig: Rig) -> None:
    """What is made under the header stays in that workspace."""
    rig.done("POST", "/workspaces", {"name": "team-b"}, 201)
    there = {"x-assay-workspace": "team-b"}
    made = rig.call("POST", "/experiments", {"name": "e"}, headers=there)
    assert made.json()["workspace"] == "team-b"
    names = [found["name"] for found in rig.done("GET", "/experiments")["experiments"]]
    assert names == ["Default"]
    unknown = rig.call("POST", "/experiments", {"name": "e"}, headers={"x-assay-workspace": "x"})
    assert unknown.status_code == 404


def test_the_life_of_an_experiment(rig: Rig) -> None:
    """Made, found, renamed, tagged, deleted, restored."""
    made = rig.done("POST", "/experiments", {"name": "sft", "tags": {"a": "1"}}, 201)
    path = f"/experiments/{made['experiment_id']}"
    assert rig.done("GET", path) == made
    assert rig.refused("POST", "/experiments", {"name": "sft"})[:2] == (409, "name")
    same = rig.done("POST", "/experiments", {"name": "sft", "exist_ok": True}, 201)
    assert same == made
    assert rig.done("PATCH", path, {"name": "dpo"})["name"] == "dpo"
    rig.done("PUT", f"{path}/tags/{quote('team/lead', safe='')}", {"value": "x y"})
    assert rig.done("GET", path)["tags"] == {"a": "1", "team/lead": "x y"}
    rig.done("DELETE", f"{path}/tags/a")
    assert rig.refused("DELETE", f"{path}/tags/a")[0] == 404
    rig.done("DELETE", path)
    assert rig.done("GET", path)["lifecycle"] == "deleted"
    assert rig.refused("PATCH", path, {"name": "x"})[0] == 409
    assert rig.done("POST", f"{path}/restore")["lifecycle"] == "active"


def test_experiments_are_searched_in_pages(rig: Rig) -> None:
    """By body or by query parameters."""
    for name in ("a", "b"):
        rig.done("POST", "/experiments", {"name": name}, 201)
    body = {"filter": "name != 'Default'", "order_by": ["name"], "max_results": 1}
    first = rig.done("POST", "/experiments/search", body)
    assert [found["name"] for found in first["experiments"]] == ["a"]
    body["page_token"] = first["next_page_token"]
    second = rig.done("POST", "/experiments/search", body)
    assert [found["name"] for found in second["experiments"]] == ["b"]
    assert second["next_page_token"] is None
    listed = rig.done("GET", "/experiments?order_by=name DESC&max_results=2&view=all")
    assert [found["name"] for found in listed["experiments"]] == ["b", "a"]


def test_the_life_of_a_run(rig: Rig) -> None:
    """Made by experiment name, read, ended, deleted, restored."""
    body = {
        "experiment": "sweep",
        "run_id": "run-1",
        "name": "first",
        "params": {"lr": "1e-5"},
        "tags": {"team": "a"},
        "lineage": '{"seed": 42.0}',
        "started_at_ms": 5,
    }
    made = rig.done("POST", "/runs", body, 201)
    assert made == rig.done("GET", "/runs/run-1")
    assert rig.done("POST", "/runs", body, 201) == made
    assert {key: made[key] for key in ("run_id", "status", "lineage", "params", "metrics")} == {
        "run_id": "run-1",
        "status": "running",
        "lineage": '{"seed": 42.0}',
        "params": {"lr": "1e-5"},
        "metrics": {},
    }
    ended = rig.done("PATCH", "/runs/run-1", {"status": "finished", "ended_at_ms": 9})
    assert (ended["status"], ended["ended_at_ms"]) == ("finished", 9)
    assert "params" not in ended
    rig.done("DELETE", "/runs/run-1")
    rig.done("DELETE", "/runs/run-1")
    status, field, message = rig.refused("POST", "/runs/run-1/tags", {"tags": {"a": "b"}})
    assert (status, field) == (409, "run_id")
    assert "must be in the 'active' state" in message
    assert rig.done("POST", "/runs/run-1/restore")["lifecycle"] == "active"


def test_a_run_shows_its_metrics_exactly(rig: Rig) -> None:
    """NaN and infinities are texts, since JSON has no such numbers."""
    made = rig.tracking.a_run(metrics={"a": math.nan, "b": -math.inf, "c": 0.1})
    metrics = rig.done("GET", f"/runs/{made.run.run_id}")["metrics"]
    assert {key: metric["value"] for key, metric in metrics.items()} == {
        "a": "NaN",
        "b": "-Infinity",
        "c": 0.1,
    }
    assert metrics["a"]["min"] is None
    assert metrics["b"] == {
        "value": "-Infinity",
        "step": 1,
        "timestamp_ms": START_MS,
        "count": 1,
        "min": "-Infinity",
        "min_step": 1,
        "max": "-Infinity",
        "max_step": 1,
    }


def test_runs_are_searched_in_pages(rig: Rig) -> None:
    """Filter, order and token; a refusal names the filter."""
    for number in range(3):
        rig.tracking.a_run(metrics={"loss": number / 10}, params={"lr": str(number)})
    body = {
        "experiment_ids": ["0"],
        "filter": "metrics.loss < 0.15 AND params.lr != '7'",
        "order_by": ["metrics.loss DESC"],
        "max_results": 1,
    }
    first = rig.done("POST", "/runs/search", body)
    second = rig.done("POST", "/runs/search", {**body, "page_token": first["next_page_token"]})
    found = [page["runs"][0]["metrics"]["loss"]["value"] for page in (first, second)]
    assert (found, second["next_page_token"]) == ([0.1, 0.0], None)
    assert rig.refused("POST", "/runs/search", {**body, "filter": "loss >"})[:2] == (422, "filter")
    assert rig.refused("POST", "/runs/search", {**body, "page_token": "x"})[:2] == (
        422,
        "page_token",
    )


def test_params_and_tags(rig: Rig) -> None:
    """A param is written once, tags are replaced, and a batch is whole or refused."""
    run = f"/runs/{rig.tracking.a_run().run.run_id}"
    rig.done("POST", f"{run}/params", {"params": {"lr": "1"}})
    rig.done("POST", f"{run}/params", {"params": {"lr": "1"}})
    assert rig.refused("POST", f"{run}/params", {"params": {"a": "1", "lr": "2"}})[:2] == (
        422,
        "params.lr",
    )
    rig.done("POST", f"{run}/tags", {"tags": {"a/b": "1", "c": "2"}})
    rig.done("DELETE", f"{run}/tags/a%2Fb")
    found = rig.done("GET", run)
    assert (found["params"], found["tags"]) == ({"lr": "1"}, {"c": "2"})
    assert rig.refused("DELETE", f"{run}/tags/a%2Fb")[:2] == (404, "key")


def test_inputs_and_where_they_are_used(rig: Rig) -> None:
    """A dataset that a run read is in the run, and found by experiment."""
    run_id = rig.tracking.a_run().run.run_id
    dataset = {"name": "train", "digest": "d1", "source_type": "local", "source": "{}"}
    rig.done(
        "POST",
        f"/runs/{run_id}/inputs",
        {"inputs": [{"dataset": dataset, "tags": {"context": "train"}}]},
    )
    assert rig.done("GET", f"/runs/{run_id}")["inputs"] == [
        {"dataset": {**dataset, "schema": None, "profile": None}, "tags": {"context": "train"}}
    ]
    assert rig.done("POST", "/datasets/search", {"experiment_ids": ["0"]}) == {
        "datasets": [{"experiment_id": "0", **dataset, "context": "train"}]
    }


def test_lineage_travels_as_text(rig: Rig) -> None:
    """What was sent is what is kept, byte for byte; what is no strict JSON is refused."""
    run = f"/runs/{rig.tracking.a_run().run.run_id}"
    text = '{ "seed": 42.0, "config": {"lr": 1e-05}, "note": "ü" }'
    declare = {"content": text.encode(), "headers": {"content-type": "application/json"}}
    assert rig.call("PUT", f"{run}/lineage", **declare).json()["lineage"] == text
    assert rig.done("GET", f"{run}/lineage")["lineage"] == text
    for content in (b'{"seed": NaN}', b"[1]", b"\xff", b'{"a":1,"a":2}', b'"\\ud800"', b"{"):
        declare["content"] = content
        assert rig.call("PUT", f"{run}/lineage", **declare).status_code == 422
    declare["headers"] = {"content-type": "text/plain"}
    assert rig.call("PUT", f"{run}/lineage", **declare).json()["error"]["field"] == "Content-Type"
    assert rig.done("GET", f"{run}/lineage")["lineage"] == text


def test_step_records(rig: Rig) -> None:
    """Texts come in the list, bytes and long texts by their own address."""
    run = f"/runs/{rig.tracking.a_run().run.run_id}"
    picture = bytes(range(256))
    record = {"key": "samples", "kind": "table", "timestamp_ms": 1}
    rig.done(
        "POST",
        f"{run}/records",
        {
            "records": [
                {**record, "step": 1, "payload": "[1, 2]"},
                {**record, "step": 2, "payload_base64": base64.b64encode(picture).decode()},
            ]
        },
    )
    assert rig.done("GET", f"{run}/records")["keys"] == ["samples"]
    page = rig.done("GET", f"{run}/records?key=samples&max_results=1")
    assert [found["payload"] for found in page["records"]] == ["[1, 2]"]
    rest = rig.done("GET", f"{run}/records?key=samples&page_token={page['next_page_token']}")
    assert [(found["step"], found["payload"]) for found in rest["records"]] == [(2, None)]
    content = f"{run}/records/content?key=samples&step="
    text, blob = rig.call("GET", f"{content}1"), rig.call("GET", f"{content}2")
    assert (text.content, blob.content) == (b"[1, 2]", picture)
    assert blob.headers["content-security-policy"].startswith("sandbox;")
    assert rig.call("GET", f"{content}3").status_code == 404
    for wrong in ({"step": 3}, {"step": 3, "payload": "x", "payload_base64": "eA=="}):
        refused = rig.refused("POST", f"{run}/records", {"records": [{**record, **wrong}]})
        assert refused[:2] == (422, "records[0].payload")
    bad = {"records": [{**record, "step": 3, "payload_base64": "!"}]}
    assert rig.refused("POST", f"{run}/records", bad)[:2] == (422, "records[0].payload_base64")


def test_the_life_of_a_logged_model(rig: Rig) -> None:
    """Made, finished, found, deleted."""
    body = {"experiment_id": "0", "name": "adapter", "params": {"r": "16"}}
    made = rig.done("POST", "/logged-models", body, 201)
    path = f"/logged-models/{made['model_id']}"
    assert (made["status"], made["params"]) == ("pending", {"r": "16"})
    assert rig.done("PATCH", path, {"status": "ready"})["status"] == "ready"
    found = rig.done(
        "POST", "/logged-models/search", {"experiment_ids": ["0"], "filter": "status = 'ready'"}
    )
    assert [model["model_id"] for model in found["models"]] == [made["model_id"]]
    rig.done("DELETE", path)
    assert rig.refused("GET", path)[0] == 404


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/runs", {"experiment_id": 0}, "experiment_id"),
        ("/runs", {"experiment_id": "0", "parms": {}}, "parms"),
        ("/runs", {"experiment_id": "0", "params": {"a": 1}}, "params[...]"),
        ("/runs", {"experiment_id": "0", "status": "FINISHED"}, "status"),
        ("/runs", {"experiment_id": "0", "started_at_ms": "5"}, "started_at_ms"),
        ("/runs", {"experiment_id": "0", "started_at_ms": -5}, "started_at_ms"),
        ("/runs", {"experiment_id": "0", "name": ""}, "name"),
        ("/runs/search", {}, "experiment_ids"),
        ("/runs/search", {"experiment_ids": ["0"], "max_results": 0}, "max_results"),
        ("/runs/search", {"experiment_ids": ["0"], "view": "none"}, "view"),
        ("/experiments", {"name": 5}, "name"),
        ("/experiments", {"name": "e", "tags": {"": "x"}}, "tags"),
        ("/experiments/search", {"order_by": "name"}, "order_by"),
        ("/logged-models", {"experiment_id": "0", "name": "a/b"}, "name"),
        ("/datasets/search", {"experiment_ids": "0"}, "experiment_ids"),
        ("/workspaces", {"name": "A"}, "name"),
    ],
)
def test_a_wrong_member_is_named(rig: Rig, path: str, body: dict[str, Any], field: str) -> None:
    """Wrong types, unknown members and illegal values are 422 and name the member."""
    assert rig.refused("POST", path, body)[:2] == (422, field)
