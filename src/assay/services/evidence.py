"""The verdict that counts for a version under a gate, and why one that was given does not."""

from __future__ import annotations

from dataclasses import dataclass

from assay.domain.gate_run import Gate, GivenVerdict
from assay.domain.promotion import Contender
from assay.domain.registry import ModelVersion
from assay.domain.review import SignaturePolicy
from assay.storage import runner_keys, verdicts
from assay.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class Weighed:
    """The verdict that counts, or `void`: why the one that was given does not."""

    given: GivenVerdict | None = None
    void: str | None = None


def weigh(tx: Transaction, gate: Gate | None, version: ModelVersion) -> Weighed:
    """The latest verdict for exactly these bytes under exactly this gate, if its signature allows."""
    if gate is None or version.artifact_digest is None:
        return Weighed()
    given = verdicts.find_evidence(tx, version.pk, gate.fingerprint, version.artifact_digest)
    if given is None:
        return Weighed()
    void = _void(tx, version, given)
    return Weighed(given) if void is None else Weighed(void=void)


def contender(version: ModelVersion, weighed: Weighed) -> Contender:
    """The version as the rules of promotion see it."""
    return Contender(
        version=version.version,
        artifact_digest=version.artifact_digest,
        verdict=None if weighed.given is None else weighed.given.verdict,
        state=version.state,
        is_verifiable=version.verifiable,
        void=weighed.void,
    )


def _void(tx: Transaction, version: ModelVersion, given: GivenVerdict) -> str | None:
    of_version = f"the verdict of version {version.version}"
    if given.signature is not None:
        key = runner_keys.find_key(tx, version.workspace, given.signature.key_id)
        if key is None or key.is_void(given.created_at_ms):
            return f"{of_version} is signed with the revoked key {given.signature.key_id[:16]}…"
        return None
    demanded = runner_keys.signature_policy(tx, version.workspace)
    if demanded is SignaturePolicy.REQUIRE and given.rows_sha256 is not None:
        return f"{of_version} is not signed, and this workspace wants signed verdicts"
    return None
