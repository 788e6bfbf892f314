"""What W&B's clients say of runs beside what every client says, and how far each writer has come."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, PrimaryKeyConstraint, UniqueConstraint

from assay.storage.tables.columns import number, table, text

wandb_runs = table(
    "wandb_runs",
    number("run_pk", ForeignKey("runs.id")),
    number("experiment_id", ForeignKey("experiments.id")),
    # The client's own id of the run, unique within a project only.
    text("name"),
    # running | preempting | preempted | finished | failed | crashed | killed
    text("state"),
    # JSON as the client sent it; params are its flattened view.
    text("config"),
    text("summary"),
    # JSON: {"nested": [dotted keys that stand for members of objects], "summary": [keys that no row has]}
    text("shape"),
    number("stop_requested"),
    number("exit_code", null=True),
    number("heartbeat_at_ms"),
    PrimaryKeyConstraint("run_pk"),
    UniqueConstraint("experiment_id", "name"),
    Index("ix_wandb_runs_state_heartbeat_at_ms", "state", "heartbeat_at_ms"),
)

wandb_streams = table(
    "wandb_streams",
    number("run_pk", ForeignKey("runs.id")),
    text("file"),
    # The client's id of the writer; empty for the only one of most runs.
    text("writer"),
    number("ordinal"),
    number("lines"),
    text("tail"),
    PrimaryKeyConstraint("run_pk", "file", "writer"),
    rowid=False,
)
