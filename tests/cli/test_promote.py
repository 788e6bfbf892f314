"""`assay promote`, `assay rollback` and `assay gate-runner`: the exam, end to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assay.sdk.client import Client
from tests.cli.command import Assay
from tests.cli.scenes import add_version, capitals, runner_token
from tests.support.server import LiveServer
from tests.support.suite_folders import ITEMS

HoldExams = Callable[..., int]

BROKEN_SCORER = 'import sys\nprint("no GPU here", file=sys.stderr)\nsys.exit(3)\n'
BLOCKING_SCORER = "import threading\nthreading.Event().wait()\n"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    return capitals(tmp_path / "suite")


@pytest.fixture
def gate(assay: Assay, suite: Path) -> dict[str, object]:
    return dict(assay.json("gates", "create", "exam", "--suite", suite, "--threshold", "0.3"))


@pytest.fixture
def token(client: Client, workspace: str) -> str:
    return runner_token(client, workspace)


@pytest.fixture
def hold_exams(assay: Assay, token: str, monkeypatch: pytest.MonkeyPatch) -> HoldExams:
    """Hold every exam that waits in this test's workspace."""

    def hold(*flags: object) -> int:
        with monkeypatch.context() as patch:
            patch.setenv("ASSAY_TOKEN", token)
            return assay("gate-runner", "--until-idle", *flags).code

    return hold


