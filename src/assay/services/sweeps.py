"""Sweeps: points of a space of hyperparameters, handed to agents so that none is run twice or never.

A point is leased to its agent. The lease is renewed by the agent that runs it, and by the run itself
while it logs; a point whose lease ran out without an end of its run goes to the next agent that asks.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from assay.domain.access import Action
from assay.domain.errors import FailedPrecondition, InvalidArgument, NotFound
from assay.domain.names import check_experiment_name, check_text
from assay.domain.sweep import (
    Method,
    Plan,
    SweepState,
    TrialState,
    drawn_units,
    grid_values,
    metric_of,
    parse_plan,
    run_config,
    values_at,
)
from assay.domain.yaml_blocks import MAX_CHARACTERS, read_blocks
from assay.services.client_runs import PATIENCE_MS
from assay.services.context import Context
from assay.services.experiments import ensure_experiment, experiment_pk, open_experiment
from assay.services.platform import Platform
from assay.services.sweep_search import Observation, propose, require_search
from assay.storage import experiments, sweeps
from assay.storage.database import Transaction
from assay.storage.sweeps import Agent, Sweep, Told, Trial

LEASE_MS: Final = 3 * 60 * 1000
"""An agent that was silent for so long has lost its point, unless the run itself was heard of."""

MAX_LEASED: Final = 10_000
MAX_OBSERVED: Final = 2_000
MAX_AGENTS: Final = 1_000
MAX_AGENT_RUNS: Final = 1_000
MAX_DELIVERIES: Final = 2
__all__ = ["Agent", "Orders", "Standing", "Sweep", "Sweeps", "parse_state"]

_ENDED: Final = frozenset({"finished", "failed", "crashed", "killed", "preempted"})
_NEXT: Final[Mapping[SweepState, frozenset[SweepState]]] = {
    SweepState.RUNNING: frozenset(SweepState),
    SweepState.PAUSED: frozenset(SweepState),
    SweepState.FINISHED: frozenset({SweepState.FINISHED, SweepState.RUNNING}),
    SweepState.CANCELED: frozenset({SweepState.CANCELED, SweepState.RUNNING}),
}


class Orders(NamedTuple):
    """What an agent is to do: begin a run of a sweep with this config, leave, or (neither) go on."""

    run_name: str = ""
    args: Mapping[str, Any] | None = None
    config: str = ""
    leaves: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """A sweep with its plan, and how far it has come."""

    sweep: Sweep
    plan: Plan
    run_count: int
    best: float | None


class Sweeps:
    """Makes sweeps, changes them, and tells agents what to run."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def create(
        self,
        context: Context,
        project: str,
        config: str,
        *,
        display_name: str = "",
        description: str = "",
    ) -> Standing:
        """Make a sweep in the experiment `project` (made if need be) from its config, a YAML text."""
        check_experiment_name(project, "project")
        plan = read_plan(config)
        check_text(config, "config", max_length=MAX_CHARACTERS)
        check_text(display_name, "displayName", max_length=250)
        check_text(description, "description", max_length=10_000)
        if plan.method is Method.BAYES:
            require_search()
        with self._platform.database.write() as tx:
            context.require(Action.TRACKING_WRITE)
            home = ensure_experiment(tx, context, project)
            made = None
            while made is None:
                new = Sweep(
                    0,
                    int(home.experiment_id),
                    self._platform.token_hex(4),
                    display_name,
                    description,
                    config,
                    SweepState.RUNNING,
                    self._platform.token_hex(8),
                    0,
                    context.actor.name,
                    context.now_ms,
                    context.now_ms,
                )
                made = sweeps.insert_sweep(tx, new)
        return Standing(made, plan, 0, None)

    def change(
        self,
        context: Context,
        pk: int,
        *,
        state: SweepState | None = None,
        config: str | None = None,
        display_name: str | None = None,
        description: str | None = None,
    ) -> Standing:
        """Change a sweep. A new config is for one that has handed out nothing yet."""
        plan = None if config is None else read_plan(config)
        with self._platform.database.write() as tx:
            sweep = sweeps.lock_by_pk(tx, pk)
            if sweep is None:
                raise _unknown("")
            open_experiment(tx, context, sweep.experiment_pk)
            changes: dict[str, object] = {}
            if state is not None and state not in _NEXT[sweep.state]:
                raise FailedPrecondition(f"The sweep is {sweep.state} already.", field="state")
            if state is not None:
                changes["state"] = state.value
            if config is not None and config != sweep.config:
                if sweep.next_number:
                    raise FailedPrecondition(
                        "The sweep's runs have begun: its config stays. Make another sweep.",
                        field="config",
                    )
                changes["config"] = check_text(config, "config", max_length=MAX_CHARACTERS)
            if display_name is not None:
                changes["display_name"] = check_text(display_name, "displayName", max_length=250)
            if description is not None:
                changes["description"] = check_text(description, "description", max_length=10_000)
            if plan is not None and plan.method is Method.BAYES:
                require_search()
            sweeps.update_sweep(tx, pk, updated_at_ms=context.now_ms, **changes)
            after = sweeps.find_by_pk(tx, pk)
            assert after is not None
            return _standing(tx, after)

    def get(self, context: Context, project: str, name: str) -> Standing:
        """The sweep of that name in the experiment `project`. Raises NotFound."""
        with self._platform.database.read() as tx:
            return _standing(tx, _named(tx, context, project, name))

    def list(
        self, context: Context, experiment_id: str, start: int, count: int
    ) -> tuple[Standing, ...]:
        """Some sweeps of an experiment, the newest first."""
        with self._platform.database.read() as tx:
            pk = _readable(tx, context, experiment_id)
            return tuple(_standing(tx, each) for each in sweeps.list_sweeps(tx, pk, start, count))

    def count(self, context: Context, experiment_id: str) -> int:
        """How many sweeps an experiment has."""
        with self._platform.database.read() as tx:
            return sweeps.count_sweeps(tx, _readable(tx, context, experiment_id))

    def agents(self, context: Context, sweep: Sweep) -> tuple[Agent, ...]:
        """The agents of a sweep, the first to come first."""
        with self._platform.database.read() as tx:
            _readable(tx, context, str(sweep.experiment_pk))
            return sweeps.list_agents(tx, sweep.pk, MAX_AGENTS)

    def runs_of_agent(self, context: Context, sweep: Sweep, agent: Agent) -> tuple[str, ...]:
        """The client's ids of the runs that an agent was given, the latest first."""
        with self._platform.database.read() as tx:
            _readable(tx, context, str(sweep.experiment_pk))
            return sweeps.run_names_of(tx, agent.pk, MAX_AGENT_RUNS)

    def register(self, context: Context, project: str, name: str, host: str) -> Agent:
        """Let an agent work on a sweep. Raises NotFound, FailedPrecondition for one that is over."""
        check_text(host, "host", max_length=500)
        with self._platform.database.write() as tx:
            sweep = _named(tx, context, project, name)
            open_experiment(tx, context, sweep.experiment_pk)
            token = self._platform.token_hex(6)
            return sweeps.insert_agent(tx, sweep.pk, token, host, context.now_ms)

    def heartbeat(self, context: Context, agent_pk: int, running: Collection[str]) -> Orders:
        """Hear from an agent which runs it has begun; what it is to do now. Raises NotFound."""
        proposed = None if running else self._proposed(context, agent_pk)
        with self._platform.database.write() as tx:
            agent = sweeps.find_agent(tx, agent_pk)
            sweep = None if agent is None else sweeps.lock_by_pk(tx, agent.sweep_pk)
            if agent is None or sweep is None:
                raise _unknown("")
            open_experiment(tx, context, sweep.experiment_pk)
            sweeps.hear_agent(tx, agent.pk, context.now_ms)
            unknown = self._settle(tx, context.now_ms, sweep, agent, running)
            plan = read_plan(sweep.config)
            if _is_complete(tx, sweep, plan) and not sweep.state.is_over:
                sweep = sweep._replace(state=SweepState.FINISHED)
                sweeps.update_sweep(
                    tx, sweep.pk, state=sweep.state.value, updated_at_ms=context.now_ms
                )
            if sweep.state is SweepState.CANCELED:
                return Orders(leaves=True)
            if running:
                return Orders()
            if unknown is not None and not sweep.state.is_over:
                return _delivered(tx, sweep, unknown, context.now_ms)
            if sweep.state is not SweepState.RUNNING:
                return Orders(leaves=sweep.state.is_over)
            return self._handed(tx, context.now_ms, sweep, plan, agent, proposed)

    def _settle(
        self, tx: Transaction, now_ms: int, sweep: Sweep, agent: Agent, running: Collection[str]
    ) -> Trial | None:
        """Bring every lease up to date; the agent's own trial that it may never have heard of."""
        leased = sweeps.list_trials(tx, sweep.pk, TrialState.LEASED, MAX_LEASED)
        told = sweeps.told_of(tx, sweep.experiment_pk, [trial.run_name for trial in leased])
        unheard = None
        for trial in leased:
            said = told.get(trial.run_name)
            if trial.agent_pk == agent.pk:
                if trial.run_name in running:
                    sweeps.update_trial(tx, trial.pk, is_seen=1, lease_until_ms=now_ms + LEASE_MS)
                elif not trial.is_seen and said is None and trial.deliveries < MAX_DELIVERIES:
                    unheard = trial
                else:
                    sweeps.update_trial(tx, trial.pk, state=TrialState.DONE.value)
            elif said is not None and said.state in _ENDED - {"crashed"}:
                sweeps.update_trial(tx, trial.pk, state=TrialState.DONE.value)
            elif trial.lease_until_ms <= now_ms and not _is_alive(said, now_ms):
                sweeps.update_trial(tx, trial.pk, state=TrialState.LOST.value)
        return unheard

    def _handed(
        self,
        tx: Transaction,
        now_ms: int,
        sweep: Sweep,
        plan: Plan,
        agent: Agent,
        proposed: Sequence[float] | None,
    ) -> Orders:
        """Hand out a point that was lost, else the next one; else there is nothing to do here."""
        lost = sweeps.list_trials(tx, sweep.pk, TrialState.LOST, 1)
        if lost:
            # Who lost it keeps no claim: should that run end after all, it only adds a run.
            sweeps.update_trial(tx, lost[0].pk, state=TrialState.DONE.value)
            number, args, units = lost[0].number, lost[0].args, lost[0].units
        elif plan.size is not None and sweep.next_number >= plan.size:
            return Orders(leaves=True)
        else:
            number = sweep.next_number
            sweeps.update_sweep(tx, sweep.pk, next_number=number + 1)
            values, units = _point(plan, sweep, number, proposed)
            args = json.dumps(run_config(plan, values))
        trial = Trial(
            0,
            sweep.pk,
            number,
            agent.pk,
            self._platform.token_hex(4),
            args,
            units,
            TrialState.LEASED,
            1,
            0,
            now_ms,
            now_ms + LEASE_MS,
        )
        sweeps.insert_trial(tx, trial)
        return Orders(trial.run_name, json.loads(args), sweep.config)

    def _proposed(self, context: Context, agent_pk: int) -> Sequence[float] | None:
        """Where a bayes sweep would look next. Thought about outside any transaction that writes."""
        with self._platform.database.read() as tx:
            agent = sweeps.find_agent(tx, agent_pk)
            sweep = None if agent is None else sweeps.find_by_pk(tx, agent.sweep_pk)
            if sweep is None or sweep.state is not SweepState.RUNNING:
                return None
            _readable(tx, context, str(sweep.experiment_pk))
            plan = read_plan(sweep.config)
            if plan.method is not Method.BAYES:
                return None
            seen = _observations(tx, sweep, plan)
        return propose(plan, seen, f"{sweep.seed}:{sweep.next_number}:{agent_pk}")


