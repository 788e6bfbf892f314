"""What the registry's routes take and answer, and how the domain's values become that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from assay.domain.artifact import ManifestEntry
from assay.domain.exact import exact_text
from assay.domain.gate_run import GivenVerdict
from assay.domain.registry import Alias, AliasMove, ModelVersion, RegisteredModel
from assay.domain.verdict_statement import statement_text
from assay.services.runner_signatures import statement_of


class AliasAnswer(msgspec.Struct):
    """An alias, who holds it and how often it has moved."""

    alias: str
    version: int | None
    revision: int
    is_protected: bool
    updated_at_ms: int


class ModelAnswer(msgspec.Struct):
    """A registered model with its aliases."""

    name: str
    workspace: str
    description: str
    last_version: int
    tags: dict[str, str]
    aliases: list[AliasAnswer]
    created_at_ms: int
    updated_at_ms: int


class SignatureAnswer(msgspec.Struct):
    """An Ed25519 signature: of `public_key` over the UTF-8 bytes of `statement`, all hex."""

    key_id: str
    public_key: str
    signature: str
    statement: str


class VerdictAnswer(msgspec.Struct):
    """A verdict; `score` and `metrics` are exact text, `score_value` is the nearest float."""

    gate_run_id: str
    gate: str
    gate_version: int
    gate_fingerprint: str
    model_version: int
    artifact_digest: str
    outcome: str
    score: str | None
    score_value: float | None
    items: int
    metrics: dict[str, str]
    reasons: list[str]
    rows_sha256: str | None
    runner: str
    created_at_ms: int
    signature: SignatureAnswer | None = None


class VersionAnswer(msgspec.Struct):
    """A model version. `lineage_canonical` is the text whose SHA-256 is the fingerprint."""

    model: str
    workspace: str
    version: int
    state: str
    state_reason: str
    run_id: str | None
    logged_model_id: str | None
    source: str
    artifact_path: str | None
    artifact_digest: str | None
    size_bytes: int
    fingerprint: str | None
    lineage_scheme: str | None
    lineage_canonical: str | None
    lineage: msgspec.Raw
    lineage_origins: dict[str, str]
    annotations: dict[str, Any]
    is_verifiable: bool
    description: str
    stage: str
    tags: dict[str, str]
    aliases: list[str]
    created_by: str
    created_at_ms: int
    updated_at_ms: int
    verdicts: list[VerdictAnswer] | None = None


class MoveAnswer(msgspec.Struct):
    """A move of an alias, with the decision that it rests on."""

    alias: str
    revision: int
    kind: str
    from_version: int | None
    to_version: int | None
    decision: dict[str, Any] | None
    reason: str
    actor: str
    ledger_seq: int
    at_ms: int


class FileAnswer(msgspec.Struct):
    """A file of a version's frozen manifest."""

    path: str
    size_bytes: int
    sha256: str


def model_answer(model: RegisteredModel) -> ModelAnswer:
    """A model as the API shows it."""
    return ModelAnswer(
        name=model.name,
        workspace=model.workspace,
        description=model.description,
        last_version=model.last_version,
        tags=dict(model.tags),
        aliases=[alias_answer(alias) for alias in model.aliases],
        created_at_ms=model.created_at_ms,
        updated_at_ms=model.updated_at_ms,
    )


def alias_answer(alias: Alias) -> AliasAnswer:
    """An alias as the API shows it."""
    return AliasAnswer(
        alias.alias, alias.version, alias.revision, alias.protected, alias.updated_at_ms
    )


def version_answer(
    version: ModelVersion, verdicts: tuple[GivenVerdict, ...] | None = None
) -> VersionAnswer:
    """A version as the API shows it; its lineage keeps the numbers' own text."""
    canonical = version.lineage_canonical
    return VersionAnswer(
        model=version.model,
        workspace=version.workspace,
        version=version.version,
        state=version.state.value,
        state_reason=version.state_reason,
        run_id=version.run_id,
        logged_model_id=version.logged_model_id,
        source=version.source,
        artifact_path=version.artifact_path,
        artifact_digest=version.artifact_digest,
        size_bytes=version.size_bytes,
        fingerprint=version.fingerprint,
        lineage_scheme=version.lineage_scheme,
        lineage_canonical=canonical,
        lineage=msgspec.Raw((canonical or "null").encode()),
        lineage_origins=dict(version.lineage_origins),
        annotations=dict(version.annotations),
        is_verifiable=version.verifiable,
        description=version.description,
        stage=version.stage,
        tags=dict(version.tags),
        aliases=list(version.aliases),
        created_by=version.created_by,
        created_at_ms=version.created_at_ms,
        updated_at_ms=version.updated_at_ms,
        verdicts=None if verdicts is None else [verdict_answer(given) for given in verdicts],
    )


def verdict_answer(given: GivenVerdict) -> VerdictAnswer:
    """A verdict as the API shows it."""
    verdict = given.verdict
    return VerdictAnswer(
        gate_run_id=given.gate_run_id,
        gate=given.gate,
        gate_version=given.gate_version,
        gate_fingerprint=verdict.gate_fingerprint,
        model_version=given.model_version,
        artifact_digest=verdict.artifact_digest,
        outcome=verdict.outcome.value,
        score=None if verdict.score is None else exact_text(verdict.score),
        score_value=None if verdict.score is None else float(verdict.score),
        items=verdict.items,
        metrics={name: exact_text(value) for name, value in verdict.metrics.items()},
        reasons=list(given.reasons),
        rows_sha256=given.rows_sha256,
        runner=given.runner,
        created_at_ms=given.created_at_ms,
        signature=_signature(given),
    )


def _signature(given: GivenVerdict) -> SignatureAnswer | None:
    kept, statement = given.signature, statement_of(given)
    if kept is None or statement is None:
        return None
    return SignatureAnswer(kept.key_id, kept.public_key, kept.signature, statement_text(statement))


def move_answer(move: AliasMove) -> MoveAnswer:
    """A move as the API shows it."""
    decision: Mapping[str, object] | None = move.decision
    return MoveAnswer(
        alias=move.alias,
        revision=move.revision,
        kind=move.kind.value,
        from_version=move.from_version,
        to_version=move.to_version,
        decision=None if decision is None else dict(decision),
        reason=move.reason,
        actor=move.actor,
        ledger_seq=move.ledger_seq,
        at_ms=move.at_ms,
    )


def file_answer(entry: ManifestEntry) -> FileAnswer:
    """A manifest entry as the API shows it."""
    return FileAnswer(entry.path, entry.size_bytes, entry.sha256)
