"""What a provenance document is made from, and the words that the forms share."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from assay.domain.artifact import ManifestEntry
from assay.domain.canonical import JsonValue

PRODUCER: Final = "urn:assay:registry"
_URI: Final = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]+")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NAMES: Final = uuid.uuid5(uuid.NAMESPACE_URL, PRODUCER)


@dataclass(frozen=True, slots=True)
class VerdictFact:
    """A verdict: `score` is exact text, None where there is none."""

    gate_run_id: str
    gate: str
    gate_version: int
    gate_fingerprint: str
    metric_score: str | None
    outcome: str
    items: int
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class ResultFact:
    """What the run says that it scored on a suite."""

    suite: str
    metric: str
    value_text: str
    items: int | None


@dataclass(frozen=True, slots=True)
class Facts:
    """A version with closed lineage, its files, its run and what it was given."""

    workspace: str
    model: str
    version: int
    description: str
    created_by: str
    created_at_ms: int
    fingerprint: str
    scheme: str
    lineage: Mapping[str, JsonValue]
    artifact_digest: str
    files: tuple[ManifestEntry, ...]
    run_id: str
    started_at_ms: int | None
    ended_at_ms: int | None
    aliases: tuple[str, ...] = ()
    verdicts: tuple[VerdictFact, ...] = ()
    results: tuple[ResultFact, ...] = ()
    producer_version: str = "0"

    @property
    def name(self) -> str:
        """`workspace/model`."""
        return f"{self.workspace}/{self.model}"

    def core(self) -> dict[str, JsonValue]:
        """What every document carries."""
        return {
            "fingerprint": f"{self.scheme}:{self.fingerprint}",
            "manifest_sha256": self.artifact_digest,
            "verdicts": [verdict.gate_run_id for verdict in self.verdicts],
        }

    def text(self, field: str) -> str:
        """A field of the lineage as a text."""
        value = self.lineage[field]
        return value if isinstance(value, str) else str(value)


def moment(at_ms: int) -> str:
    """A moment in UTC as RFC 3339 says it, to the second."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def uri_of(kind: str, reference: str) -> str:
    """The reference itself where it is a URI, else one that holds it."""
    if _URI.fullmatch(reference):
        return reference
    return f"urn:assay:{kind}:{quote(reference, safe='')}"


def commit_of(reference: str) -> str | None:
    """The full commit, where the reference is one."""
    return reference if _COMMIT.fullmatch(reference) else None


def stable_uuid(*words: object) -> str:
    """The same UUID for the same words, for documents that ask for one."""
    return str(uuid.uuid5(_NAMES, "\n".join(map(str, words))))
