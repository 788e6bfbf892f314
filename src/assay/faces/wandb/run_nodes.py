"""Runs as the client sees them, whoever wrote them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from assay.domain.errors import NotFound
from assay.domain.lineage import python_value
from assay.domain.tracking import Run, RunStatus
from assay.faces.wandb.ask import Ask
from assay.faces.wandb.projects import ProjectNode, context_of
from assay.faces.wandb.values import node_id, read_node_id
from assay.services.client_history import RESERVED_KEYS, SYSTEM_PREFIX, plain_number
from assay.services.client_runs import Known

GROUP_TAG: Final = "wandb.group"
JOB_TYPE_TAG: Final = "wandb.job_type"
TAGS_TAG: Final = "wandb.tags"
HOST_TAG: Final = "wandb.host"
PROGRAM_TAG: Final = "wandb.program"
REPO_TAG: Final = "wandb.repo"
SWEEP_TAG: Final = "wandb.sweep"
COMMIT_TAG: Final = "code_commit"
NOTES_TAG: Final = "mlflow.note.content"
HISTORY_FILE: Final = "wandb-history.jsonl"
EVENTS_FILE: Final = "wandb-events.jsonl"
CONSOLE_FILE: Final = "output.log"
LISTED_RUNS: Final = "listed runs"
"""Under which a request remembers the runs of a page, until something is asked of all of them."""

_STATES: Final[Mapping[RunStatus, str]] = {
    RunStatus.SCHEDULED: "pending",
    RunStatus.RUNNING: "running",
    RunStatus.FINISHED: "finished",
    RunStatus.FAILED: "failed",
    RunStatus.KILLED: "killed",
}


@dataclass(frozen=True, slots=True)
class RunNode:
    """A run with all that it recorded and what its client said of it."""

    known: Known
    project_name: str

    @property
    def run(self) -> Run:
        """The run itself."""
        return self.known.whole.run

    @property
    def tags_by_key(self) -> Mapping[str, str]:
        """Its tags, ours and the client's."""
        return self.known.whole.tags

    @property
    def name(self) -> str:
        """The id that the client knows it by."""
        said = self.known.said
        return said.name if said is not None else self.run.run_id

    @property
    def state(self) -> str:
        """The client's word for where it is in its life."""
        state = _STATES[self.run.status]
        said = self.known.said
        finer = {"running": {"preempting"}, "failed": {"crashed", "preempted"}}
        if said is not None and said.state in finer.get(state, ()):
            return said.state
        return state

    @property
    def config(self) -> str:
        """The config as the client sent it; for others, made of the params."""
        said = self.known.said
        if said is not None and said.config:
            return said.config
        params = self.known.whole.params
        return json.dumps({key: {"value": python_value(text)} for key, text in params.items()})

    @property
    def summary(self) -> str:
        """The summary as the client sent it; where none did, the latest values."""
        said = self.known.said
        if said is not None and said.summary not in ("", "{}"):
            return said.summary
        latest = [m for m in self.known.whole.metrics if not m.key.startswith(SYSTEM_PREFIX)]
        summary: dict[str, Any] = {m.key: plain_number(m.value) for m in latest}
        if latest:
            summary["_step"] = max(m.step for m in latest)
            summary["_timestamp"] = max(m.timestamp_ms for m in latest) / 1000
        return json.dumps(summary)

    def lines(self, file: str) -> int:
        """How many lines of a file were delivered; for other clients, how many steps there are."""
        said = self.known.lines.get(file)
        if said is not None or file != HISTORY_FILE:
            return said or 0
        return max((m.count for m in self.series), default=0)

    @property
    def series(self) -> list[Any]:
        """The latest of every series that is not the machine's."""
        return [m for m in self.known.whole.metrics if not m.key.startswith(SYSTEM_PREFIX)]

    @property
    def summary_keys(self) -> tuple[str, ...]:
        """The series that were never logged: they stand in the summary alone."""
        said = self.known.said
        return tuple(json.loads(said.shape).get("summary", ())) if said is not None else ()

    @property
    def last_step(self) -> int:
        """The greatest step; -1 before there is one."""
        return max((m.step for m in self.series), default=-1)


def run_id_of(node: RunNode) -> str:
    """The id that this face gives out for a run."""
    return node_id("Run", node.run.run_id)


def find_run(ask: Ask, entity: str | None, project: str | None, name: str | None) -> RunNode:
    """The run that the client calls so. Raises NotFound."""
    context = context_of(ask, entity)
    place = project or "uncategorized"
    found = ask.services.clients.runs.find(context, place, name or "")
    if found is None:
        raise NotFound(f"Run {str(name)[:100]!r} does not exist in {place[:100]!r}.", field="run")
    return RunNode(found, place)


def run_by_id(ask: Ask, identifier: str) -> RunNode:
    """The run with an id that this face gave out. Raises NotFound."""
    (run_id,) = read_node_id("Run", identifier)[:1]
    return node_of(ask, ask.services.clients.runs.get(ask.context, run_id))


def node_of(ask: Ask, known: Known) -> RunNode:
    """A run with the name of its project."""
    identifier = known.whole.run.experiment_id
    name = ask.memory.get(("project", identifier))
    if name is None:
        name = ask.services.experiments.get(ask.context, identifier).name
        ask.memory[("project", identifier)] = name
    return RunNode(known, name)


def project_of(node: RunNode, ask: Ask) -> ProjectNode:
    """The project of a run."""
    return ProjectNode(ask.services.experiments.get(ask.context, node.run.experiment_id))


def system_metrics(node: RunNode) -> dict[str, Any]:
    """The latest of what the machine reported."""
    found = {}
    for metric in node.known.whole.metrics:
        if metric.key.startswith(SYSTEM_PREFIX) and math.isfinite(metric.value):
            bare = metric.key.removeprefix(SYSTEM_PREFIX)
            found[f"system.{bare}"] = plain_number(metric.value)
    return found


def history_keys(node: RunNode, record_keys: tuple[str, ...]) -> dict[str, Any]:
    """Which keys the history has, as the client wants to see them."""
    keys: dict[str, Any] = {}
    alone = frozenset(node.summary_keys)
    for metric in node.series:
        if metric.key in alone:
            continue
        value = plain_number(metric.value) if math.isfinite(metric.value) else str(metric.value)
        keys[metric.key] = _key("number", metric.count, value)
    for key in record_keys:
        if key not in RESERVED_KEYS:
            keys.setdefault(key, _key("other", 1, None))
    if keys:
        count = max(metric["typeCounts"][0]["count"] for metric in keys.values())
        keys["_step"] = _key("number", count, node.last_step)
        at = max((m.timestamp_ms for m in node.series), default=0)
        keys.setdefault("_timestamp", _key("number", count, at / 1000))
    return {"keys": keys, "sets": [], "lastStep": node.last_step}


def _key(kind: str, count: int, previous: Any) -> dict[str, Any]:
    return {
        "typeCounts": [{"type": kind, "count": count}],
        "monotonic": True,
        "previousValue": previous,
    }
