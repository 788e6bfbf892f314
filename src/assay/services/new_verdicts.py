"""What a gate run amounts to, before it is written: from its score, or from its having none."""

from __future__ import annotations

from assay.blobs.store import BlobInfo
from assay.domain.gate import Outcome, Score, evaluate
from assay.domain.gate_run import Gate, GateRun
from assay.services.context import Context
from assay.services.ledger import actor_text
from assay.storage.verdicts import NewVerdict


def judged(context: Context, run: GateRun, gate: Gate, score: Score, rows: BlobInfo) -> NewVerdict:
    """The verdict that the gate gives to a recomputed score."""
    said = evaluate(gate.spec, score)
    return NewVerdict(
        gate_run_pk=run.pk,
        gate_pk=run.gate_pk,
        version_pk=run.version_pk,
        outcome=said.outcome,
        gate_fingerprint=run.gate_fingerprint,
        artifact_digest=run.artifact_digest,
        score=said.score,
        items=said.items,
        metrics=score.means(),
        reasons=said.reasons,
        rows_sha256=rows.sha256,
        runner=actor_text(context),
        now_ms=context.now_ms,
    )


def broken(context: Context, run: GateRun, outcome: Outcome, reason: str) -> NewVerdict:
    """The verdict of an exam that could not be held."""
    return NewVerdict(
        gate_run_pk=run.pk,
        gate_pk=run.gate_pk,
        version_pk=run.version_pk,
        outcome=outcome,
        gate_fingerprint=run.gate_fingerprint,
        artifact_digest=run.artifact_digest,
        score=None,
        items=0,
        metrics={},
        reasons=(reason,),
        rows_sha256=None,
        runner=actor_text(context),
        now_ms=context.now_ms,
    )
