"""Statements on sweeps, their agents and the points that were handed out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import func, insert, select, update

from assay.domain.sweep import SweepState, TrialState
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.tables.sweeps import sweep_agents, sweep_trials, sweeps
from assay.storage.tables.wandb import wandb_runs


class Sweep(NamedTuple):
    """A sweep as it is kept."""

    pk: int
    experiment_pk: int
    name: str
    display_name: str
    description: str
    config: str
    state: SweepState
    seed: str
    next_number: int
    created_by: str
    created_at_ms: int
    updated_at_ms: int


class Agent(NamedTuple):
    """An agent that works on a sweep."""

    pk: int
    sweep_pk: int
    name: str
    host: str
    created_at_ms: int
    heartbeat_at_ms: int


class Trial(NamedTuple):
    """A point that was handed to an agent, with the run that it is for."""

    pk: int
    sweep_pk: int
    number: int
    agent_pk: int
    run_name: str
    args: str
    units: str
    state: TrialState
    deliveries: int
    is_seen: int
    created_at_ms: int
    lease_until_ms: int


class Told(NamedTuple):
    """What a run's client said last: its state, its summary as JSON, and when."""

    state: str
    summary: str
    heartbeat_at_ms: int


def insert_sweep(tx: Transaction, sweep: Sweep) -> Sweep | None:
    """Keep a new sweep, whose key is given out here; None when its name is taken."""
    values = sweep._asdict()
    values["experiment_id"] = values.pop("experiment_pk")
    del values["pk"]
    statement = (
        dialect.insert(tx.engine, sweeps)
        .values(values)
        .on_conflict_do_nothing(index_elements=["experiment_id", "name"])
        .returning(sweeps.c.id)
    )
    pk = tx.execute(statement).scalar()
    return None if pk is None else sweep._replace(pk=pk)


def find_by_name(tx: Transaction, experiment_pk: int, name: str) -> Sweep | None:
    """The sweep of that name in an experiment."""
    place = (sweeps.c.experiment_id == experiment_pk, sweeps.c.name == name)
    row = tx.execute(select(*sweeps.c).where(*place)).first()
    return None if row is None else _sweep(row)


def find_by_pk(tx: Transaction, pk: int) -> Sweep | None:
    """The sweep with that key."""
    row = tx.execute(select(*sweeps.c).where(sweeps.c.id == pk)).first()
    return None if row is None else _sweep(row)


def lock_by_pk(tx: Transaction, pk: int) -> Sweep | None:
    """As `find_by_pk`; nobody else hands out its points until the transaction ends."""
    statement = select(*sweeps.c).where(sweeps.c.id == pk)
    row = tx.execute(dialect.for_update(tx.engine, statement)).first()
    return None if row is None else _sweep(row)


def list_sweeps(tx: Transaction, experiment_pk: int, start: int, count: int) -> tuple[Sweep, ...]:
    """Some sweeps of an experiment, the newest first."""
    statement = (
        select(*sweeps.c)
        .where(sweeps.c.experiment_id == experiment_pk)
        .order_by(sweeps.c.id.desc())
        .offset(start)
        .limit(count)
    )
    return tuple(_sweep(row) for row in tx.execute(statement))


def count_sweeps(tx: Transaction, experiment_pk: int) -> int:
    """How many sweeps an experiment has."""
    statement = select(func.count()).where(sweeps.c.experiment_id == experiment_pk)
    return int(tx.execute(statement).scalar_one())


def update_sweep(tx: Transaction, pk: int, **changes: object) -> None:
    """Change some columns of a sweep."""
    tx.execute(update(sweeps).where(sweeps.c.id == pk).values(changes))


def insert_agent(tx: Transaction, sweep_pk: int, name: str, host: str, now_ms: int) -> Agent:
    """Keep a new agent under a name that no other of the sweep has."""
    statement = (
        insert(sweep_agents)
        .values(
            sweep_pk=sweep_pk, name=name, host=host, created_at_ms=now_ms, heartbeat_at_ms=now_ms
        )
        .returning(sweep_agents.c.id)
    )
    pk = int(tx.execute(statement).scalar_one())
    return Agent(pk, sweep_pk, name, host, now_ms, now_ms)


def find_agent(tx: Transaction, pk: int) -> Agent | None:
    """The agent with that key."""
    row = tx.execute(select(*sweep_agents.c).where(sweep_agents.c.id == pk)).first()
    return None if row is None else Agent(*row)


def list_agents(tx: Transaction, sweep_pk: int, limit: int) -> tuple[Agent, ...]:
    """The agents of a sweep in order of their arrival."""
    statement = (
        select(*sweep_agents.c)
        .where(sweep_agents.c.sweep_pk == sweep_pk)
        .order_by(sweep_agents.c.id)
        .limit(limit)
    )
    return tuple(Agent(*row) for row in tx.execute(statement))


def hear_agent(tx: Transaction, pk: int, now_ms: int) -> None:
    """Note that an agent was heard of."""
    tx.execute(update(sweep_agents).where(sweep_agents.c.id == pk).values(heartbeat_at_ms=now_ms))


def insert_trial(tx: Transaction, trial: Trial) -> None:
    """Keep a point that is handed out; its key is given out here."""
    values = trial._asdict()
    del values["pk"]
    tx.execute(insert(sweep_trials).values(values))


def update_trial(tx: Transaction, pk: int, **changes: object) -> None:
    """Change some columns of a trial."""
    tx.execute(update(sweep_trials).where(sweep_trials.c.id == pk).values(changes))


def list_trials(tx: Transaction, sweep_pk: int, state: TrialState, limit: int) -> tuple[Trial, ...]:
    """The latest trials of a sweep in a state, in order of their handing out."""
    statement = (
        select(*sweep_trials.c)
        .where(sweep_trials.c.sweep_pk == sweep_pk, sweep_trials.c.state == state.value)
        .order_by(sweep_trials.c.id.desc())
        .limit(limit)
    )
    return tuple(reversed([_trial(row) for row in tx.execute(statement)]))


def run_names_of(tx: Transaction, agent_pk: int, limit: int) -> tuple[str, ...]:
    """The runs that an agent was given, the latest first."""
    t = sweep_trials.c
    statement = select(t.run_name).where(t.agent_pk == agent_pk).order_by(t.id.desc()).limit(limit)
    return tuple(row[0] for row in tx.execute(statement))


def count_trials(tx: Transaction, sweep_pk: int) -> dict[TrialState, int]:
    """How many trials of a sweep are in each state."""
    t = sweep_trials.c
    statement = select(t.state, func.count()).where(t.sweep_pk == sweep_pk).group_by(t.state)
    return {TrialState(state): int(count) for state, count in tx.execute(statement)}


def told_of(tx: Transaction, experiment_pk: int, names: Sequence[str]) -> dict[str, Told]:
    """What clients said of the runs of these names."""
    r = wandb_runs.c
    statement = select(r.name, r.state, r.summary, r.heartbeat_at_ms).where(
        r.experiment_id == experiment_pk, r.name.in_(list(names))
    )
    return {row[0]: Told(row[1], row[2], row[3]) for row in tx.execute(statement)}


def _sweep(row: Sequence[object]) -> Sweep:
    sweep = Sweep(*row)  # type: ignore[arg-type]
    return sweep._replace(state=SweepState(sweep.state))


def _trial(row: Sequence[object]) -> Trial:
    trial = Trial(*row)  # type: ignore[arg-type]
    return trial._replace(state=TrialState(trial.state))
