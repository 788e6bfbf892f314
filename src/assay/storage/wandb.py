"""Statements on what W&B's clients say of runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import delete, func, insert, select, update

from assay.domain.tracking import StepRecord
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.tables.tracking import (
    metric_chunks,
    metric_summaries,
    metric_tail,
    params,
    runs,
    step_records,
)
from assay.storage.tables.wandb import wandb_runs, wandb_streams


class ClientRun(NamedTuple):
    """A run as its client knows it: by its own id, with config and summary as it sent them."""

    run_pk: int
    experiment_pk: int
    name: str
    state: str
    config: str
    summary: str
    shape: str
    stop_requested: int
    exit_code: int | None
    heartbeat_at_ms: int


class Stream(NamedTuple):
    """How far one writer of one file of a run has come, and its last line."""

    file: str
    writer: str
    ordinal: int
    lines: int
    tail: str


_COLUMNS = tuple(wandb_runs.c)


def insert_client_run(tx: Transaction, run: ClientRun) -> None:
    """Keep what the client says of a run that has no such row yet."""
    values: dict[str, Any] = run._asdict()
    values["experiment_id"] = values.pop("experiment_pk")
    tx.execute(insert(wandb_runs).values(values))


def find_by_name(tx: Transaction, experiment_pk: int, name: str) -> ClientRun | None:
    """The run that the client calls so in that experiment."""
    place = (wandb_runs.c.experiment_id == experiment_pk, wandb_runs.c.name == name)
    row = tx.execute(select(*_COLUMNS).where(*place)).first()
    return None if row is None else ClientRun(*row)


def find_by_pk(tx: Transaction, run_pk: int) -> ClientRun | None:
    """What the client says of a run, if W&B's client ever spoke of it."""
    row = tx.execute(select(*_COLUMNS).where(wandb_runs.c.run_pk == run_pk)).first()
    return None if row is None else ClientRun(*row)


def lock_by_pk(tx: Transaction, run_pk: int) -> ClientRun | None:
    """As `find_by_pk`; nobody else changes it until the transaction ends."""
    statement = select(*_COLUMNS).where(wandb_runs.c.run_pk == run_pk)
    row = tx.execute(dialect.for_update(tx.engine, statement)).first()
    return None if row is None else ClientRun(*row)


def find_many(tx: Transaction, run_pks: Sequence[int]) -> dict[int, ClientRun]:
    """What clients say of several runs."""
    rows = tx.execute(select(*_COLUMNS).where(wandb_runs.c.run_pk.in_(list(run_pks))))
    return {row[0]: ClientRun(*row) for row in rows}


def update_client_run(tx: Transaction, run_pk: int, **changes: object) -> None:
    """Change some columns of a run's row."""
    if changes:
        tx.execute(update(wandb_runs).where(wandb_runs.c.run_pk == run_pk).values(changes))


def silent_since(tx: Transaction, before_ms: int, limit: int) -> tuple[tuple[int, str], ...]:
    """Runs that are said to run and were last heard of before a moment: their keys and ids."""
    statement = (
        select(wandb_runs.c.run_pk, runs.c.run_id)
        .join(runs, runs.c.id == wandb_runs.c.run_pk)
        .where(
            wandb_runs.c.state.in_(["running", "preempting"]),
            wandb_runs.c.heartbeat_at_ms < before_ms,
        )
        .limit(limit)
    )
    return tuple((row[0], row[1]) for row in tx.execute(statement))


def replace_params(tx: Transaction, run_pk: int, values: dict[str, str]) -> None:
    """Give a run these params and no others: its client replaces the whole config."""
    tx.touch(run_pk)
    tx.execute(delete(params).where(params.c.run_pk == run_pk))
    if values:
        rows = [{"run_pk": run_pk, "key": key, "value": value} for key, value in values.items()]
        tx.execute(insert(params), rows)


def streams_of(tx: Transaction, run_pk: int) -> tuple[Stream, ...]:
    """Every stream of a run, by file and in order of its writers' arrival."""
    s = wandb_streams.c
    statement = (
        select(s.file, s.writer, s.ordinal, s.lines, s.tail)
        .where(s.run_pk == run_pk)
        .order_by(s.file, s.ordinal)
    )
    return tuple(Stream(*row) for row in tx.execute(statement))


def streams_of_many(tx: Transaction, run_pks: Sequence[int]) -> dict[int, dict[str, int]]:
    """The lines of each file of several runs."""
    s = wandb_streams.c
    statement = (
        select(s.run_pk, s.file, func.sum(s.lines))
        .where(s.run_pk.in_(list(run_pks)))
        .group_by(s.run_pk, s.file)
    )
    found: dict[int, dict[str, int]] = {}
    for run_pk, file, lines in tx.execute(statement):
        found.setdefault(run_pk, {})[file] = int(lines)
    return found


def set_stream(tx: Transaction, run_pk: int, stream: Stream) -> None:
    """Note how far a writer has come in a file."""
    statement = dialect.insert(tx.engine, wandb_streams).values(run_pk=run_pk, **stream._asdict())
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["run_pk", "file", "writer"],
            set_={"lines": statement.excluded.lines, "tail": statement.excluded.tail},
        )
    )


def delete_streams(tx: Transaction, run_pk: int, file: str) -> None:
    """Forget how far the writers of a file have come."""
    place = (wandb_streams.c.run_pk == run_pk, wandb_streams.c.file == file)
    tx.execute(delete(wandb_streams).where(*place))


def delete_records_after(tx: Transaction, run_pk: int, step: int, kept: Sequence[str]) -> None:
    """Delete the step records of a run after a step, except those under the `kept` keys."""
    r = step_records.c
    tx.execute(
        delete(step_records).where(r.run_pk == run_pk, r.step > step, r.key.not_in(list(kept)))
    )


def count_records(tx: Transaction, run_pk: int, key: str) -> int:
    """How many step records a run has under a key."""
    r = step_records.c
    statement = select(func.count()).where(r.run_pk == run_pk, r.key == key)
    return int(tx.execute(statement).scalar_one())


def records_between(
    tx: Transaction, run_pk: int, first: int, last: int, left_out: Sequence[str], limit: int
) -> tuple[StepRecord, ...]:
    """The step records of a run from one step to another, both included, by step and key."""
    r = step_records.c
    statement = (
        select(r.key, r.step, r.kind, r.timestamp_ms, r.payload, r.sha256, r.size_bytes)
        .where(r.run_pk == run_pk, r.step >= first, r.step <= last, r.key.not_in(list(left_out)))
        .order_by(r.step, r.key)
        .limit(limit)
    )
    return tuple(StepRecord(*row) for row in tx.execute(statement))


def delete_series(tx: Transaction, run_pk: int) -> None:
    """Delete every point of a run, and what is known of its series."""
    for table in (metric_tail, metric_chunks, metric_summaries):
        tx.execute(delete(table).where(table.c.run_pk == run_pk))


def records_of_key(
    tx: Transaction, run_pk: int, key: str, start: int, count: int
) -> tuple[StepRecord, ...]:
    """Some of the step records under a key, by step, from the `start`-th on."""
    r = step_records.c
    statement = (
        select(r.key, r.step, r.kind, r.timestamp_ms, r.payload, r.sha256, r.size_bytes)
        .where(r.run_pk == run_pk, r.key == key)
        .order_by(r.step)
        .offset(start)
        .limit(count)
    )
    return tuple(StepRecord(*row) for row in tx.execute(statement))
