"""Statements on runs themselves; their params, tags, metrics and files have modules of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select, update

from assay.domain.tracking import Lifecycle, Run, RunStatus
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.dialect import Engine
from assay.storage.prepared import Prepared
from assay.storage.tables.tracking import runs, workspaces

COLUMNS = (
    runs.c.id,
    runs.c.run_id,
    workspaces.c.name.label("workspace"),
    runs.c.experiment_id,
    runs.c.name,
    runs.c.status,
    runs.c.lifecycle,
    runs.c.user_name,
    runs.c.created_by,
    runs.c.lineage,
    runs.c.started_at_ms,
    runs.c.ended_at_ms,
    runs.c.created_at_ms,
)
"""The columns that `as_run` reads, in its order."""

_ALL = select(*COLUMNS).join_from(runs, workspaces)
_BY_ID = _ALL.where(runs.c.run_id == bindparam("run_id"))
_BY_RUN_ID = Prepared(_BY_ID)
_BY_PK = Prepared(_ALL.where(runs.c.id == bindparam("pk")))
_LOCKED = Prepared(_BY_ID.with_for_update(of=runs))
_HANDLE_BY_ID = (
    select(runs.c.id, workspaces.c.name, runs.c.experiment_id, runs.c.lifecycle)
    .join_from(runs, workspaces)
    .where(runs.c.run_id == bindparam("run_id"))
)
_HANDLE = Prepared(_HANDLE_BY_ID)
_HELD = Prepared(_HANDLE_BY_ID.with_for_update(of=runs))
_SET_STATE = Prepared(
    update(runs)
    .where(runs.c.id == bindparam("pk"))
    .values(
        status=bindparam("new_status"),
        ended_at_ms=bindparam("new_end"),
        name=bindparam("new_name"),
    )
)
_RENAME = Prepared(
    update(runs).where(runs.c.id == bindparam("pk")).values(name=bindparam("new_name"))
)


class RunHandle(NamedTuple):
    """What it takes to write to a run: its key, where it is and whether it is in use."""

    pk: int
    workspace: str
    experiment_pk: int
    lifecycle: Lifecycle


class NewRun(NamedTuple):
    """A run to be added."""

    run_id: str
    workspace_pk: int
    experiment_pk: int
    name: str
    status: RunStatus
    user_name: str
    created_by: str
    lineage: str | None
    started_at_ms: int
    ended_at_ms: int | None
    created_at_ms: int


def _insertion(engine: Engine) -> Any:
    return (
        dialect.insert(engine, runs)
        .values(
            run_id=bindparam("run_id"),
            workspace_id=bindparam("workspace_pk"),
            experiment_id=bindparam("experiment_pk"),
            name=bindparam("name"),
            status=bindparam("status"),
            lifecycle=Lifecycle.ACTIVE.value,
            user_name=bindparam("user_name"),
            created_by=bindparam("created_by"),
            lineage=bindparam("lineage"),
            started_at_ms=bindparam("started_at_ms"),
            ended_at_ms=bindparam("ended_at_ms"),
            created_at_ms=bindparam("created_at_ms"),
        )
        .on_conflict_do_nothing(index_elements=["run_id"])
        .returning(runs.c.id)
    )


_INSERT = Prepared(_insertion)


def insert_run(tx: Transaction, run: NewRun) -> int | None:
    """Add an active run and return its key; None when its id is taken."""
    values = run._asdict()
    values["status"] = run.status.value
    row = _INSERT.first(tx, **values)
    if row is None:
        return None
    pk = int(row[0])
    tx.touch(pk)
    return pk


def find_run(tx: Transaction, run_id: str) -> Run | None:
    """The run, in any lifecycle."""
    row = _BY_RUN_ID.first(tx, run_id=run_id)
    return None if row is None else as_run(row)


def find_run_by_pk(tx: Transaction, pk: int) -> Run | None:
    """The run with that key, in any lifecycle."""
    row = _BY_PK.first(tx, pk=pk)
    return None if row is None else as_run(row)


def lock_run(tx: Transaction, run_id: str) -> Run | None:
    """The run, which nobody else changes until the transaction ends."""
    row = _LOCKED.first(tx, run_id=run_id)
    return None if row is None else as_run(row)


def find_handle(tx: Transaction, run_id: str) -> RunHandle | None:
    """What writes to the run need of it: cheaper than the run."""
    row = _HANDLE.first(tx, run_id=run_id)
    return None if row is None else RunHandle(row[0], row[1], row[2], Lifecycle(row[3]))


def lock_handle(tx: Transaction, run_id: str) -> RunHandle | None:
    """The same, and nobody else changes the run until the transaction ends."""
    row = _HELD.first(tx, run_id=run_id)
    return None if row is None else RunHandle(row[0], row[1], row[2], Lifecycle(row[3]))


def find_handles(tx: Transaction, run_ids: Sequence[str]) -> dict[str, RunHandle]:
    """The handles of those runs that exist."""
    statement = (
        select(runs.c.run_id, runs.c.id, workspaces.c.name, runs.c.experiment_id, runs.c.lifecycle)
        .join_from(runs, workspaces)
        .where(runs.c.run_id.in_(run_ids))
    )
    return {
        run_id: RunHandle(pk, workspace, experiment_pk, Lifecycle(lifecycle))
        for run_id, pk, workspace, experiment_pk, lifecycle in tx.execute(statement)
    }


def set_state(
    tx: Transaction, pk: int, *, status: RunStatus, ended_at_ms: int | None, name: str
) -> None:
    """Write what changes over a run's life."""
    tx.touch(pk)
    _SET_STATE.run(tx, pk=pk, new_status=status.value, new_end=ended_at_ms, new_name=name)


def rename_run(tx: Transaction, pk: int, name: str) -> None:
    """Give the run another name."""
    tx.touch(pk)
    _RENAME.run(tx, pk=pk, new_name=name)


def set_lineage(tx: Transaction, pk: int, lineage: str) -> None:
    """Keep the lineage that the client declared, as it was sent."""
    tx.execute(update(runs).where(runs.c.id == pk).values(lineage=lineage))


def set_lifecycle(tx: Transaction, pk: int, lifecycle: Lifecycle, now_ms: int) -> None:
    """Delete or restore one run."""
    tx.touch(pk)
    tx.execute(_lifecycle_change(lifecycle, now_ms).where(runs.c.id == pk))


def set_lifecycle_in_experiment(
    tx: Transaction, experiment_pk: int, lifecycle: Lifecycle, now_ms: int
) -> None:
    """Delete or restore all runs of an experiment."""
    tx.execute(
        _lifecycle_change(lifecycle, now_ms).where(
            runs.c.experiment_id == experiment_pk, runs.c.lifecycle != lifecycle.value
        )
    )


def _lifecycle_change(lifecycle: Lifecycle, now_ms: int) -> Any:
    deleted_at_ms = now_ms if lifecycle is Lifecycle.DELETED else None
    return update(runs).values(lifecycle=lifecycle.value, deleted_at_ms=deleted_at_ms)


_STATUS = {status.value: status for status in RunStatus}
_LIFECYCLE = {lifecycle.value: lifecycle for lifecycle in Lifecycle}


def as_run(row: Sequence[Any]) -> Run:
    """A row that starts with `COLUMNS` as a value."""
    return Run(
        row[0],
        row[1],
        row[2],
        str(row[3]),
        row[4],
        _STATUS[row[5]],
        _LIFECYCLE[row[6]],
        row[7],
        row[8],
        row[9],
        row[10],
        row[11],
        row[12],
    )
