"""An MLflow history comes along whole, from every kind of store, and the source stays as it was."""

import math
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from assay.sdk.client import Client, url_path
from tests.importing.conftest import bring
from tests.importing.stories import COMMIT, FACTS, ODD_NAME, Story, contents
from tests.support.server import LiveServer


def face(server: LiveServer, client: Client, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """The real MLflow client, in the workspace of the test."""
    monkeypatch.setenv("MLFLOW_WORKSPACE", client.connection.workspace)
    return MlflowClient(server.url, server.url)


def history(client: MlflowClient, run_id: str, key: str) -> list[tuple[int, int, str]]:
    points = client.get_metric_history(run_id, key)
    return sorted((point.step, point.timestamp, repr(point.value)) for point in points)


def ledger(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/ledger", max_results=1000)["events"]
    return found


def alias_moves(client: Client, alias: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/models/scorer/aliases/{alias}/history")["moves"]
    return found


def test_both_sides_are_equal_after_an_import(story: Story, client: Client) -> None:
    """Everything is counted and hashed on both sides, and nothing stays behind."""
    report = bring(story.uri, client)

    assert report.missing == []
    assert {name: section.is_equal for name, section in report.sections.items()} == dict.fromkeys(
        report.sections, True
    )
    assert report.is_equal
    sizes = {name: section.source.count for name, section in report.sections.items()}
    assert sizes["runs"] == 5
    assert sizes["points"] == 50 + 3 + 3 + 1 + 1 + 1
    assert sizes["files"] == 4
    assert (sizes["logged models"], sizes["versions"], sizes["aliases"]) == (1, 3, 2)
    assert sizes["deleted"] == 3


def test_a_second_import_sends_nothing_and_changes_nothing(story: Story, client: Client) -> None:
    """Twice is the same as once: no point, no file and no ledger event is added."""
    first = bring(story.uri, client)
    before = ledger(client)

    again = bring(story.uri, client)

    assert again.is_equal
    assert (again.points_sent, again.bytes_sent) == (0, 0)
    assert again.as_record()["sections"] == first.as_record()["sections"]
    assert ledger(client) == before


def test_the_source_is_not_touched(story: Story, client: Client) -> None:
    """No byte and no file time of the source changes, and nothing appears beside it."""
    place = Path.cwd() if story.uri.startswith("postgresql") else _place(story.uri)
    before = contents(place)

    bring(story.uri, client)

    assert contents(place) == before


def _place(uri: str) -> Path:
    return Path(uri.removeprefix("sqlite://").removeprefix("file://")).parent


def test_runs_keep_ids_moments_and_states(story: Story, client: Client) -> None:
    """A run is found under its id, as it was: names, times, status, bin, parent."""
    bring(story.uri, client)

    finished = client.get(url_path("runs", story.runs["finished"]))
    nested = client.get(url_path("runs", story.runs["nested"]))
    states = {
        name: client.get(url_path("runs", run_id))["lifecycle"]
        for name, run_id in story.runs.items()
    }

    assert finished["name"] == ODD_NAME
    assert (finished["started_at_ms"], finished["ended_at_ms"]) == (
        1_600_000_000_000,
        1_600_000_002_000,
    )
    assert finished["params"] == {**FACTS, "text": "a\n b: 'c'", "empty": ""}
    assert finished["tags"]["note"] == "- x: [1]\n# y"
    assert finished["inputs"][0]["dataset"]["schema"] == '{"s": "' + "word " * 60 + '"}'
    assert finished["inputs"][0]["tags"] == {"mlflow.data.context": "train"}
    assert finished["outputs"] == [{"model_id": story.model_id, "step": 3}]
    assert nested["status"] == "failed"
    assert nested["tags"]["mlflow.parentRunId"] == story.runs["finished"]
    assert states == {
        "finished": "active",
        "nested": "active",
        "running": "active",
        "deleted": "deleted",
        "in the bin": "deleted",
    }


def test_mlflows_client_reads_the_same_from_both_servers(
    story: Story, client: Client, server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever changes only the tracking address finds every point, NaN and infinities too."""
    bring(story.uri, client)
    here = face(server, client, monkeypatch)
    run_id = story.runs["finished"]

    theirs = story.client.get_run(run_id)
    ours = here.get_run(run_id)

    assert ours.data.params == theirs.data.params
    assert ours.data.tags == theirs.data.tags
    assert set(ours.data.metrics) == set(theirs.data.metrics)
    # The file store's own reader loses the step of a point that names a dataset.
    for key in set(theirs.data.metrics) - {"acc"}:
        assert [(step, at) for step, at, _ in history(here, run_id, key)] == [
            (step, at) for step, at, _ in history(story.client, run_id, key)
        ]
    values = [point.value for point in here.get_metric_history(run_id, "loss/train a")]
    assert math.isnan(values[50])
    assert abs(values[51]) >= 1e308
    assert {alias: int(v) for alias, v in here.get_registered_model("scorer").aliases.items()} == {
        alias: int(v) for alias, v in story.client.get_registered_model("scorer").aliases.items()
    }
    theirs_v = story.client.get_model_version("scorer", "1")
    ours_v = here.get_model_version("scorer", "1")
    assert ours_v.creation_timestamp == theirs_v.creation_timestamp
    assert (ours_v.current_stage, ours_v.source) == (theirs_v.current_stage, theirs_v.source)


def test_versions_keep_their_numbers_and_their_truth(story: Story, client: Client) -> None:
    """Closed lineage and files make a version verifiable; anything less arrives unverifiable."""
    bring(story.uri, client)

    found = {
        v["version"]: v for v in client.get("/models/scorer/versions", max_results=10)["versions"]
    }

    assert sorted(found) == [1, 3, 4]
    assert {number: v["is_verifiable"] for number, v in found.items()} == {
        1: True,
        3: False,
        4: True,
    }
    assert COMMIT in found[1]["lineage_canonical"]
    assert (found[3]["artifact_digest"], found[3]["source"]) == (None, "s3://bucket/elsewhere")
    assert found[4]["logged_model_id"] == story.model_id
    with pytest.raises(Exception, match="does not exist"):
        client.get("/models/scorer/versions/2")


def test_an_imported_production_alias_is_recorded_as_imported(story: Story, client: Client) -> None:
    """History and ledger say `imported`, and the audit of the whole registry finds nothing."""
    bring(story.uri, client)

    (move,) = alias_moves(client, "production")
    verdict = client.post("/ledger/verify", {})

    assert (move["kind"], move["to_version"], move["decision"]) == ("imported", 3, None)
    assert verdict["is_intact"], verdict
    assert alias_moves(client, "candidate")[0]["kind"] == "imported"


def test_after_the_import_only_the_gate_moves_production(story: Story, client: Client) -> None:
    """Neither an alias call nor another import gives `production` to somebody else."""
    bring(story.uri, client)

    for path, body in (
        ("/models/scorer/aliases/production", {"version": 1}),
        ("/import/models/scorer/aliases/production", {"version": 1}),
    ):
        with pytest.raises(Exception, match=r"gate|never again"):
            client.put(path, body)

    assert len(alias_moves(client, "production")) == 1
