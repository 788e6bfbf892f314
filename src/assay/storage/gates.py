"""Statements on gates: frozen versions, of which one per guarded thing is current."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select, update

from assay.domain.gate import parse_gate
from assay.domain.gate_run import Gate
from assay.storage.database import Transaction
from assay.storage.tables.governance import eval_suites, gate_runs, gates
from assay.storage.tables.registry import aliases, registered_models
from assay.storage.tables.tracking import workspaces

_GATES = (
    select(
        gates,
        workspaces.c.name.label("workspace"),
        registered_models.c.name.label("model"),
        eval_suites.c.name.label("suite"),
    )
    .select_from(gates)
    .join(workspaces, gates.c.workspace_id == workspaces.c.id)
    .join(eval_suites, gates.c.suite_id == eval_suites.c.id)
    .outerjoin(registered_models, gates.c.model_id == registered_models.c.id)
)
_IN_WORKSPACE = _GATES.where(workspaces.c.name == bindparam("workspace"))
# A gate of the model itself comes before the one of its workspace.
_CURRENT = (
    _IN_WORKSPACE.where(
        gates.c.is_current == 1,
        (gates.c.model_id == bindparam("model_pk")) | gates.c.model_id.is_(None),
    )
    .order_by(func.coalesce(gates.c.model_id, 0).desc())
    .limit(1)
)
_NAMED = _IN_WORKSPACE.where(gates.c.name == bindparam("name")).order_by(gates.c.version)
_PAGE = _IN_WORKSPACE.where(gates.c.id > bindparam("after")).order_by(gates.c.id)
_BY_PK = _GATES.where(gates.c.id == bindparam("pk"))


def insert_gate(
    tx: Transaction,
    workspace_pk: int,
    *,
    name: str,
    version: int,
    model_pk: int | None,
    suite_pk: int,
    fingerprint: str,
    canonical: str,
    created_by: str,
    now_ms: int,
) -> int:
    """Add a gate version as the current one (retire the former first) and return its key."""
    result = tx.execute(
        insert(gates)
        .values(
            workspace_id=workspace_pk,
            name=name,
            version=version,
            model_id=model_pk,
            suite_id=suite_pk,
            fingerprint=fingerprint,
            canonical=canonical,
            is_current=1,
            created_by=created_by,
            created_at_ms=now_ms,
        )
        .returning(gates.c.id)
    )
    return int(result.scalar_one())


def retire_gate(tx: Transaction, pk: int) -> None:
    """Let a gate version be current no longer."""
    tx.execute(update(gates).where(gates.c.id == pk).values(is_current=0))


def find_current_gate(tx: Transaction, workspace: str, model_pk: int) -> Gate | None:
    """The gate that guards a model now: its own, or else its workspace's."""
    row = tx.execute(_CURRENT, {"workspace": workspace, "model_pk": model_pk}).first()
    return None if row is None else _gate(row)


def in_force_since(tx: Transaction, workspace: str, model_pk: int, since_ms: int) -> list[Gate]:
    """Every gate that guarded a model at some time from a moment on, the one of then included."""
    target = (gates.c.model_id == model_pk) | gates.c.model_id.is_(None)
    statement = _IN_WORKSPACE.where(target).order_by(gates.c.id)
    found = [_gate(row) for row in tx.execute(statement, {"workspace": workspace})]
    own = [gate for gate in found if gate.model is not None]
    # The workspace's gates guard the model until it has one of its own.
    shared = [
        gate
        for gate in found
        if gate.model is None and not (own and own[0].created_at_ms <= gate.created_at_ms)
    ]
    line = sorted([*shared, *own], key=lambda gate: (gate.created_at_ms, gate.pk))
    before = [gate for gate in line if gate.created_at_ms <= since_ms]
    return [*before[-1:], *line[len(before) :]]


def find_current_of(tx: Transaction, workspace: str, model_pk: int | None) -> Gate | None:
    """The current gate of exactly this target (None: the workspace as a whole)."""
    target = gates.c.model_id.is_(None) if model_pk is None else gates.c.model_id == model_pk
    statement = _IN_WORKSPACE.where(gates.c.is_current == 1, target)
    row = tx.execute(statement, {"workspace": workspace}).first()
    return None if row is None else _gate(row)


def find_gate_by_pk(tx: Transaction, pk: int) -> Gate | None:
    """The gate version of that key."""
    row = tx.execute(_BY_PK, {"pk": pk}).first()
    return None if row is None else _gate(row)


def find_gate_of_run(tx: Transaction, gate_run_id: str) -> Gate | None:
    """The gate version under which a gate run is held."""
    statement = _GATES.join(gate_runs, gate_runs.c.gate_id == gates.c.id)
    row = tx.execute(statement.where(gate_runs.c.gate_run_id == gate_run_id)).first()
    return None if row is None else _gate(row)


def holders_guarded_by(tx: Transaction, gate: Gate, limit: int) -> list[tuple[str, int]]:
    """(alias, version's key) of every held alias of the models that the gate guards now."""
    own = gates.alias("own")
    statement = (
        select(aliases.c.alias, aliases.c.version_id)
        .join_from(aliases, registered_models, aliases.c.model_id == registered_models.c.id)
        .join(workspaces, registered_models.c.workspace_id == workspaces.c.id)
        .where(workspaces.c.name == gate.workspace, aliases.c.version_id.is_not(None))
        .order_by(aliases.c.model_id, aliases.c.alias)
        .limit(limit)
    )
    if gate.model is not None:
        statement = statement.where(registered_models.c.name == gate.model)
    else:
        guarded_otherwise = select(own.c.id).where(
            own.c.model_id == registered_models.c.id, own.c.is_current == 1
        )
        statement = statement.where(~guarded_otherwise.exists())
    return [(row.alias, row.version_id) for row in tx.execute(statement)]


def list_gate_versions(tx: Transaction, workspace: str, name: str) -> list[Gate]:
    """Every version of a gate, oldest first."""
    return [_gate(row) for row in tx.execute(_NAMED, {"workspace": workspace, "name": name})]


def list_gates(
    tx: Transaction, workspace: str, *, after_pk: int, limit: int, current_only: bool
) -> list[Gate]:
    """Gate versions in the order in which they were made."""
    statement = _PAGE.where(gates.c.is_current == 1) if current_only else _PAGE
    rows = tx.execute(statement.limit(limit), {"workspace": workspace, "after": after_pk})
    return [_gate(row) for row in rows]


def _gate(row: Row[Any]) -> Gate:
    record = json.loads(row.canonical)
    del record["scheme"]
    return Gate(
        pk=row.id,
        workspace=row.workspace,
        name=row.name,
        version=row.version,
        model=row.model,
        suite_pk=row.suite_id,
        suite=row.suite,
        spec=parse_gate(record),
        fingerprint=row.fingerprint,
        is_current=bool(row.is_current),
        created_by=row.created_by,
        created_at_ms=row.created_at_ms,
    )
