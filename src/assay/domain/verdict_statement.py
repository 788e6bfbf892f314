"""What a gate runner signs: one canonical text that binds a verdict to its exam, bytes, rules and rows.

Runner and server build the text independently. There is one algorithm, Ed25519, and no field in
which a client could name another; signing and verifying happen where the keys are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from assay.domain.canonical import canonical_text, check_value
from assay.domain.errors import InvalidArgument
from assay.domain.exact import exact_text

STATEMENT_SCHEME: Final = "verdict-statement-v1"
PUBLIC_KEY_HEX: Final = 64
SIGNATURE_HEX: Final = 128
_HEX = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class Statement:
    """The facts that a signature vouches for. `score` is that of the gated metric, if there is one."""

    gate_run_id: str
    artifact_digest: str
    gate_fingerprint: str
    nonce: str
    rows_sha256: str
    score: Fraction | None


@dataclass(frozen=True, slots=True)
class VerdictSignature:
    """A signature kept with its verdict: by which key, over a statement with which nonce."""

    key_id: str
    public_key: str
    nonce: str
    signature: str


def statement_text(statement: Statement) -> str:
    """The canonical text that is signed, as UTF-8."""
    score = statement.score
    return canonical_text(
        {
            "scheme": STATEMENT_SCHEME,
            "gate_run_id": statement.gate_run_id,
            "artifact_digest": statement.artifact_digest,
            "gate_fingerprint": statement.gate_fingerprint,
            "nonce": statement.nonce,
            "rows_sha256": statement.rows_sha256,
            "score": None if score is None else exact_text(score),
        }
    )


def rows_text(rows: Sequence[Mapping[str, object]]) -> str:
    """Per-item rows in the form in which they are kept and whose SHA-256 is signed: by item id."""
    ordered = sorted(rows, key=lambda row: str(row["item_id"]))
    return canonical_text(check_value(ordered, root="rows"), max_bytes=None)


def key_id_of(public_key: str) -> str:
    """The name of an Ed25519 public key (64 hex digits): SHA-256 of its 32 bytes in lower-case hex."""
    return hashlib.sha256(bytes.fromhex(check_public_key(public_key))).hexdigest()


def check_public_key(value: object, field: str = "public_key") -> str:
    """The same text, or InvalidArgument unless it is 64 lower-case hex digits."""
    return _hex(value, PUBLIC_KEY_HEX, field)


def check_signature(value: object, field: str = "signature") -> str:
    """The same text, or InvalidArgument unless it is 128 lower-case hex digits."""
    return _hex(value, SIGNATURE_HEX, field)


def _hex(value: object, length: int, field: str) -> str:
    if not isinstance(value, str) or len(value) != length or _HEX.fullmatch(value) is None:
        raise InvalidArgument(f"{field} must be {length} lower-case hex digits.", field=field)
    return value
