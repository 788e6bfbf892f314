"""Statements on sources, on what was found of each version, and on whose closure is watched."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, func, select, union

from assay.domain.artifact import ManifestEntry
from assay.domain.closure import Checked, Source, Status
from assay.domain.references import ReferenceKind
from assay.domain.tracking import Demand
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.tables.closure import closure_checks, closure_policies, closure_sources
from assay.storage.tables.collections import collection_files, collection_versions, collections
from assay.storage.tables.registry import (
    aliases,
    model_version_files,
    model_versions,
    registered_models,
)
from assay.storage.tables.tracking import (
    logged_model_files,
    logged_models,
    run_files,
    runs,
)

_SOURCES = (
    select(closure_sources)
    .where(closure_sources.c.workspace_id == bindparam("workspace_pk"))
    .order_by(closure_sources.c.name)
)
_CHECKS = (
    select(closure_checks)
    .where(closure_checks.c.version_id == bindparam("version_pk"))
    .order_by(closure_checks.c.subject)
)
_HELD = (
    select(
        registered_models.c.workspace_id,
        aliases.c.alias,
        aliases.c.version_id,
        func.min(closure_checks.c.checked_at_ms).label("checked_at_ms"),
    )
    .select_from(aliases)
    .join(registered_models, aliases.c.model_id == registered_models.c.id)
    .outerjoin(closure_checks, closure_checks.c.version_id == aliases.c.version_id)
    .where(aliases.c.version_id.is_not(None), registered_models.c.deleted_at_ms.is_(None))
    .group_by(registered_models.c.workspace_id, aliases.c.alias, aliases.c.version_id)
    .order_by(registered_models.c.workspace_id, aliases.c.version_id)
)
_BLOB_HERE = union(
    select(run_files.c.sha256)
    .join(runs, run_files.c.run_pk == runs.c.id)
    .where(
        runs.c.workspace_id == bindparam("workspace_pk"), run_files.c.sha256 == bindparam("sha256")
    ),
    select(logged_model_files.c.sha256)
    .join(logged_models, logged_model_files.c.logged_model_id == logged_models.c.id)
    .where(
        logged_models.c.workspace_id == bindparam("workspace_pk"),
        logged_model_files.c.sha256 == bindparam("sha256"),
    ),
    select(model_version_files.c.sha256)
    .join(model_versions, model_version_files.c.version_id == model_versions.c.id)
    .join(registered_models, model_versions.c.model_id == registered_models.c.id)
    .where(
        registered_models.c.workspace_id == bindparam("workspace_pk"),
        model_version_files.c.sha256 == bindparam("sha256"),
    ),
    select(collection_files.c.sha256)
    .join(collection_versions, collection_files.c.version_pk == collection_versions.c.id)
    .join(collections, collection_versions.c.collection_id == collections.c.id)
    .where(
        collections.c.workspace_id == bindparam("workspace_pk"),
        collection_versions.c.state == "committed",
        collection_files.c.sha256 == bindparam("sha256"),
    ),
)
_COLLECTED_HERE = (
    select(collection_versions.c.id)
    .join(collections, collection_versions.c.collection_id == collections.c.id)
    .where(
        collections.c.workspace_id == bindparam("workspace_pk"),
        collection_versions.c.state == "committed",
        collection_versions.c.digest == bindparam("digest"),
    )
    .order_by(collection_versions.c.id)
    .limit(1)
)
_COLLECTED_FILES = (
    select(collection_files.c.path, collection_files.c.size_bytes, collection_files.c.sha256)
    .where(
        collection_files.c.version_pk == bindparam("version_pk"),
        collection_files.c.sha256.is_not(None),
    )
    .order_by(collection_files.c.path)
)
_VERSION_HERE = (
    select(model_versions.c.id)
    .join(registered_models, model_versions.c.model_id == registered_models.c.id)
    .where(
        registered_models.c.workspace_id == bindparam("workspace_pk"),
        model_versions.c.artifact_digest == bindparam("digest"),
    )
    .order_by(model_versions.c.id)
    .limit(1)
)


def list_sources(tx: Transaction, workspace_pk: int) -> tuple[Source, ...]:
    """The sources of a workspace, by name."""
    rows = tx.execute(_SOURCES, {"workspace_pk": workspace_pk})
    return tuple(
        Source(row.name, ReferenceKind(row.kind), row.location, row.remote, row.credentials)
        for row in rows
    )


def put_source(tx: Transaction, workspace_pk: int, source: Source) -> None:
    """Add a source, or replace the one of that name."""
    values = {
        "kind": source.kind.value,
        "location": source.location,
        "remote": source.remote,
        "credentials": source.credentials,
    }
    statement = (
        dialect.insert(tx.engine, closure_sources)
        .values(workspace_id=workspace_pk, name=source.name, **values)
        .on_conflict_do_update(index_elements=["workspace_id", "name"], set_=values)
    )
    tx.execute(statement)


def delete_source(tx: Transaction, workspace_pk: int, name: str) -> bool:
    """Remove a source; False when there is none of that name."""
    statement = (
        delete(closure_sources)
        .where(closure_sources.c.workspace_id == workspace_pk, closure_sources.c.name == name)
        .returning(closure_sources.c.id)
    )
    return tx.execute(statement).first() is not None


def set_policy(
    tx: Transaction, workspace_pk: int, strict_refs: Demand | None, at_promotion: Demand | None
) -> None:
    """Give the workspace demands of its own; None: the server's."""
    values = {
        "strict_refs": None if strict_refs is None else strict_refs.value,
        "at_promotion": None if at_promotion is None else at_promotion.value,
    }
    statement = (
        dialect.insert(tx.engine, closure_policies)
        .values(workspace_id=workspace_pk, **values)
        .on_conflict_do_update(index_elements=["workspace_id"], set_=values)
    )
    tx.execute(statement)


