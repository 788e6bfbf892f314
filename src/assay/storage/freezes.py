"""Statements on freeze windows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select, update

from assay.domain.review import FreezeWindow
from assay.storage.database import Transaction
from assay.storage.tables.governance import ledger
from assay.storage.tables.reviews import freeze_windows
from assay.storage.tables.tracking import workspaces

_RECENT_EVENTS = 1_000

_WINDOWS = select(freeze_windows, workspaces.c.name.label("workspace")).join_from(
    freeze_windows, workspaces, freeze_windows.c.workspace_id == workspaces.c.id
)
_IN_WORKSPACE = _WINDOWS.where(workspaces.c.name == bindparam("workspace"))
_PAGE = _IN_WORKSPACE.where(freeze_windows.c.id > bindparam("after")).order_by(freeze_windows.c.id)
_BY_ID = _IN_WORKSPACE.where(freeze_windows.c.freeze_id == bindparam("freeze_id"))
_NOT_OVER = _IN_WORKSPACE.where(
    freeze_windows.c.ends_at_ms > bindparam("now_ms"), freeze_windows.c.lifted_at_ms.is_(None)
)
_RECENT = (
    select(ledger.c.at_ms).order_by(ledger.c.seq.desc()).limit(_RECENT_EVENTS).subquery("recent")
)
_LATEST = select(func.max(_RECENT.c.at_ms))


def insert_freeze(
    tx: Transaction,
    workspace_pk: int,
    *,
    freeze_id: str,
    alias: str | None,
    starts_at_ms: int,
    ends_at_ms: int,
    reason: str,
    created_by: str,
    now_ms: int,
) -> None:
    """Add a window."""
    tx.execute(
        insert(freeze_windows).values(
            freeze_id=freeze_id,
            workspace_id=workspace_pk,
            alias=alias,
            starts_at_ms=starts_at_ms,
            ends_at_ms=ends_at_ms,
            reason=reason,
            created_by=created_by,
            created_at_ms=now_ms,
        )
    )


def find_freeze(tx: Transaction, workspace: str, freeze_id: str) -> FreezeWindow | None:
    """The window of that id."""
    row = tx.execute(_BY_ID, {"workspace": workspace, "freeze_id": freeze_id}).first()
    return None if row is None else _window(row)


def list_freezes(
    tx: Transaction, workspace: str, *, after_pk: int, limit: int
) -> list[FreezeWindow]:
    """Windows in the order in which they were made, past and lifted ones included."""
    rows = tx.execute(_PAGE.limit(limit), {"workspace": workspace, "after": after_pk})
    return [_window(row) for row in rows]


def freezes_not_over(tx: Transaction, workspace: str, now_ms: int) -> list[FreezeWindow]:
    """The windows that have not ended and were not lifted, coming ones included."""
    rows = tx.execute(_NOT_OVER, {"workspace": workspace, "now_ms": now_ms})
    return [_window(row) for row in rows]


def lift_freeze(tx: Transaction, pk: int, lifted_by: str, now_ms: int) -> None:
    """End a window before its time."""
    tx.execute(
        update(freeze_windows)
        .where(freeze_windows.c.id == pk)
        .values(lifted_by=lifted_by, lifted_at_ms=now_ms)
    )


def latest_recorded_ms(tx: Transaction) -> int:
    """The latest time among the last events of the ledger; 0 before the first one."""
    latest: int | None = tx.execute(_LATEST).scalar()
    return latest or 0


def _window(row: Row[Any]) -> FreezeWindow:
    return FreezeWindow(
        pk=row.id,
        freeze_id=row.freeze_id,
        workspace=row.workspace,
        alias=row.alias,
        starts_at_ms=row.starts_at_ms,
        ends_at_ms=row.ends_at_ms,
        reason=row.reason,
        created_by=row.created_by,
        created_at_ms=row.created_at_ms,
        lifted_by=row.lifted_by,
        lifted_at_ms=row.lifted_at_ms,
    )
