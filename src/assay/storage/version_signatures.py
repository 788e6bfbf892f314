"""Statements on signatures that people keep beside a version's files."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, select

from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.tables.reproduction import version_signatures as signatures


@dataclass(frozen=True, slots=True)
class KeptSignature:
    """A signature as its tool wrote it; whether it holds is checked by whoever has the key."""

    kind: str
    bundle: str
    sha256: str
    created_by: str
    created_at_ms: int


_OF_VERSION = (
    select(
        signatures.c.kind,
        signatures.c.bundle,
        signatures.c.bundle_sha256,
        signatures.c.created_by,
        signatures.c.created_at_ms,
    )
    .where(signatures.c.version_pk == bindparam("version_pk"))
    .order_by(signatures.c.id)
)


def add_signature(tx: Transaction, version_pk: int, signature: KeptSignature) -> bool:
    """Keep a signature; False when the same one was there."""
    statement = (
        dialect.insert(tx.engine, signatures)
        .values(
            version_pk=version_pk,
            kind=signature.kind,
            bundle=signature.bundle,
            bundle_sha256=signature.sha256,
            created_by=signature.created_by,
            created_at_ms=signature.created_at_ms,
        )
        .on_conflict_do_nothing(index_elements=["version_pk", "bundle_sha256"])
        .returning(signatures.c.id)
    )
    return tx.execute(statement).scalar() is not None


def list_signatures(tx: Transaction, version_pk: int) -> tuple[KeptSignature, ...]:
    """The signatures of a version, oldest first."""
    return tuple(KeptSignature(*row) for row in tx.execute(_OF_VERSION, {"version_pk": version_pk}))
