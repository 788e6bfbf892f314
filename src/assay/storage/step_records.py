"""Statements on step records: one per (run, key, step)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, func, select

from assay.domain.tracking import StepRecord
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.dialect import Engine
from assay.storage.tables.tracking import step_records

_COLUMNS = (
    step_records.c.key,
    step_records.c.step,
    step_records.c.kind,
    step_records.c.timestamp_ms,
    step_records.c.payload,
    step_records.c.sha256,
    step_records.c.size_bytes,
)
_OF_RUN = select(*_COLUMNS).where(step_records.c.run_pk == bindparam("run_pk"))
_OF_KEY = (
    _OF_RUN.where(step_records.c.key == bindparam("key"), step_records.c.step > bindparam("after"))
    .order_by(step_records.c.step)
    .limit(bindparam("limit"))
)
_FROM_FIRST = (
    _OF_RUN.where(step_records.c.key == bindparam("key"))
    .order_by(step_records.c.step)
    .limit(bindparam("limit"))
)
_ONE = _OF_RUN.where(
    step_records.c.key == bindparam("key"), step_records.c.step == bindparam("step")
)


def _keys() -> Any:
    """From each key straight to the next: a run may have a hundred thousand records of one."""
    of_run = step_records.c.run_pk == bindparam("run_pk")
    least = select(func.min(step_records.c.key).label("key")).where(of_run)
    found = least.cte("found", recursive=True)
    following = select(func.min(step_records.c.key)).where(of_run, step_records.c.key > found.c.key)
    step = select(following.correlate(found).scalar_subquery()).where(found.c.key.is_not(None))
    whole = found.union_all(step)
    return select(whole.c.key).where(whole.c.key.is_not(None)).order_by(whole.c.key)


_KEYS = _keys()


def _upsertion(engine: Engine) -> Any:
    columns = ("run_pk", "key", "step", "kind", "timestamp_ms", "payload", "sha256", "size_bytes")
    statement = dialect.insert(engine, step_records).values(
        {name: bindparam(name) for name in columns}
    )
    return statement.on_conflict_do_update(
        index_elements=list(columns[:3]),
        set_={name: statement.excluded[name] for name in columns[3:]},
    )


_UPSERT = {engine: _upsertion(engine) for engine in Engine}


def set_records(tx: Transaction, run_pk: int, records: Sequence[StepRecord]) -> None:
    """Keep the records; one that has the key and step of another takes its place."""
    if not records:
        return
    rows = [
        {
            "run_pk": run_pk,
            "key": record.key,
            "step": record.step,
            "kind": record.kind,
            "timestamp_ms": record.timestamp_ms,
            "payload": record.payload,
            "sha256": record.sha256,
            "size_bytes": record.size_bytes,
        }
        for record in sorted(records, key=lambda record: (record.key, record.step))
    ]
    tx.execute(_UPSERT[tx.engine], rows)


def list_records(
    tx: Transaction, run_pk: int, key: str, after_step: int | None, limit: int
) -> tuple[StepRecord, ...]:
    """The records of a key after a step, by step."""
    values: dict[str, object] = {"run_pk": run_pk, "key": key, "limit": limit}
    statement = _FROM_FIRST
    if after_step is not None:
        statement, values["after"] = _OF_KEY, after_step
    return tuple(StepRecord(*row) for row in tx.execute(statement, values))


def find_record(tx: Transaction, run_pk: int, key: str, step: int) -> StepRecord | None:
    """The record at a step."""
    row = tx.execute(_ONE, {"run_pk": run_pk, "key": key, "step": step}).first()
    return None if row is None else StepRecord(*row)


def list_keys(tx: Transaction, run_pk: int) -> tuple[str, ...]:
    """The keys under which a run has records."""
    return tuple(tx.execute(_KEYS, {"run_pk": run_pk}).scalars())
