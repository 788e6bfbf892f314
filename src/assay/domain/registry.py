"""The values of the registry: registered models, versions, aliases and how aliases moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

PROMPT_TAG: Final = "mlflow.prompt.is_prompt"
"""A registered model made with this tag as `true` is a prompt: a text in versions, and no model."""


class VersionState(StrEnum):
    """`quarantined`: rolled away from, not promoted until cleared. `deleted`: a tombstone."""

    REGISTERED = "registered"
    QUARANTINED = "quarantined"
    DELETED = "deleted"


class MoveKind(StrEnum):
    """Why an alias moved. A protected one moves by `promotion`, `rollback` and `break_glass`, or was `imported`."""

    SET = "set"
    PROMOTION = "promotion"
    ROLLBACK = "rollback"
    REMOVED = "removed"
    IMPORTED = "imported"
    BREAK_GLASS = "break_glass"


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A registered version: frozen files under `artifact_digest`, closed lineage under `fingerprint`."""

    pk: int
    model: str
    workspace: str
    version: int
    state: VersionState
    state_reason: str
    run_id: str | None
    logged_model_id: str | None
    source: str
    artifact_path: str | None
    artifact_digest: str | None
    size_bytes: int
    lineage_scheme: str | None
    lineage_canonical: str | None
    fingerprint: str | None
    lineage_origins: Mapping[str, str]
    annotations: Mapping[str, object]
    verifiable: bool
    description: str
    stage: str
    run_link: str
    created_by: str
    created_at_ms: int
    updated_at_ms: int
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Alias:
    """An alias and the version that holds it; `revision` grows with every move and never restarts."""

    alias: str
    version: int | None
    revision: int
    updated_at_ms: int
    protected: bool


@dataclass(frozen=True, slots=True)
class AliasMove:
    """One entry of an alias's history."""

    alias: str
    revision: int
    kind: MoveKind
    from_version: int | None
    to_version: int | None
    decision: Mapping[str, object] | None
    reason: str
    actor: str
    ledger_seq: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A named line of versions."""

    pk: int
    name: str
    workspace: str
    description: str
    last_version: int
    created_at_ms: int
    updated_at_ms: int
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[Alias, ...] = ()


def is_prompt(tags: Mapping[str, str]) -> bool:
    """Whether a registered model with these tags is a prompt."""
    return tags.get(PROMPT_TAG, "").lower() == "true"