def read_plan(config: str) -> Plan:
    """The plan in a config's text. Raises InvalidArgument."""
    return parse_plan(read_blocks(config))


def _point(
    plan: Plan, sweep: Sweep, number: int, proposed: Sequence[float] | None
) -> tuple[list[Any], str]:
    if plan.method is Method.GRID:
        return grid_values(plan, number), ""
    units = proposed or drawn_units(plan, sweep.seed, number)
    return values_at(plan, units), json.dumps(units)


def _delivered(tx: Transaction, sweep: Sweep, trial: Trial, now_ms: int) -> Orders:
    """Tell an agent again of its run: the answer that told it first may have been lost."""
    sweeps.update_trial(
        tx, trial.pk, deliveries=trial.deliveries + 1, lease_until_ms=now_ms + LEASE_MS
    )
    return Orders(trial.run_name, json.loads(trial.args), sweep.config)


def _is_alive(said: Told | None, now_ms: int) -> bool:
    return said is not None and (
        said.state not in _ENDED and said.heartbeat_at_ms > now_ms - PATIENCE_MS
    )


def _is_complete(tx: Transaction, sweep: Sweep, plan: Plan) -> bool:
    if plan.size is None or sweep.next_number < plan.size:
        return False
    counts = sweeps.count_trials(tx, sweep.pk)
    return not counts.get(TrialState.LEASED) and not counts.get(TrialState.LOST)


