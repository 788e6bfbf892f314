"""Statements on gate runs: queued, leased, ended."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, insert, or_, select, true, update

from assay.domain.gate_run import GateRun, GateRunState
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.model_versions import SAME_FILES
from assay.storage.tables.governance import gate_runs, gates
from assay.storage.tables.registry import model_versions, registered_models
from assay.storage.tables.tracking import workspaces

_OPEN = (GateRunState.QUEUED.value, GateRunState.LEASED.value)
_RUNS = (
    select(
        gate_runs,
        workspaces.c.name.label("workspace"),
        gates.c.name.label("gate"),
        gates.c.version.label("gate_version"),
        registered_models.c.name.label("model"),
        model_versions.c.version.label("version"),
    )
    .select_from(gate_runs)
    .join(workspaces, gate_runs.c.workspace_id == workspaces.c.id)
    .join(gates, gate_runs.c.gate_id == gates.c.id)
    .join(model_versions, gate_runs.c.version_id == model_versions.c.id)
    .join(registered_models, model_versions.c.model_id == registered_models.c.id)
)
_BY_ID = _RUNS.where(gate_runs.c.gate_run_id == bindparam("gate_run_id"))
_NONCE = select(gate_runs.c.nonce).where(gate_runs.c.id == bindparam("pk"))
_OPEN_RUN = _RUNS.where(
    gate_runs.c.version_id.in_(SAME_FILES),
    gate_runs.c.gate_fingerprint == bindparam("gate_fingerprint"),
    gate_runs.c.state.in_(_OPEN),
)
_LAPSED = (gate_runs.c.state == GateRunState.LEASED.value) & (
    gate_runs.c.lease_expires_at_ms <= bindparam("now_ms")
)
_WAITING = or_(gate_runs.c.state == GateRunState.QUEUED.value, _LAPSED)


@dataclass(frozen=True, slots=True)
class NewGateRun:
    """A gate run to be queued."""

    gate_run_id: str
    workspace_pk: int
    gate_pk: int
    version_pk: int
    gate_fingerprint: str
    artifact_digest: str
    requested_by: str
    now_ms: int


def insert_gate_run(tx: Transaction, new: NewGateRun) -> None:
    """Queue a gate run."""
    tx.execute(
        insert(gate_runs).values(
            gate_run_id=new.gate_run_id,
            workspace_id=new.workspace_pk,
            gate_id=new.gate_pk,
            version_id=new.version_pk,
            gate_fingerprint=new.gate_fingerprint,
            artifact_digest=new.artifact_digest,
            state=GateRunState.QUEUED.value,
            fence=0,
            attempts=0,
            requested_by=new.requested_by,
            created_at_ms=new.now_ms,
        )
    )


def find_gate_run(tx: Transaction, gate_run_id: str) -> GateRun | None:
    """The gate run of that id."""
    row = tx.execute(_BY_ID, {"gate_run_id": gate_run_id}).first()
    return None if row is None else _gate_run(row)


def lock_gate_run(tx: Transaction, gate_run_id: str) -> GateRun | None:
    """The gate run, which nobody else changes until the transaction ends."""
    statement = select(gate_runs.c.id).where(gate_runs.c.gate_run_id == gate_run_id)
    if tx.execute(dialect.for_update(tx.engine, statement)).first() is None:
        return None
    return find_gate_run(tx, gate_run_id)


def nonce_of(tx: Transaction, pk: int) -> str | None:
    """The secret of the gate run's lease; None when it is not leased."""
    nonce: str | None = tx.execute(_NONCE, {"pk": pk}).scalar()
    return nonce


def find_open_run(tx: Transaction, version_pk: int, gate_fingerprint: str) -> GateRun | None:
    """The gate run of the version's files under that gate that still waits for its verdict."""
    parameters = {"version_pk": version_pk, "gate_fingerprint": gate_fingerprint}
    row = tx.execute(_OPEN_RUN, parameters).first()
    return None if row is None else _gate_run(row)


def find_waiting(tx: Transaction, places: Collection[str] | None, now_ms: int) -> GateRun | None:
    """The oldest gate run of these workspaces (None: of all) that a runner may take."""
    statement = _RUNS.where(_WAITING, _in_places(places)).order_by(gate_runs.c.id).limit(1)
    row = tx.execute(statement, {"now_ms": now_ms}).first()
    return None if row is None else _gate_run(row)


