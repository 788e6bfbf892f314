"""From the lines of a client's files to points, step records and streams."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from assay.domain.canonical import text_fault
from assay.domain.names import MAX_KEY
from assay.faces.wandb.run_nodes import RunNode
from assay.services.batch import Columns
from assay.services.client_history import CONSOLE_KEY, SYSTEM_PREFIX
from assay.services.records import NewRecord

MAX_DEPTH: Final = 16
WRITER_BITS: Final = 32
"""A console line's number has those of its writer above it: writers do not overwrite one another."""

_KINDS: Final[Mapping[str, str]] = {
    "image-file": "image",
    "images/separated": "image",
    "images": "image",
    "table-file": "table-file",
    "partitioned-table": "table-file",
    "joined-table": "table-file",
    "html-file": "html",
    "html": "html",
    "audio-file": "audio",
    "audio": "audio",
    "video-file": "video",
    "videos": "video",
    "histogram": "histogram",
    "object3D-file": "object3d",
    "plotly-file": "plotly",
    "molecule-file": "molecule",
    "bokeh-file": "bokeh",
}
_MAX_STEP: Final = 2**62
_log = structlog.get_logger("assay.wandb")


@dataclass(slots=True)
class Gathered:
    """What some lines amount to."""

    keys: list[str] = field(default_factory=list)
    steps: array[int] = field(default_factory=lambda: array("q"))
    timestamps_ms: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    records: list[NewRecord] = field(default_factory=list)
    nested: dict[str, Sequence[str]] = field(default_factory=dict)
    history_steps: set[int] = field(default_factory=set)

    def point(self, key: str, step: int, at_ms: int, value: float) -> None:
        """Add a number."""
        self.keys.append(key)
        self.steps.append(step)
        self.timestamps_ms.append(at_ms)
        self.values.append(value)

    def columns(self, most: int) -> list[Columns]:
        """The numbers in batches of at most `most`."""
        return [
            Columns(
                self.keys[start : start + most],
                self.steps[start : start + most].tobytes(),
                self.timestamps_ms[start : start + most].tobytes(),
                self.values[start : start + most].tobytes(),
            )
            for start in range(0, len(self.keys), most)
        ]


def gather_history(lines: Sequence[str], first: int, now_ms: int, into: Gathered) -> dict[str, Any]:
    """Rows of the history. The last of them."""
    row: dict[str, Any] = {}
    for number, line in enumerate(lines, start=first):
        found = read_line(line)
        if found is None:
            continue
        row = found
        step = _step_of(row, number)
        at_ms = _moment_of(row, now_ms)
        into.history_steps.add(step)
        for key, value in row.items():
            if key not in ("_step", "_timestamp"):
                _value(into, (key,), value, step, at_ms)
    return row


def gather_summary(
    node: RunNode, summary: Mapping[str, Any], now_ms: int, into: Gathered
) -> list[str]:
    """Numbers that are in the summary alone: points too, so that runs are found by them. Their keys.

    They stand at the summary's step, and rows of the history leave them out.
    """
    latest = {metric.key: metric.value for metric in node.series}
    logged = set(into.keys)
    alone = set(node.summary_keys)
    step = _step_of(summary, max(node.last_step, 0))
    found = []
    flat = Gathered()
    for key, value in summary.items():
        if not key.startswith("_"):
            _value(flat, (key,), value, step, now_ms)
    for key, value in zip(flat.keys, flat.values, strict=True):
        if key in logged or (key in latest and key not in alone):
            continue
        if key not in latest or latest[key] != value:
            into.point(key, step, now_ms, value)
        found.append(key)
    return found


def gather_events(lines: Sequence[str], first: int, now_ms: int, into: Gathered) -> None:
    """Samples of the machine: series under the reserved prefix, by the number of the sample."""
    for number, line in enumerate(lines, start=first):
        row = read_line(line)
        if row is None:
            continue
        at_ms = _moment_of(row, now_ms)
        for key, value in row.items():
            number_of = _number(value)
            if number_of is None or key in ("_wandb", "_timestamp"):
                continue
            name = SYSTEM_PREFIX + key.removeprefix("system.")
            if _is_key(name):
                into.point(name, number, at_ms, number_of)


def gather_console(
    lines: Sequence[str], first: int, ordinal: int, now_ms: int, into: Gathered
) -> None:
    """What was printed: a record for each line; a line that comes again takes its place."""
    base = ordinal << WRITER_BITS
    for number, line in enumerate(lines, start=first):
        told = console_line(line)
        at_ms = told.pop("at_ms") or now_ms
        text = json.dumps(told, ensure_ascii=False)
        if text_fault(text) is None:
            into.records.append(NewRecord(CONSOLE_KEY, base + number, "console", at_ms, text))


def console_line(line: str) -> dict[str, Any]:
    """A line of the console in either form: JSON, or a time, a space and the text."""
    if line.startswith("{"):
        found = read_line(line)
        if found is not None and isinstance(found.get("content"), str):
            return {
                "line": found["content"],
                "level": str(found.get("level") or "info"),
                "label": str(found.get("label") or ""),
                "at": str(found.get("ts") or ""),
                "at_ms": _stamp_ms(str(found.get("ts") or "")),
            }
    level = "info"
    if line.startswith("ERROR "):
        level, line = "error", line.removeprefix("ERROR ")
    stamp, _, text = line.partition(" ")
    at_ms = _stamp_ms(stamp)
    if at_ms is None:
        stamp, text = "", line
    return {"line": text, "level": level, "label": "", "at": stamp, "at_ms": at_ms}


def read_line(line: str) -> dict[str, Any] | None:
    """A JSON object, in which NaN and infinities may be bare words; None for anything else."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        _log.warning("a line is no JSON", line=line[:200])
        return None
    return row if isinstance(row, dict) else None


def _value(into: Gathered, path: tuple[str, ...], value: Any, step: int, at_ms: int) -> None:
    key = ".".join(path)
    number = _number(value)
    if value is None or not _is_key(key):
        return
    if number is not None:
        into.point(key, step, at_ms, number)
    elif isinstance(value, dict) and "_type" not in value and value and len(path) < MAX_DEPTH:
        for name, item in value.items():
            _value(into, (*path, name), item, step, at_ms)
        return
    elif isinstance(value, str):
        if text_fault(value) is None:
            into.records.append(NewRecord(key, step, "text", at_ms, value))
    else:
        kind = "json"
        if isinstance(value, dict) and isinstance(value.get("_type"), str):
            kind = _KINDS.get(value["_type"], "media")
        text = json.dumps(value, ensure_ascii=True)
        into.records.append(NewRecord(key, step, kind, at_ms, text))
    if len(path) > 1:
        into.nested[key] = list(path)


def _number(value: Any) -> float | None:
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    return None


def _is_key(key: str) -> bool:
    return 0 < len(key) <= MAX_KEY and text_fault(key) is None


def _step_of(row: Mapping[str, Any], number: int) -> int:
    step = row.get("_step")
    if isinstance(step, bool) or not isinstance(step, int | float) or not math.isfinite(step):
        return number
    return min(max(int(step), -_MAX_STEP), _MAX_STEP)


def _moment_of(row: Mapping[str, Any], now_ms: int) -> int:
    at = row.get("_timestamp")
    if isinstance(at, bool) or not isinstance(at, int | float) or not 0 <= at < 1e11:
        return now_ms
    return round(at * 1000)


def _stamp_ms(stamp: str) -> int | None:
    if len(stamp) < 19 or stamp[4:5] != "-":
        return None
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0, int(moment.timestamp() * 1000))
