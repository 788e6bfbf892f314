"""Statements that read series back, and those that swap tail rows for blocks and chunks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import LargeBinary, Select, bindparam, func, select

from assay.domain.metric import Summary
from assay.storage.database import Transaction
from assay.storage.dialect import Engine, for_update
from assay.storage.metrics import pieces, sql_for
from assay.storage.tables.tracking import metric_chunks, metric_keys, metric_summaries, metric_tail


class TailSize(NamedTuple):
    """A tail row without its payload; `mark` is the payload's first byte, which names its format."""

    row_id: int
    points: int
    mark: bytes


class TailLoad(NamedTuple):
    """How much tail a run has."""

    run_pk: int
    rows: int
    points: int


class ChunkRow(NamedTuple):
    """A chunk without its payload."""

    chunk_id: int
    key_id: int
    points: int
    min_step: int
    max_step: int


class NewChunk(NamedTuple):
    """A chunk to be added."""

    key_id: int
    points: int
    min_step: int
    max_step: int
    payload: bytes


class StoredSummary(NamedTuple):
    """A series of a run by its key, with what is known of it."""

    key_id: int
    key: str
    summary: Summary


_LOCK_CLASS = 7475
_INT32 = 1 << 31

_MARK = func.substr(metric_tail.c.payload, 1, 1, type_=LargeBinary)
_TAIL_PAYLOADS = (
    select(metric_tail.c.payload)
    .where(metric_tail.c.run_pk == bindparam("run_pk"))
    .order_by(metric_tail.c.id)
)
_TAIL_SIZES = (
    select(metric_tail.c.id, metric_tail.c.points, _MARK)
    .where(metric_tail.c.run_pk == bindparam("run_pk"))
    .order_by(metric_tail.c.id)
)
_CHUNKS_WITHIN = (
    metric_chunks.c.run_pk == bindparam("run_pk"),
    metric_chunks.c.key_id == bindparam("key_id"),
    metric_chunks.c.max_step >= bindparam("start_step"),
    metric_chunks.c.min_step <= bindparam("end_step"),
)
_CHUNK_PAYLOADS = (
    select(metric_chunks.c.payload).where(*_CHUNKS_WITHIN).order_by(metric_chunks.c.min_step)
)
_ALL_CHUNK_PAYLOADS = (
    select(metric_chunks.c.key_id, metric_chunks.c.payload)
    .where(
        metric_chunks.c.run_pk == bindparam("run_pk"),
        metric_chunks.c.max_step >= bindparam("start_step"),
        metric_chunks.c.min_step <= bindparam("end_step"),
    )
    .order_by(metric_chunks.c.key_id, metric_chunks.c.min_step)
)
_CHUNK_POINTS = select(func.coalesce(func.sum(metric_chunks.c.points), 0)).where(*_CHUNKS_WITHIN)
_CHUNK = select(metric_chunks.c.payload).where(metric_chunks.c.id == bindparam("chunk_id"))
_SUMMARIES = (
    select(
        metric_summaries.c.key_id,
        metric_keys.c.key,
        metric_summaries.c.count,
        metric_summaries.c.count_exact,
        metric_summaries.c.last_step,
        metric_summaries.c.last_timestamp_ms,
        metric_summaries.c.last_value,
        metric_summaries.c.min_value,
        metric_summaries.c.min_step,
        metric_summaries.c.max_value,
        metric_summaries.c.max_step,
    )
    .join(metric_keys, metric_keys.c.id == metric_summaries.c.key_id)
    .where(metric_summaries.c.run_pk == bindparam("run_pk"))
    .order_by(metric_keys.c.key)
)
_INEXACT = {
    engine: for_update(
        engine,
        select(metric_summaries.c.key_id)
        .where(
            metric_summaries.c.run_pk == bindparam("run_pk"), metric_summaries.c.count_exact == 0
        )
        .order_by(metric_summaries.c.key_id),
    )
    for engine in Engine
}
_TAIL_LOADS = (
    select(metric_tail.c.run_pk, func.count(), func.sum(metric_tail.c.points))
    .where(bindparam("packed", type_=LargeBinary) != _MARK)
    .group_by(metric_tail.c.run_pk)
)


def tail_payloads(tx: Transaction, run_pk: int) -> list[bytes]:
    """What the tail of a run holds, oldest first."""
    return [payload for (payload,) in tx.execute(_TAIL_PAYLOADS, {"run_pk": run_pk})]


def tail_sizes(tx: Transaction, run_pk: int) -> list[TailSize]:
    """The tail rows of a run, oldest first."""
    return [TailSize(*row) for row in tx.execute(_TAIL_SIZES, {"run_pk": run_pk})]


def tail_payloads_of(tx: Transaction, row_ids: Sequence[int]) -> list[bytes]:
    """The payloads of those tail rows that are still there, in no order."""
    found: list[bytes] = []
    for some in pieces(list(row_ids)):
        sql = sql_for(tx.engine, "SELECT payload FROM metric_tail WHERE id IN (?*)", len(some))
        found.extend(payload for (payload,) in tx.driver_rows(sql, tuple(some)))
    return found


def tail_loads(tx: Transaction, packed_mark: bytes) -> list[TailLoad]:
    """Every run that has a tail of rows in other formats than the one that `packed_mark` names."""
    rows = tx.execute(_TAIL_LOADS, {"packed": packed_mark})
    return [TailLoad(run_pk, count, int(points)) for run_pk, count, points in rows]


