"""`assay import mlflow`: a dry run writes nothing, a killed import goes on, a difference exits with 1."""

from __future__ import annotations

import json
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric

from assay.sdk.client import Client
from tests.importing.stories import contents
from tests.support.server import LiveServer

RUNS = 40
COPIES = 49
"""Of each run, for the import that is cut midway: 2,000 runs, of which a request takes 50 at most."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small MLflow database with many runs."""
    monkeypatch.chdir(tmp_path)
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    home = client.create_experiment("sweep")
    for _ in range(RUNS):
        run_id = client.create_run(home).info.run_id
        client.log_batch(run_id, [Metric("loss", 1.0 / (i + 1), i, i) for i in range(100)])
    return tmp_path / "mlflow.db"


@pytest.fixture
def workspace(server: LiveServer) -> Iterator[Client]:
    """A workspace of this test alone."""
    name = f"test-{secrets.token_hex(6)}"
    with Client(server.url) as admin:
        admin.post("/workspaces", {"name": name})
        yield admin.within(name)


def command(client: Client, place: Path, *flags: str) -> subprocess.Popen[str]:
    words = ["import", "mlflow", "--from", f"sqlite:///{place}", "--json", *flags]
    environment = {
        **os.environ,
        "ASSAY_URL": client.url,
        "ASSAY_WORKSPACE": client.connection.workspace,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "assay", *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def arrived(client: Client) -> int:
    homes = client.post("/experiments/search", {"view": "all"})["experiments"]
    ids = [home["experiment_id"] for home in homes]
    if not ids:
        return 0
    return len(client.post("/runs/search", {"experiment_ids": ids, "view": "all"})["runs"])


def test_a_dry_run_counts_and_writes_nothing(place: Path, workspace: Client) -> None:
    """Neither side changes, and no server is needed for it."""
    before = contents(place.parent)

    process = command(workspace, place, "--dry-run")
    out, err = process.communicate()

    assert process.returncode == 0, err
    assert json.loads(out)["source"]["points"] == RUNS * 100
    assert contents(place.parent) == before
    assert arrived(workspace) == 0


@pytest.fixture
def long_place(place: Path) -> Path:
    """The same with so many runs that their import takes dozens of requests."""
    with sqlite3.connect(place) as database:
        for table in ("runs", "metrics", "latest_metrics"):
            names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            run_id = "printf('%03d', n) || substr(run_uuid, 4)"
            # No id may begin as a copy's does: about one database in three has one that would.
            database.execute(f"UPDATE {table} SET run_uuid = '000' || substr(run_uuid, 4)")  # noqa: S608
            copied = ", ".join(run_id if name == "run_uuid" else name for name in names)
            database.execute(
                "WITH RECURSIVE numbers(n) AS "  # noqa: S608 -- names of a schema, no one's input
                f"(SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {COPIES})"
                f" INSERT INTO {table} ({', '.join(names)}) SELECT {copied} FROM {table}, numbers"
            )
    database.close()
    return place


def test_a_killed_import_goes_on_where_it_was(long_place: Path, workspace: Client) -> None:
    """What arrived before the kill is kept, the rest follows, and both sides are equal."""
    points = RUNS * 100 * (COPIES + 1)
    process = command(workspace, long_place)
    while process.poll() is None and arrived(workspace) < 5:
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL

    again = command(workspace, long_place)
    out, err = again.communicate()

    assert again.returncode == 0, err or out
    report = json.loads(out)
    assert report["equal"]
    assert report["sections"]["points"]["assay"]["count"] == points
    assert 0 < report["points_sent"] < points


def test_a_difference_exits_with_1(place: Path, workspace: Client) -> None:
    """A param that has another value here than in the source is not passed over."""
    command(workspace, place).communicate()
    with sqlite3.connect(place) as database:
        (run_id,) = database.execute("SELECT run_uuid FROM runs LIMIT 1").fetchone()
        database.execute("INSERT INTO params VALUES ('lr', '0.1', ?)", (run_id,))
    database.close()
    workspace.post(f"/runs/{run_id}/params", {"params": {"lr": "0.2"}})

    process = command(workspace, place)
    out, _ = process.communicate()

    assert process.returncode == 1
    assert any("lr" in sentence for sentence in json.loads(out)["missing"])
