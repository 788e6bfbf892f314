"""`assay evals`: results of other harnesses on runs, usable for choosing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from assay.sdk.client import Client
from tests.cli.command import Assay
from tests.cli.scenes import add_run, answers

WRITTEN = Path(__file__).parent / "harness_runs"


def test_imported_results_choose_a_winner(assay: Assay, client: Client) -> None:
    """The suite's fingerprint is computed here, the scores are the run's, and a winner is chosen by them."""
    run_id = add_run(client, "evaluated", files=answers(1))

    told = assay("evals", "import", str(WRITTEN / "lm_eval"), "--run", run_id, "--json")
    again = assay("evals", "import", str(WRITTEN / "lm_eval"), "--run", run_id)

    assert told.code == 0, told.err
    suite = told.json["suite"]
    assert told.json["scores"]["mini_choice/acc"] == 0.75
    assert again.code == 0, again.err
    listed = assay("evals", "list", run_id, "--json").json["results"]
    assert {(row["suite"], row["metric"], row["items"]) for row in listed} == {
        (suite, "mini_choice/acc", 4),
        (suite, "mini_choice/acc_norm", 4),
        (suite, "mini_qa/exact_match", 4),
    }
    won = assay("winner", run_id, "--metric", "mini_choice/acc", "--suite", suite, "--maximize")
    assert won.code == 0, won.err
    assert run_id in won.out


def test_an_inspect_log_is_imported(assay: Assay, client: Client) -> None:
    """A single file is read as well as a folder."""
    run_id = add_run(client, "inspected", files=answers(1))
    told = assay("evals", "import", str(WRITTEN / "inspect" / "mini.json"), "--run", run_id)
    assert told.code == 0, told.err
    assert "inspect_ai 0.3.285: mini" in told.out


@pytest.mark.parametrize("missing", ["samples_mini_qa", "results"])
def test_an_incomplete_folder_is_refused_and_keeps_nothing(
    assay: Assay, client: Client, tmp_path: Path, missing: str
) -> None:
    """Without samples there is no fingerprint, so there are no results either."""
    run_id = add_run(client, "partial", files=answers(1))
    folder = shutil.copytree(WRITTEN / "lm_eval", tmp_path / "out")
    for file in folder.glob(f"{missing}*"):
        file.unlink()

    told = assay("evals", "import", str(folder), "--run", run_id)

    assert told.code == 1
    assert assay("evals", "list", run_id, "--json").json["results"] == []


def test_a_dry_run_needs_no_server_and_keeps_nothing(assay: Assay) -> None:
    """What would be kept is shown; without a run and without --dry-run it says what is missing."""
    shown = assay("evals", "import", str(WRITTEN / "lm_eval"), "--dry-run")
    refused = assay("evals", "import", str(WRITTEN / "lm_eval"))

    assert shown.code == 0, shown.err
    assert "mini_qa/exact_match" in shown.out
    assert refused.code == 1
    assert "--run" in refused.err