def _observations(tx: Transaction, sweep: Sweep, plan: Plan) -> list[Observation]:
    """What is known of points that were handed out: the metric, None while the run goes on."""
    done = sweeps.list_trials(tx, sweep.pk, TrialState.DONE, MAX_OBSERVED)
    leased = sweeps.list_trials(tx, sweep.pk, TrialState.LEASED, MAX_LEASED)
    trials = [trial for trial in (*done, *leased) if trial.units]
    told = sweeps.told_of(tx, sweep.experiment_pk, [trial.run_name for trial in trials])
    found = []
    for trial in trials:
        said = told.get(trial.run_name)
        value = None
        if said is not None and said.state in _ENDED:
            value = metric_of(plan, json.loads(said.summary or "{}"))
        if value is not None or trial.state is TrialState.LEASED:
            found.append(Observation(tuple(json.loads(trial.units)), value))
    return found


def _standing(tx: Transaction, sweep: Sweep) -> Standing:
    plan = read_plan(sweep.config)
    done = sweeps.list_trials(tx, sweep.pk, TrialState.DONE, MAX_OBSERVED)
    leased = sweeps.list_trials(tx, sweep.pk, TrialState.LEASED, MAX_LEASED)
    told = sweeps.told_of(tx, sweep.experiment_pk, [t.run_name for t in (*done, *leased)])
    values = [metric_of(plan, json.loads(said.summary or "{}")) for said in told.values()]
    known = [value for value in values if value is not None]
    best = (max if plan.is_maximized else min)(known, default=None)
    return Standing(sweep, plan, len(told), best)


