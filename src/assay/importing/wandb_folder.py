"""Local `wandb/` folders: which runs they hold, and what their logs say, read as often as is needed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from assay.domain.chunked_log import BLOCK_BYTES, LogReader
from assay.domain.client_log import (
    ArtifactSaid,
    ConfigSaid,
    Console,
    Ended,
    MetricSaid,
    Printed,
    Row,
    RunSaid,
    Said,
    Sample,
    SummarySaid,
    Surroundings,
    apply_changes,
    read_record,
)
from assay.domain.errors import AppError, InvalidArgument

HISTORY: Final = "wandb-history.jsonl"
EVENTS: Final = "wandb-events.jsonl"
CONSOLE: Final = "output.log"
_OWN_ARTIFACTS: Final = frozenset({"run_table", "wandb-history", "wandb-run-history"})
_MAX_DEPTH: Final = 16


@dataclass(slots=True)
class LocalRun:
    """A run as its logs tell it, without the lines themselves: those are read when they are sent."""

    logs: list[Path]
    said: RunSaid = field(default_factory=RunSaid)
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    lines: Counter[str] = field(default_factory=Counter)
    keys: dict[str, int] = field(default_factory=dict)
    """By key: in how many rows it is a number."""

    metrics: dict[tuple[str, str], MetricSaid] = field(default_factory=dict)
    artifacts: list[ArtifactSaid] = field(default_factory=list)
    surroundings: Surroundings = field(default_factory=lambda: Surroundings("", "", ""))
    exit_code: int | None = None
    """None when no log says that the run ended."""

    last_at_ms: int | None = None
    faults: list[str] = field(default_factory=list)

    @property
    def folders(self) -> list[Path]:
        """Where the files of the run are, later ones winning."""
        return [log.parent / "files" for log in self.logs]

    def wire_config(self) -> dict[str, Any]:
        """The config as the client sends it, with what `define_metric` said."""
        config = {key: {"value": value} for key, value in self.config.items()}
        if self.metrics:
            inner = dict(self.config.get("_wandb") or {})
            config["_wandb"] = {"value": {**inner, "m": _encoded(list(self.metrics.values()))}}
        return config


def find_logs(folder: Path) -> dict[Path, list[Path]]:
    """The logs below a folder by the folder of their run, in order. Raises InvalidArgument."""
    if folder.is_file():
        return {folder.parent: [folder]}
    if not folder.is_dir():
        raise InvalidArgument(f"{folder} is not a folder.", field="DIR")
    found: dict[Path, list[Path]] = {}
    for log in sorted(folder.rglob("run-*.wandb")):
        # `latest-run` is a link to one of the others.
        if log.is_file() and not log.is_symlink() and not log.parent.is_symlink():
            found.setdefault(log.parent, []).append(log)
    if not found:
        raise InvalidArgument(f"{folder} holds no run-*.wandb.", field="DIR")
    return found


def read_runs(folder: Path) -> Iterator[LocalRun]:
    """Every run below a folder; one that was resumed has several logs, in order of their folders."""
    together: dict[tuple[str, str], list[Path]] = {}
    for log in [log for logs in find_logs(folder).values() for log in logs]:
        said = _first_words(log)
        together.setdefault(
            (said.project, said.run_id or log.stem.removeprefix("run-")), []
        ).append(log)
    for (_, run_id), logs in together.items():
        run = LocalRun(sorted(logs, key=lambda log: _stamp(log.parent.name)))
        _scan(run)
        if not run.said.run_id:
            run.said = RunSaid(run_id=run_id)
        yield run


def count_runs(folder: Path) -> int:
    """About how many runs there are."""
    return sum(len(logs) for logs in find_logs(folder).values())


def lines_of(run: LocalRun) -> Iterator[tuple[str, str]]:
    """Every line that a client would send, with its file, in order of the logs."""
    for log in run.logs:
        console = Console()
        for said in records_of(log, []):
            if isinstance(said, Printed):
                yield from ((CONSOLE, line) for line in console.feed(said))
            elif isinstance(said, Row):
                yield HISTORY, json.dumps(said.values)
            elif isinstance(said, Sample):
                yield EVENTS, json.dumps(_event(run, said))
        yield from ((CONSOLE, line) for line in console.end())


def records_of(log: Path, faults: list[str]) -> Iterator[Said]:
    """What a log says, as far as it can be read; why it ended early is added to `faults`."""
    reader = LogReader()
    try:
        with log.open("rb") as file:
            for record in reader.records(iter(lambda: file.read(BLOCK_BYTES), b"")):
                said = read_record(record)
                if said is not None:
                    yield said
    except AppError as error:
        faults.append(f"{log}: {error.message}")
    if reader.fault:
        faults.append(f"{log}: {reader.fault}; what is before it was read")


def _first_words(log: Path) -> RunSaid:
    return next((said for said in records_of(log, []) if isinstance(said, RunSaid)), RunSaid())


def _scan(run: LocalRun) -> None:
    for log in run.logs:
        console = Console()
        for said in records_of(log, run.faults):
            if isinstance(said, Printed):
                run.lines[CONSOLE] += len(console.feed(said))
                run.last_at_ms = said.at_ms or run.last_at_ms
            else:
                _take(run, said)
        run.lines[CONSOLE] += len(console.end())


def _take(run: LocalRun, said: Said) -> None:
    if isinstance(said, Row):
        run.lines[HISTORY] += 1
        _count_keys(run.keys, (), said.values)
        at = said.values.get("_timestamp")
        if isinstance(at, int | float):
            run.last_at_ms = round(at * 1000)
    elif isinstance(said, Sample):
        run.lines[EVENTS] += 1
        run.last_at_ms = said.at_ms or run.last_at_ms
    elif isinstance(said, SummarySaid):
        apply_changes(run.summary, said.changes)
    elif isinstance(said, ConfigSaid):
        apply_changes(run.config, said.changes)
    elif isinstance(said, RunSaid):
        apply_changes(run.config, said.config)
        run.said = said if run.said.started_at_ms is None else _later(run.said, said)
        run.exit_code = None
    elif isinstance(said, MetricSaid):
        run.metrics[said.name, said.glob] = said
    elif isinstance(said, ArtifactSaid):
        if said.kind not in _OWN_ARTIFACTS:
            run.artifacts.append(said)
    elif isinstance(said, Surroundings):
        pairs = zip(said, run.surroundings, strict=True)
        run.surroundings = Surroundings(*(new or old for new, old in pairs))
    elif isinstance(said, Ended):
        run.exit_code = said.exit_code


def _later(first: RunSaid, then: RunSaid) -> RunSaid:
    """What was said last, since the moment at which the run began at first."""
    values = {name: getattr(then, name) or getattr(first, name) for name in RunSaid.__slots__}
    return RunSaid(**{**values, "started_at_ms": first.started_at_ms})


def _count_keys(keys: dict[str, int], path: tuple[str, ...], value: Any) -> None:
    if isinstance(value, dict) and "_type" not in value and value and len(path) < _MAX_DEPTH:
        for name, item in value.items():
            if path or name not in ("_step", "_timestamp"):
                _count_keys(keys, (*path, name), item)
    elif value is not None and path:
        key = ".".join(path)
        is_number = isinstance(value, int | float) or value in ("NaN", "Infinity", "-Infinity")
        keys[key] = keys.get(key, 0) + is_number


def _event(run: LocalRun, sample: Sample) -> dict[str, Any]:
    event: dict[str, Any] = {"_wandb": True}
    if sample.at_ms is not None:
        event["_timestamp"] = sample.at_ms / 1000
        if run.said.started_at_ms is not None:
            event["_runtime"] = max(0.0, (sample.at_ms - run.said.started_at_ms) / 1000)
    for name, value in sample.values.items():
        event[name if name.startswith("system.") else f"system.{name}"] = value
    return event


def _encoded(metrics: list[MetricSaid]) -> list[Mapping[str, Any]]:
    """Definitions of metrics by the numbers of their fields; a step metric by its place, from 1."""
    places = {metric.name: place for place, metric in enumerate(metrics, 1) if metric.name}
    encoded: list[Mapping[str, Any]] = []
    for metric in metrics:
        entry = {
            "1": metric.name,
            "2": metric.glob,
            "5": places.get(metric.step_metric),
            "6": list(metric.options),
            "7": list(metric.summary),
            "8": metric.goal,
        }
        encoded.append({number: value for number, value in entry.items() if value})
    return encoded


def _stamp(name: str) -> str:
    """When a run's folder was made: `offline-run-20260131_120000-abc` and `run-…` sort together."""
    return name.removeprefix("offline-")
