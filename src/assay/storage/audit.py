"""Statements that read the whole registry a few rows at a time, for whoever checks it.

Close a stream that is not read to its end: it holds a cursor of the transaction's connection.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple

from sqlalchemy import CursorResult, Select, bindparam, select, union

from assay.domain.artifact import ManifestEntry
from assay.domain.replay import AliasState, ModelState, VersionFacts
from assay.storage.database import Transaction
from assay.storage.tables.governance import eval_suites, gates, verdicts
from assay.storage.tables.registry import (
    alias_moves,
    aliases,
    model_version_files,
    model_versions,
    registered_models,
)
from assay.storage.tables.tracking import workspaces

_READ_AHEAD = 1_000
_FROM = model_versions.alias("from_version")
_TO = model_versions.alias("to_version")

_MODELS = select(
    registered_models.c.id,
    registered_models.c.name,
    registered_models.c.last_version,
    registered_models.c.deleted_at_ms,
    workspaces.c.name.label("workspace"),
).join_from(registered_models, workspaces)
_VERSIONS = select(
    model_versions.c.id,
    model_versions.c.model_id,
    model_versions.c.version,
    model_versions.c.state,
    model_versions.c.artifact_digest,
    model_versions.c.size_bytes,
    model_versions.c.lineage_scheme,
    model_versions.c.lineage_canonical,
    model_versions.c.fingerprint,
    model_versions.c.verifiable,
    registered_models.c.name.label("model"),
).join_from(model_versions, registered_models)
_FILES = select(
    model_version_files.c.version_id,
    model_version_files.c.path,
    model_version_files.c.size_bytes,
    model_version_files.c.sha256,
).order_by(model_version_files.c.version_id, model_version_files.c.path)
_ALIASES = select(
    aliases.c.model_id, aliases.c.alias, aliases.c.revision, model_versions.c.version
).select_from(aliases.outerjoin(model_versions, aliases.c.version_id == model_versions.c.id))
_MOVES = (
    select(
        alias_moves,
        _FROM.c.version.label("from_version"),
        _TO.c.version.label("to_version"),
    )
    .select_from(alias_moves)
    .outerjoin(_FROM, alias_moves.c.from_version_id == _FROM.c.id)
    .outerjoin(_TO, alias_moves.c.to_version_id == _TO.c.id)
)
_REFERRED = union(
    select(model_version_files.c.sha256.label("sha256")),
    select(eval_suites.c.bundle_sha256).where(eval_suites.c.bundle_sha256.is_not(None)),
    select(verdicts.c.rows_sha256).where(verdicts.c.rows_sha256.is_not(None)),
).subquery()
_BLOBS = (
    select(_REFERRED.c.sha256)
    .where(_REFERRED.c.sha256 > bindparam("after"))
    .order_by(_REFERRED.c.sha256)
)
_USERS = (
    select(registered_models.c.name, model_versions.c.version, model_version_files.c.path)
    .select_from(model_version_files)
    .join(model_versions, model_version_files.c.version_id == model_versions.c.id)
    .join(registered_models, model_versions.c.model_id == registered_models.c.id)
    .where(model_version_files.c.sha256 == bindparam("sha256"))
    .order_by(model_versions.c.id)
    .limit(1)
)


class VersionRow(NamedTuple):
    """A version's row as it lies there."""

    pk: int
    model_pk: int
    model: str
    version: int
    size_bytes: int
    scheme: str | None
    canonical: str | None
    facts: VersionFacts


class MoveRow(NamedTuple):
    """An entry of an alias's history as it lies there."""

    ledger_seq: int
    model_pk: int
    alias: str
    revision: int
    kind: str
    from_version: int | None
    to_version: int | None
    decision: str | None
    reason: str
    actor: str


class FrozenText(NamedTuple):
    """A gate or a suite: what it is called, its canonical text and the digest that it claims."""

    name: str
    canonical: str
    fingerprint: str


def stream_models(tx: Transaction) -> Generator[tuple[int, ModelState]]:
    """Every model, tombstones included."""
    with _open(tx, _MODELS.order_by(registered_models.c.id)) as found:
        for row in found:
            is_deleted = row.deleted_at_ms is not None
            yield row.id, ModelState(row.workspace, row.name, is_deleted, row.last_version)


def stream_versions(tx: Transaction) -> Generator[VersionRow]:
    """Every version, tombstones included."""
    with _open(tx, _VERSIONS.order_by(model_versions.c.id)) as found:
        for row in found:
            facts = VersionFacts(
                row.state, row.artifact_digest, row.fingerprint, verifiable=bool(row.verifiable)
            )
            yield VersionRow(
                row.id,
                row.model_id,
                row.model,
                row.version,
                row.size_bytes,
                row.lineage_scheme,
                row.lineage_canonical,
                facts,
            )


def stream_files(tx: Transaction) -> Generator[tuple[int, ManifestEntry]]:
    """Every file of every version with the version's key, by that key and path."""
    with _open(tx, _FILES) as found:
        for row in found:
            yield row.version_id, ManifestEntry(row.path, row.size_bytes, row.sha256)


def stream_aliases(tx: Transaction) -> Generator[tuple[tuple[int, str], AliasState]]:
    """Every alias, removed ones included."""
    with _open(tx, _ALIASES.order_by(aliases.c.model_id, aliases.c.alias)) as found:
        for row in found:
            yield (row.model_id, row.alias), AliasState(row.version, row.revision)


def stream_moves(tx: Transaction) -> Generator[MoveRow]:
    """Every move of every alias, in the ledger's order."""
    with _open(tx, _MOVES.order_by(alias_moves.c.ledger_seq, alias_moves.c.id)) as found:
        for row in found:
            yield MoveRow(
                row.ledger_seq,
                row.model_id,
                row.alias,
                row.revision,
                row.kind,
                row.from_version,
                row.to_version,
                row.decision,
                row.reason,
                row.actor,
            )


def stream_frozen_texts(tx: Transaction) -> Generator[FrozenText]:
    """Every suite and every gate version."""
    suites = select(eval_suites.c.name, eval_suites.c.canonical, eval_suites.c.fingerprint)
    with _open(tx, suites.order_by(eval_suites.c.id)) as found:
        for row in found:
            yield FrozenText(f"suite {row.name}", row.canonical, row.fingerprint)
    rules = select(gates.c.name, gates.c.version, gates.c.canonical, gates.c.fingerprint)
    with _open(tx, rules.order_by(gates.c.id)) as found:
        for row in found:
            yield FrozenText(f"gate {row.name} v{row.version}", row.canonical, row.fingerprint)


def list_blobs(tx: Transaction, after: str, limit: int) -> list[str]:
    """The digests that versions, suites and verdicts refer to, ascending, beyond `after`."""
    return list(tx.execute(_BLOBS.limit(limit), {"after": after}).scalars())


def find_user_of_blob(tx: Transaction, sha256: str) -> str | None:
    """A file of a version that has these bytes, in words."""
    row = tx.execute(_USERS, {"sha256": sha256}).first()
    return None if row is None else f"{row.path!r} of version {row.version} of {row.name!r}"


def _open(tx: Transaction, statement: Select[Any]) -> CursorResult[Any]:
    options = statement.execution_options(stream_results=True, yield_per=_READ_AHEAD)
    return tx.execute(options)