def _named(tx: Transaction, context: Context, project: str, name: str) -> Sweep:
    context.require(Action.TRACKING_READ)
    home = experiments.find_experiment_by_name(tx, context.workspace, project)
    found = None if home is None else sweeps.find_by_name(tx, int(home.experiment_id), name)
    if found is None:
        raise _unknown(name)
    return found


def _readable(tx: Transaction, context: Context, experiment_id: str) -> int:
    pk = experiment_pk(experiment_id)
    home = experiments.find_experiment(tx, pk)
    if home is None:
        raise NotFound(f"Experiment {experiment_id!r} does not exist.", field="experiment_id")
    context.require_object(Action.TRACKING_READ, home.workspace, f"Experiment {experiment_id!r}")
    return pk


def _unknown(name: str) -> NotFound:
    return NotFound(f"There is no sweep {name[:100]!r}." if name else "There is no such sweep.")


def parse_state(text: str) -> SweepState:
    """The state that a client names, in any case. Raises InvalidArgument."""
    spelled = {"stopped": "finished", "cancelled": "canceled"}.get(text.lower(), text.lower())
    try:
        return SweepState(spelled)
    except ValueError:
        raise InvalidArgument(
            "state is one of RUNNING, PAUSED, FINISHED and CANCELED.", field="state"
        ) from None