def delete_tail(tx: Transaction, row_ids: Sequence[int]) -> int:
    """Delete tail rows; the number of those that were there."""
    return _delete(tx, "DELETE FROM metric_tail WHERE id IN (?*)", row_ids)


def delete_chunks(tx: Transaction, chunk_ids: Sequence[int]) -> int:
    """Delete chunks; the number of those that were there."""
    return _delete(tx, "DELETE FROM metric_chunks WHERE id IN (?*)", chunk_ids)


def insert_chunks(tx: Transaction, run_pk: int, chunks: Iterable[NewChunk]) -> None:
    """Add chunks to a run."""
    rows = [(run_pk, *chunk) for chunk in chunks]
    if rows:
        tx.driver(
            sql_for(
                tx.engine,
                "INSERT INTO metric_chunks (run_pk, key_id, points, min_step, max_step, payload)"
                " VALUES (?, ?, ?, ?, ?, ?)",
            ),
            rows,
        )


def chunk_rows(tx: Transaction, run_pk: int, key_ids: Collection[int]) -> dict[int, list[ChunkRow]]:
    """The chunks of several series of a run; a series without any is left out."""
    found: dict[int, list[ChunkRow]] = {}
    for some in pieces(list(key_ids)):
        rows = tx.driver_rows(
            sql_for(
                tx.engine,
                "SELECT id, key_id, points, min_step, max_step FROM metric_chunks"
                " WHERE run_pk = ? AND key_id IN (?*) ORDER BY min_step",
                len(some),
            ),
            (run_pk, *some),
        )
        for row in rows:
            chunk = ChunkRow(*row)
            found.setdefault(chunk.key_id, []).append(chunk)
    return found


def chunk_payload(tx: Transaction, chunk_id: int) -> bytes | None:
    """The bytes of a chunk, if it is still there."""
    payload: bytes | None = tx.execute(_CHUNK, {"chunk_id": chunk_id}).scalar()
    return payload


def chunk_payloads(
    tx: Transaction, run_pk: int, key_id: int, start_step: int, end_step: int
) -> list[bytes]:
    """The chunks of a series that hold steps from `start_step` to `end_step`, both included."""
    place = {"run_pk": run_pk, "key_id": key_id, "start_step": start_step, "end_step": end_step}
    return [payload for (payload,) in tx.execute(_CHUNK_PAYLOADS, place)]


def all_chunk_payloads(
    tx: Transaction, run_pk: int, start_step: int, end_step: int
) -> dict[int, list[bytes]]:
    """`chunk_payloads` of every series of a run that has any, by key."""
    place = {"run_pk": run_pk, "start_step": start_step, "end_step": end_step}
    found: dict[int, list[bytes]] = {}
    for key_id, payload in tx.execute(_ALL_CHUNK_PAYLOADS, place):
        found.setdefault(key_id, []).append(payload)
    return found


def chunk_points(tx: Transaction, run_pk: int, key_id: int, start_step: int, end_step: int) -> int:
    """How many points `chunk_payloads` would bring."""
    place = {"run_pk": run_pk, "key_id": key_id, "start_step": start_step, "end_step": end_step}
    return int(tx.execute(_CHUNK_POINTS, place).scalar_one())


def lock_series(tx: Transaction, run_pk: int) -> None:
    """Keep other servers from rearranging the series of a run until the transaction ends.

    Points may still be added. On SQLite the transaction itself is that lock.
    """
    if tx.engine is Engine.POSTGRESQL:
        tx.driver("SELECT pg_advisory_xact_lock(%s::int, %s::int)", (_LOCK_CLASS, run_pk % _INT32))


def inexact_keys(tx: Transaction, run_pk: int) -> set[int]:
    """The series of a run whose count may be wrong, locked until the transaction ends."""
    return {key_id for (key_id,) in tx.execute(_INEXACT[tx.engine], {"run_pk": run_pk})}


def summaries_of(tx: Transaction, run_pk: int, keys: Collection[str] = ()) -> list[StoredSummary]:
    """The series of a run, by key; all of them, or those of the given keys."""
    statement: Select[tuple[object, ...]] = _SUMMARIES
    if keys:
        statement = statement.where(metric_keys.c.key.in_(list(keys)))
    return [
        StoredSummary(key_id, key, _summary(row))
        for key_id, key, *row in tx.execute(statement, {"run_pk": run_pk})
    ]


def _summary(row: Sequence[float | None]) -> Summary:
    count, is_exact, last_step, last_timestamp_ms, last_value, *extremes = row
    last = float("nan") if last_value is None else last_value
    return Summary(count, bool(is_exact), last_step, last_timestamp_ms, last, *extremes)  # type: ignore[arg-type]


def give_back_pages(tx: Transaction, *, keep_pages: int, at_most: int) -> int:
    """Shrink a SQLite file by some of its free pages, unless few are left; how many were given back.

    PostgreSQL reuses space by itself: nothing is done there.
    """
    if tx.engine is not Engine.SQLITE:
        return 0
    free = tx.driver("PRAGMA freelist_count").scalar_one()
    excess = min(free - keep_pages, at_most)
    if excess <= 0:
        return 0
    # The pragma works while its rows are read, although it has no columns.
    tx.driver_rows(f"PRAGMA incremental_vacuum({int(excess)})")
    return int(free - tx.driver("PRAGMA freelist_count").scalar_one())


def _delete(tx: Transaction, sql: str, row_ids: Sequence[int]) -> int:
    return sum(
        tx.driver(sql_for(tx.engine, sql, len(some)), tuple(some)).rowcount
        for some in pieces(list(row_ids))
    )
