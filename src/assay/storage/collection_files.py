"""Statements on the files of collection versions, the digests that clients gave, and manifests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Select, Table, and_, bindparam, delete, insert, select, update

from assay.domain.collection import CollectionFile, VersionState
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.dialect import Engine
from assay.storage.files import record_blob
from assay.storage.tables.collections import (
    collection_file_digests,
    collection_files,
    collection_manifests,
    collection_versions,
)

_CHUNK = 500


class Manifest(NamedTuple):
    """A list of files that a client sent, kept as it came; `sha256` None until it is there."""

    pk: int
    manifest_id: str
    version_pk: int
    kind: str
    digest: str
    base_pk: int | None
    sha256: str | None
    size_bytes: int | None


def put_files(
    tx: Transaction, version_pk: int, files: Sequence[CollectionFile], now_ms: int
) -> None:
    """Let a draft's paths hold these files; what they held before is forgotten."""
    for file in files:
        if file.sha256 is not None:
            record_blob(tx, file.sha256, file.size_bytes or 0, now_ms)
    rows = [
        {
            "version_pk": version_pk,
            "path": file.path,
            "sha256": file.sha256,
            "size_bytes": file.size_bytes,
            "reference": file.reference,
        }
        for file in sorted(files, key=lambda one: one.path)
    ]
    digests = [
        {"version_pk": version_pk, "path": file.path, "digest": file.client_digest}
        for file in sorted(files, key=lambda one: one.path)
        if file.client_digest is not None
    ]
    _upsert(tx, collection_files, rows, ("sha256", "size_bytes", "reference"))
    _upsert(tx, collection_file_digests, digests, ("digest",))


def remove_files(tx: Transaction, version_pk: int) -> None:
    """Forget every file of a version."""
    for table in (collection_file_digests, collection_files):
        tx.execute(delete(table).where(table.c.version_pk == version_pk))


def find_file(tx: Transaction, version_pk: int, path: str) -> CollectionFile | None:
    """The file at a path."""
    row = tx.execute(_files(version_pk).where(collection_files.c.path == path)).first()
    return None if row is None else _file(row)


def list_files(
    tx: Transaction, version_pk: int, after: str | None = None, limit: int | None = None
) -> list[CollectionFile]:
    """Files by path, from beyond `after` on."""
    statement = _files(version_pk).order_by(collection_files.c.path)
    if after is not None:
        statement = statement.where(collection_files.c.path > after)
    if limit is not None:
        statement = statement.limit(limit)
    return [_file(row) for row in tx.execute(statement)]


def files_at(tx: Transaction, version_pk: int, paths: Sequence[str]) -> dict[str, CollectionFile]:
    """The files at these paths that there are."""
    found: dict[str, CollectionFile] = {}
    for start in range(0, len(paths), _CHUNK):
        wanted = paths[start : start + _CHUNK]
        rows = tx.execute(_files(version_pk).where(collection_files.c.path.in_(wanted)))
        found.update((row[0], _file(row)) for row in rows)
    return found


def find_stored(
    tx: Transaction, collection_pk: int, digests: Sequence[str]
) -> Mapping[str, tuple[str, int]]:
    """(sha256, size) of bytes that committed versions of a collection keep, by the client's digest."""
    found: dict[str, tuple[str, int]] = {}
    wanted = sorted(set(digests))
    for start in range(0, len(wanted), _CHUNK):
        statement = (
            select(
                collection_file_digests.c.digest,
                collection_files.c.sha256,
                collection_files.c.size_bytes,
            )
            .join_from(collection_file_digests, collection_files, _same_file())
            .join(
                collection_versions,
                collection_versions.c.id == collection_file_digests.c.version_pk,
            )
            .where(
                collection_file_digests.c.digest.in_(wanted[start : start + _CHUNK]),
                collection_versions.c.collection_id == collection_pk,
                collection_versions.c.state == VersionState.COMMITTED.value,
                collection_files.c.sha256.is_not(None),
            )
            .order_by(collection_versions.c.id)
        )
        # The oldest bytes of a digest stay those that it stands for.
        for digest, sha256, size_bytes in tx.execute(statement):
            found.setdefault(digest, (sha256, size_bytes))
    return found


def insert_manifest(
    tx: Transaction,
    manifest_id: str,
    version_pk: int,
    kind: str,
    digest: str,
    base_pk: int | None,
    now_ms: int,
) -> None:
    """Announce a manifest."""
    tx.execute(
        insert(collection_manifests).values(
            manifest_id=manifest_id,
            version_pk=version_pk,
            kind=kind,
            digest=digest,
            base_pk=base_pk,
            created_at_ms=now_ms,
        )
    )


def find_manifest(tx: Transaction, manifest_id: str) -> Manifest | None:
    """The manifest of that id."""
    row = tx.execute(_manifests().where(collection_manifests.c.manifest_id == manifest_id)).first()
    return None if row is None else Manifest(*row)


def list_manifests(tx: Transaction, version_pk: int) -> list[Manifest]:
    """The manifests of a version, oldest first."""
    statement = _manifests().where(collection_manifests.c.version_pk == version_pk)
    return [Manifest(*row) for row in tx.execute(statement.order_by(collection_manifests.c.id))]


def update_manifest(tx: Transaction, pk: int, **values: object) -> None:
    """Change columns of a manifest."""
    statement = update(collection_manifests).where(collection_manifests.c.id == pk)
    tx.execute(statement.values(values))


def keep_manifest(tx: Transaction, pk: int, sha256: str, size_bytes: int, now_ms: int) -> None:
    """Note that the bytes of a manifest are there."""
    record_blob(tx, sha256, size_bytes, now_ms)
    update_manifest(tx, pk, sha256=sha256, size_bytes=size_bytes)


def remove_manifests(tx: Transaction, version_pk: int) -> None:
    """Forget the manifests of a version."""
    tx.execute(delete(collection_manifests).where(collection_manifests.c.version_pk == version_pk))


def _upsert(
    tx: Transaction, table: Any, rows: Sequence[Mapping[str, object]], changed: tuple[str, ...]
) -> None:
    if rows:
        tx.execute(_upsertion(tx.engine, table, tuple(rows[0]), changed), list(rows))


@cache
def _upsertion(
    engine: Engine, table: Table, names: tuple[str, ...], changed: tuple[str, ...]
) -> Any:
    statement = dialect.insert(engine, table).values({name: bindparam(name) for name in names})
    return statement.on_conflict_do_update(
        index_elements=["version_pk", "path"],
        set_={name: statement.excluded[name] for name in changed},
    )


def _same_file() -> Any:
    return and_(
        collection_file_digests.c.version_pk == collection_files.c.version_pk,
        collection_file_digests.c.path == collection_files.c.path,
    )


def _files(version_pk: int) -> Select[Any]:
    return (
        select(
            collection_files.c.path,
            collection_files.c.size_bytes,
            collection_files.c.sha256,
            collection_files.c.reference,
            collection_file_digests.c.digest,
        )
        .select_from(collection_files)
        .outerjoin(collection_file_digests, _same_file())
        .where(collection_files.c.version_pk == version_pk)
    )


def _file(row: Sequence[Any]) -> CollectionFile:
    return CollectionFile(row[0], row[1], row[2], row[3], row[4])


def _manifests() -> Select[Any]:
    return select(
        collection_manifests.c.id,
        collection_manifests.c.manifest_id,
        collection_manifests.c.version_pk,
        collection_manifests.c.kind,
        collection_manifests.c.digest,
        collection_manifests.c.base_pk,
        collection_manifests.c.sha256,
        collection_manifests.c.size_bytes,
    )
