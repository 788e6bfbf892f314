"""Sweeps, the agents that work on them, and the points that were handed out."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, UniqueConstraint

from assay.storage.tables.columns import number, serial, table, text

sweeps = table(
    "sweeps",
    serial(),
    number("experiment_id", ForeignKey("experiments.id")),
    text("name"),
    text("display_name"),
    text("description"),
    # The config as the client wrote it.
    text("config"),
    # running | paused | finished | canceled
    text("state"),
    # From which every random point follows.
    text("seed"),
    # The number of the next point that was never handed out.
    number("next_number"),
    text("created_by"),
    number("created_at_ms"),
    number("updated_at_ms"),
    UniqueConstraint("experiment_id", "name"),
)

sweep_agents = table(
    "sweep_agents",
    serial(),
    number("sweep_pk", ForeignKey("sweeps.id")),
    text("name"),
    text("host"),
    number("created_at_ms"),
    number("heartbeat_at_ms"),
    UniqueConstraint("sweep_pk", "name"),
)

sweep_trials = table(
    "sweep_trials",
    serial(),
    number("sweep_pk", ForeignKey("sweeps.id")),
    number("number"),
    number("agent_pk", ForeignKey("sweep_agents.id")),
    # The client's id of the run.
    text("run_name"),
    # JSON: the run's hyperparameters.
    text("args"),
    # JSON: the point of the unit cube that they stand for; empty for a grid.
    text("units"),
    # leased | done | lost
    text("state"),
    number("deliveries"),
    # 1 once its agent said that it runs.
    number("is_seen"),
    number("created_at_ms"),
    number("lease_until_ms"),
    UniqueConstraint("sweep_pk", "run_name"),
    Index("ix_sweep_trials_sweep_pk_state", "sweep_pk", "state"),
)
