"""`assay suites` and `assay gates`: frozen, versioned, and what that means for who holds an alias."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.bundles.suite_folder import read_suite_folder
from assay.sdk.client import Client
from tests.cli.command import Assay
from tests.cli.scenes import add_version, capitals
from tests.support.suite_folders import ITEMS, SUITE

TWO_METRICS = SUITE.replace(
    'direction = "maximize", low = 0, high = 1 }',
    'direction = "maximize" }, { name = "safety:strict", direction = "maximize", low = 0 }',
)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    return capitals(tmp_path / "suite")


def test_a_gate_is_made_of_a_suite_folder(assay: Assay, suite: Path) -> None:
    """Packed, stored, frozen; what is left out is the suite's own to say."""
    made = assay.json("gates", "create", "exam", "--suite", suite)

    assert (made["name"], made["version"], made["model"], made["is_current"]) == (
        "exam",
        1,
        None,
        True,
    )
    assert made["spec"]["metric"] == "accuracy"
    assert made["spec"]["direction"] == "maximize"
    assert made["spec"]["threshold"] == "0"
    assert made["spec"]["min_items"] == len(ITEMS)
    assert made["spec"]["suite"] == read_suite_folder(suite).fingerprint


def test_a_gate_can_say_everything(assay: Assay, client: Client, tmp_path: Path) -> None:
    """Threshold, guards, items, time and the model that it is for."""
    client.post("/models", {"name": "bot"})
    suite = capitals(tmp_path / "suite", suite=TWO_METRICS)
    made = assay.json(
        *("gates", "create", "exam", "--suite", suite, "--metric", "accuracy"),
        *(
            "--threshold",
            "0.60",
            "--guard",
            "safety:strict:0.01",
            "--guard",
            "accuracy:.1:relative",
        ),
        *("--min-items", 2, "--timeout", 90, "--model", "bot"),
    )

    assert made["model"] == "bot"
    assert made["spec"]["threshold"] == "0.6"
    assert made["spec"]["min_items"] == 2
    assert made["spec"]["timeout_s"] == 90
    assert [
        (guard["metric"], guard["max_regression"], guard["relative"])
        for guard in made["spec"]["guards"]
    ] == [("accuracy", "0.1", True), ("safety:strict", "0.01", False)]


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--guard", "safety"], "METRIC:MAX"),
        (["--guard", "safety:much"], "decimal number"),
        (["--threshold", "high"], "decimal number"),
        (["--metric", "recall"], "no metric 'recall'"),
        (["--minimize"], "as maximize"),
        (["--model", "nobody"], "nobody"),
    ],
)
def test_a_gate_that_makes_no_sense_is_refused(
    assay: Assay, suite: Path, flags: list[str], sentence: str
) -> None:
    """In a sentence that names what is wrong, and without a gate."""
    told = assay("gates", "create", "exam", "--suite", suite, *flags)

    assert told.code == 1
    assert sentence in told.err
    assert assay.json("gates", "list")["gates"] == []


def test_several_metrics_or_no_bound_must_be_said(assay: Assay, tmp_path: Path) -> None:
    """What decides is not guessed among several, and neither is a threshold."""
    suite = capitals(tmp_path / "suite", suite=TWO_METRICS)

    assert (
        "--metric accuracy or safety:strict" in assay("gates", "create", "g", "--suite", suite).err
    )
    told = assay("gates", "create", "g", "--suite", suite, "--metric", "accuracy")
    assert "--threshold" in told.err


@pytest.mark.parametrize(
    ("text", "sentence"), [("./nowhere", "no folder"), ("nowhere", "nowhere"), (".", "suite.toml")]
)
def test_a_suite_that_is_not_there_is_named(assay: Assay, text: str, sentence: str) -> None:
    """A path, a name and a folder that is no suite are told apart."""
    told = assay("gates", "create", "exam", "--suite", text)

    assert told.code == 1
    assert sentence in told.err


def test_a_stored_suite_serves_another_gate(assay: Assay, suite: Path) -> None:
    """By name or by fingerprint, without sending it again."""
    stored = assay.json("suites", "create", suite)
    words = ("--metric", "accuracy", "--threshold", "0.5")
    named = assay.json("gates", "create", "exam", "--suite", "capitals", *words)
    digested = assay.json("gates", "create", "exam", "--suite", stored["fingerprint"], *words)

    assert named["suite"] == "capitals"
    assert digested["version"] == 2
    assert (
        "--threshold"
        in assay("gates", "create", "g", "--suite", "capitals", "--metric", "accuracy").err
    )


def test_the_same_folder_is_one_suite(assay: Assay, suite: Path) -> None:
    """Suites are told apart by what is in them, not by how often they are sent."""
    assert assay.json("suites", "create", suite) == assay.json("suites", "create", suite)
    assert len(assay.json("suites", "list")["suites"]) == 1


def test_a_fingerprint_is_computed_without_a_server(nowhere: Assay, tmp_path: Path) -> None:
    """What a run's eval result refers to can be known before anything is stored."""
    suite = capitals(tmp_path / "suite")

    assert (
        nowhere.done("suites", "fingerprint", suite).strip() == read_suite_folder(suite).fingerprint
    )


def test_a_suite_is_listed_and_shown_without_its_items(assay: Assay, suite: Path) -> None:
    """The questions of an exam are for gate runners only."""
    assay.done("suites", "create", suite)

    shown = assay.done("suites", "show", "capitals") + assay.done("suites", "list")

    assert "capitals" in shown
    assert "France" not in shown


def test_empty_lists_say_how_to_begin(assay: Assay) -> None:
    """Without a gate nothing is promoted, and that is said."""
    assert "nothing can be promoted" in assay.done("gates", "list")
    assert "assay gates create" in assay.done("suites", "list")
    assert "assay promote" in assay.done("gates", "runs")


def test_former_versions_are_listed_when_asked_for(assay: Assay, suite: Path) -> None:
    """`list` shows what is in force, `--all` and `show` the history."""
    assay.done("gates", "create", "exam", "--suite", suite)
    assay.done("gates", "create", "exam", "--suite", suite, "--threshold", "0.5")

    assert [gate["version"] for gate in assay.json("gates", "list")["gates"]] == [2]
    assert len(assay.json("gates", "list", "--all")["gates"]) == 2
    assert "accuracy at least 0.5" in assay.done("gates", "show", "exam")


def test_a_new_gate_says_that_nobody_holds_anything_yet(assay: Assay, suite: Path) -> None:
    """The first version to pass takes the alias."""
    assert "the first version to pass takes it" in assay.done(
        "gates", "create", "exam", "--suite", suite
    )


def test_an_exam_is_queued_before_anyone_promotes(
    assay: Assay, client: Client, suite: Path
) -> None:
    """`gates request` queues it once; `gates runs` shows it."""
    assay.done("gates", "create", "exam", "--suite", suite)
    add_version(client, "bot", 1)
    first = assay.json("gates", "request", "bot/1")

    assert first["state"] == "queued"
    assert assay.json("gates", "request", "bot/1")["gate_run_id"] == first["gate_run_id"]
    assert first["gate_run_id"][:12] in assay.done(
        "gates", "runs", "--model", "bot/1", "--state", "queued"
    )
    assert assay.json("gates", "runs", "--state", "done")["gate_runs"] == []
