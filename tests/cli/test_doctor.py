"""`assay doctor` and `assay sync`: what is wrong here, and what was left behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from assay.cli import doctor
from assay.runner.sandbox import Backend
from assay.sdk.client import Client
from assay.sdk.settings import spool_folder
from tests.cli.command import Assay

OFFLINE_RUN = """
import assay

run = assay.start_run(experiment="offline", name="on a plane", mode="offline")
for step in range(50):
    run.log({"loss": 1 / (step + 1)}, step=step)
"""


def checks(told: Any) -> dict[str, Any]:
    return {row["check"]: row for row in told.json["checks"]}


def train_offline() -> None:
    """A training in a process of its own, which is dead when this returns."""
    subprocess.run([sys.executable, "-c", OFFLINE_RUN + "run.finish()"], check=True, timeout=60)


def test_a_healthy_machine_passes(assay: Assay) -> None:
    """Every line is ok or says what to do; exit code 0."""
    told = assay("doctor", "--json")
    found = checks(told)

    assert told.code == 0, told.out
    assert told.json["ok"]
    assert found["server"]["finding"] == "ok"
    assert found["clock"]["finding"] == "ok"
    assert "local mode" in found["credential"]["text"]


def test_a_server_that_is_away_fails(nowhere: Assay) -> None:
    """Exit code 1, and how to start one."""
    told = nowhere("doctor")

    assert told.code == 1
    assert "fail  server" in told.out
    assert "assay serve" in told.out


def test_a_missing_git_is_a_warning(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs work without it; their lineage does not fill itself in."""
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    told = assay("doctor", "--json")

    assert told.code == 0
    assert checks(told)["git"]["finding"] == "warn"


def test_a_machine_without_a_sandbox_is_a_warning(
    assay: Assay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It tracks and serves; it just cannot examine."""
    problems = {Backend.BUBBLEWRAP: "bwrap is not installed", Backend.NAMESPACES: "needs Linux"}
    monkeypatch.setattr("assay.runner.sandbox.backend_problems", lambda: problems)
    told = assay("doctor", "--json")

    assert told.code == 0
    assert "bwrap is not installed" in checks(told)["sandbox"]["text"]


@pytest.mark.parametrize(("skew_s", "side"), [(-90, "behind"), (90, "ahead of")])
def test_a_clock_that_is_wrong_is_noticed(
    assay: Assay, monkeypatch: pytest.MonkeyPatch, skew_s: int, side: str
) -> None:
    """Metric points carry this machine's time."""
    now = time.time
    monkeypatch.setattr(doctor.time, "time", lambda: now() + skew_s)
    line = checks(assay("doctor", "--json"))["clock"]

    assert line["finding"] == "warn"
    assert side in line["text"]


def test_another_version_is_noticed(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client need not be the server's version, but it is good to know."""
    monkeypatch.setattr("importlib.metadata.version", lambda _name: "0.0.1")

    assert checks(assay("doctor", "--json"))["version"]["finding"] == "warn"


def test_what_is_left_behind_is_found_and_sent(assay: Assay, client: Client) -> None:
    """An offline training ends up on the server whole, and doctor is content again."""
    train_offline()

    before = assay("doctor", "--json")
    assert checks(before)["spool"]["finding"] == "warn"
    assert "assay sync" in checks(before)["spool"]["text"]

    told = assay.done("sync")
    assert told.startswith("sent ")
    assert "50 metric points" in told

    runs = assay.json("runs", "list", "-e", "offline")["runs"]
    assert [(run["name"], run["status"]) for run in runs] == [("on a plane", "finished")]
    assert runs[0]["metrics"]["loss"]["count"] == 50
    assert checks(assay("doctor", "--json"))["spool"]["finding"] == "ok"
    assert "Nothing waits" in assay.done("sync")


def test_a_sync_may_read_another_folder_and_answer_json(assay: Assay, tmp_path: Path) -> None:
    """A spool that was carried here from another machine."""
    train_offline()
    carried = tmp_path / "carried"
    shutil.move(spool_folder(), carried)
    report = assay.json("sync", carried)

    assert report["complete"]
    assert [found["outcome"] for found in report["spools"]] == ["sent"]
    assert report["spools"][0]["points"] == 50


def test_a_sync_without_a_server_loses_nothing(nowhere: Assay) -> None:
    """Exit code 1, and the spool is where it was."""
    train_offline()
    told = nowhere("sync")

    assert told.code == 1
    assert "cannot be reached" in told.err
    assert list(spool_folder().rglob("*.spool")) != []
