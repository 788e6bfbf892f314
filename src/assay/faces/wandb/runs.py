"""Runs: made, changed, stopped, rewound, forked, deleted, listed."""

from __future__ import annotations

import json
import secrets
from typing import Any, Final

from assay.domain.errors import FailedPrecondition, InvalidArgument, NotFound
from assay.faces.wandb import config as configs
from assay.faces.wandb.ask import Arguments, Ask, Resolvers
from assay.faces.wandb.projects import DEFAULT_PROJECT, context_of
from assay.faces.wandb.run_nodes import (
    COMMIT_TAG,
    CONSOLE_FILE,
    EVENTS_FILE,
    GROUP_TAG,
    HISTORY_FILE,
    HOST_TAG,
    JOB_TYPE_TAG,
    NOTES_TAG,
    PROGRAM_TAG,
    REPO_TAG,
    SWEEP_TAG,
    TAGS_TAG,
    RunNode,
    find_run,
    node_of,
    project_of,
    run_by_id,
    run_id_of,
    system_metrics,
)
from assay.faces.wandb.values import json_text, moment, node_id, read_node_id, read_object
from assay.services.checks import check_moment
from assay.services.client_runs import Change, LineRange

_TAGS_OF: Final = {
    "groupName": GROUP_TAG,
    "jobType": JOB_TYPE_TAG,
    "host": HOST_TAG,
    "jobProgram": PROGRAM_TAG,
    "jobRepo": REPO_TAG,
    "commit": COMMIT_TAG,
    "sweep": SWEEP_TAG,
    "notes": NOTES_TAG,
}


_MAY_BECOME: Final[dict[str, tuple[str, ...]]] = {
    "pending": ("running", "failed", "crashed", "preempted", "preempting"),
    "failed": ("pending", "running", "preempting"),
}
"""Which states a run may be in that is made pending, or failed, by hand."""


def _upsert(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    given = arguments["input"]
    change, config = _change(ask, given)
    clients = ask.services.clients
    if given.get("id"):
        (run_id,) = read_node_id("Run", given["id"])[:1]
        return {"bucket": node_of(ask, clients.runs.change(ask.context, run_id, change))}
    context = context_of(ask, given.get("entityName"))
    project = given.get("modelName") or DEFAULT_PROJECT
    name = given.get("name") or secrets.token_hex(4)
    known, is_new = clients.runs.upsert(context, project, name, change)
    node = RunNode(known, project)
    branch = configs.branch_point(config)
    if is_new and branch is not None:
        node = _inherit(ask, node, given.get("entityName"), branch)
    return {"bucket": node, "inserted": is_new}


def _change(ask: Ask, given: Arguments) -> tuple[Change, dict[str, Any]]:
    tags = {
        tag: text[:8_000]
        for member, tag in _TAGS_OF.items()
        if (text := given.get(member)) is not None
    }
    if given.get("description") is not None and "notes" not in given:
        tags[NOTES_TAG] = given["description"][:8_000]
    if given.get("tags") is not None:
        tags[TAGS_TAG] = json.dumps(given["tags"])
    config = read_object(given.get("config"), "config")
    summary = given.get("summaryMetrics")
    has_config = given.get("config") is not None
    change = Change(
        display_name=given.get("displayName") or None,
        config=json_text(config) if has_config else None,
        params=configs.params_of(config) if has_config else None,
        summary=None if summary is None else json_text(read_object(summary, "summaryMetrics")),
        tags=tags,
        state=given.get("state"),
        started_at_ms=_moment(given.get("startedAtMs")),
        user_name=ask.context.actor.name,
    )
    return change, config


def _moment(given: Any) -> int | None:
    """When a run began that is imported; the client itself never says."""
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int):
        raise InvalidArgument("startedAtMs must be a whole number.", field="startedAtMs")
    return check_moment(given, "startedAtMs")


