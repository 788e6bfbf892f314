"""`assay repro`: claims, and the exit codes that a CI job reads."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from assay.sdk.client import Client
from tests.cli.command import Assay
from tests.cli.scenes import add_run, answers


@pytest.fixture
def claimed(assay: Assay, client: Client) -> str:
    """The run of a version that is claimed as `paper`: accuracy 0.5, give or take 2 per cent."""
    run_id = scored(client, "first", 0.5)
    version = client.post("/models/paper/versions", {"run_id": run_id, "artifact_path": ""})[
        "version"
    ]
    told = assay(
        "repro", "claim", "paper", str(version), "--name", "paper", "--tolerance", "accuracy=2%"
    )
    assert told.code == 0, told.err
    return run_id


def scored(client: Client, name: str, score: float) -> str:
    run_id = add_run(client, name, files=answers(1))
    client.post(f"/runs/{run_id}/evals", {"suite": "exam@1", "metrics": {"accuracy": score}})
    return run_id


def test_the_exit_code_says_how_it_went(assay: Assay, client: Client, claimed: str) -> None:
    """0 reproduced, 1 drift, 2 not comparable."""
    again, worse = scored(client, "again", 0.505), scored(client, "worse", 0.3)
    unscored = add_run(client, "unscored", files=answers(1))
    for run_id, code in ((claimed, 0), (again, 0), (worse, 1), (unscored, 2)):
        told = assay("repro", "check", "--claim", "paper", "--candidate", run_id)
        assert told.code == code, told.out + told.err
    listed = assay("repro", "list", "--json")
    assert listed.code == 0, listed.err
    assert listed.json["claims"][0]["name"] == "paper"


def test_what_cannot_be_checked_is_neither(assay: Assay, claimed: str) -> None:
    """An unknown claim or run, and a server that is not there: 3, never 0, 1 or 2."""
    unknown = assay("repro", "check", "--claim", "nothing", "--candidate", claimed)
    nobody = assay("repro", "check", "--claim", "paper", "--candidate", "nobody")
    away = assay(
        "repro", "check", "--claim", "paper", "--candidate", claimed, "--url", "http://127.0.0.1:9"
    )
    assert (unknown.code, nobody.code, away.code) == (3, 3, 3)


def test_reports_for_machines_and_summaries(
    assay: Assay, client: Client, claimed: str, tmp_path: Path
) -> None:
    """JSON, JUnit and Markdown say the same, in a file or on the terminal."""
    del claimed
    worse = scored(client, "worse", 0.3)
    words = ("repro", "check", "--claim", "paper", "--candidate", worse)
    file = tmp_path / "report.xml"

    as_json = assay(*words, "--format", "json")
    as_junit = assay(*words, "--format", "junit", "-o", str(file))
    as_markdown = assay(*words, "--format", "markdown")

    assert {as_json.code, as_junit.code, as_markdown.code} == {1}
    assert json.loads(as_json.out)["metrics"][0]["is_within"] is False
    suite = ET.fromstring(file.read_text())  # noqa: S314 -- written by us just now
    assert int(suite.get("failures", "0")) == 2
    assert suite.find("testcase[@name='accuracy']/failure") is not None
    assert as_markdown.out.startswith("## Drift: paper")
    assert "| accuracy | 0.5 | 0.3 | **no** |" in as_markdown.out
