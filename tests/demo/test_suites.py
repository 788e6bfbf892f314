"""The written suites are real exams, and the frozen scorer counts what the model gets right."""

import json
import os
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from assay.bundles.suite_folder import read_suite_folder
from assay.demo.checkpoint import save_adapter
from assay.demo.data import Digits, Split
from assay.demo.suites import METRIC, SuiteFolders, write_suites
from assay.demo.training import Adapter, correct_count, predict
from assay.domain.errors import AlreadyExists
from assay.runner.sandbox import Limits, backend_problems, open_sandbox
from assay.runner.scoring import score_candidate


@pytest.fixture(scope="module")
def suites(digits: Digits, tmp_path_factory: pytest.TempPathFactory) -> SuiteFolders:
    """All three suites on disk."""
    return write_suites(digits, tmp_path_factory.mktemp("suites"))


@pytest.fixture(scope="module")
def candidate(adapter: Adapter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved adapter, readable by whoever scores it."""
    folder = tmp_path_factory.mktemp("candidate")
    save_adapter(adapter, folder)
    folder.chmod(0o755)
    return folder


def score(suite: Path, candidate: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Run the suite's own scorer as a stranger would: another folder, an empty environment."""
    program: list[str | Path] = [sys.executable, "-I", suite / "scorer.py"]
    paths: list[str | Path] = ["--items", suite / "items.jsonl", "--candidate", candidate]
    return subprocess.run(
        [*program, *paths, "--out", out],
        cwd=out.parent,
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def part_of(digits: Digits, name: str) -> Split:
    """Return the split that a suite is made of."""
    return {
        "ranking": digits.scanner.validation,
        "easy": digits.clean.validation,
        "exam": digits.scanner.holdout,
    }[name]


@pytest.mark.parametrize("name", ["ranking", "easy", "exam"])
def test_the_frozen_scorer_agrees_with_the_model_item_by_item(
    digits: Digits,
    adapter: Adapter,
    suites: SuiteFolders,
    candidate: Path,
    tmp_path: Path,
    name: str,
) -> None:
    """Every item has one row, and the rows say exactly which predictions were right."""
    split = part_of(digits, name)

    done = score(getattr(suites, name), candidate, tmp_path / "rows.jsonl")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    right = (predict(adapter, split.pixels) == split.labels).astype(int).tolist()
    assert [row["metrics"] for row in rows] == [{METRIC: value} for value in right]
    assert sum(right) == correct_count(adapter, split)
    items = (getattr(suites, name) / "items.jsonl").read_text().splitlines()
    assert [row["item_id"] for row in rows] == [json.loads(item)["id"] for item in items]


@pytest.mark.parametrize("name", ["ranking", "easy", "exam"])
def test_a_written_suite_is_read_as_an_exam(
    digits: Digits, suites: SuiteFolders, name: str
) -> None:
    """The gate's reader accepts the folder: all items, one bounded metric, more is better."""
    folder = read_suite_folder(getattr(suites, name))

    metric = folder.suite.metric(METRIC)
    assert folder.suite.count_of(METRIC) == len(part_of(digits, name))
    assert metric.maximize
    assert (metric.low, metric.high) == (Fraction(0), Fraction(1))


def test_the_suites_are_told_apart_and_repeat(
    digits: Digits, suites: SuiteFolders, tmp_path: Path
) -> None:
    """Three exams have three fingerprints; written again elsewhere they keep them."""
    again = write_suites(digits, tmp_path)

    names = ("ranking", "easy", "exam")
    first = [read_suite_folder(getattr(suites, name)).fingerprint for name in names]
    second = [read_suite_folder(getattr(again, name)).fingerprint for name in names]
    assert first == second
    assert len(set(first)) == 3


def test_a_frozen_suite_is_not_written_over(digits: Digits, tmp_path: Path) -> None:
    """The second writing is refused and changes no file."""
    written = write_suites(digits, tmp_path)
    (written.exam / "items.jsonl").write_text("kept")

    with pytest.raises(AlreadyExists):
        write_suites(digits, tmp_path)

    assert (written.exam / "items.jsonl").read_text() == "kept"


@pytest.mark.parametrize("absent", ["adapter_config.json", "adapter.npz", "base.npz"])
def test_an_incomplete_candidate_is_not_scored(
    suites: SuiteFolders, candidate: Path, tmp_path: Path, absent: str
) -> None:
    """A missing file ends in an error that names it, and leaves no rows to be believed."""
    broken = tmp_path / "broken"
    shutil.copytree(candidate, broken)
    (broken / absent).unlink()

    done = score(suites.exam, broken, tmp_path / "rows.jsonl")

    assert done.returncode == 1
    assert absent in done.stderr
    assert not (tmp_path / "rows.jsonl").exists()


def test_weights_that_are_not_numbers_are_not_scored(
    suites: SuiteFolders, candidate: Path, tmp_path: Path
) -> None:
    """A candidate whose logits are NaN has no predictions that could be right by accident."""
    broken = tmp_path / "broken"
    shutil.copytree(candidate, broken)
    with np.load(broken / "base.npz", allow_pickle=False) as arrays:
        weights = dict(arrays)
    weights["bias_2"] = np.full_like(weights["bias_2"], np.nan)
    np.savez(broken / "base.npz", allow_pickle=False, **weights)

    done = score(suites.exam, broken, tmp_path / "rows.jsonl")

    assert done.returncode == 1
    assert "not finite" in done.stderr
    assert not (tmp_path / "rows.jsonl").exists()


def test_a_pickle_is_not_scored(suites: SuiteFolders, candidate: Path, tmp_path: Path) -> None:
    """Weights that could only be read by running code are refused."""
    broken = tmp_path / "broken"
    shutil.copytree(candidate, broken)
    objects = np.array([{"a": 1}], dtype=object)
    np.savez(broken / "adapter.npz", a_0=objects, b_0=objects, a_1=objects, b_1=objects)

    done = score(suites.exam, broken, tmp_path / "rows.jsonl")

    assert done.returncode == 1
    assert "allow_pickle" in done.stderr


def test_the_scorer_runs_inside_the_gate_runners_sandbox(
    digits: Digits, adapter: Adapter, suites: SuiteFolders, candidate: Path
) -> None:
    """Without network, foreign files or many processes it still gives a row for every item."""
    if all(backend_problems().values()):
        pytest.skip("no sandbox works on this machine")
    for folder in (suites.exam.parent, suites.exam):
        folder.chmod(0o755)
    items = len(digits.scanner.holdout)

    outcome = score_candidate(
        suites.exam,
        candidate,
        item_count=items,
        sandbox=open_sandbox(),
        limits=Limits(wall_s=60, memory_bytes=1024**3, processes=8),
    )

    assert outcome.error is None, outcome.stderr_tail
    assert len(outcome.rows) == items
    right = sum(row.metrics[METRIC] for row in outcome.rows)
    assert right == correct_count(adapter, digits.scanner.holdout)
