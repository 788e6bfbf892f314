"""Statements on verdicts: written once, read as evidence."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select

from assay.domain.canonical import canonical_text
from assay.domain.exact import exact, exact_text
from assay.domain.gate import Outcome, Verdict
from assay.domain.gate_run import GivenVerdict
from assay.domain.verdict_statement import VerdictSignature
from assay.storage.database import Transaction
from assay.storage.model_versions import SAME_FILES
from assay.storage.tables.governance import gate_runs, gates, verdicts
from assay.storage.tables.registry import model_versions
from assay.storage.tables.reviews import runner_keys, verdict_signatures

_VERDICTS = (
    select(
        verdicts,
        gate_runs.c.gate_run_id,
        gates.c.name.label("gate"),
        gates.c.version.label("gate_version"),
        model_versions.c.version.label("version"),
        runner_keys.c.key_id,
        runner_keys.c.public_key,
        verdict_signatures.c.nonce.label("signed_nonce"),
        verdict_signatures.c.signature,
    )
    .select_from(verdicts)
    .join(gate_runs, verdicts.c.gate_run_pk == gate_runs.c.id)
    .join(gates, verdicts.c.gate_id == gates.c.id)
    .join(model_versions, verdicts.c.version_id == model_versions.c.id)
    .outerjoin(verdict_signatures, verdict_signatures.c.gate_run_pk == verdicts.c.gate_run_pk)
    .outerjoin(runner_keys, verdict_signatures.c.key_pk == runner_keys.c.id)
)
_EVIDENCE = (
    _VERDICTS.where(
        verdicts.c.version_id.in_(SAME_FILES),
        verdicts.c.gate_fingerprint == bindparam("gate_fingerprint"),
        verdicts.c.artifact_digest == bindparam("artifact_digest"),
    )
    .order_by(verdicts.c.id.desc())
    .limit(1)
)
_OF_RUN = _VERDICTS.where(verdicts.c.gate_run_pk == bindparam("gate_run_pk"))
_ATTEMPTS = (
    select(func.count(func.distinct(verdicts.c.version_id)))
    .join_from(verdicts, model_versions, verdicts.c.version_id == model_versions.c.id)
    .where(
        model_versions.c.model_id == bindparam("model_pk"),
        verdicts.c.gate_fingerprint == bindparam("gate_fingerprint"),
        verdicts.c.rows_sha256.is_not(None),
        verdicts.c.created_at_ms > bindparam("since_ms"),
        verdicts.c.version_id != bindparam("champion_pk"),
    )
)
_ALL = _VERDICTS.order_by(verdicts.c.id)


@dataclass(frozen=True, slots=True)
class NewVerdict:
    """A verdict to be written; its evidence is the gate run and the digest of the rows."""

    gate_run_pk: int
    gate_pk: int
    version_pk: int
    outcome: Outcome
    gate_fingerprint: str
    artifact_digest: str
    score: Fraction | None
    items: int
    metrics: Mapping[str, Fraction]
    reasons: Sequence[str]
    rows_sha256: str | None
    runner: str
    now_ms: int


def insert_verdict(tx: Transaction, new: NewVerdict) -> None:
    """Write the one verdict of a gate run."""
    score = new.score
    metrics = {name: exact_text(value) for name, value in new.metrics.items()}
    tx.execute(
        insert(verdicts).values(
            gate_run_pk=new.gate_run_pk,
            gate_id=new.gate_pk,
            version_id=new.version_pk,
            gate_fingerprint=new.gate_fingerprint,
            artifact_digest=new.artifact_digest,
            outcome=new.outcome.value,
            score_numerator=None if score is None else str(score.numerator),
            score_denominator=None if score is None else str(score.denominator),
            items=new.items,
            metrics=canonical_text(metrics, max_bytes=None),
            reasons=canonical_text(list(new.reasons), max_bytes=None),
            rows_sha256=new.rows_sha256,
            runner=new.runner,
            created_at_ms=new.now_ms,
        )
    )


def find_evidence(
    tx: Transaction, version_pk: int, gate_fingerprint: str, artifact_digest: str
) -> GivenVerdict | None:
    """The latest verdict for exactly these bytes under exactly this gate.

    The bytes count, not their number: a version that the model has twice is examined once.
    """
    parameters = {
        "version_pk": version_pk,
        "gate_fingerprint": gate_fingerprint,
        "artifact_digest": artifact_digest,
    }
    row = tx.execute(_EVIDENCE, parameters).first()
    return None if row is None else _given(row)


def count_attempts(
    tx: Transaction, model_pk: int, gate_fingerprint: str, champion_pk: int, since_ms: int
) -> int:
    """How many other versions than the champion were scored under that gate since a moment."""
    parameters = {
        "model_pk": model_pk,
        "gate_fingerprint": gate_fingerprint,
        "champion_pk": champion_pk,
        "since_ms": since_ms,
    }
    return int(tx.execute(_ATTEMPTS, parameters).scalar_one())


def find_verdict_of_run(tx: Transaction, gate_run_pk: int) -> GivenVerdict | None:
    """The verdict that ended a gate run."""
    row = tx.execute(_OF_RUN, {"gate_run_pk": gate_run_pk}).first()
    return None if row is None else _given(row)


def verdicts_of_runs(tx: Transaction, gate_run_pks: Sequence[int]) -> dict[str, GivenVerdict]:
    """The verdicts of several gate runs, by the gate run's id."""
    if not gate_run_pks:
        return {}
    statement = _VERDICTS.where(verdicts.c.gate_run_pk.in_(gate_run_pks))
    given = [_given(row) for row in tx.execute(statement)]
    return {verdict.gate_run_id: verdict for verdict in given}


