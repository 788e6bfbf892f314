"""What the records of W&B's local logs say: only the kinds, and of them only the fields, that are imported."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeAlias

from assay.domain.protobuf_wire import WireValue, fields, message, signed, text, zigzag

Changes: TypeAlias = "tuple[tuple[tuple[str, ...], Any], ...]"
"""Values by path; `REMOVED` stands where one is taken away."""


class _Removed:
    __slots__ = ()


REMOVED: Final = _Removed()


@dataclass(frozen=True, slots=True)
class RunSaid:
    """What the client said of the run itself."""

    run_id: str = ""
    entity: str = ""
    project: str = ""
    name: str = ""
    group: str = ""
    job_type: str = ""
    notes: str = ""
    tags: tuple[str, ...] = ()
    sweep: str = ""
    host: str = ""
    started_at_ms: int | None = None
    config: Changes = ()
    is_forked: bool = False


class Row(NamedTuple):
    """A step of the history."""

    values: dict[str, Any]


class ConfigSaid(NamedTuple):
    """Changes of the config."""

    changes: Changes


class SummarySaid(NamedTuple):
    """Changes of the summary."""

    changes: Changes


class Sample(NamedTuple):
    """What the machine measured."""

    at_ms: int | None
    values: dict[str, Any]


class Printed(NamedTuple):
    """Something that was written to the console, in pieces as they came."""

    is_error: bool
    at_ms: int | None
    text: str


class MetricSaid(NamedTuple):
    """How a metric is to be taken, as `define_metric` said."""

    name: str
    glob: str
    step_metric: str
    options: tuple[int, ...]
    summary: tuple[int, ...]
    goal: int


class ArtifactSaid(NamedTuple):
    """An artifact that was logged."""

    kind: str
    name: str


class Surroundings(NamedTuple):
    """Where the run's code came from."""

    program: str
    repository: str
    commit: str


class Ended(NamedTuple):
    """The end of the run."""

    exit_code: int


Said: TypeAlias = (
    RunSaid
    | Row
    | ConfigSaid
    | SummarySaid
    | Sample
    | Printed
    | MetricSaid
    | ArtifactSaid
    | Surroundings
    | Ended
)


def read_record(data: bytes) -> Said | None:
    """What a record says; None for a kind that is not imported. Raises InvalidArgument."""
    for number, value in fields(data):
        reader = _READERS.get(number)
        if reader is not None:
            return reader(message(value))
    return None


def apply_changes(target: dict[str, Any], changes: Changes) -> None:
    """Put values where their paths say, and take away what was removed."""
    for path, value in changes:
        place: dict[str, Any] = target
        for name in path[:-1]:
            inner = place.get(name)
            if not isinstance(inner, dict):
                inner = place[name] = {}
            place = inner
        if value is REMOVED:
            place.pop(path[-1], None)
        else:
            place[path[-1]] = value


@dataclass(slots=True)
class Console:
    """Turns pieces of output into lines: a carriage return begins a line anew."""

    _open: dict[bool, tuple[int | None, str]] = field(default_factory=dict)

    def feed(self, piece: Printed) -> list[str]:
        """The lines that a piece ends, each as the JSON text that the client would send."""
        at_ms, before = self._open.pop(piece.is_error, (piece.at_ms, ""))
        *whole, rest = (before + piece.text).split("\n")
        if rest:
            self._open[piece.is_error] = (piece.at_ms if whole else at_ms, rest)
        return [_line(piece.is_error, at_ms, line) for line in whole]

    def end(self) -> list[str]:
        """The lines that nothing ended."""
        left = [_line(is_error, at, line) for is_error, (at, line) in sorted(self._open.items())]
        self._open.clear()
        return left


