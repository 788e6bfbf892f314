"""Statements on claims of reproduction: they are made and read, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select

from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.tables.registry import model_versions, registered_models
from assay.storage.tables.reproduction import reproduction_claims as claims
from assay.storage.tables.tracking import workspaces


@dataclass(frozen=True, slots=True)
class KeptClaim:
    """A claim as it was made; `terms` is canonical text and `digest` its SHA-256."""

    pk: int
    workspace: str
    name: str
    model: str
    version: int
    terms: str
    digest: str
    created_by: str
    created_at_ms: int


_ALL = (
    select(
        claims.c.id,
        workspaces.c.name,
        claims.c.name.label("claim"),
        registered_models.c.name.label("model"),
        model_versions.c.version,
        claims.c.terms,
        claims.c.terms_digest,
        claims.c.created_by,
        claims.c.created_at_ms,
    )
    .join_from(claims, workspaces)
    .join(model_versions, model_versions.c.id == claims.c.version_pk)
    .join(registered_models, registered_models.c.id == model_versions.c.model_id)
    .where(workspaces.c.name == bindparam("workspace"))
)
_BY_NAME = _ALL.where(claims.c.name == bindparam("claim_name"))
_PAGE = _ALL.where(claims.c.id > bindparam("after")).order_by(claims.c.id).limit(bindparam("most"))


def insert_claim(
    tx: Transaction,
    workspace_pk: int,
    version_pk: int,
    *,
    name: str,
    terms: str,
    digest: str,
    created_by: str,
    now_ms: int,
) -> bool:
    """Keep a claim; False when the name is taken."""
    statement = (
        dialect.insert(tx.engine, claims)
        .values(
            workspace_id=workspace_pk,
            name=name,
            version_pk=version_pk,
            terms=terms,
            terms_digest=digest,
            created_by=created_by,
            created_at_ms=now_ms,
        )
        .on_conflict_do_nothing(index_elements=["workspace_id", "name"])
        .returning(claims.c.id)
    )
    return tx.execute(statement).scalar() is not None


def find_claim(tx: Transaction, workspace: str, name: str) -> KeptClaim | None:
    """The claim of that name."""
    row = tx.execute(_BY_NAME, {"workspace": workspace, "claim_name": name}).first()
    return None if row is None else _claim(row)


def list_claims(
    tx: Transaction, workspace: str, *, after_pk: int, limit: int
) -> tuple[KeptClaim, ...]:
    """The claims of a workspace, oldest first."""
    values = {"workspace": workspace, "after": after_pk, "most": limit}
    return tuple(_claim(row) for row in tx.execute(_PAGE, values))


def _claim(row: Sequence[Any]) -> KeptClaim:
    return KeptClaim(*row)
