"""`assay import wandb`: real folders of the unmodified client arrive whole, once, and as far as they go."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from assay.domain.errors import InvalidArgument
from assay.importing.tally import Report
from assay.importing.wandb_folder import read_runs
from assay.importing.wandb_importer import WandbImporter
from assay.sdk.client import Client
from tests.conformance.wandb.conftest import client_environment
from tests.support.databases import PostgresqlCluster
from tests.support.server import LiveServer

SCRIPT = Path(__file__).with_name("offline_run.py")
ROWS = """query Rows($entity: String, $project: String, $name: String!) {
  project(name: $project, entityName: $entity) { run(name: $name) { displayName state tags notes
    group jobType config summaryMetrics historyLineCount systemMetrics
    history(samples: 10000) logLines(first: 10000) { edges { node { number line level } } } } } }"""


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the client left behind, one folder for each kind of run."""
    place = tmp_path_factory.mktemp("offline")
    running = []
    for kind in ("rich", "long", "artifact"):
        folder = place / kind
        environment = client_environment("http://127.0.0.1:1", folder)
        command = [sys.executable, "-W", "ignore", str(SCRIPT), kind]
        given = {**environment, "WANDB_MODE": "offline"}
        running.append(subprocess.Popen(command, cwd=folder, env=given))
    assert [process.wait(60) for process in running] == [0, 0, 0]
    return place


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def live(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """A server on each database."""
    if request.param == "sqlite":
        yield request.getfixturevalue("server")
        return
    cluster = request.getfixturevalue("postgresql_cluster")
    assert isinstance(cluster, PostgresqlCluster)
    name = cluster.create()
    with LiveServer(
        tmp_path_factory.mktemp("pg") / "data", "--database", cluster.url(name)
    ) as running:
        yield running
    cluster.drop(name)


@contextmanager
def a_workspace(server: LiveServer) -> Iterator[Client]:
    name = f"test-{secrets.token_hex(6)}"
    with Client(server.url) as admin:
        admin.post("/workspaces", {"name": name})
        yield admin.within(name)


@pytest.fixture
def client(live: LiveServer) -> Iterator[Client]:
    with a_workspace(live) as found:
        yield found


@pytest.fixture
def near(server: LiveServer) -> Iterator[Client]:
    """A workspace of the server on SQLite."""
    with a_workspace(server) as found:
        yield found


def carried(folder: Path, client: Client, **options: Any) -> Report:
    return WandbImporter(folder, client, **options).run()


def told(client: Client, name: str, project: str = "off") -> Any:
    place = {"entity": client.connection.workspace, "project": project, "name": name}
    body = {"query": ROWS, "variables": place}
    return client.request("POST", "/graphql", json=body, idempotent=True).json["data"]["project"][
        "run"
    ]


def the_log(folder: Path) -> Path:
    (log,) = folder.rglob("run-*.wandb")
    return log


def a_copy(kept: Path, kind: str, place: Path) -> Path:
    return Path(shutil.copytree(kept / kind, place / kind, symlinks=True))


def test_a_run_arrives_with_all_that_it_recorded(kept: Path, client: Client) -> None:
    """Rows, config, summary, console, machine, tags, notes, group, files, exit code and its moments."""
    report = carried(kept / "rich", client)

    assert report.is_equal, report.as_record()
    run = told(client, "rich0001")
    assert (run["displayName"], run["state"]) == ("my run", "failed")
    assert (run["tags"], run["notes"]) == (["t1", "t2"], "a note")
    assert (run["group"], run["jobType"]) == ("g", "train")
    config = {k: v["value"] for k, v in json.loads(run["config"]).items()}
    inner = config.pop("_wandb")
    assert config == {"lr": 1e-3, "nest": {"a": 1}, "late": True}
    assert inner["m"] == [{"1": "eval/acc", "6": [3], "7": [2]}]
    summary = json.loads(run["summaryMetrics"])
    assert (summary["final"], summary["eval/acc"]) == (3, {"max": 6})
    rows = [json.loads(row) for row in run["history"]]
    assert [row["_step"] for row in rows] == list(range(51))
    assert [row["loss"] for row in rows[:50]] == [1 / (step + 1) for step in range(50)]
    assert rows[3]["n"] == {"a": {"b": 3}}
    assert rows[50]["table"]["_type"] == "table-file"
    lines = [edge["node"] for edge in run["logLines"]["edges"]]
    assert [each["line"] for each in lines if each["level"] == "info"] == [
        f"line {step}" for step in range(50)
    ]
    assert [each["line"] for each in lines if each["level"] == "error"] == ["100%"]
    assert json.loads(run["systemMetrics"])


def test_a_run_keeps_its_moments(kept: Path, near: Client) -> None:
    """It began and ended when its log says, though another workspace has that id already."""
    carried(kept / "rich", near)
    (local,) = read_runs(kept / "rich")
    found = near.post("/runs/search", {"experiment_ids": [_experiment(near)]})["runs"]
    assert [run["started_at_ms"] for run in found] == [local.said.started_at_ms]
    assert [run["ended_at_ms"] for run in found] == [local.last_at_ms]


def _experiment(client: Client) -> str:
    return str(client.get("/experiments")["experiments"][-1]["experiment_id"])


def test_twice_changes_nothing(kept: Path, client: Client) -> None:
    """The second time sends no line and no file."""
    carried(kept / "long", client)
    before = told(client, "long0001")
    report = carried(kept / "long", client)

    assert report.is_equal
    assert (report.points_sent, report.bytes_sent) == (0, 0)
    assert told(client, "long0001") == before
    assert before["historyLineCount"] == 2_500


@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_truncated_log_arrives_as_far_as_it_goes(
    kept: Path, near: Client, tmp_path: Path, part: float
) -> None:
    """What is before the end arrives, the run counts as crashed, and the report says why."""
    folder = a_copy(kept, "long", tmp_path)
    log = the_log(folder)
    os.truncate(log, int(log.stat().st_size * part))
    report = carried(folder, near)

    run = told(near, "long0001")
    rows = [json.loads(row)["_step"] for row in run["history"]]
    assert rows == list(range(len(rows)))
    assert 2_500 * part * 0.9 < len(rows) < 2_500 * part * 1.1
    assert run["state"] == "crashed"
    assert not report.is_equal
    assert any("ends within a record" in sentence for sentence in report.missing)


def test_a_log_that_has_grown_goes_on_where_it_was(
    kept: Path, near: Client, tmp_path: Path
) -> None:
    """An import of half a log, then of all of it: every row once, and the end that it has now."""
    folder = a_copy(kept, "long", tmp_path)
    log = the_log(folder)
    os.truncate(log, log.stat().st_size // 2)
    carried(folder, near)
    half = told(near, "long0001")["historyLineCount"]

    report = carried(kept / "long", near)

    assert report.is_equal, report.as_record()
    assert report.points_sent == 2_500 - half
    run = told(near, "long0001")
    assert run["state"] == "finished"
    assert all(
        json.loads(after)["_step"] - json.loads(before)["_step"] == 1
        for before, after in pairwise(run["history"])
    )


def test_a_broken_checksum_ends_the_log(kept: Path, near: Client, tmp_path: Path) -> None:
    """Bytes that changed on the disk are not taken for values."""
    folder = a_copy(kept, "long", tmp_path)
    log = the_log(folder)
    with log.open("r+b") as file:
        file.seek(log.stat().st_size // 2)
        file.write(b"\xff" * 4)
    report = carried(folder, near)

    assert any("checksum" in sentence or "record" in sentence for sentence in report.missing)
    assert 0 < told(near, "long0001")["historyLineCount"] < 2_500


def test_what_stays_behind_is_named(kept: Path, near: Client) -> None:
    """Files of artifacts are not beside the log: the report says so and what brings them."""
    report = carried(kept / "artifact", near)

    assert any("'weights' (model)" in sentence for sentence in report.missing)
    assert told(near, "made0001")["historyLineCount"] == 1


def test_runs_go_to_the_project_that_is_asked_for(kept: Path, near: Client) -> None:
    """`project` wins over what the logs say; files may stay behind."""
    report = carried(kept / "long", near, project="elsewhere", without_files=True)

    assert report.is_equal
    assert told(near, "long0001", "elsewhere")["historyLineCount"] == 2_500


def test_the_command_counts_first_and_then_carries(kept: Path, near: Client) -> None:
    """A dry run writes nothing; an import answers 0 and JSON."""

    def command(*flags: str) -> subprocess.CompletedProcess[str]:
        place = {"ASSAY_URL": near.url, "ASSAY_WORKSPACE": near.connection.workspace}
        words = ["import", "wandb", str(kept / "rich"), "--json", *flags]
        return subprocess.run(
            [sys.executable, "-m", "assay", *words],
            env={**os.environ, **place},
            capture_output=True,
            text=True,
            check=False,
        )

    dry = command("--dry-run")
    assert json.loads(dry.stdout)["source"]["rows"] == 51
    assert near.get("/experiments")["experiments"] == []

    done = command()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["sections"]["rows"]["assay"]["count"] == 51


def test_what_is_no_folder_of_the_client_is_refused(tmp_path: Path) -> None:
    """Nothing is guessed at."""
    with pytest.raises(InvalidArgument):
        list(read_runs(tmp_path))
    with pytest.raises(InvalidArgument):
        list(read_runs(tmp_path / "nothing"))
