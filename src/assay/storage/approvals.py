"""Statements on approvals: given once, withdrawn perhaps, never deleted."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update

from assay.domain.review import Approval
from assay.storage.database import Transaction
from assay.storage.tables.registry import model_versions, registered_models
from assay.storage.tables.reviews import approvals

_APPROVALS = (
    select(
        approvals,
        registered_models.c.name.label("model"),
        model_versions.c.version.label("version"),
    )
    .select_from(approvals)
    .join(model_versions, approvals.c.version_id == model_versions.c.id)
    .join(registered_models, model_versions.c.model_id == registered_models.c.id)
)
_BY_ID = _APPROVALS.where(approvals.c.approval_id == bindparam("approval_id"))
_STANDING = _APPROVALS.where(
    approvals.c.version_id == bindparam("version_pk"),
    approvals.c.alias == bindparam("alias"),
    approvals.c.withdrawn_at_ms.is_(None),
).order_by(approvals.c.id)
_OF_MODEL = _APPROVALS.where(
    model_versions.c.model_id == bindparam("model_pk"), approvals.c.id > bindparam("after")
).order_by(approvals.c.id)


def insert_approval(tx: Transaction, version_pk: int, given: Approval) -> None:
    """Keep an approval; its key, model and version come from the version's row."""
    tx.execute(
        insert(approvals).values(
            approval_id=given.approval_id,
            version_id=version_pk,
            alias=given.alias,
            alias_revision=given.alias_revision,
            artifact_digest=given.artifact_digest,
            gate_fingerprint=given.gate_fingerprint,
            approver=given.approver,
            principal_id=given.principal_id,
            reason=given.reason,
            created_at_ms=given.created_at_ms,
        )
    )


def find_approval(tx: Transaction, approval_id: str) -> Approval | None:
    """The approval of that id."""
    row = tx.execute(_BY_ID, {"approval_id": approval_id}).first()
    return None if row is None else _approval(row)


def standing_approvals(tx: Transaction, version_pk: int, alias: str) -> list[Approval]:
    """What was approved of a version for an alias and not withdrawn, whatever it was bound to."""
    rows = tx.execute(_STANDING, {"version_pk": version_pk, "alias": alias})
    return [_approval(row) for row in rows]


def list_approvals(
    tx: Transaction, model_pk: int, *, after_pk: int, limit: int, version: int | None = None
) -> list[Approval]:
    """Approvals of a model's versions in the order in which they were given."""
    statement = _OF_MODEL
    if version is not None:
        statement = statement.where(model_versions.c.version == version)
    rows = tx.execute(statement.limit(limit), {"model_pk": model_pk, "after": after_pk})
    return [_approval(row) for row in rows]


def withdraw_approval(tx: Transaction, pk: int, now_ms: int) -> None:
    """Let an approval stand no longer."""
    tx.execute(update(approvals).where(approvals.c.id == pk).values(withdrawn_at_ms=now_ms))


def _approval(row: Row[Any]) -> Approval:
    return Approval(
        pk=row.id,
        approval_id=row.approval_id,
        model=row.model,
        version=row.version,
        alias=row.alias,
        alias_revision=row.alias_revision,
        artifact_digest=row.artifact_digest,
        gate_fingerprint=row.gate_fingerprint,
        approver=row.approver,
        principal_id=row.principal_id,
        reason=row.reason,
        created_at_ms=row.created_at_ms,
        withdrawn_at_ms=row.withdrawn_at_ms,
    )