def verdicts_by_gate_run(tx: Transaction, gate_run_ids: Sequence[str]) -> list[GivenVerdict]:
    """The verdicts of the gate runs of these ids, in the order in which they were written."""
    statement = _ALL.where(gate_runs.c.gate_run_id.in_(gate_run_ids))
    return [_given(row) for row in tx.execute(statement)]


def list_scored(tx: Transaction, after_pk: int, limit: int) -> list[GivenVerdict]:
    """Verdicts that were computed from rows, beyond `after_pk`."""
    statement = _ALL.where(verdicts.c.id > after_pk, verdicts.c.rows_sha256.is_not(None))
    return [_given(row) for row in tx.execute(statement.limit(limit))]


def verdicts_of_versions(
    tx: Transaction, version_pks: Sequence[int]
) -> dict[int, list[GivenVerdict]]:
    """Every verdict of several versions, oldest first."""
    found: dict[int, list[GivenVerdict]] = {pk: [] for pk in version_pks}
    if version_pks:
        for row in tx.execute(_ALL.where(verdicts.c.version_id.in_(version_pks))):
            found[row.version_id].append(_given(row))
    return found


def _given(row: Row[Any]) -> GivenVerdict:
    score = None
    if row.score_numerator is not None and row.score_denominator is not None:
        score = Fraction(int(row.score_numerator), int(row.score_denominator))
    evidence = {"gate_run": row.gate_run_id}
    if row.rows_sha256 is not None:
        evidence["rows"] = row.rows_sha256
    verdict = Verdict(
        outcome=Outcome(row.outcome),
        gate_fingerprint=row.gate_fingerprint,
        artifact_digest=row.artifact_digest,
        score=score,
        items=row.items,
        metrics={name: exact(text) for name, text in json.loads(row.metrics).items()},
        evidence=evidence,
    )
    return GivenVerdict(
        pk=row.id,
        gate_run_id=row.gate_run_id,
        gate=row.gate,
        gate_version=row.gate_version,
        model_version=row.version,
        verdict=verdict,
        reasons=tuple(json.loads(row.reasons)),
        rows_sha256=row.rows_sha256,
        runner=row.runner,
        created_at_ms=row.created_at_ms,
        signature=_signature(row),
    )


def _signature(row: Row[Any]) -> VerdictSignature | None:
    if row.signature is None:
        return None
    return VerdictSignature(row.key_id, row.public_key, row.signed_nonce, row.signature)


def stream_verdicts(tx: Transaction) -> Generator[GivenVerdict]:
    """Every verdict in the order in which they were written, a few at a time.

    Close what is not read to its end.
    """
    with tx.execute(_ALL.execution_options(stream_results=True, yield_per=1_000)) as rows:
        for row in rows:
            yield _given(row)
