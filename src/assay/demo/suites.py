"""The demonstration's eval suites, written as the folders that `assay gates create` takes.

Each holds the items with their references, the scorer and the description; nothing of a model.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from assay.demo.data import Digits, Split
from assay.domain.errors import AlreadyExists

METRIC = "accuracy"

# Copied, never imported: it sets environment variables for a process of its own.
_SCORER = Path(__file__).with_name("scorer.py")

_DESCRIPTION = """\
name = "{name}"
description = "{description}"

[harness]
name = "assay-demo-scorer"
version = "1"

[[tasks]]
name = "digits"
split = "{split}"

[[tasks.metrics]]
name = "{metric}"
direction = "maximize"
low = 0
high = 1
"""


@dataclass(frozen=True, slots=True)
class SuiteFolders:
    """Where the suites are: `ranking` compares runs, `easy` flatters them, `exam` is the gate's."""

    ranking: Path
    easy: Path
    exam: Path


def write_suites(digits: Digits, folder: Path) -> SuiteFolders:
    """Write all three suites below `folder`.

    Raise `AlreadyExists` when one of them is there already: a frozen suite is not written over.
    """
    folders = SuiteFolders(
        ranking=folder / "scanner-validation",
        easy=folder / "clean-validation",
        exam=folder / "scanner-holdout",
    )
    scanner, clean = digits.scanner, digits.clean
    _write_suite(folders.ranking, scanner.validation, "Scanned digits that no run is trained on.")
    _write_suite(folders.easy, clean.validation, "Clean digits, which the base knows already.")
    _write_suite(folders.exam, scanner.holdout, "Scanned digits that only the gate asks about.")
    return folders


def _write_suite(folder: Path, split: Split, description: str) -> None:
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise AlreadyExists(f"{folder} is there already; choose an empty folder.") from None
    text = _DESCRIPTION.format(
        name=folder.name,
        description=description,
        split=folder.name.rpartition("-")[2],
        metric=METRIC,
    )
    (folder / "suite.toml").write_text(text, encoding="utf-8")
    with (folder / "items.jsonl").open("w", encoding="utf-8") as items:
        for index, (pixels, label) in enumerate(
            zip(split.pixels.tolist(), split.labels.tolist(), strict=True)
        ):
            item = {"id": f"{folder.name}-{index:04d}", "input": pixels, "reference": label}
            items.write(json.dumps(item, separators=(",", ":")) + "\n")
    shutil.copyfile(_SCORER, folder / "scorer.py")
