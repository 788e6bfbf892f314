"""What a scorer has to hand back, and that everything else is an error and never a score."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from assay.runner.sandbox import Limits, Sandbox
from assay.runner.scoring import ScoringOutcome, score_candidate
from tests.support.suite_folders import ITEMS, write_suite

CANDIDATE = {"France": "Paris", "Italy": "Milano", "Österreich": "Wien"}


def _score(sandbox: Sandbox, limits: Limits, tmp_path: Path, scorer: str | None) -> ScoringOutcome:
    bundle = write_suite(tmp_path / "bundle", **({} if scorer is None else {"scorer": scorer}))
    candidate = tmp_path / "candidate"
    candidate.mkdir()
    (candidate / "answers.json").write_text(json.dumps(CANDIDATE))
    return score_candidate(bundle, candidate, item_count=len(ITEMS), sandbox=sandbox, limits=limits)


def _writing(text: str) -> str:
    """A scorer that exits with 0 and leaves `text` as its rows."""
    return f"import sys\nopen(sys.argv[-1], 'w', encoding='utf-8', errors='surrogatepass').write({text!r})\n"


def test_a_good_scorer_gives_a_row_per_item(
    sandbox: Sandbox, limits: Limits, tmp_path: Path
) -> None:
    """The frozen scorer judges the candidate's files; its rows come back as written."""
    outcome = _score(sandbox, limits, tmp_path, None)
    assert outcome.error is None
    assert [row.as_json() for row in outcome.rows] == [
        {"item_id": "fr", "metrics": {"accuracy": 1}},
        {"item_id": "it", "metrics": {"accuracy": 0}},
        {"item_id": "at", "metrics": {"accuracy": 1}},
    ]


def test_a_scorer_may_compute_with_numpy_and_its_own_modules(
    sandbox: Sandbox, limits: Limits, tmp_path: Path
) -> None:
    """Further files of the bundle are importable, and so are the runner's packages."""
    write_suite(tmp_path / "bundle")
    (tmp_path / "bundle" / "grading.py").write_text(
        "import numpy\ndef grade(): return float(numpy.float64(0.1) + numpy.float64(0.2))\n"
    )
    scorer = """
import grading, json, sys
with open(sys.argv[-1], "w") as out:
    out.write(json.dumps({"item_id": "fr", "metrics": {"loss": grading.grade()}}))
"""
    outcome = _score(sandbox, limits, tmp_path, scorer)
    assert outcome.error is None, outcome.stderr_tail
    assert outcome.rows[0].metrics == {"loss": 0.30000000000000004}


