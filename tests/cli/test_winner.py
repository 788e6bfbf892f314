"""`assay winner`: the best of one suite, and the refusal to compare across suites."""

from __future__ import annotations

import pytest

from assay.sdk.client import Client
from tests.cli.command import Assay
from tests.cli.scenes import add_run, answers

HARD, EASY = "exam@hard", "exam@easy"


@pytest.fixture
def sweep(client: Client) -> dict[str, str]:
    """Runs by name: three scored on the hard exam, one on the easy one with the best number."""
    runs = {}
    for name, suite, score in (
        ("weak", HARD, 0.2),
        ("strong", HARD, 0.8),
        ("equal", HARD, 0.8),
        ("easy", EASY, 0.99),
    ):
        runs[name] = add_run(client, name, files=answers(1))
        body = {"suite": suite, "metrics": {"accuracy": score}}
        client.post(f"/runs/{runs[name]}/evals", body)
    return runs


def test_runs_of_two_suites_are_not_ranked(assay: Assay, sweep: dict[str, str]) -> None:
    """The higher number on the easier exam wins nothing; the groups are listed."""
    told = assay("winner", "-e", "sweep", "--metric", "accuracy", "--maximize")

    assert told.code == 1
    assert "cannot be ranked" in told.err
    assert HARD in told.err
    assert sweep["easy"][:12] in told.err
    assert "--suite" in told.err


def test_the_winner_of_one_suite_is_told_with_the_ranking(
    assay: Assay, sweep: dict[str, str]
) -> None:
    """Of equals the one that finished first; who was left out is named."""
    told = assay("winner", "-e", "sweep", "--metric", "accuracy", "--suite", HARD, "--maximize")

    assert told.code == 0, told.err
    assert f"Winner: strong ({sweep['strong']}) with accuracy 0.8" in told.out
    assert "shares that score" in told.out
    assert [line.split() for line in told.out.splitlines()[-3:]] == [
        ["1", sweep["strong"], "0.8"],
        ["2", sweep["equal"], "0.8"],
        ["3", sweep["weak"], "0.2"],
    ]
    assert sweep["easy"][:12] in told.err


def test_named_runs_are_ranked_among_themselves(assay: Assay, sweep: dict[str, str]) -> None:
    """By starts of their ids, the least where less is better."""
    words = (
        "winner",
        sweep["weak"][:10],
        sweep["strong"][:10],
        "--metric",
        "accuracy",
        "--minimize",
    )

    assert assay.json(*words)["run_name"] == "weak"


def test_the_winner_is_registered_and_nothing_else(assay: Assay, sweep: dict[str, str]) -> None:
    """One command from the sweep to the version."""
    words = ("winner", sweep["strong"], sweep["weak"], "--metric", "accuracy", "--maximize")
    told = assay.done(*words, "--register", "bot", "--path", "adapter")
    version = assay.json("models", "show", "bot")["versions"][0]

    assert f"Registered bot version 1: {version['fingerprint']}" in told
    assert version["run_id"] == sweep["strong"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--metric", "accuracy"], "either runs or --experiment"),
        (["-e", "sweep", "--metric", "accuracy", "--maximize", "--minimize"], "not both"),
        (["-e", "swep", "--metric", "accuracy"], "no experiment 'swep'"),
        (["-e", "sweep", "--metric", "recall", "--suite", HARD, "--maximize"], "recall"),
        (["-e", "sweep", "--metric", "accuracy", "--suite", HARD], "is better"),
    ],
)
@pytest.mark.usefixtures("sweep")
def test_what_cannot_be_answered_is_refused(assay: Assay, words: list[str], sentence: str) -> None:
    """In a sentence that says what to say instead."""
    told = assay("winner", *words)

    assert told.code == 1
    assert sentence in told.err
