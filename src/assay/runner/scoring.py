"""The contract with a scorer: how it is called, and what it must leave behind to be believed.

`python scorer.py --items ITEMS --candidate DIR --out ROWS`, run in the sandbox with the bundle as
its working folder. It writes one JSON object per line, one line per item:
`{"item_id": "q17", "metrics": {"accuracy": 1}}`. Anything else is an error, which promotes nobody.
Whether the rows are the right ones, and what they add up to, is for the server to say.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.bundles.plain_file import open_plain_file
from assay.domain.canonical import parse_strict
from assay.domain.errors import AppError
from assay.runner.process import Outcome
from assay.runner.sandbox import Inside, Limits, Sandbox, SandboxResult

ROWS_FILE = "rows.jsonl"
_LINE_BYTES = 64 * 1024
_METRICS_MAX = 100
_NAME_MAX = 250
_ROW_FIELDS = {"item_id", "metrics"}


@dataclass(frozen=True, slots=True)
class ScoredItem:
    """What the scorer said of one item: finite numbers, exactly as it wrote them."""

    item_id: str
    metrics: dict[str, int | float]

    def as_json(self) -> dict[str, Any]:
        """Return the row in the shape in which it is posted."""
        return {"item_id": self.item_id, "metrics": self.metrics}


@dataclass(frozen=True, slots=True)
class ScoringOutcome:
    """Rows, or the reason why there are none (`error`); never both."""

    rows: tuple[ScoredItem, ...]
    error: str | None
    stderr_tail: str
    duration_s: float


class _NotARow(Exception):
    """What the scorer left behind breaks the contract."""


def score_candidate(
    bundle_dir: Path,
    candidate_dir: Path,
    *,
    item_count: int,
    sandbox: Sandbox,
    limits: Limits,
    should_stop: Callable[[], bool] = lambda: False,
) -> ScoringOutcome:
    """Run the frozen scorer of an unpacked bundle on the candidate's files.

    Whatever the scorer does wrong becomes an outcome with `error`. Raises `SandboxUnavailable` and
    `InvalidArgument` as `Sandbox.run` does: those are faults of this machine, not of the candidate.
    """
    with _output_folder() as out:
        result = sandbox.run(
            [
                *(Inside("bundle", "scorer.py"), "--items", "items.jsonl"),
                *("--candidate", Inside("candidate"), "--out", Inside("out", ROWS_FILE)),
            ],
            limits=limits,
            read_only={"bundle": bundle_dir, "candidate": candidate_dir},
            writable_dir=out,
            cwd=Inside("bundle"),
            should_stop=should_stop,
        )
        if result.outcome is not Outcome.OK:
            return _failed(f"the scorer did not finish: {result.detail}", result)
        try:
            rows = tuple(_read_rows(out / ROWS_FILE, item_count, limits.file_size_bytes))
        except _NotARow as fault:
            return _failed(str(fault), result)
    return ScoringOutcome(rows, None, result.stderr_tail, result.duration_s)


@contextmanager
def _output_folder() -> Iterator[Path]:
    """A folder for one scorer, removed afterwards whatever modes the scorer gave to its parts."""
    folder = Path(tempfile.mkdtemp(prefix="assay-score-"))
    try:
        yield folder
    finally:
        for parent, names, _ in os.walk(folder):
            for name in names:
                place = Path(parent, name)
                if not place.is_symlink():
                    place.chmod(0o700)
        shutil.rmtree(folder)


def _failed(reason: str, result: SandboxResult) -> ScoringOutcome:
    return ScoringOutcome((), reason, result.stderr_tail, result.duration_s)


def _read_rows(path: Path, item_count: int, size_max_bytes: int) -> Iterator[ScoredItem]:
    """Read the rows file without trusting that it is one: no link, no device, no endless line."""
    try:
        file = open_plain_file(path)
    except FileNotFoundError:
        raise _NotARow(f"the scorer wrote no {ROWS_FILE}") from None
    except OSError as error:
        raise _NotARow(str(error)) from None
    with file:
        if os.fstat(file.fileno()).st_size > size_max_bytes:
            raise _NotARow(f"{ROWS_FILE} is larger than {size_max_bytes} bytes")
        count = 0
        while line := file.readline(_LINE_BYTES + 1):
            count += 1
            if count > 2 * item_count:
                raise _NotARow(f"{ROWS_FILE} has more than twice as many lines as items")
            yield _parse_row(line, f"{ROWS_FILE} line {count}")
        if count == 0:
            raise _NotARow(f"{ROWS_FILE} is empty")


def _parse_row(line: bytes, where: str) -> ScoredItem:
    if len(line) > _LINE_BYTES:
        raise _NotARow(f"{where} is longer than {_LINE_BYTES} bytes")
    try:
        row = parse_strict(line, root="the row", max_bytes=_LINE_BYTES)
    except AppError as fault:
        raise _NotARow(f"{where}: {fault.message}") from None
    if not isinstance(row, dict) or row.keys() != _ROW_FIELDS:
        raise _NotARow(f"{where} must be an object of exactly item_id and metrics")
    item_id, metrics = row["item_id"], row["metrics"]
    if not isinstance(item_id, str) or not 0 < len(item_id) <= _NAME_MAX:
        raise _NotARow(f"{where}: item_id must be a text of 1 to {_NAME_MAX} characters")
    if not isinstance(metrics, dict) or not 0 < len(metrics) <= _METRICS_MAX:
        raise _NotARow(f"{where}: metrics must be an object of 1 to {_METRICS_MAX} numbers")
    numbers: dict[str, int | float] = {}
    for name, value in metrics.items():
        if not 0 < len(name) <= _NAME_MAX:
            raise _NotARow(f"{where}: a metric's name has 1 to {_NAME_MAX} characters")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _NotARow(f"{where}: the metric {name[:50]!r} is not a number")
        numbers[name] = value
    return ScoredItem(item_id, numbers)