def _line(is_error: bool, at_ms: int | None, line: str) -> str:  # noqa: FBT001 - a stream's name
    shown = next((part for part in reversed(line.split("\r")) if part), "")
    stamp = datetime.fromtimestamp((at_ms or 0) / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    level = "error" if is_error else "info"
    return json.dumps({"ts": stamp, "content": shown, "level": level}, ensure_ascii=False)


def _run(data: bytes) -> RunSaid:
    found: dict[str, Any] = {}
    tags: list[str] = []
    for number, value in fields(data):
        if number in _RUN_TEXTS:
            found[_RUN_TEXTS[number]] = text(value)
        elif number == 10:
            tags.append(text(value))
        elif number == 4:
            found["config"] = _changes(message(value))
        elif number == 17:
            found["started_at_ms"] = _moment(message(value))
        elif number in (22, 23):
            found["is_forked"] = bool(value)
    return RunSaid(tags=tuple(tags), **found)


def _row(data: bytes) -> Row:
    values: dict[str, Any] = {}
    step = None
    for number, value in fields(data):
        if number == 1:
            apply_changes(values, (_item(message(value)),))
        elif number == 2:
            step = next((signed(v) for n, v in fields(message(value)) if n == 1), 0)
    if step is not None:
        values.setdefault("_step", step)
    return Row(values)


def _changes(data: bytes) -> Changes:
    found = []
    for number, value in fields(data):
        if number in (1, 2):
            path, item = _item(message(value))
            found.append((path, item if number == 1 else REMOVED))
    return tuple(found)


def _item(data: bytes) -> tuple[tuple[str, ...], Any]:
    """A key, whole or in parts, with a value as JSON or, in newer logs, by its type."""
    key, nested, value = "", [], None
    for number, given in fields(data):
        if number == 1:
            key = text(given)
        elif number == 2:
            nested.append(text(given))
        elif number in _TYPED:
            value = _TYPED[number](given)
    return (tuple(nested) or (key,)), value


def _json(value: WireValue) -> Any:
    try:
        return json.loads(text(value))
    except (ValueError, RecursionError):
        return text(value)


def _sample(data: bytes) -> Sample:
    at_ms, values = None, {}
    for number, value in fields(data):
        if number == 2:
            at_ms = _moment(message(value))
        elif number == 3:
            path, item = _item(message(value))
            values[path[-1]] = item
    return Sample(at_ms, values)


def _printed(data: bytes) -> Printed:
    is_error, at_ms, written = True, None, ""
    for number, value in fields(data):
        if number == 1:
            is_error = not value
        elif number == 2:
            at_ms = _moment(message(value))
        elif number == 3:
            written = text(value)
    return Printed(is_error, at_ms, written)


def _metric(data: bytes) -> MetricSaid:
    texts = {1: "", 2: "", 4: ""}
    flags: dict[int, tuple[int, ...]] = {6: (), 7: ()}
    goal = 0
    for number, value in fields(data):
        if number in texts:
            texts[number] = text(value)
        elif number in flags:
            flags[number] = tuple(sorted(n for n, on in fields(message(value)) if on))
        elif number == 8:
            goal = signed(value)
    return MetricSaid(texts[1], texts[2], texts[4], flags[6], flags[7], goal)


def _artifact(data: bytes) -> ArtifactSaid:
    found = {number: text(value) for number, value in fields(data) if number in (4, 5)}
    return ArtifactSaid(found.get(4, ""), found.get(5, ""))


def _surroundings(data: bytes) -> Surroundings:
    program = repository = commit = ""
    for number, value in fields(data):
        if number == 6:
            program = text(value)
        elif number == 9:
            inner = {each: text(given) for each, given in fields(message(value))}
            repository, commit = inner.get(1, ""), inner.get(2, "")
    return Surroundings(program, repository, commit)


def _ended(data: bytes) -> Ended:
    return Ended(next((signed(value) for number, value in fields(data) if number == 1), 0))


def _moment(data: bytes) -> int:
    found = {number: signed(value) for number, value in fields(data)}
    return found.get(1, 0) * 1000 + found.get(2, 0) // 1_000_000


_RUN_TEXTS: Final[Mapping[int, str]] = {
    1: "run_id",
    2: "entity",
    3: "project",
    6: "group",
    7: "job_type",
    8: "name",
    9: "notes",
    12: "sweep",
    13: "host",
}
_TYPED: Final[Mapping[int, Callable[[WireValue], Any]]] = {
    3: lambda _: None,
    4: bool,
    5: zigzag,
    6: lambda value: value,
    7: text,
    8: _json,
    16: _json,
}
_READERS: Final[Mapping[int, Callable[[bytes], Said]]] = {
    2: _row,
    3: lambda data: SummarySaid(_changes(data)),
    5: lambda data: ConfigSaid(_changes(data)),
    7: _sample,
    8: _artifact,
    12: _metric,
    13: _printed,
    17: _run,
    18: _ended,
    26: _surroundings,
}
