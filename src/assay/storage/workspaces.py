"""Statements on workspaces and their policies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import bindparam, select, update

from assay.domain.tracking import Demand, LineagePolicy, Policy, Workspace
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.tables.closure import closure_policies
from assay.storage.tables.tracking import workspaces

_ALL = select(
    workspaces.c.id,
    workspaces.c.name,
    workspaces.c.description,
    workspaces.c.lineage_policy,
    workspaces.c.protected_aliases,
    workspaces.c.created_at_ms,
    closure_policies.c.strict_refs,
    closure_policies.c.at_promotion,
).outerjoin_from(workspaces, closure_policies)
_BY_NAME = _ALL.where(workspaces.c.name == bindparam("name"))
_LISTED = _ALL.order_by(workspaces.c.name)
_PK = select(workspaces.c.id).where(workspaces.c.name == bindparam("name"))


def insert_workspace(tx: Transaction, name: str, description: str, now_ms: int) -> int | None:
    """Add a workspace under the server's policy and return its key; None when the name is taken."""
    statement = (
        dialect.insert(tx.engine, workspaces)
        .values(name=name, description=description, created_at_ms=now_ms)
        .on_conflict_do_nothing(index_elements=["name"])
        .returning(workspaces.c.id)
    )
    pk: int | None = tx.execute(statement).scalar()
    return pk


def find_workspace(tx: Transaction, name: str, default: Policy) -> Workspace | None:
    """The workspace of that name; what its policy leaves open is taken from `default`."""
    row = tx.execute(_BY_NAME, {"name": name}).first()
    return None if row is None else _workspace(row, default)


def find_workspace_pk(tx: Transaction, name: str) -> int | None:
    """The key of the workspace of that name."""
    pk: int | None = tx.execute(_PK, {"name": name}).scalar()
    return pk


def list_workspaces(tx: Transaction, default: Policy) -> tuple[Workspace, ...]:
    """Every workspace, by name."""
    return tuple(_workspace(row, default) for row in tx.execute(_LISTED))


def set_lineage_policy(tx: Transaction, pk: int, policy: LineagePolicy | None) -> None:
    """Give the workspace a lineage policy of its own; None: the server's again."""
    value = None if policy is None else policy.value
    tx.execute(update(workspaces).where(workspaces.c.id == pk).values(lineage_policy=value))


def set_protected_aliases(tx: Transaction, pk: int, aliases: Iterable[str] | None) -> None:
    """Give the workspace protected aliases of its own; None: the server's again."""
    value = None if aliases is None else json.dumps(sorted(aliases))
    tx.execute(update(workspaces).where(workspaces.c.id == pk).values(protected_aliases=value))


def set_lineage_mapping(tx: Transaction, pk: int, mapping: str | None) -> None:
    """Give the workspace a mapping of its own (JSON text); None: the usual one again."""
    tx.execute(update(workspaces).where(workspaces.c.id == pk).values(lineage_mapping=mapping))


def _workspace(row: Sequence[Any], default: Policy) -> Workspace:
    pk, name, description, lineage, protected, created_at_ms, strict_refs, at_promotion = row
    policy = Policy(
        lineage=default.lineage if lineage is None else LineagePolicy(lineage),
        protected=default.protected if protected is None else frozenset(json.loads(protected)),
        strict_refs=default.strict_refs if strict_refs is None else Demand(strict_refs),
        closure_at_promotion=(
            default.closure_at_promotion if at_promotion is None else Demand(at_promotion)
        ),
    )
    return Workspace(pk, name, description, policy, created_at_ms)
