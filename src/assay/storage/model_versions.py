"""Statements on model versions, their tags and their frozen files."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, select, update

from assay.domain.artifact import ManifestEntry
from assay.domain.registry import ModelVersion, VersionState
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.key_values import KeyValues
from assay.storage.tables.registry import (
    model_version_files,
    model_version_tags,
    model_versions,
    registered_models,
    set_aside,
)
from assay.storage.tables.tracking import logged_models, runs, workspaces

VERSIONS = (
    select(
        model_versions,
        registered_models.c.name.label("model"),
        workspaces.c.name.label("workspace"),
        runs.c.run_id.label("run_id"),
        logged_models.c.model_id.label("logged_model"),
    )
    .select_from(model_versions)
    .join(registered_models, model_versions.c.model_id == registered_models.c.id)
    .join(workspaces, registered_models.c.workspace_id == workspaces.c.id)
    .outerjoin(runs, model_versions.c.run_pk == runs.c.id)
    .outerjoin(logged_models, model_versions.c.logged_model_id == logged_models.c.id)
)
NOT_DELETED = model_versions.c.state != VersionState.DELETED.value

_BY_NUMBER = VERSIONS.where(
    model_versions.c.model_id == bindparam("model_pk"),
    model_versions.c.version == bindparam("version"),
)
_BY_PK = VERSIONS.where(model_versions.c.id == bindparam("pk"))
_OTHER = model_versions.alias("other")
_TWIN = (
    select(func.min(_OTHER.c.version))
    .join_from(
        model_versions,
        _OTHER,
        (_OTHER.c.model_id == model_versions.c.model_id)
        & (_OTHER.c.artifact_digest == model_versions.c.artifact_digest)
        & (_OTHER.c.id != model_versions.c.id),
    )
    .join(set_aside, set_aside.c.version_id == _OTHER.c.id)
    .where(model_versions.c.id == bindparam("pk"))
)
_ITSELF = model_versions.alias("itself")
SAME_FILES = (
    select(_OTHER.c.id)
    .join_from(
        _ITSELF,
        _OTHER,
        (_OTHER.c.model_id == _ITSELF.c.model_id)
        & (_OTHER.c.artifact_digest == _ITSELF.c.artifact_digest),
    )
    .where(_ITSELF.c.id == bindparam("version_pk"))
)
"""The keys of every version of the model that has the files of the version `version_pk`."""
_MAKERS = (
    select(_OTHER.c.created_by.label("registrant"), runs.c.created_by.label("trainer"))
    .distinct()
    .select_from(model_versions)
    .join(
        _OTHER,
        (_OTHER.c.model_id == model_versions.c.model_id)
        & (
            (_OTHER.c.id == model_versions.c.id)
            | (_OTHER.c.artifact_digest == model_versions.c.artifact_digest)
        ),
    )
    .outerjoin(runs, _OTHER.c.run_pk == runs.c.id)
    .where(model_versions.c.id == bindparam("pk"))
)
_FILES = (
    select(
        model_version_files.c.path, model_version_files.c.size_bytes, model_version_files.c.sha256
    )
    .where(model_version_files.c.version_id == bindparam("pk"))
    .order_by(model_version_files.c.path)
)
_FILE = _FILES.where(model_version_files.c.path == bindparam("path"))
_INSERT_FILES = insert(model_version_files)


@dataclass(frozen=True, slots=True)
class NewVersion:
    """All that is written once when a version is registered."""

    model_pk: int
    version: int
    run_pk: int | None
    logged_model_pk: int | None
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
    run_link: str
    created_by: str
    now_ms: int


def insert_version(tx: Transaction, new: NewVersion, files: Sequence[ManifestEntry]) -> int:
    """Add a version with its frozen files and return its key."""
    result = tx.execute(
        insert(model_versions)
        .values(
            model_id=new.model_pk,
            version=new.version,
            run_pk=new.run_pk,
            logged_model_id=new.logged_model_pk,
            source=new.source,
            artifact_path=new.artifact_path,
            artifact_digest=new.artifact_digest,
            size_bytes=new.size_bytes,
            lineage_scheme=new.lineage_scheme,
            lineage_canonical=new.lineage_canonical,
            fingerprint=new.fingerprint,
            lineage_origins=json.dumps(dict(new.lineage_origins), sort_keys=True),
            annotations=json.dumps(dict(new.annotations), sort_keys=True),
            verifiable=int(new.verifiable),
            state=VersionState.REGISTERED.value,
            state_reason="",
            description=new.description,
            stage="",
            run_link=new.run_link,
            created_by=new.created_by,
            created_at_ms=new.now_ms,
            updated_at_ms=new.now_ms,
        )
        .returning(model_versions.c.id)
    )
    pk = int(result.scalar_one())
    rows = [
        {"version_id": pk, "path": f.path, "sha256": f.sha256, "size_bytes": f.size_bytes}
        for f in files
    ]
    if rows:
        tx.execute(_INSERT_FILES, rows)
    return pk


def find_version(tx: Transaction, model_pk: int, version: int) -> ModelVersion | None:
    """The version of that number, tombstones included, without its tags and aliases."""
    row = tx.execute(_BY_NUMBER, {"model_pk": model_pk, "version": version}).first()
    return None if row is None else as_version(row)


def find_versions(
    tx: Transaction, model_pk: int, numbers: Collection[int]
) -> dict[int, ModelVersion]:
    """The versions of these numbers that exist, tombstones included, by number."""
    statement = VERSIONS.where(
        model_versions.c.model_id == model_pk, model_versions.c.version.in_(numbers)
    )
    return {row.version: as_version(row) for row in tx.execute(statement)}


def find_quarantined_twin(tx: Transaction, pk: int) -> int | None:
    """The first version of the same model, other than this one, whose very same files are in quarantine.

    One that was deleted while it was quarantined counts: its files are not better for that.
    """
    found: int | None = tx.execute(_TWIN, {"pk": pk}).scalar_one()
    return found


def makers_of_files(tx: Transaction, pk: int) -> tuple[frozenset[str], frozenset[str]]:
    """Who registered this version, or its files under another number of the model; whose runs made them.

    The former are actors (`kind:name`), the latter names.
    """
    rows = tx.execute(_MAKERS, {"pk": pk}).all()
    trainers = frozenset(row.trainer for row in rows if row.trainer is not None)
    return frozenset(row.registrant for row in rows), trainers


def find_version_by_pk(tx: Transaction, pk: int) -> ModelVersion | None:
    """The version of that key, tombstones included, without its tags and aliases."""
    row = tx.execute(_BY_PK, {"pk": pk}).first()
    return None if row is None else as_version(row)


def as_version(row: Row[Any]) -> ModelVersion:
    """A row of `VERSIONS` as a value."""
    return ModelVersion(
        pk=row.id,
        model=row.model,
        workspace=row.workspace,
        version=row.version,
        state=VersionState(row.state),
        state_reason=row.state_reason,
        run_id=row.run_id,
        logged_model_id=row.logged_model,
        source=row.source,
        artifact_path=row.artifact_path,
        artifact_digest=row.artifact_digest,
        size_bytes=row.size_bytes,
        lineage_scheme=row.lineage_scheme,
        lineage_canonical=row.lineage_canonical,
        fingerprint=row.fingerprint,
        lineage_origins=json.loads(row.lineage_origins or "{}"),
        annotations=json.loads(row.annotations or "{}"),
        verifiable=bool(row.verifiable),
        description=row.description,
        stage=row.stage,
        run_link=row.run_link,
        created_by=row.created_by,
        created_at_ms=row.created_at_ms,
        updated_at_ms=row.updated_at_ms,
    )


def newest_by_stage(tx: Transaction, model_pks: Sequence[int]) -> list[tuple[int, ModelVersion]]:
    """(model's key, version): per model and stage the version of the greatest number."""
    if not model_pks:
        return []
    newest = (
        select(func.max(model_versions.c.id))
        .where(model_versions.c.model_id.in_(model_pks), NOT_DELETED)
        .group_by(model_versions.c.model_id, model_versions.c.stage)
    )
    statement = VERSIONS.where(model_versions.c.id.in_(newest))
    ordered = statement.order_by(model_versions.c.model_id, model_versions.c.version)
    return [(row.model_id, as_version(row)) for row in tx.execute(ordered)]


def set_version_state(
    tx: Transaction, pk: int, state: VersionState, reason: str, now_ms: int
) -> None:
    """Change a version's standing, with the reason. What is deleted in quarantine stays set aside."""
    _change(tx, pk, state=state.value, state_reason=reason, updated_at_ms=now_ms)
    if state is VersionState.REGISTERED:
        tx.execute(delete(set_aside).where(set_aside.c.version_id == pk))
    elif state is VersionState.QUARANTINED:
        statement = dialect.insert(tx.engine, set_aside).values(version_id=pk)
        tx.execute(statement.on_conflict_do_nothing(index_elements=["version_id"]))


def lift_from_deleted_twins(tx: Transaction, pk: int) -> list[int]:
    """Let the files of a version be in quarantine no more for deleted versions that have them.

    Answers their numbers.
    """
    twins = (
        select(_OTHER.c.id, _OTHER.c.version)
        .join(set_aside, set_aside.c.version_id == _OTHER.c.id)
        .where(_OTHER.c.id.in_(SAME_FILES), _OTHER.c.state == VersionState.DELETED.value)
        .order_by(_OTHER.c.version)
    )
    found = tx.execute(twins, {"version_pk": pk}).all()
    keys = [row.id for row in found]
    tx.execute(delete(set_aside).where(set_aside.c.version_id.in_(keys)))
    return [row.version for row in found]


def describe_version(tx: Transaction, pk: int, description: str, now_ms: int) -> None:
    """Replace the description."""
    _change(tx, pk, description=description, updated_at_ms=now_ms)


def set_stage(tx: Transaction, pk: int, stage: str, now_ms: int) -> None:
    """Label a version with a stage ('' for none)."""
    _change(tx, pk, stage=stage, updated_at_ms=now_ms)


def touch_version(tx: Transaction, pk: int, now_ms: int) -> None:
    """Note that something of the version changed."""
    _change(tx, pk, updated_at_ms=now_ms)


def find_stage(tx: Transaction, model_pk: int, stage: str) -> str | None:
    """The label, as it is spelled, of a version that is in `stage` (in any case)."""
    statement = select(model_versions.c.stage).where(
        model_versions.c.model_id == model_pk, func.lower(model_versions.c.stage) == stage.lower()
    )
    label: str | None = tx.execute(statement.limit(1)).scalar()
    return label


def take_stage(tx: Transaction, model_pk: int, stage: str, instead: str, now_ms: int) -> list[int]:
    """Label every version that is in `stage` (in any case) with `instead`; returns their numbers."""
    statement = (
        update(model_versions)
        .where(
            model_versions.c.model_id == model_pk,
            func.lower(model_versions.c.stage) == stage.lower(),
        )
        .values(stage=instead, updated_at_ms=now_ms)
        .returning(model_versions.c.version)
    )
    return sorted(tx.execute(statement).scalars())


def _change(tx: Transaction, pk: int, **values: object) -> None:
    tx.execute(update(model_versions).where(model_versions.c.id == pk).values(**values))


VERSION_TAGS = KeyValues(model_version_tags, "version_id")


def stream_files(tx: Transaction, pk: int) -> Iterator[ManifestEntry]:
    """The frozen files by path."""
    for row in tx.execute(_FILES, {"pk": pk}):
        yield ManifestEntry(row.path, row.size_bytes, row.sha256)


def list_files(tx: Transaction, pk: int) -> tuple[ManifestEntry, ...]:
    """The frozen manifest."""
    return tuple(stream_files(tx, pk))


def find_file(tx: Transaction, pk: int, path: str) -> ManifestEntry | None:
    """One frozen file."""
    row = tx.execute(_FILE, {"pk": pk, "path": path}).first()
    return None if row is None else ManifestEntry(row.path, row.size_bytes, row.sha256)
