"""Statements on checkpoints, on the keys that signed them, and on the ledger's Merkle tree."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from sqlalchemy import Row, exists, func, select

from assay.domain.ledger import EventAction, EventOutcome
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.tables.checkpoints import anchored, checkpoints, ledger_keys, ledger_nodes
from assay.storage.tables.governance import ledger

_C = checkpoints.c
_READ_AHEAD = 1_000
_MOVES = (
    EventAction.PROMOTION.value,
    EventAction.ROLLBACK.value,
    EventAction.BREAK_GLASS.value,
)


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A checkpoint as it lies in the table: `root` in hex, and the signed text."""

    size: int
    root: str
    at_ms: int
    key_id: str
    note: str


def insert_checkpoint(tx: Transaction, made: StoredCheckpoint) -> bool:
    """Keep a checkpoint; False when another server has made one of this size meanwhile."""
    statement = dialect.insert(tx.engine, checkpoints).values(
        size=made.size, root=made.root, at_ms=made.at_ms, key_id=made.key_id, note=made.note
    )
    if find_checkpoint(tx, made.size) is not None:
        return False
    return bool(tx.execute(statement.on_conflict_do_nothing()).rowcount)


def latest_checkpoint(tx: Transaction) -> StoredCheckpoint | None:
    """The checkpoint that covers most."""
    found = tx.execute(select(checkpoints).order_by(_C.size.desc()).limit(1)).first()
    return None if found is None else _checkpoint(found)


def find_checkpoint(tx: Transaction, size: int) -> StoredCheckpoint | None:
    """The checkpoint of exactly this size."""
    found = tx.execute(select(checkpoints).where(_C.size == size)).first()
    return None if found is None else _checkpoint(found)


def list_checkpoints(tx: Transaction, *, below: int | None, limit: int) -> list[StoredCheckpoint]:
    """Checkpoints, the one that covers most first, smaller than `below`."""
    statement = select(checkpoints).order_by(_C.size.desc()).limit(limit)
    if below is not None:
        statement = statement.where(_C.size < below)
    return [_checkpoint(row) for row in tx.execute(statement)]


def stream_checkpoints(tx: Transaction) -> Generator[StoredCheckpoint]:
    """Every checkpoint, by size. Close what is not read to its end."""
    statement = select(checkpoints).order_by(_C.size)
    options = statement.execution_options(stream_results=True, yield_per=_READ_AHEAD)
    with tx.execute(options) as rows:
        for row in rows:
            yield _checkpoint(row)


def insert_key(tx: Transaction, key_id: str, verifier: str, now_ms: int) -> None:
    """Keep a server's public key; again is fine."""
    if list_keys(tx).count(verifier):
        return
    tx.execute(
        dialect.insert(tx.engine, ledger_keys)
        .values(key_id=key_id, verifier=verifier, created_at_ms=now_ms)
        .on_conflict_do_nothing()
    )


def list_keys(tx: Transaction) -> list[str]:
    """The public keys of every server that has signed, the oldest first."""
    order = (ledger_keys.c.created_at_ms, ledger_keys.c.key_id)
    return list(tx.execute(select(ledger_keys.c.verifier).order_by(*order)).scalars())


def insert_anchored(tx: Transaction, place: str, size: int, now_ms: int) -> None:
    """Remember that a checkpoint is kept elsewhere; again is fine."""
    known = exists().where(anchored.c.place == place, anchored.c.size == size)
    if not tx.execute(select(known)).scalar():
        row = dialect.insert(tx.engine, anchored).values(place=place, size=size, at_ms=now_ms)
        tx.execute(row.on_conflict_do_nothing())


def list_anchored(tx: Transaction, place: str) -> list[int]:
    """The sizes of the checkpoints that this database had kept in a place, ascending."""
    statement = select(anchored.c.size).where(anchored.c.place == place)
    return list(tx.execute(statement.order_by(anchored.c.size)).scalars())


def last_anchored(tx: Transaction) -> dict[str, int]:
    """Each place with the size of the last checkpoint that was kept there."""
    statement = select(anchored.c.place, func.max(anchored.c.size)).group_by(anchored.c.place)
    return {row[0]: row[1] for row in tx.execute(statement.order_by(anchored.c.place))}


def event_hashes(tx: Transaction, first: int, last: int) -> list[str]:
    """The hashes of the events `first` to `last`, both included, by number."""
    statement = select(ledger.c.h).where(ledger.c.seq.between(first, last)).order_by(ledger.c.seq)
    return list(tx.execute(statement).scalars())


def count_nodes(tx: Transaction, level: int) -> int:
    """How many nodes of a level are kept: they are kept from the first one on."""
    statement = select(func.max(ledger_nodes.c.position)).where(ledger_nodes.c.level == level)
    found = tx.execute(statement).scalar()
    return 0 if found is None else int(found) + 1


def list_nodes(tx: Transaction, level: int, first: int, last: int) -> dict[int, str]:
    """The kept nodes `first` to `last` of a level, both included, by position."""
    statement = select(ledger_nodes.c.position, ledger_nodes.c.hash).where(
        ledger_nodes.c.level == level, ledger_nodes.c.position.between(first, last)
    )
    return {row.position: row.hash for row in tx.execute(statement)}


def insert_nodes(tx: Transaction, level: int, first: int, hashes: Sequence[str]) -> None:
    """Keep the next nodes of a level, from position `first` on."""
    rows = [
        {"level": level, "position": first + offset, "hash": value}
        for offset, value in enumerate(hashes)
    ]
    if rows:
        tx.execute(dialect.insert(tx.engine, ledger_nodes).on_conflict_do_nothing(), rows)


def has_promotion_after(tx: Transaction, seq: int) -> bool:
    """Whether a protected alias has moved in an event beyond `seq`."""
    moved = exists().where(
        ledger.c.seq > seq,
        ledger.c.action.in_(_MOVES),
        ledger.c.outcome == EventOutcome.ALLOWED.value,
    )
    return bool(tx.execute(select(moved)).scalar())


def first_at(tx: Transaction, at_ms: int) -> int | None:
    """The number of the first event that is not earlier than `at_ms` by the server's clock."""
    statement = select(func.min(ledger.c.seq)).where(ledger.c.at_ms >= at_ms)
    found = tx.execute(statement).scalar()
    return None if found is None else int(found)


def last_before(tx: Transaction, at_ms: int) -> int | None:
    """The number of the last event that is earlier than `at_ms` by the server's clock."""
    statement = select(func.max(ledger.c.seq)).where(ledger.c.at_ms < at_ms)
    found = tx.execute(statement).scalar()
    return None if found is None else int(found)


def _checkpoint(row: Row[*tuple[object, ...]]) -> StoredCheckpoint:
    return StoredCheckpoint(row.size, row.root, row.at_ms, row.key_id, row.note)
