"""Checking a gate runner's Ed25519 signature on a verdict, when it is written and ever after.

There is one algorithm, and the key is the registered one: nothing that a client sends chooses either.
"""

from __future__ import annotations

from assay.domain.errors import AppError
from assay.domain.gate_run import GivenVerdict
from assay.domain.verdict_statement import (
    Statement,
    check_public_key,
    check_signature,
    key_id_of,
    statement_text,
)


def is_signed_by(public_key: str, statement: Statement, signature: str) -> bool:
    """Whether the Ed25519 signature (hex) over the statement was made with that key (hex)."""
    # Imported when it is needed: most servers never check a signature.
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PublicKey,
    )

    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(check_public_key(public_key)))
        key.verify(bytes.fromhex(check_signature(signature)), statement_text(statement).encode())
    except (AppError, InvalidSignature, ValueError):
        return False
    return True


def statement_of(given: GivenVerdict) -> Statement | None:
    """The statement that a kept verdict's signature must be over; None for an unsigned one."""
    if given.signature is None or given.rows_sha256 is None:
        return None
    return Statement(
        gate_run_id=given.gate_run_id,
        artifact_digest=given.verdict.artifact_digest,
        gate_fingerprint=given.verdict.gate_fingerprint,
        nonce=given.signature.nonce,
        rows_sha256=given.rows_sha256,
        score=given.verdict.score,
    )


def signature_fault(given: GivenVerdict) -> str | None:
    """What is wrong with a kept verdict's signature, for an audit; None when it holds or there is none.

    Whether the key was revoked since is not asked: the signature is about who wrote the verdict.
    """
    if given.signature is None:
        return None
    statement = statement_of(given)
    if statement is None:
        return "it is signed, but rests on no rows"
    kept = given.signature
    try:
        is_key = key_id_of(kept.public_key) == kept.key_id
    except AppError:
        is_key = False
    if not is_key:
        return "its key does not have the name that it was registered under"
    if not is_signed_by(kept.public_key, statement, kept.signature):
        return "its signature is not one of its key over this verdict"
    return None
