"""What the unmodified client writes and reads, on both databases and in several releases."""

import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.conformance.wandb.conftest import PYTHONS, Script, run_script
from tests.support.server import LiveServer


def check_whole_life(found: dict[str, Any]) -> None:
    """Everything that the script wrote reads back as it was."""
    assert found["state"] == "finished"
    assert found["config"] == {"lr": 0.1, "base": "b", "nested": {"k": [1, 2]}}
    assert found["best"] == 5
    assert (found["group"], found["job_type"], found["notes"]) == ("g", "train", "n")
    assert found["tags"] == ["t"]
    assert found["last_step"] == 13
    logged = [step / 2 for step in range(12)]
    assert found["history"][:12] == found["scanned"][:12] == found["one_key"] == logged
    assert len(found["history"]) == len(found["scanned"]) == 14
    assert found["nested"] == {"b": 3}
    assert found["special"] == ["nan", "inf"]
    assert found["histogram"] == "histogram"
    assert {"config.yaml", "wandb-metadata.json"} <= set(found["files"])
    assert found["config_file"]
    assert found.get("console", True)
    assert found["found"]
    assert (found["resumed"], found["rows_after"]) == (9, 15)
    assert found["offline"] == [{"off": 1}, 1, "finished"]


def test_a_run_of_every_kind_of_value_reads_back(either_server: LiveServer, tmp_path: Path) -> None:
    """Scalars, nested values, NaN, infinities, histograms, resume and offline sync survive the trip."""
    found = run_script("whole_life", either_server.url, tmp_path, "whole")
    check_whole_life(found)
    # Older releases take their first sample of the machine later than this script runs.
    assert found["system"]
    assert found["console"]


@pytest.mark.skipif(not PYTHONS, reason="`make test-old-wandb` names other releases")
@pytest.mark.parametrize("python", PYTHONS or [sys.executable])
def test_other_releases_read_back_what_they_write(
    python: str, server: LiveServer, tmp_path: Path
) -> None:
    """The same script gives the same answers in releases of other years."""
    found = run_script("whole_life", server.url, tmp_path, f"v-{abs(hash(python))}", python=python)
    check_whole_life(found)


def test_a_run_is_rewound_forked_changed_and_deleted(script: Script) -> None:
    """A rewound run forgets what came later; a fork begins with its source's history, which stays."""
    found = script("rewriting")
    assert found["before"] == found["source"] == list(range(10))
    assert found["rewound"] == [0, 1, 2, 3, 4, 5, 55]
    assert found["fork"] == [0, 1, 2, 3, 77]
    assert found["changed"] == [["kept"], "changed", 2, 7]
    assert found["deleted"]
    assert found["left"]


def test_runs_are_found_by_what_they_recorded(either_server: LiveServer, tmp_path: Path) -> None:
    """Filters, orders, counts and pages mean the same on both databases."""
    found = run_script("searching", either_server.url, tmp_path, "searching")
    assert found == {
        "oldest_first": [1, 2, 3],
        "newest_first": [3, 2, 1],
        "by_metric": [3, 2, 1],
        "by_config": [3, 2, 1],
        "equal": [2],
        "value": [2, 3],
        "either": [1, 3],
        "metric": [2, 3],
        "summary_alone": [2, 3],
        "listed": [1, 3],
        "not_listed": [2, 3],
        "pattern": [2],
        "absent": [1, 2, 3],
        "none": [],
        "count": 2,
        "paged": 3,
        "projects": True,
    }


def test_the_client_is_told_why_it_is_refused(script: Script) -> None:
    """A run that must exist and an entity that does not are refused at once, with the reason."""
    found = script("stopped")
    assert found["must"]
    assert "no-such-team" in found["entity"]


@pytest.mark.slow
def test_eight_writers_share_one_run(script: Script) -> None:
    """All rows of all are kept, although each counts its steps and lines from zero at the same time."""
    found = script("several_writers")
    assert (found["state"], found["codes"]) == ("finished", [0] * 8)
    assert found["found"].pop("main/value") == [1]
    assert len(found["found"]) == 8
    for rows in found["found"].values():
        assert rows == list(range(20))


def test_the_same_training_has_one_record_whichever_client_logs_it(
    server: LiveServer, tmp_path: Path
) -> None:
    """What the script logs is a run like any other: params as Python prints them, series, an end."""
    name = run_script("seed", server.url, tmp_path)["id"]
    run = httpx2.get(f"{server.url}/api/v1/runs/{name}").json()
    params = run["params"]
    assert params == {
        "base": "Qwen/Qwen3-8B",
        "lr": "2e-05",
        "dataset_version": "sft-mix-v3",
    }
    latest = {key: metric["value"] for key, metric in run["metrics"].items()}
    assert latest["train/loss"] == 0.82
    assert latest["eval/mmlu"] == 0.64
    assert run["status"] == "finished"
