"""Statements on gate runners' public keys, and on what a workspace demands of verdicts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update

from assay.domain.review import RunnerKey, SignaturePolicy
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.tables.reviews import gate_policies, runner_keys, verdict_signatures
from assay.storage.tables.tracking import workspaces

_KEYS = select(runner_keys, workspaces.c.name.label("workspace")).join_from(
    runner_keys, workspaces, runner_keys.c.workspace_id == workspaces.c.id
)
_IN_WORKSPACE = _KEYS.where(workspaces.c.name == bindparam("workspace")).order_by(runner_keys.c.id)
_BY_ID = _IN_WORKSPACE.where(runner_keys.c.key_id == bindparam("key_id"))
_PAGE = _IN_WORKSPACE.where(runner_keys.c.id > bindparam("after"))
_POLICY = (
    select(gate_policies.c.signed_verdicts)
    .join_from(gate_policies, workspaces, gate_policies.c.workspace_id == workspaces.c.id)
    .where(workspaces.c.name == bindparam("workspace"))
)


def insert_key(
    tx: Transaction,
    workspace_pk: int,
    *,
    key_id: str,
    runner: str,
    public_key: str,
    created_by: str,
    now_ms: int,
) -> None:
    """Register a key."""
    tx.execute(
        insert(runner_keys).values(
            key_id=key_id,
            workspace_id=workspace_pk,
            runner=runner,
            public_key=public_key,
            created_by=created_by,
            created_at_ms=now_ms,
            revoke_reason="",
        )
    )


def find_key(tx: Transaction, workspace: str, key_id: str) -> RunnerKey | None:
    """The key of that name in the workspace."""
    row = tx.execute(_BY_ID, {"workspace": workspace, "key_id": key_id}).first()
    return None if row is None else _key(row)


def list_keys(tx: Transaction, workspace: str, *, after_pk: int, limit: int) -> list[RunnerKey]:
    """Keys in the order in which they were registered, revoked ones included."""
    rows = tx.execute(_PAGE.limit(limit), {"workspace": workspace, "after": after_pk})
    return [_key(row) for row in rows]


def retire_key(tx: Transaction, pk: int, now_ms: int) -> None:
    """Let a key sign nothing more."""
    tx.execute(update(runner_keys).where(runner_keys.c.id == pk).values(retired_at_ms=now_ms))


def revoke_key(tx: Transaction, pk: int, now_ms: int, void_from_ms: int, reason: str) -> None:
    """Revoke a key; what was written with it from `void_from_ms` on is void."""
    tx.execute(
        update(runner_keys)
        .where(runner_keys.c.id == pk)
        .values(revoked_at_ms=now_ms, void_from_ms=void_from_ms, revoke_reason=reason)
    )


def insert_signature(
    tx: Transaction, gate_run_pk: int, key_pk: int, *, nonce: str, signature: str
) -> None:
    """Keep the signature of a gate run's verdict."""
    tx.execute(
        insert(verdict_signatures).values(
            gate_run_pk=gate_run_pk, key_pk=key_pk, nonce=nonce, signature=signature
        )
    )


def signature_policy(tx: Transaction, workspace: str) -> SignaturePolicy:
    """What the workspace demands; `off` where nothing was ever said."""
    value = tx.execute(_POLICY, {"workspace": workspace}).scalar()
    return SignaturePolicy.OFF if value is None else SignaturePolicy(value)


def set_signature_policy(
    tx: Transaction, workspace_pk: int, policy: SignaturePolicy, updated_by: str, now_ms: int
) -> None:
    """Say what the workspace demands from now on."""
    changed = {
        "signed_verdicts": policy.value,
        "updated_by": updated_by,
        "updated_at_ms": now_ms,
    }
    statement = dialect.insert(tx.engine, gate_policies).values(
        workspace_id=workspace_pk, **changed
    )
    tx.execute(statement.on_conflict_do_update(index_elements=["workspace_id"], set_=changed))


def _key(row: Row[Any]) -> RunnerKey:
    return RunnerKey(
        pk=row.id,
        key_id=row.key_id,
        workspace=row.workspace,
        runner=row.runner,
        public_key=row.public_key,
        created_by=row.created_by,
        created_at_ms=row.created_at_ms,
        retired_at_ms=row.retired_at_ms,
        revoked_at_ms=row.revoked_at_ms,
        void_from_ms=row.void_from_ms,
        revoke_reason=row.revoke_reason,
    )