HOSTILE = {
    "network": (
        "import socket; socket.create_connection(('127.0.0.1', 1), timeout=5)",
        "did not finish",
    ),
    "exit code": ("raise SystemExit(7)", "exited with 7"),
    "crash": ("import os; os.abort()", "signal 6"),
    "memory": ("b = bytearray(10 * 2**30)", "memory"),
    "loop": ("while True: pass", "wall clock"),
    "flood": ("while True: print('x' * 2**20)", "bytes of output"),
    "nothing": ("", "wrote no rows.jsonl"),
    "link": (
        "import os, sys; os.symlink('/assay/bundle/items.jsonl', sys.argv[-1])",
        "symbolic link",
    ),
    "link to a host file": (
        "import os, sys; os.symlink('/etc/passwd', sys.argv[-1])",
        "symbolic link",
    ),
    "pipe": ("import os, sys; os.mkfifo(sys.argv[-1])", "not an ordinary file"),
    "folder": ("import os, sys; os.mkdir(sys.argv[-1])", "not an ordinary file"),
    "other place": (
        "open('/assay/candidate/rows.jsonl', 'w').write('{}')",
        "did not finish",
    ),
    "own items": ("open('items.jsonl', 'w').write('{}')", "did not finish"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_scorer_ends_in_an_error(
    sandbox: Sandbox, tmp_path: Path, what: str, limits: Limits
) -> None:
    """Each attempt ends as an outcome without rows and with a reason."""
    scorer, reason = HOSTILE[what]
    tight = replace(limits, wall_s=0.7) if what == "loop" else limits
    outcome = _score(sandbox, tight, tmp_path, scorer)
    assert outcome.rows == ()
    assert outcome.error is not None
    assert reason in outcome.error
    assert (tmp_path / "candidate" / "answers.json").read_text() == json.dumps(CANDIDATE)


ROW = '{"item_id": "fr", "metrics": {"accuracy": 1}}\n'

GARBAGE = {
    "empty": ("", "is empty"),
    "prose": ("all good, score 0.99", "line 1"),
    "cut short": (ROW + '{"item_id": "it", "met', "line 2"),
    "list": ("[1, 2]\n", "must be an object"),
    "array of rows": (f"[{ROW.strip()}]\n", "must be an object"),
    "no metrics": ('{"item_id": "fr"}\n', "exactly item_id and metrics"),
    "extra member": ('{"item_id": "fr", "metrics": {"a": 1}, "score": 1}\n', "exactly"),
    "number as id": ('{"item_id": 1, "metrics": {"a": 1}}\n', "item_id must be a text"),
    "empty id": ('{"item_id": "", "metrics": {"a": 1}}\n', "item_id must be a text"),
    "no numbers": ('{"item_id": "fr", "metrics": {}}\n', "1 to 100 numbers"),
    "NaN": ('{"item_id": "fr", "metrics": {"a": NaN}}\n', "not a finite number"),
    "Infinity": ('{"item_id": "fr", "metrics": {"a": -Infinity}}\n', "not a finite number"),
    "too large a number": ('{"item_id": "fr", "metrics": {"a": 1e400}}\n', "not a finite number"),
    "bool": ('{"item_id": "fr", "metrics": {"a": true}}\n', "is not a number"),
    "text": ('{"item_id": "fr", "metrics": {"a": "0.9"}}\n', "is not a number"),
    "null": ('{"item_id": "fr", "metrics": {"a": null}}\n', "is not a number"),
    "twice the key": ('{"item_id": "fr", "item_id": "it", "metrics": {"a": 1}}\n', "twice"),
    "deep": ('{"item_id": "fr", "metrics": ' + "[" * 9000 + "]" * 9000 + "}\n", "nested deeper"),
    "long line": ('{"item_id": "' + "x" * 70_000 + '"}\n', "longer than"),
    "too many rows": (ROW * 7, "more than twice"),
    "blank lines": ("\n" * 3, "line 1"),
    "surrogate": ('{"item_id": "\ud800", "metrics": {"a": 1}}\n', "UTF-8"),
}


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_with_exit_code_0_is_an_error(
    bare: Sandbox, limits: Limits, tmp_path: Path, what: str
) -> None:
    """What is not exactly the agreed rows is refused by line; nothing of it is used."""
    text, reason = GARBAGE[what]
    outcome = _score(bare, limits, tmp_path, _writing(text))
    assert outcome.rows == ()
    assert outcome.error is not None
    assert reason in outcome.error


def test_a_rows_file_that_is_too_large_is_refused(
    bare: Sandbox, limits: Limits, tmp_path: Path
) -> None:
    """The runner does not read more than the file size limit (here a sparse file of 9 MB)."""
    scorer = "import sys\nopen(sys.argv[-1], 'wb').truncate(9 * 2**20)\n"
    outcome = _score(bare, limits, tmp_path, scorer)
    assert outcome.rows == ()
    assert outcome.error is not None


def test_what_the_scorer_said_comes_back(sandbox: Sandbox, limits: Limits, tmp_path: Path) -> None:
    """The end of standard error helps the author to see what went wrong."""
    outcome = _score(sandbox, limits, tmp_path, "raise RuntimeError('no such layer')")
    assert "no such layer" in outcome.stderr_tail


def test_a_scorer_cannot_litter(
    sandbox: Sandbox, limits: Limits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders that the scorer locked are removed with the rest when it is over."""
    litter = tmp_path / "litter"
    litter.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(litter))
    scorer = """
import os, sys
place = os.path.dirname(sys.argv[-1])
os.makedirs(place + "/locked/inner")
os.chmod(place + "/locked", 0)
"""
    assert _score(sandbox, limits, tmp_path, scorer).error is not None
    assert list(litter.iterdir()) == []
