"""Statements on principals, role grants and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.tables.access import principals, role_grants, tokens


@dataclass(frozen=True, slots=True)
class PrincipalRow:
    """A principal with its grants as (workspace, role) pairs."""

    pk: int
    name: str
    kind: str
    disabled: bool
    created_by: str
    created_at_ms: int
    grants: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token without its secret."""

    pk: int
    token_id: str
    secret_sha256: str
    principal_pk: int
    principal: str
    description: str
    actions: str | None
    created_at_ms: int
    expires_at_ms: int | None
    revoked_at_ms: int | None
    last_used_at_ms: int | None


_TOKEN_COLUMNS = (
    tokens.c.id,
    tokens.c.token_id,
    tokens.c.secret_sha256,
    tokens.c.principal_id,
    principals.c.name,
    tokens.c.description,
    tokens.c.actions,
    tokens.c.created_at_ms,
    tokens.c.expires_at_ms,
    tokens.c.revoked_at_ms,
    tokens.c.last_used_at_ms,
)
_TOKENS = select(*_TOKEN_COLUMNS).join_from(tokens, principals)
_TOKEN = _TOKENS.where(tokens.c.token_id == bindparam("token_id"))
_PRINCIPAL = select(principals).where(principals.c.id == bindparam("pk"))
_GRANTS = select(role_grants.c.workspace, role_grants.c.role).where(
    role_grants.c.principal_id == bindparam("pk")
)


def insert_principal(tx: Transaction, *, name: str, kind: str, created_by: str, now_ms: int) -> int:
    """Add a principal and return its key. Raises AlreadyExists through the database's constraint."""
    result = tx.execute(
        insert(principals).values(
            name=name, kind=kind, disabled=0, created_by=created_by, created_at_ms=now_ms
        )
    )
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def find_principal(
    tx: Transaction, *, name: str | None = None, pk: int | None = None
) -> PrincipalRow | None:
    """The principal with its grants, by name or key."""
    if pk is None:
        row = tx.execute(select(principals).where(principals.c.name == name)).one_or_none()
    else:
        row = tx.execute(_PRINCIPAL, {"pk": pk}).one_or_none()
    return None if row is None else _principal(tx, row)


def list_principals(tx: Transaction, limit: int) -> list[PrincipalRow]:
    """Every principal by name, at most `limit`."""
    rows = tx.execute(select(principals).order_by(principals.c.name).limit(limit)).all()
    return [_principal(tx, row) for row in rows]


def _principal(tx: Transaction, row: Any) -> PrincipalRow:
    grants = tx.execute(_GRANTS, {"pk": row.id}).all()
    return PrincipalRow(
        pk=row.id,
        name=row.name,
        kind=row.kind,
        disabled=bool(row.disabled),
        created_by=row.created_by,
        created_at_ms=row.created_at_ms,
        grants=tuple(sorted((grant.workspace, grant.role) for grant in grants)),
    )


def set_disabled(tx: Transaction, pk: int, *, disabled: bool) -> None:
    """Shut a principal out, or let it in again."""
    tx.execute(update(principals).where(principals.c.id == pk).values(disabled=int(disabled)))


def grant_role(tx: Transaction, pk: int, workspace: str, role: str, now_ms: int) -> None:
    """Grant a role; granting it again changes nothing."""
    tx.execute(
        dialect.insert(tx.engine, role_grants)
        .values(principal_id=pk, workspace=workspace, role=role, granted_at_ms=now_ms)
        .on_conflict_do_nothing()
    )


def revoke_role(tx: Transaction, pk: int, workspace: str, role: str) -> bool:
    """Take a role away; False if it was not granted."""
    result = tx.execute(
        delete(role_grants).where(
            role_grants.c.principal_id == pk,
            role_grants.c.workspace == workspace,
            role_grants.c.role == role,
        )
    )
    return result.rowcount > 0


def insert_token(
    tx: Transaction,
    *,
    token_id: str,
    secret_sha256: str,
    principal_pk: int,
    description: str,
    actions: str | None,
    now_ms: int,
    expires_at_ms: int | None,
) -> None:
    """Add a token; only the digest of its secret is kept."""
    tx.execute(
        insert(tokens).values(
            token_id=token_id,
            secret_sha256=secret_sha256,
            principal_id=principal_pk,
            description=description,
            actions=actions,
            created_at_ms=now_ms,
            expires_at_ms=expires_at_ms,
        )
    )


def find_token(tx: Transaction, token_id: str) -> TokenRow | None:
    """The token of that public id, revoked ones included."""
    row = tx.execute(_TOKEN, {"token_id": token_id}).one_or_none()
    return None if row is None else _token(row)


def _token(row: Any) -> TokenRow:
    return TokenRow(*row)


def list_tokens(tx: Transaction, principal_pks: Sequence[int] | None, limit: int) -> list[TokenRow]:
    """Tokens by age, of all principals or of some."""
    statement = _TOKENS.order_by(tokens.c.id).limit(limit)
    if principal_pks is not None:
        statement = statement.where(tokens.c.principal_id.in_(principal_pks))
    return [_token(row) for row in tx.execute(statement)]


def revoke_token(tx: Transaction, token_id: str, now_ms: int) -> None:
    """Revoke for good; the first revocation's time stays."""
    tx.execute(
        update(tokens)
        .where(tokens.c.token_id == token_id, tokens.c.revoked_at_ms.is_(None))
        .values(revoked_at_ms=now_ms)
    )


def touch_token(tx: Transaction, pk: int, now_ms: int) -> None:
    """Remember when a token was last used."""
    tx.execute(update(tokens).where(tokens.c.id == pk).values(last_used_at_ms=now_ms))
