"""Sweeps and their agents in the client's words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from assay.domain.conditions import parse_conditions
from assay.domain.errors import NotFound
from assay.domain.sweep import SweepState
from assay.domain.yaml_blocks import read_blocks
from assay.faces.wandb.ask import Arguments, Ask, Resolvers
from assay.faces.wandb.projects import (
    DEFAULT_PROJECT,
    ProjectNode,
    connection,
    context_of,
    page_size,
    page_start,
)
from assay.faces.wandb.run_nodes import SWEEP_TAG, RunNode, project_of
from assay.faces.wandb.run_search import condition_of, orders_of
from assay.faces.wandb.values import moment, node_id, read_node_id, read_object
from assay.faces.wandb.viewer import user_of
from assay.services.sweeps import Agent, Standing, parse_state

MAX_PRIOR_RUNS: Final = 1_000
_PRIOR_TAG: Final = "wandb.prior_run_of"
_OLDEST_FIRST: Final = "+created_at"
_SILENT_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class SweepNode:
    """A sweep with the project that it is in."""

    standing: Standing
    project: ProjectNode

    @property
    def name(self) -> str:
        """What the client calls it."""
        return self.standing.sweep.name


@dataclass(frozen=True, slots=True)
class AgentNode:
    """An agent of a sweep."""

    agent: Agent
    sweep: SweepNode | None

    @property
    def name(self) -> str:
        """Its name in the sweep."""
        return self.agent.name

    @property
    def host(self) -> str:
        """The machine that it runs on."""
        return self.agent.host


def _upsert(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    given = arguments["input"]
    service = ask.services.sweeps
    if given.get("id"):
        pk = _key("Sweep", given["id"])
        standing = service.change(
            ask.context,
            pk,
            state=parse_state(given["state"]) if given.get("state") else None,
            config=given.get("config"),
            display_name=given.get("displayName"),
            description=given.get("description"),
        )
    else:
        standing = service.create(
            context_of(ask, given.get("entityName")),
            given.get("projectName") or DEFAULT_PROJECT,
            given.get("config") or "",
            display_name=given.get("displayName") or "",
            description=given.get("description") or "",
        )
        if given.get("priorRunsFilters"):
            _adopt_runs(ask, standing, given["priorRunsFilters"])
    node = _node(ask, standing)
    return {"sweep": node, "configValidationWarnings": list(standing.plan.warnings)}


def _adopt_runs(ask: Ask, standing: Standing, filters: str) -> None:
    found = ask.services.clients.runs.search(
        ask.context,
        str(standing.sweep.experiment_pk),
        condition_of(filters),
        [],
        start=0,
        count=MAX_PRIOR_RUNS,
    )
    for known in found:
        run_id = known.whole.run.run_id
        named = {SWEEP_TAG: standing.sweep.name, _PRIOR_TAG: standing.sweep.name}
        ask.services.runs.set_tags(ask.context, run_id, named)


def _create_agent(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    given = arguments["input"]
    context = context_of(ask, given.get("entityName"))
    project = given.get("projectName") or DEFAULT_PROJECT
    agent = ask.services.sweeps.register(context, project, given["sweep"], given["host"])
    return {"agent": AgentNode(agent, None)}


def _heartbeat(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    """What the agent is to do, a list as a JSON text: the client wants it so."""
    given = arguments["input"]
    running = [
        name for name, runs in read_object(given.get("runState"), "runState").items() if runs
    ]
    orders = ask.services.sweeps.heartbeat(ask.context, _key("Agent", given["id"]), running)
    commands: list[dict[str, Any]] = []
    if orders.leaves:
        commands.append({"type": "exit"})
    elif orders.args is not None:
        args = {name: {"value": value} for name, value in orders.args.items()}
        commands.append(
            {
                "type": "run",
                "run_id": orders.run_name,
                "args": args,
                "program": _program(orders.config),
            }
        )
    return {"agent": {"id": given["id"]}, "commands": json.dumps(commands)}


def _program(config: str) -> str | None:
    program = read_blocks(config).get("program")
    return program if isinstance(program, str) else None


def _key(kind: str, identifier: str) -> int:
    (text,) = read_node_id(kind, identifier)[:1]
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise NotFound(f"There is no such {kind.lower()}.", field="id")
    return int(text)


def _node(ask: Ask, standing: Standing) -> SweepNode:
    experiment = ask.services.experiments.get(ask.context, str(standing.sweep.experiment_pk))
    return SweepNode(standing, ProjectNode(experiment))


def _sweep(node: ProjectNode, ask: Ask, arguments: Arguments) -> SweepNode:
    context = ask.context.within(node.workspace)
    name = arguments.get("sweepName") or ""
    return SweepNode(ask.services.sweeps.get(context, node.name, name), node)


def _sweeps(node: ProjectNode, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    start, size = page_start(arguments.get("after")), page_size(arguments.get("first"))
    ask.spend(size)
    found = ask.services.sweeps.list(ask.context, node.experiment.experiment_id, start, size + 1)
    nodes = [SweepNode(standing, node) for standing in found[:size]]
    return connection(nodes, start, has_next=len(found) > size)


def _count(node: ProjectNode, ask: Ask, _: Arguments) -> int:
    return ask.services.sweeps.count(ask.context, node.experiment.experiment_id)


def _runs(node: SweepNode, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    return _search_runs(node, ask, arguments, {"sweep": node.name})


def _prior_runs(node: SweepNode, ask: Ask, _: Arguments) -> dict[str, Any]:
    """The runs that were there before the sweep and count as its own: they are its oldest."""
    ask.spend(MAX_PRIOR_RUNS // 10)
    found = ask.services.clients.runs.search(
        ask.context,
        node.project.experiment.experiment_id,
        parse_conditions({"sweep": node.name}),
        orders_of(_OLDEST_FIRST),
        start=0,
        count=MAX_PRIOR_RUNS,
    )
    nodes = [RunNode(known, node.project.name) for known in found]
    prior = [run for run in nodes if run.tags_by_key.get(_PRIOR_TAG) == node.name]
    return connection(prior, 0, has_next=False)


def _state(node: SweepNode, ask: Ask, _: Arguments) -> str:
    """The client's word; a sweep that no agent has come to yet is pending."""
    sweep = node.standing.sweep
    if sweep.state is SweepState.RUNNING and not node.standing.run_count:
        return "RUNNING" if ask.services.sweeps.agents(ask.context, sweep) else "PENDING"
    return sweep.state.value.upper()