def own_policy(tx: Transaction, workspace_pk: int) -> tuple[Demand | None, Demand | None]:
    """The workspace's own (strict_refs, closure_at_promotion); None where it has the server's."""
    row = tx.execute(
        select(closure_policies.c.strict_refs, closure_policies.c.at_promotion).where(
            closure_policies.c.workspace_id == workspace_pk
        )
    ).first()
    if row is None:
        return None, None
    return _demand(row.strict_refs), _demand(row.at_promotion)


def list_checks(tx: Transaction, version_pk: int) -> tuple[Checked, ...]:
    """What was found of a version last, by subject."""
    return tuple(
        Checked(
            row.subject,
            row.reference,
            Status(row.status),
            row.level,
            row.message,
            bool(row.is_deep),
            bool(row.was_ok),
            bool(row.is_alerted),
            row.checked_at_ms,
        )
        for row in tx.execute(_CHECKS, {"version_pk": version_pk})
    )


def put_check(tx: Transaction, version_pk: int, found: Checked) -> None:
    """Keep what was found of one subject, in place of what was found before."""
    values = {
        "reference": found.reference,
        "status": found.status.value,
        "level": found.level,
        "message": found.message,
        "is_deep": int(found.is_deep),
        "was_ok": int(found.was_ok),
        "is_alerted": int(found.is_alerted),
        "checked_at_ms": found.checked_at_ms,
    }
    statement = (
        dialect.insert(tx.engine, closure_checks)
        .values(version_id=version_pk, subject=found.subject, **values)
        .on_conflict_do_update(index_elements=["version_id", "subject"], set_=values)
    )
    tx.execute(statement)


def held_versions(tx: Transaction) -> Sequence[tuple[int, str, int, int | None]]:
    """(workspace key, alias, version key, the oldest of its answers in ms) of every held alias."""
    return [
        (row.workspace_id, row.alias, row.version_id, row.checked_at_ms)
        for row in tx.execute(_HELD)
    ]


def files_of_collected(
    tx: Transaction, workspace_pk: int, digest: str
) -> list[ManifestEntry] | None:
    """The files kept here of the collection version with that digest; None where there is none."""
    asked = {"workspace_pk": workspace_pk, "digest": digest}
    version_pk = tx.execute(_COLLECTED_HERE, asked).scalar_one_or_none()
    if version_pk is None:
        return None
    found = tx.execute(_COLLECTED_FILES, {"version_pk": version_pk})
    return [ManifestEntry(row.path, row.size_bytes or 0, row.sha256) for row in found]


def has_file(tx: Transaction, workspace_pk: int, sha256: str) -> bool:
    """Whether a file of the workspace's runs, logged models, versions or collections has these bytes."""
    return (
        tx.execute(_BLOB_HERE, {"workspace_pk": workspace_pk, "sha256": sha256}).first() is not None
    )


def version_of_digest(tx: Transaction, workspace_pk: int, digest: str) -> int | None:
    """The key of a version in the workspace whose files have this artifact digest."""
    found: int | None = tx.execute(
        _VERSION_HERE, {"workspace_pk": workspace_pk, "digest": digest}
    ).scalar()
    return found


def _demand(text: str | None) -> Demand | None:
    return None if text is None else Demand(text)
