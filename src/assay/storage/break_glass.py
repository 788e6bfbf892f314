"""Statements on break-glass requests."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update

from assay.domain.review import BreakGlassRequest, BreakGlassState
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.tables.registry import model_versions, registered_models
from assay.storage.tables.reviews import break_glass
from assay.storage.tables.tracking import workspaces

_REQUESTS = (
    select(
        break_glass,
        workspaces.c.name.label("workspace"),
        registered_models.c.name.label("model"),
        model_versions.c.version.label("version"),
    )
    .select_from(break_glass)
    .join(model_versions, break_glass.c.version_id == model_versions.c.id)
    .join(registered_models, model_versions.c.model_id == registered_models.c.id)
    .join(workspaces, registered_models.c.workspace_id == workspaces.c.id)
)
_IN_WORKSPACE = _REQUESTS.where(workspaces.c.name == bindparam("workspace"))
_BY_ID = _IN_WORKSPACE.where(break_glass.c.request_id == bindparam("request_id"))
_PAGE = _IN_WORKSPACE.where(break_glass.c.id > bindparam("after")).order_by(break_glass.c.id)


def insert_request(tx: Transaction, asked: BreakGlassRequest) -> None:
    """Keep a request; its model and version come from the version's row."""
    tx.execute(
        insert(break_glass).values(
            request_id=asked.request_id,
            version_id=asked.version_pk,
            alias=asked.alias,
            alias_revision=asked.alias_revision,
            artifact_digest=asked.artifact_digest,
            reason=asked.reason,
            requested_by=asked.requested_by,
            requester_id=asked.requester_id,
            created_at_ms=asked.created_at_ms,
            expires_at_ms=asked.expires_at_ms,
            state=asked.state.value,
        )
    )


def find_request(tx: Transaction, workspace: str, request_id: str) -> BreakGlassRequest | None:
    """The request of that id."""
    row = tx.execute(_BY_ID, {"workspace": workspace, "request_id": request_id}).first()
    return None if row is None else _request(row)


def lock_request(tx: Transaction, pk: int) -> None:
    """Let nobody else close the request until the transaction ends."""
    statement = select(break_glass.c.id).where(break_glass.c.id == pk)
    tx.execute(dialect.for_update(tx.engine, statement))


def list_requests(
    tx: Transaction, workspace: str, *, after_pk: int, limit: int
) -> list[BreakGlassRequest]:
    """Requests in the order in which they were made, closed ones included."""
    rows = tx.execute(_PAGE.limit(limit), {"workspace": workspace, "after": after_pk})
    return [_request(row) for row in rows]


def close_request(
    tx: Transaction, pk: int, state: BreakGlassState, closed_by: str, now_ms: int
) -> None:
    """Confirm or cancel a request."""
    tx.execute(
        update(break_glass)
        .where(break_glass.c.id == pk)
        .values(state=state.value, closed_by=closed_by, closed_at_ms=now_ms)
    )


def _request(row: Row[Any]) -> BreakGlassRequest:
    return BreakGlassRequest(
        pk=row.id,
        version_pk=row.version_id,
        request_id=row.request_id,
        workspace=row.workspace,
        model=row.model,
        version=row.version,
        alias=row.alias,
        alias_revision=row.alias_revision,
        artifact_digest=row.artifact_digest,
        reason=row.reason,
        requested_by=row.requested_by,
        requester_id=row.requester_id,
        created_at_ms=row.created_at_ms,
        expires_at_ms=row.expires_at_ms,
        state=BreakGlassState(row.state),
        closed_by=row.closed_by,
        closed_at_ms=row.closed_at_ms,
    )