def _agent_runs(node: AgentNode, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    names = _names(node, ask)
    if node.sweep is None or not names:
        return connection([], 0, has_next=False)
    return _search_runs(node.sweep, ask, arguments, {"name": {"$in": list(names)}})


def _names(node: AgentNode, ask: Ask) -> tuple[str, ...]:
    if node.sweep is None:
        return ()
    return ask.services.sweeps.runs_of_agent(ask.context, node.sweep.standing.sweep, node.agent)


def _search_runs(
    node: SweepNode, ask: Ask, arguments: Arguments, filters: dict[str, Any]
) -> dict[str, Any]:
    start, size = page_start(arguments.get("after")), page_size(arguments.get("first"), 1_000)
    ask.spend(size)
    found = ask.services.clients.runs.search(
        ask.context,
        node.project.experiment.experiment_id,
        parse_conditions(filters),
        orders_of(arguments.get("order")),
        start=start,
        count=size + 1,
    )
    nodes = [RunNode(known, node.project.name) for known in found[:size]]
    return connection(nodes, start, has_next=len(found) > size)


def _agents(node: SweepNode, ask: Ask, _: Arguments) -> dict[str, Any]:
    found = ask.services.sweeps.agents(ask.context, node.standing.sweep)
    ask.spend(len(found))
    return connection([AgentNode(agent, node) for agent in found], 0, has_next=False)


def _agent(node: SweepNode, ask: Ask, arguments: Arguments) -> AgentNode:
    wanted = arguments.get("agentName")
    for agent in ask.services.sweeps.agents(ask.context, node.standing.sweep):
        if wanted in (agent.name, node_id("Agent", str(agent.pk))):
            return AgentNode(agent, node)
    raise NotFound(f"There is no agent {str(wanted)[:100]!r}.", field="agentName")


def _agent_state(node: AgentNode, ask: Ask, _: Arguments) -> str:
    is_silent = node.agent.heartbeat_at_ms < ask.context.now_ms - _SILENT_MS
    return "FINISHED" if is_silent else "RUNNING"


def _agent_id(node: AgentNode | dict[str, Any], _: Ask, __: Arguments) -> str:
    return node["id"] if isinstance(node, dict) else node_id("Agent", str(node.agent.pk))


def _sweep_of_run(node: RunNode, ask: Ask, _: Arguments) -> SweepNode | None:
    name = node.tags_by_key.get(SWEEP_TAG)
    if not name:
        return None
    project = project_of(node, ask)
    context = ask.context.within(project.workspace)
    return SweepNode(ask.services.sweeps.get(context, project.name, name), project)


def _heard(node: SweepNode, ask: Ask, _: Arguments) -> str | None:
    """When an agent was heard of last; before the first, when the sweep was made."""
    agents = ask.services.sweeps.agents(ask.context, node.standing.sweep)
    born = node.standing.sweep.created_at_ms
    return moment(max((agent.heartbeat_at_ms for agent in agents), default=born))


def _exit_code(node: RunNode, _: Ask, __: Arguments) -> int | None:
    return None if node.known.said is None else node.known.said.exit_code


RESOLVERS: Final[Resolvers] = {
    "Mutation": {
        "upsertSweep": _upsert,
        "createAgent": _create_agent,
        "agentHeartbeat": _heartbeat,
    },
    "Project": {"totalSweeps": _count, "sweeps": _sweeps, "sweep": _sweep},
    "Run": {
        "sweep": _sweep_of_run,
        "exitcode": _exit_code,
        "failed": lambda node, _, __: node.state in ("failed", "crashed"),
        "running": lambda node, _, __: node.state == "running",
    },
    "Sweep": {
        "id": lambda node, _, __: node_id("Sweep", str(node.standing.sweep.pk)),
        "displayName": lambda node, _, __: node.standing.sweep.display_name or None,
        "method": lambda node, _, __: node.standing.plan.method.value,
        "state": _state,
        "description": lambda node, _, __: node.standing.sweep.description or None,
        "config": lambda node, _, __: node.standing.sweep.config,
        "createdAt": lambda node, _, __: moment(node.standing.sweep.created_at_ms),
        "updatedAt": lambda node, _, __: moment(node.standing.sweep.updated_at_ms),
        "heartbeatAt": _heard,
        "bestLoss": lambda node, _, __: node.standing.best,
        "runCount": lambda node, _, __: node.standing.run_count,
        "runCountExpected": lambda node, _, __: node.standing.plan.size,
        "earlyStopJobRunning": lambda _, __, ___: False,
        "user": lambda _, ask, __: user_of(ask),
        "agent": _agent,
        "agents": _agents,
        "priorRuns": _prior_runs,
        "runs": _runs,
    },
    "Agent": {
        "id": _agent_id,
        "state": _agent_state,
        "totalRuns": lambda node, ask, _: len(_names(node, ask)),
        "createdAt": lambda node, _, __: moment(node.agent.created_at_ms),
        "heartbeatAt": lambda node, _, __: moment(node.agent.heartbeat_at_ms),
        "runs": _agent_runs,
    },
}