def _inherit(ask: Ask, node: RunNode, entity: str | None, branch: tuple[str, int]) -> RunNode:
    """A forked run starts with the history of its source up to the step, summary included."""
    source = find_run(ask, entity, node.project_name, branch[0])
    clients, context = ask.services.clients, context_of(ask, entity)
    clients.history.inherit(context, source.run.run_id, node.run.run_id, branch[1])
    rows = clients.history.rows(context, node.run.run_id)
    summary: dict[str, Any] = {}
    for row in rows:
        summary.update(row)
    known = clients.runs.change(context, node.run.run_id, Change(summary=json_text(summary)))
    return RunNode(known, node.project_name)


def _rewind(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    given = arguments["input"]
    if given["metricName"] != "_step":
        raise InvalidArgument("A run is rewound to a _step only.", field="metricName")
    entity, project = given.get("entityName"), given.get("projectName")
    node = find_run(ask, entity, project, given["runName"])
    context, clients = context_of(ask, entity), ask.services.clients
    run_id, step = node.run.run_id, int(given["metricValue"])
    rows = clients.history.cut(context, run_id, step)
    clients.runs.forbid_export(context, run_id)
    summary: dict[str, Any] = {}
    for row in clients.history.rows(context, run_id):
        summary.update(row)
    tail = json_text(clients.history.last_row(context, run_id))
    clients.runs.reset_lines(context, run_id, HISTORY_FILE, LineRange(0, rows, tail))
    known = clients.runs.change(context, run_id, Change(summary=json_text(summary)))
    return {"rewoundRun": RunNode(known, node.project_name)}


def _stop(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    node = run_by_id(ask, arguments["input"]["id"])
    return {"success": ask.services.clients.runs.request_stop(ask.context, node.run.run_id)}


def _delete(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    node = run_by_id(ask, arguments["input"]["id"])
    ask.services.runs.delete(ask.context, node.run.run_id)
    return {"success": True}


def _delete_many(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    nodes = [run_by_id(ask, each) for each in arguments["input"]["ids"][:1_000]]
    for node in nodes:
        ask.services.runs.delete(ask.context, node.run.run_id)
    return {"success": True}


def _update_state(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    given = arguments["input"]
    identifier = given.get("id") or given.get("runID")
    if identifier:
        node = run_by_id(ask, identifier)
    else:
        node = find_run(
            ask, given.get("entityName"), given.get("projectName"), given.get("runName")
        )
    wanted = (given.get("state") or "").lower()
    if wanted in _MAY_BECOME and node.state not in _MAY_BECOME[wanted]:
        raise FailedPrecondition(
            f"invalid state transition: the run is {node.state}, and cannot be made "
            f"{wanted[:50]!r}.",
            field="state",
        )
    change = Change(state=wanted)
    known = ask.services.clients.runs.change(ask.context, node.run.run_id, change)
    return {"success": True, "run": RunNode(known, node.project_name)}


def _alert(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    given = arguments["input"]
    node = find_run(ask, given.get("entityName"), given.get("projectName"), given.get("runName"))
    context = context_of(ask, given.get("entityName"))
    severity = given.get("severity") or "INFO"
    ask.services.clients.runs.alert(
        context, node.run.run_id, given["title"], given["text"], severity
    )
    return {"success": True}


def _bucket(node: Any, ask: Ask, arguments: Arguments) -> RunNode:
    return find_run(ask, node.workspace, node.name, arguments.get("name"))


def _run(node: RunNode, key: str) -> str | None:
    return node.tags_by_key.get(key) or None


def _labels(node: RunNode) -> list[str]:
    try:
        labels = json.loads(node.tags_by_key.get(TAGS_TAG, "[]"))
    except ValueError:
        return []
    return [str(label) for label in labels] if isinstance(labels, list) else []


def _wandb_config(node: RunNode, _: Ask, arguments: Arguments) -> str:
    inside = configs.internal_of(read_object(node.config, "config"))
    keys = arguments.get("keys")
    return json_text({k: v for k, v in inside.items() if keys is None or k in keys})


def _summary(node: RunNode, _: Ask, arguments: Arguments) -> str:
    keys = arguments.get("keys")
    if keys is None:
        return node.summary
    return json_text({k: v for k, v in json.loads(node.summary).items() if k in keys})


def _tail(node: RunNode, ask: Ask, file: str) -> str:
    streams = ask.services.clients.runs.streams(ask.context, node.run.run_id)
    return json.dumps([each.tail for each in streams if each.file == file and each.tail][:1])


def _heartbeat(node: RunNode, _: Ask, __: Arguments) -> str | None:
    said = node.known.said
    run = node.run
    return moment(
        said.heartbeat_at_ms if said is not None else run.ended_at_ms or run.created_at_ms
    )


def _seconds(node: RunNode, ask: Ask, _: Arguments) -> int:
    start = node.run.started_at_ms or node.run.created_at_ms
    return max(0, ((node.run.ended_at_ms or ask.context.now_ms) - start) // 1000)


def _user(node: RunNode, _: Ask, __: Arguments) -> dict[str, Any]:
    name = node.run.user_name or node.run.created_by or "unknown"
    return {"id": node_id("User", name), "name": name, "username": name}


def _run_by_id(_: Any, ask: Ask, arguments: Arguments) -> RunNode:
    if not arguments.get("id"):
        raise NotFound("No run is named.", field="id")
    return run_by_id(ask, arguments["id"])


RESOLVERS: Final[Resolvers] = {
    "Query": {"run": _run_by_id},
    # Clients up to 0.18 ask for it and cannot bear a null.
    "UpsertBucketPayload": {"serverSettings": lambda _, __, ___: {"serverMessages": []}},
    "Project": {"run": _bucket, "bucket": _bucket},
    "Mutation": {
        "upsertBucket": _upsert,
        "rewindRun": _rewind,
        "stopRun": _stop,
        "deleteRun": _delete,
        "deleteRuns": _delete_many,
        "updateRunState": _update_state,
        "notifyScriptableRunAlert": _alert,
    },
    "Run": {
        "id": lambda node, _, __: run_id_of(node),
        "internalId": lambda node, _, __: run_id_of(node),
        "projectId": lambda node, _, __: int(node.run.experiment_id) % 2**31,
        "project": lambda node, ask, __: project_of(node, ask),
        "displayName": lambda node, _, __: node.run.name,
        "shouldStop": lambda node, _, __: bool(node.known.said and node.known.said.stop_requested),
        "stopped": lambda node, _, __: bool(node.known.said and node.known.said.stop_requested),
        "sweepName": lambda node, _, __: _run(node, SWEEP_TAG),
        "wandbConfig": _wandb_config,
        "summaryMetrics": _summary,
        "systemMetrics": lambda node, _, __: json_text(system_metrics(node)),
        "group": lambda node, _, __: _run(node, GROUP_TAG),
        "groupName": lambda node, _, __: _run(node, GROUP_TAG),
        "jobType": lambda node, _, __: _run(node, JOB_TYPE_TAG),
        "commit": lambda node, _, __: _run(node, COMMIT_TAG),
        "host": lambda node, _, __: _run(node, HOST_TAG),
        "program": lambda node, _, __: _run(node, PROGRAM_TAG),
        "repo": lambda node, _, __: _run(node, REPO_TAG),
        "readOnly": lambda _, __, ___: False,
        "createdAt": lambda node, _, __: moment(node.run.created_at_ms),
        "updatedAt": _heartbeat,
        "heartbeatAt": _heartbeat,
        "computeSeconds": _seconds,
        "description": lambda node, _, __: _run(node, NOTES_TAG),
        "notes": lambda node, _, __: _run(node, NOTES_TAG),
        "tags": lambda node, _, __: _labels(node),
        "user": _user,
        "historyLineCount": lambda node, _, __: node.lines(HISTORY_FILE),
        "eventsLineCount": lambda node, _, __: node.lines(EVENTS_FILE),
        "logLineCount": lambda node, _, __: node.lines(CONSOLE_FILE),
        "historyTail": lambda node, ask, __: _tail(node, ask, HISTORY_FILE),
        "eventsTail": lambda node, ask, __: _tail(node, ask, EVENTS_FILE),
    },
}