@pytest.fixture
def runner(token: str, workspace: str) -> Iterator[subprocess.Popen[str]]:
    """A gate runner in a process of its own, which waits for exams."""
    process = subprocess.Popen(
        [sys.executable, "-m", "assay", "gate-runner", "--poll", "0.1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "ASSAY_TOKEN": token},
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_without_a_gate_nothing_is_promoted(assay: Assay, client: Client) -> None:
    """The refusal says what to make first."""
    add_version(client, "bot", 3)
    told = assay("promote", "bot", "1")

    assert told.code == 1
    assert "no gate" in told.err
    assert "assay gates create" in told.err


@pytest.mark.usefixtures("gate")
def test_a_held_promotion_queues_the_exam_and_says_so(assay: Assay, client: Client) -> None:
    """Exit code 1, every reason, and the next step; asking again queues nothing more."""
    add_version(client, "bot", 3)
    told = assay("promote", "bot/1")
    assay("promote", "bot/1")

    assert told.code == 1
    assert told.out == ""
    assert "no verdict: version 1" in told.err
    assert "assay gate-runner" in told.err
    assert len(assay.json("gates", "runs")["gate_runs"]) == 1


@pytest.mark.usefixtures("gate")
def test_a_preview_writes_nothing(assay: Assay, client: Client) -> None:
    """What would be decided, and no exam is queued for it."""
    add_version(client, "bot", 3)
    told = assay("promote", "bot/1", "--preview")

    assert told.code == 1
    assert "would be held" in told.out
    assert assay.json("gates", "runs")["gate_runs"] == []


@pytest.mark.usefixtures("gate")
def test_the_main_job_from_exam_to_rollback(
    assay: Assay, client: Client, hold_exams: HoldExams
) -> None:
    """Promoted, tied, beaten, rolled back, cleared: with scores, gate and reasons each time."""
    for right in (1, 1, 3):
        add_version(client, "bot", right)
    for version in (1, 2, 3):
        assay.done("gates", "request", f"bot/{version}")
    assert hold_exams() == 0

    first = assay.done("promote", "bot", "1")
    assert "holds 'production' (revision 1" in first
    assert "version 1: 1/3" in first

    tie = assay("promote", "bot", "2")
    assert tie.code == 1
    assert "a tie" in tie.err
    assert "Version 1 keeps 'production'." in tie.err

    better = assay.json("promote", "bot", "3", "--reason", "beats it")
    assert better["promoted"]
    assert (better["from_version"], better["to_version"]) == (1, 3)
    assert (better["decision"]["champion_score"], better["decision"]["challenger_score"]) == (
        "1/3",
        "1",
    )

    back = assay.done("rollback", "bot", "--reason", "complaints")
    assert "version 1 holds bot@production again (revision 3" in back
    assert "assay models clear bot/3" in back

    quarantined = assay("promote", "bot", "3")
    assert quarantined.code == 1
    assert "quarantined" in quarantined.err

    assay.done("models", "clear", "bot/3", "--reason", "it was the network")
    assay.done("promote", "bot/3", "--expected-revision", "3")
    shown = assay.json("models", "show", "bot@production")
    assert shown["version"] == 3
    assert [verdict["outcome"] for verdict in shown["verdicts"]] == ["pass"]


@pytest.mark.usefixtures("gate")
def test_a_stale_revision_is_refused(assay: Assay, client: Client, hold_exams: HoldExams) -> None:
    """Whoever decided on what is not so any more is told to look again."""
    add_version(client, "bot", 3)
    assay.done("gates", "request", "bot/1")
    hold_exams()

    told = assay("promote", "bot/1", "--expected-revision", "5")

    assert told.code == 1
    assert "revision" in told.err


def test_a_new_gate_makes_the_champion_sit_the_exam_again(
    assay: Assay,
    client: Client,
    suite: Path,
    hold_exams: HoldExams,
) -> None:
    """Scores under the former gate do not count, and the command that made the gate says whose."""
    assay.done("gates", "create", "exam", "--suite", suite, "--threshold", "0.3")
    add_version(client, "bot", 1)
    assay.done("gates", "request", "bot/1")
    hold_exams()
    assay.done("promote", "bot/1")
    harder = capitals(
        suite.with_name("harder"),
        items=[*ITEMS, {"id": "es", "input": "España", "reference": "Madrid"}],
    )

    told = assay.done("gates", "create", "exam", "--suite", harder, "--threshold", "0.2")
    assert "bot version 1 (production)" in told

    add_version(client, "bot", 3)
    held = assay("promote", "bot/2", "--json")
    assert held.code == 1
    assert len(held.json["queued"]) == 2

    hold_exams()
    assay.done("promote", "bot/2")


@pytest.mark.usefixtures("gate")
def test_a_promotion_waits_for_its_exam(
    assay: Assay, client: Client, runner: subprocess.Popen[str]
) -> None:
    """--wait promotes as soon as a runner elsewhere has held the exam."""
    add_version(client, "bot", 3)
    told = assay("promote", "bot/1", "--wait", "--timeout", 60)
    code, out, _ = end(runner)

    assert told.code == 0, told.err
    assert "version 1: pass" in told.err
    assert code == 0
    assert "pass" in out


@pytest.mark.usefixtures("gate")
def test_waiting_has_an_end(assay: Assay, client: Client) -> None:
    """Where no runner runs, --wait gives up with the reasons and exit code 1."""
    add_version(client, "bot", 3)
    told = assay("promote", "bot/1", "--wait", "--timeout", 0)

    assert told.code == 1
    assert "giving up waiting" in told.err
    assert "no verdict" in told.err


def test_an_exam_that_cannot_be_held_is_an_error_with_its_cause(
    assay: Assay,
    client: Client,
    tmp_path: Path,
    hold_exams: HoldExams,
) -> None:
    """The scorer's own last words are in the verdict, and the runner exits with 1."""
    broken = capitals(tmp_path / "broken", scorer=BROKEN_SCORER)
    assay.done("gates", "create", "exam", "--suite", broken)
    add_version(client, "bot", 3)
    assay.done("gates", "request", "bot/1")

    assert hold_exams() == 1

    verdict = assay.json("gates", "runs")["gate_runs"][0]["verdict"]
    assert verdict["outcome"] == "error"
    assert "no GPU here" in verdict["reasons"][0]
    assert assay("promote", "bot/1").code == 1


@pytest.mark.usefixtures("gate")
def test_a_candidate_that_fails_is_no_failure_of_the_runner(
    assay: Assay,
    client: Client,
    hold_exams: HoldExams,
) -> None:
    """The verdict is `fail`, the runner exits with 0, and the promotion is held below the threshold."""
    add_version(client, "bot", 0)
    assay.done("gates", "request", "bot/1")

    assert hold_exams("--json") == 0
    assert "below threshold" in assay("promote", "bot/1").err


@pytest.mark.usefixtures("gate")
def test_one_exam_is_held_and_told_as_a_line_of_json(
    assay: Assay, client: Client, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--once holds the oldest and leaves the rest."""
    for right in (3, 1):
        add_version(client, "bot", right)
    for version in (1, 2):
        assay.done("gates", "request", f"bot/{version}")
    monkeypatch.setenv("ASSAY_TOKEN", token)
    told = assay("gate-runner", "--once", "--json")

    line = json.loads(told.out)
    assert (line["outcome"], line["score"], line["note"]) == ("pass", "1", "")
    assert "bot v1" in line["exam"]
    monkeypatch.delenv("ASSAY_TOKEN")
    assert [run["state"] for run in assay.json("gates", "runs")["gate_runs"]] == ["queued", "done"]


def test_an_idle_queue_ends_the_runner_at_once(hold_exams: HoldExams) -> None:
    """--until-idle with nothing to do is done."""
    assert hold_exams() == 0


def test_a_runner_takes_the_credential_of_the_data_folder(assay: Assay, server: LiveServer) -> None:
    """On the server's own machine --data is all that it needs."""
    told = assay("gate-runner", "--once", "--data", server.data, "--workspace", "default")

    assert told.code == 0, told.err


def test_a_runner_without_a_credential_says_which_it_needs(assay: Assay, tmp_path: Path) -> None:
    """Nobody holds exams under a person's credential, nor under none."""
    none = assay("gate-runner", "--once")
    wrong = assay("gate-runner", "--once", "--data", tmp_path)

    assert (none.code, wrong.code) == (1, 1)
    assert "--kind gate" in none.err
    assert "gate-runner.token" in wrong.err


def test_a_credential_that_is_no_runners_is_refused(
    assay: Assay, client: Client, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An owner may do everything but examine."""
    name = f"ann-{workspace}"
    client.post("/principals", {"name": name, "roles": {workspace: ["maintainer"]}})
    monkeypatch.setenv("ASSAY_TOKEN", client.post("/tokens", {"principal": name})["token"])
    told = assay("gate-runner", "--once")

    assert told.code == 1
    assert "--kind gate" in told.err


def test_a_token_of_this_folder_is_not_shown_to_another_machine(
    nowhere: Assay, tmp_path: Path
) -> None:
    """./assay-data belongs to the server on this machine."""
    (tmp_path / "assay-data").mkdir()
    (tmp_path / "assay-data/gate-runner.token").write_text("assay_secret")

    told = nowhere("gate-runner", "--once", "--url", "http://assay.example.org")

    assert told.code == 1
    assert "credential of its own" in told.err


def test_the_exam_in_hand_is_finished_on_the_first_signal_and_given_up_on_the_second(
    assay: Assay, client: Client, tmp_path: Path, runner: subprocess.Popen[str]
) -> None:
    """Given up, it writes no verdict: its lease runs out and somebody else holds it."""
    suite = capitals(tmp_path / "suite", scorer=BLOCKING_SCORER)
    assay.done("gates", "create", "exam", "--suite", suite)
    add_version(client, "bot", 3)
    assay.done("gates", "request", "bot/1")
    assert runner.stdout is not None
    assert runner.stderr is not None
    assert "exam" in runner.stdout.readline()
    assert "Gate runner at" in runner.stderr.readline()

    runner.send_signal(signal.SIGTERM)
    assert "once more gives it up" in runner.stderr.readline()
    assert runner.poll() is None

    code, out, _ = end(runner)

    assert code == 0
    assert "given up" in out
    found = assay.json("gates", "runs")["gate_runs"][0]
    assert (found["state"], found["attempts"], found["verdict"]) == ("queued", 0, None)


def test_a_version_is_named_once(assay: Assay) -> None:
    """Two numbers for one version are a mistake, whichever is meant."""
    assert "once" in assay("promote", "bot/1", "2").err
    assert "takes no version" in assay("rollback", "bot/1").err


def test_a_rollback_without_an_earlier_champion_is_refused(assay: Assay, client: Client) -> None:
    """There is nothing to return to, and nothing is quarantined."""
    add_version(client, "bot", 1)
    told = assay("rollback", "bot")

    assert told.code == 1
    assert "nothing to roll back to" in told.err