def _in_places(places: Collection[str] | None) -> ColumnElement[bool]:
    return true() if places is None else workspaces.c.name.in_(places)


def list_gate_runs(
    tx: Transaction,
    workspace: str,
    *,
    after_pk: int,
    limit: int,
    model: str | None = None,
    version: int | None = None,
    states: Sequence[GateRunState] = (),
) -> list[GateRun]:
    """Gate runs of a workspace, newest first, beyond `after_pk` (0: from the newest)."""
    statement = _RUNS.where(workspaces.c.name == workspace)
    if after_pk:
        statement = statement.where(gate_runs.c.id < after_pk)
    if model is not None:
        statement = statement.where(registered_models.c.name == model)
    if version is not None:
        statement = statement.where(model_versions.c.version == version)
    if states:
        statement = statement.where(gate_runs.c.state.in_([state.value for state in states]))
    rows = tx.execute(statement.order_by(gate_runs.c.id.desc()).limit(limit))
    return [_gate_run(row) for row in rows]


def lease_gate_run(
    tx: Transaction, pk: int, *, nonce: str, runner: str, expires_at_ms: int
) -> None:
    """Hand the gate run to a runner: a new nonce, the next fence, one attempt more."""
    tx.execute(
        update(gate_runs)
        .where(gate_runs.c.id == pk)
        .values(
            state=GateRunState.LEASED.value,
            nonce=nonce,
            fence=gate_runs.c.fence + 1,
            attempts=gate_runs.c.attempts + 1,
            leased_by=runner,
            lease_expires_at_ms=expires_at_ms,
        )
    )


def extend_lease(tx: Transaction, pk: int, expires_at_ms: int) -> None:
    """Move the end of a lease."""
    tx.execute(
        update(gate_runs).where(gate_runs.c.id == pk).values(lease_expires_at_ms=expires_at_ms)
    )


def release_gate_run(tx: Transaction, pk: int) -> None:
    """Put a leased gate run back into the queue; the attempt does not count."""
    tx.execute(
        update(gate_runs)
        .where(gate_runs.c.id == pk)
        .values(
            state=GateRunState.QUEUED.value,
            nonce=None,
            attempts=gate_runs.c.attempts - 1,
            leased_by=None,
            lease_expires_at_ms=None,
        )
    )


def end_gate_run(tx: Transaction, pk: int, state: GateRunState, now_ms: int) -> None:
    """Close a gate run; its nonce opens nothing any more."""
    tx.execute(
        update(gate_runs)
        .where(gate_runs.c.id == pk)
        .values(state=state.value, nonce=None, finished_at_ms=now_ms)
    )


def open_runs_of_gate(tx: Transaction, gate_pk: int) -> list[GateRun]:
    """The gate runs under a gate version that still wait for their verdicts."""
    statement = _RUNS.where(gate_runs.c.gate_id == gate_pk, gate_runs.c.state.in_(_OPEN))
    return [_gate_run(row) for row in tx.execute(statement.order_by(gate_runs.c.id))]


def open_runs_of_model(
    tx: Transaction, model_pk: int, version_pk: int | None = None
) -> list[GateRun]:
    """The open gate runs of a model, or of one of its versions."""
    statement = _RUNS.where(model_versions.c.model_id == model_pk, gate_runs.c.state.in_(_OPEN))
    if version_pk is not None:
        statement = statement.where(gate_runs.c.version_id == version_pk)
    return [_gate_run(row) for row in tx.execute(statement.order_by(gate_runs.c.id))]


def _gate_run(row: Row[Any]) -> GateRun:
    return GateRun(
        pk=row.id,
        gate_run_id=row.gate_run_id,
        workspace=row.workspace,
        gate_pk=row.gate_id,
        gate=row.gate,
        gate_version=row.gate_version,
        gate_fingerprint=row.gate_fingerprint,
        version_pk=row.version_id,
        model=row.model,
        version=row.version,
        artifact_digest=row.artifact_digest,
        state=GateRunState(row.state),
        fence=row.fence,
        attempts=row.attempts,
        leased_by=row.leased_by,
        lease_expires_at_ms=row.lease_expires_at_ms,
        requested_by=row.requested_by,
        created_at_ms=row.created_at_ms,
        finished_at_ms=row.finished_at_ms,
    )
