"""Queueing exams: which version still needs a verdict under a gate, and the gate run that brings it."""

from __future__ import annotations

from assay.domain.event_target import gate_run_target
from assay.domain.gate_run import Gate, GateRun, GateRunState, is_decisive
from assay.domain.registry import ModelVersion
from assay.services.catalogue import get_workspace
from assay.services.context import Context
from assay.services.evidence import weigh
from assay.services.ledger import Ledger, actor_text
from assay.services.platform import Platform
from assay.storage import gate_runs
from assay.storage.database import Transaction
from assay.storage.gate_runs import NewGateRun


def needs_exam(tx: Transaction, gate: Gate, version: ModelVersion) -> bool:
    """Whether the version's bytes have no standing verdict under the gate.

    A verdict from rows stands: the same bytes are not examined again until they look better. One
    that is void, because of its signature, does not stand.
    """
    if version.artifact_digest is None:
        return False
    given = weigh(tx, gate, version).given
    return given is None or not is_decisive(given.verdict.outcome)


def ensure_queued(
    tx: Transaction,
    platform: Platform,
    ledger: Ledger,
    context: Context,
    gate: Gate,
    version: ModelVersion,
) -> GateRun:
    """The open gate run of the version under the gate, queued now unless there was one.

    The caller holds the ledger's lock and knows that the version has files.
    """
    waiting = gate_runs.find_open_run(tx, version.pk, gate.fingerprint)
    if waiting is not None:
        return waiting
    assert version.artifact_digest is not None
    gate_run_id = platform.token_hex(16)
    gate_runs.insert_gate_run(
        tx,
        NewGateRun(
            gate_run_id=gate_run_id,
            workspace_pk=get_workspace(tx, platform, version.workspace).pk,
            gate_pk=gate.pk,
            version_pk=version.pk,
            gate_fingerprint=gate.fingerprint,
            artifact_digest=version.artifact_digest,
            requested_by=actor_text(context),
            now_ms=context.now_ms,
        ),
    )
    ledger.record(
        tx,
        context,
        action="gate_run.queued",
        object=gate_run_target(gate_run_id),
        workspace=version.workspace,
        details={
            "gate": gate.name,
            "gate_version": gate.version,
            "gate_fingerprint": gate.fingerprint,
            "model": version.model,
            "version": version.version,
            "artifact_digest": version.artifact_digest,
        },
    )
    queued = gate_runs.find_gate_run(tx, gate_run_id)
    assert queued is not None
    return queued


def cancel(tx: Transaction, ledger: Ledger, context: Context, run: GateRun, reason: str) -> None:
    """Close an open gate run without a verdict."""
    gate_runs.end_gate_run(tx, run.pk, GateRunState.CANCELLED, context.now_ms)
    ledger.record(
        tx,
        context,
        action="gate_run.cancelled",
        object=gate_run_target(run.gate_run_id),
        workspace=run.workspace,
        details={"model": run.model, "version": run.version, "reason": reason},
    )
