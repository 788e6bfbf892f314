"""Statements on the ledger and its head."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import bindparam, func, insert, select, update

from assay.domain.ledger import GENESIS, Event, LedgerRow, parse_event
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.tables.governance import ledger, ledger_head

_READ_AHEAD = 1_000

_HEAD = select(ledger_head.c.seq, ledger_head.c.h).where(ledger_head.c.id == 1)
_MOVE_HEAD = (
    update(ledger_head)
    .where(ledger_head.c.id == 1)
    .values(seq=bindparam("new_seq"), h=bindparam("new_h"))
)
_APPEND = insert(ledger)
_ALL = select(
    ledger.c.seq,
    ledger.c.prev,
    ledger.c.body,
    ledger.c.h,
    ledger.c.at_ms,
    ledger.c.action,
    ledger.c.outcome,
    ledger.c.actor,
    ledger.c.object,
    ledger.c.workspace,
).order_by(ledger.c.seq)


@dataclass(frozen=True, slots=True)
class Head:
    """The last event's number and hash; number 0 and the genesis hash before the first one."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events: those that agree with everything given. `text` is found anywhere in the body."""

    workspace: str | None = None
    target: str | None = None
    action: str | None = None
    actor: str | None = None
    outcome: str | None = None
    text: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """An event with its hash."""

    event: Event
    hash: str


class StoredEvent(NamedTuple):
    """A row exactly as it lies in the table, nothing believed."""

    row: LedgerRow
    at_ms: int
    action: str
    outcome: str
    actor: str
    target: str
    workspace: str | None


def lock_head(tx: Transaction) -> Head:
    """The head, which nobody else moves until the transaction ends: events have one order."""
    seq, h = tx.execute(dialect.for_update(tx.engine, _HEAD)).one()
    return Head(seq, h or GENESIS)


def get_head(tx: Transaction) -> Head:
    """The head as this transaction sees it."""
    seq, h = tx.execute(_HEAD).one()
    return Head(seq, h or GENESIS)


def append_event(tx: Transaction, event: Event, row: LedgerRow) -> None:
    """Append the event after the locked head, and make it the head."""
    tx.execute(
        _APPEND,
        {
            "seq": row.seq,
            "at_ms": event.at_ms,
            "action": event.action,
            "outcome": event.outcome.value,
            "actor": event.actor,
            "object": event.target,
            "workspace": event.workspace,
            "body": row.body,
            "prev": row.prev,
            "h": row.hash,
        },
    )
    tx.execute(_MOVE_HEAD, {"new_seq": row.seq, "new_h": row.hash})


def list_events(
    tx: Transaction,
    wanted: EventFilter,
    *,
    first: int,
    last: int,
    limit: int,
    newest_first: bool = False,
) -> list[LedgerEntry]:
    """The events `first` to `last`, both included, that are wanted, in the order asked for."""
    order = ledger.c.seq.desc() if newest_first else ledger.c.seq
    statement = select(ledger.c.body, ledger.c.h).where(ledger.c.seq.between(first, last))
    equal = (
        (ledger.c.workspace, wanted.workspace),
        (ledger.c.object, wanted.target),
        (ledger.c.action, wanted.action),
        (ledger.c.actor, wanted.actor),
        (ledger.c.outcome, wanted.outcome),
    )
    for column, value in equal:
        if value is not None:
            statement = statement.where(column == value)
    if wanted.from_ms is not None:
        statement = statement.where(ledger.c.at_ms >= wanted.from_ms)
    if wanted.to_ms is not None:
        statement = statement.where(ledger.c.at_ms < wanted.to_ms)
    if wanted.text is not None:
        folded = func.lower(ledger.c.body)
        statement = statement.where(folded.contains(wanted.text.lower(), autoescape=True))
    rows = tx.execute(statement.order_by(order).limit(limit))
    return [LedgerEntry(parse_event(row.body), row.h) for row in rows]


def list_bodies(
    tx: Transaction, first: int, last: int, workspace: str | None, limit: int
) -> list[tuple[int, str, str]]:
    """Number, text and hash of the events `first` to `last`, in order, of one workspace or of all."""
    statement = select(ledger.c.seq, ledger.c.body, ledger.c.h).where(
        ledger.c.seq.between(first, last)
    )
    if workspace is not None:
        statement = statement.where(ledger.c.workspace == workspace)
    found = tx.execute(statement.order_by(ledger.c.seq).limit(limit))
    return [(row.seq, row.body, row.h) for row in found]


def stream_events(tx: Transaction) -> Generator[StoredEvent]:
    """Every row by number, a few at a time. Close what is not read to its end."""
    statement = _ALL.execution_options(stream_results=True, yield_per=_READ_AHEAD)
    with tx.execute(statement) as rows:
        for seq, prev, body, h, *columns in rows:
            yield StoredEvent(LedgerRow(seq, prev, body, h), *columns)
