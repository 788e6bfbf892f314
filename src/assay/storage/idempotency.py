"""Statements on idempotency records: which answer a retried request is to be given."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, insert, select

from assay.storage.database import Transaction
from assay.storage.tables.access import idempotency

_FIND = select(idempotency.c.request_sha256, idempotency.c.response).where(
    idempotency.c.principal == bindparam("principal"), idempotency.c.key == bindparam("key")
)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a key was used for: the digest of the request, and what was answered (JSON)."""

    request_sha256: str
    response: str


def find_answer(tx: Transaction, principal: str, key: str) -> Remembered | None:
    """What the principal's key was used for, if it was used."""
    row = tx.execute(_FIND, {"principal": principal, "key": key}).first()
    return None if row is None else Remembered(row.request_sha256, row.response)


def insert_answer(
    tx: Transaction, principal: str, key: str, request_sha256: str, response: str, now_ms: int
) -> None:
    """Remember an answer, in the transaction that made it true."""
    tx.execute(
        insert(idempotency).values(
            principal=principal,
            key=key,
            request_sha256=request_sha256,
            response=response,
            created_at_ms=now_ms,
        )
    )


def forget_answers(tx: Transaction, before_ms: int) -> None:
    """Drop the records that are older than any client's patience."""
    tx.execute(delete(idempotency).where(idempotency.c.created_at_ms < before_ms))
