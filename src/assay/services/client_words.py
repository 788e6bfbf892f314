"""What clients that name their runs themselves say of them, and what follows from it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from assay.domain.tracking import RunStatus, WholeRun
from assay.storage.wandb import ClientRun

MAX_NESTED: Final = 20_000
STATUSES: Final[Mapping[str, RunStatus]] = {
    "pending": RunStatus.SCHEDULED,
    "running": RunStatus.RUNNING,
    "preempting": RunStatus.RUNNING,
    "preempted": RunStatus.FAILED,
    "finished": RunStatus.FINISHED,
    "failed": RunStatus.FAILED,
    "crashed": RunStatus.FAILED,
    "killed": RunStatus.KILLED,
}
"""The client's words for where a run is in its life, with ours."""


class Known(NamedTuple):
    """A run with what it recorded, what its client said of it, and its lines by file."""

    whole: WholeRun
    said: ClientRun | None
    lines: Mapping[str, int]


class LineRange(NamedTuple):
    """Lines of one file that were delivered: from where, how many, and the last of them."""

    first: int
    size: int
    tail: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a client says of a run; None: nothing about that."""

    display_name: str | None = None
    config: str | None = None
    """The whole config as JSON text; `params` is its flattened view."""
    params: Mapping[str, str] | None = None
    summary: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    state: str | None = None
    user_name: str = ""
    started_at_ms: int | None = None
    """When a new run began; None: now."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a delivery said beside its points and records, and how it ended."""

    writer: str = ""
    lines: Mapping[str, LineRange] = field(default_factory=dict)
    summary: str | None = None
    nested: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Dotted keys that stand for members of objects, with the way to each."""

    logged_keys: frozenset[str] = frozenset()
    """Keys of its rows."""

    summary_keys: Sequence[str] = ()
    """Keys that are in the summary and in no row."""

    first_step: int | None = None
    exit_code: int | None = None
    is_complete: bool = False
    is_preempting: bool = False


def shape_after(before: str, heard: Heard) -> str:
    """The shape with keys that are new to it; a late row makes files of the history stale."""
    shape = json.loads(before)
    changed = False
    marks = shape.get("marks")
    if marks and heard.first_step is not None and heard.first_step <= marks[-1]:
        shape["marks"], changed = None, True
    known = shape.setdefault("nested", {})
    for key, path in heard.nested.items():
        if key not in known and len(known) < MAX_NESTED:
            known[key], changed = list(path), True
    before_this = shape.get("summary", [])
    listed = shape["summary"] = [key for key in before_this if key not in heard.logged_keys]
    changed = changed or len(listed) < len(before_this)
    for key in heard.summary_keys:
        if key not in listed and len(listed) < MAX_NESTED:
            listed.append(key)
            changed = True
    return json.dumps(shape) if changed else before


def state_after(said: ClientRun, heard: Heard) -> str:
    """The state of a run after what was heard last."""
    is_preempting = heard.is_preempting or said.state == "preempting"
    if not heard.is_complete:
        # What was said of a preemption holds until the run ends.
        return "preempting" if is_preempting else "running"
    if heard.exit_code in (None, 0):
        return "finished"
    if is_preempting:
        return "preempted"
    return "killed" if said.stop_requested else "failed"
