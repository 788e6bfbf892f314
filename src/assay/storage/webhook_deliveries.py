"""Statements on notices under way: written out from the ledger once, leased, tried, finished."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, exists, or_, select, update

from assay.domain.ledger import Event, parse_event
from assay.domain.webhook import Delivery, DeliveryState, Message
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.tables.governance import ledger
from assay.storage.tables.webhooks import webhook_cursor, webhook_deliveries, webhooks

_D = webhook_deliveries.c
_BUSY = webhook_deliveries.alias("busy")
_PENDING = DeliveryState.PENDING.value
_CURSOR = select(webhook_cursor.c.seq).where(webhook_cursor.c.id == 1)


@dataclass(frozen=True, slots=True)
class Lease:
    """A notice that this server sends now. `attempts` counts this attempt and fences its outcome."""

    pk: int
    delivery_id: str
    webhook_pk: int
    url: str
    secret: str | None = field(repr=False)
    body: str
    attempts: int


def read_cursor(tx: Transaction) -> int:
    """The last event of the ledger that was written out."""
    return int(tx.execute(_CURSOR).scalar_one())


def lock_cursor(tx: Transaction) -> int:
    """The cursor, which no other server moves until the transaction ends."""
    return int(tx.execute(dialect.for_update(tx.engine, _CURSOR)).scalar_one())


def move_cursor(tx: Transaction, seq: int) -> None:
    """Note that events up to this one were written out."""
    tx.execute(update(webhook_cursor).where(webhook_cursor.c.id == 1).values(seq=seq))


def events_after(tx: Transaction, seq: int, limit: int) -> list[Event]:
    """The events that come next, in order."""
    statement = select(ledger.c.body).where(ledger.c.seq > seq).order_by(ledger.c.seq)
    return [parse_event(body) for body in tx.execute(statement.limit(limit)).scalars()]


def insert_delivery(
    tx: Transaction,
    webhook_pk: int,
    delivery_id: str,
    seq: int,
    message: Message,
    now_ms: int,
) -> None:
    """Add a notice that is due at once; one that is there already stays as it is."""
    statement = dialect.insert(tx.engine, webhook_deliveries).values(
        delivery_id=delivery_id,
        webhook_pk=webhook_pk,
        ledger_seq=seq,
        event=message.event,
        body=message.body,
        state=_PENDING,
        attempts=0,
        next_attempt_at_ms=now_ms,
        last_error="",
        created_at_ms=now_ms,
    )
    tx.execute(statement.on_conflict_do_nothing(index_elements=["delivery_id"]))


def lease_next(tx: Transaction, now_ms: int, lease_ms: int) -> Lease | None:
    """Take the notice that has been due for longest, or None.

    A webhook is sent one notice at a time, whichever server sends it; a lease that ran out is free.
    """
    is_busy = exists().where(_BUSY.c.webhook_pk == _D.webhook_pk, _BUSY.c.leased_until_ms > now_ms)
    statement = (
        select(_D.id, _D.delivery_id, _D.webhook_pk, _D.body, _D.attempts)
        .add_columns(webhooks.c.url, webhooks.c.secret)
        .join_from(webhook_deliveries, webhooks)
        .where(
            _D.state == _PENDING,
            _D.next_attempt_at_ms <= now_ms,
            webhooks.c.status == "active",
            # PostgreSQL looks at a row again that changed meanwhile, but not into the subquery.
            _is_free(now_ms),
            ~is_busy,
        )
        .order_by(_D.next_attempt_at_ms, _D.id)
        .limit(1)
    )
    row = tx.execute(dialect.for_update_skipping(tx.engine, statement)).first()
    if row is None:
        return None
    tx.execute(
        update(webhook_deliveries)
        .where(_D.id == row.id)
        .values(attempts=row.attempts + 1, leased_until_ms=now_ms + lease_ms)
    )
    return Lease(
        pk=row.id,
        delivery_id=row.delivery_id,
        webhook_pk=row.webhook_pk,
        url=row.url,
        secret=row.secret,
        body=row.body,
        attempts=row.attempts + 1,
    )


def end_attempt(
    tx: Transaction,
    lease: Lease,
    *,
    state: DeliveryState,
    status: int | None,
    error: str,
    now_ms: int,
    next_attempt_at_ms: int,
) -> bool:
    """Write down how an attempt went; False when the lease had run out and another took over."""
    done = tx.execute(
        update(webhook_deliveries)
        .where(_D.id == lease.pk, _D.attempts == lease.attempts, _D.state == _PENDING)
        .values(
            state=state.value,
            last_status=status,
            last_error=error,
            leased_until_ms=None,
            next_attempt_at_ms=next_attempt_at_ms,
            finished_at_ms=None if state is DeliveryState.PENDING else now_ms,
        )
    )
    return done.rowcount > 0


def drop_pending(tx: Transaction, webhook_pk: int) -> None:
    """Take back what waits for a webhook."""
    tx.execute(delete(webhook_deliveries).where(_D.webhook_pk == webhook_pk, _D.state == _PENDING))


def purge_finished(tx: Transaction, before_ms: int, at_most: int) -> int:
    """Remove finished notices that are older; answers how many."""
    old = select(_D.id).where(_D.finished_at_ms < before_ms).limit(at_most)
    return tx.execute(delete(webhook_deliveries).where(_D.id.in_(old))).rowcount


def list_deliveries(
    tx: Transaction, webhook_pk: int, *, before_pk: int | None, limit: int
) -> list[Delivery]:
    """What was and is to be sent to a webhook, newest first."""
    clause = _D.webhook_pk == webhook_pk
    if before_pk is not None:
        clause = and_(clause, _D.id < before_pk)
    rows = tx.execute(select(webhook_deliveries).where(clause).order_by(_D.id.desc()).limit(limit))
    return [_delivery(row) for row in rows]


def has_due(tx: Transaction, now_ms: int) -> bool:
    """Whether a notice could be leased now, cheaply and without taking it."""
    statement = select(_D.id).where(
        _D.state == _PENDING, _D.next_attempt_at_ms <= now_ms, _is_free(now_ms)
    )
    return tx.execute(statement.limit(1)).first() is not None


def _is_free(now_ms: int) -> ColumnElement[bool]:
    return or_(_D.leased_until_ms.is_(None), _D.leased_until_ms <= now_ms)


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        pk=row.id,
        delivery_id=row.delivery_id,
        event=row.event,
        ledger_seq=row.ledger_seq,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        next_attempt_at_ms=row.next_attempt_at_ms,
        last_status=row.last_status,
        last_error=row.last_error,
        created_at_ms=row.created_at_ms,
        finished_at_ms=row.finished_at_ms,
    )
