"""Histories as teams really have them: old databases, open ones, other addresses, stages alone."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from assay.domain.errors import AppError
from assay.sdk.client import Client
from assay.sdk.errors import ApiError
from tests.importing.conftest import bring
from tests.importing.stories import COMMIT, FACTS, contents
from tests.support.databases import PostgresqlCluster
from tests.support.server import LiveServer


@pytest.fixture
def workspace(server: LiveServer) -> Iterator[Client]:
    """A workspace of this test alone."""
    with a_workspace(server) as client:
        yield client


@contextmanager
def a_workspace(server: LiveServer) -> Iterator[Client]:
    name = f"test-{secrets.token_hex(6)}"
    with Client(server.url) as admin:
        admin.post("/workspaces", {"name": name})
        yield admin.within(name)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """An empty MLflow database in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    return MlflowClient(uri, uri)


def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/mlflow.db"


def a_run(client: MlflowClient, home: str) -> str:
    """A run with closed lineage and one point."""
    run = client.create_run(home, tags={"mlflow.source.git.commit": COMMIT})
    for key, value in FACTS.items():
        client.log_param(run.info.run_id, key, value)
    client.log_metric(run.info.run_id, "loss", 0.5)
    return str(run.info.run_id)


def moves(client: Client, alias: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/models/scorer/aliases/{alias}/history")["moves"]
    return found


def test_a_production_stage_brings_the_alias_and_then_the_gate(
    source: MlflowClient, workspace: Client, tmp_path: Path
) -> None:
    """Who used stages alone has a champion after the move; the next one must pass the gate."""
    home = source.create_experiment("home")
    source.create_registered_model("scorer")
    for _ in range(2):
        run_id = a_run(source, home)
        source.log_text(run_id, "weights", "model/weights")
        root = source.get_run(run_id).info.artifact_uri
        source.create_model_version("scorer", f"{root}/model", run_id)
    with pytest.warns(FutureWarning, match="stages"):
        source.transition_model_version_stage("scorer", "1", "Production")

    report = bring(database(tmp_path), workspace)

    (move,) = moves(workspace, "production")
    assert (move["kind"], move["to_version"], move["decision"]) == ("imported", 1, None)
    assert workspace.get("/models/scorer/versions/1")["stage"].lower() == "production"
    assert any("Production" in sentence for sentence in report.changed)
    with pytest.raises(ApiError, match="gate"):
        workspace.put("/models/scorer/aliases/production", {"version": 2})
    assert len(moves(workspace, "production")) == 1


def test_files_are_found_where_a_mapping_says(
    source: MlflowClient, workspace: Client, tmp_path: Path
) -> None:
    """`ADDRESS=FOLDER` stands for everything below an address that this machine cannot read."""
    home = source.create_experiment("far", artifact_location="s3://bucket/far")
    run_id = a_run(source, home)
    copy = tmp_path / "copy" / run_id / "artifacts" / "model"
    copy.mkdir(parents=True)
    (copy / "weights").write_text("of the bucket")

    without = bring(database(tmp_path), workspace)
    mapped = bring(database(tmp_path), workspace, f"s3://bucket/far={tmp_path}/copy")

    assert any("s3://bucket/far" in sentence for sentence in without.missing)
    assert mapped.is_equal
    assert mapped.sections["files"].assay.count == 1
    files = workspace.get(f"/runs/{run_id}/artifacts", recursive=True)["files"]
    assert [file["path"] for file in files if not file["is_folder"]] == ["model/weights"]


def test_a_mapping_to_no_folder_is_refused(
    source: MlflowClient, workspace: Client, tmp_path: Path
) -> None:
    """Before anything is sent."""
    a_run(source, source.create_experiment("home"))

    with pytest.raises(AppError, match="There is no folder"):
        bring(database(tmp_path), workspace, f"s3://bucket={tmp_path}/nowhere")


def test_files_of_a_deleted_run_come_along(
    source: MlflowClient, workspace: Client, tmp_path: Path
) -> None:
    """The bin is restored whole: a run that is taken out of it has its files."""
    run_id = a_run(source, source.create_experiment("home"))
    source.log_text(run_id, "kept", "notes.txt")
    source.delete_run(run_id)

    report = bring(database(tmp_path), workspace)

    assert report.is_equal
    assert workspace.get(f"/runs/{run_id}")["lifecycle"] == "deleted"
    workspace.post(f"/runs/{run_id}/restore", {})
    files = workspace.get(f"/runs/{run_id}/artifacts")["files"]
    assert [file["path"] for file in files] == ["notes.txt"]
    again = bring(database(tmp_path), workspace)
    assert again.points_sent == 0


def test_the_metrics_of_logged_models_are_compared(
    source: MlflowClient, workspace: Client, tmp_path: Path
) -> None:
    """The last point of each by dataset is counted and hashed, as the server keeps it."""
    home = source.create_experiment("home")
    run_id = a_run(source, home)
    model_id = source.create_logged_model(home, name="m", source_run_id=run_id).model_id
    for step, value in ((2, 0.25), (1, 0.5)):
        for digest in ("d1", "d2"):
            source.log_metric(
                *(run_id, f"acc-{digest}", value, 1_000, step),
                model_id=model_id,
                dataset_name="n",
                dataset_digest=digest,
            )

    report = bring(database(tmp_path), workspace, without_files=True)

    assert report.is_equal
    assert report.sections["logged model metrics"].assay.count == 2
    kept = workspace.get(f"/logged-models/{model_id}")["metrics"]
    assert {(metric["key"], metric["step"], metric["value"]) for metric in kept} == {
        ("acc-d1", 2, 0.25),
        ("acc-d2", 2, 0.25),
    }


def test_a_schema_of_years_ago_is_read(
    source: MlflowClient, workspace: Client, tmp_path: Path
) -> None:
    """Tables and columns that came later are missing, and nothing in the source is changed."""
    run_id = a_run(source, source.create_experiment("home"))
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as old, old:
        old.execute("PRAGMA foreign_keys=OFF")
        for table in (
            *("logged_model_metrics", "logged_model_params", "logged_model_tags", "logged_models"),
            *("inputs", "input_tags", "datasets", "registered_model_aliases"),
        ):
            old.execute(f"DROP TABLE IF EXISTS {table}")
    before = contents(tmp_path)

    report = bring(database(tmp_path), workspace)

    assert report.is_equal
    assert workspace.get(f"/runs/{run_id}")["params"] == FACTS
    assert contents(tmp_path) == before


def test_a_database_that_is_being_written_is_read_whole(
    source: MlflowClient, workspace: Client, tmp_path: Path
) -> None:
    """What only the write-ahead log holds arrives too, and neither file is changed."""
    run_id = a_run(source, source.create_experiment("home"))
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute("INSERT INTO params VALUES ('late', 'yes', ?)", (run_id,))
        writer.commit()
        log = path.with_name("mlflow.db-wal")
        before = (path.read_bytes(), log.read_bytes())

        report = bring(database(tmp_path), workspace)

        assert (path.read_bytes(), log.read_bytes()) == before
    assert report.is_equal
    assert workspace.get(f"/runs/{run_id}")["params"]["late"] == "yes"


def test_a_server_on_postgresql_takes_a_history_over(
    source: MlflowClient,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    postgresql_cluster: PostgresqlCluster,
) -> None:
    """Twice, with equal sides, and the second time nothing is sent."""
    home = source.create_experiment("home")
    run_ids = {a_run(source, home) for _ in range(60)}
    name = postgresql_cluster.create()
    data = tmp_path_factory.mktemp("pg") / "data"
    with (
        LiveServer(data, "--database", postgresql_cluster.url(name)) as server,
        a_workspace(server) as client,
    ):
        first = bring(database(tmp_path), client)
        again = bring(database(tmp_path), client)
        found = client.post(
            "/runs/search",
            {"experiment_ids": _homes(client), "filter": "metrics.loss = 0.5"},
        )["runs"]
    postgresql_cluster.drop(name)

    assert first.is_equal
    assert again.is_equal
    assert (first.points_sent, again.points_sent) == (60, 0)
    assert {run["run_id"] for run in found} == run_ids


def test_a_run_that_is_refused_keeps_no_other_back(
    source: MlflowClient, server: LiveServer, tmp_path: Path
) -> None:
    """Runs share requests; the one whose id is taken elsewhere is named, the others arrive."""
    home = source.create_experiment("home")
    taken, *others = [a_run(source, home) for _ in range(5)]
    with a_workspace(server) as elsewhere:
        elsewhere.post("/runs", {"run_id": taken})
    with a_workspace(server) as client:
        report = bring(database(tmp_path), client)
        for run_id in others:
            assert client.get(f"/runs/{run_id}")["metrics"]["loss"]["value"] == 0.5

    (sentence,) = report.missing
    assert taken in sentence
    assert "taken in the workspace" in sentence


def _homes(client: Client) -> list[str]:
    found = client.post("/experiments/search", {"view": "all"})["experiments"]
    return [home["experiment_id"] for home in found]
