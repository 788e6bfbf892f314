"""Statements on the versions of collections: drafts, committed ones, and how they are found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import and_, bindparam, func, insert, select, update

from assay.domain.collection import CollectionVersion, NewVersion, VersionState
from assay.storage import dialect
from assay.storage.collections import CHUNK, COLUMNS, as_collection, grouped, replace_tags
from assay.storage.database import Transaction
from assay.storage.tables.collections import (
    collection_aliases,
    collection_client_ids,
    collection_version_tags,
    collection_versions,
    collections,
)
from assay.storage.tables.tracking import runs, workspaces

_OWN = len(COLUMNS)
_VERSION = (
    collection_versions.c.id,
    collection_versions.c.version_id,
    collection_versions.c.version_index,
    collection_versions.c.state,
    collection_versions.c.digest,
    collection_versions.c.client_digest,
    collection_versions.c.description,
    collection_versions.c.metadata,
    collection_versions.c.ttl_s,
    collection_versions.c.file_count,
    collection_versions.c.size_bytes,
    runs.c.run_id,
    collection_versions.c.step,
    collection_versions.c.created_by,
    collection_versions.c.created_at_ms,
    collection_versions.c.updated_at_ms,
    collection_versions.c.committed_at_ms,
    collection_versions.c.wanted_aliases,
)
_VERSIONS = (
    select(*COLUMNS, *_VERSION)
    .join_from(collection_versions, collections)
    .join(workspaces, workspaces.c.id == collections.c.workspace_id)
    .outerjoin(runs, runs.c.id == collection_versions.c.run_pk)
)
# Built once: to build them takes longer than to run them, and every file that is put looks twice.
_BY_PK = _VERSIONS.where(collection_versions.c.id == bindparam("pk"))
_LOCKED_BY_PK = _BY_PK.with_for_update(of=collection_versions)
_PLACES = select(collection_versions.c.id, collection_versions.c.same_as_pk)


def insert_version(
    tx: Transaction,
    version_id: str,
    collection_pk: int,
    new: NewVersion,
    *,
    run_pk: int | None,
    created_by: str,
    now_ms: int,
) -> int:
    """Add a draft and return its key."""
    statement = (
        insert(collection_versions)
        .values(
            version_id=version_id,
            collection_id=collection_pk,
            state=VersionState.PENDING.value,
            client_digest=new.client_digest,
            description=new.description,
            metadata=new.metadata,
            ttl_s=new.ttl_s,
            file_count=0,
            size_bytes=0,
            wanted_aliases=json.dumps(list(new.aliases)),
            run_pk=run_pk,
            step=new.step,
            created_by=created_by,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
        .returning(collection_versions.c.id)
    )
    pk = int(tx.execute(statement).scalar_one())
    set_version_tags(tx, pk, new.tags)
    if new.client_id:
        add_client_id(tx, new.client_id, pk)
    return pk


def find_version(
    tx: Transaction, version_id: str, *, lock: bool = False
) -> CollectionVersion | None:
    """The version of that id, in any state; for a draft that was a repetition, what it repeated."""
    return _first_version(tx, collection_versions.c.version_id == version_id, lock=lock)


def find_version_by_pk(tx: Transaction, pk: int) -> CollectionVersion | None:
    """The version with that key, in any state."""
    return _first_version(tx, collection_versions.c.id == pk)


def find_committed(tx: Transaction, collection_pk: int, index: int) -> CollectionVersion | None:
    """The committed version of that number."""
    return _first_version(
        tx,
        and_(
            collection_versions.c.collection_id == collection_pk,
            collection_versions.c.version_index == index,
            collection_versions.c.state == VersionState.COMMITTED.value,
        ),
    )


def find_by_alias(tx: Transaction, collection_pk: int, alias: str) -> CollectionVersion | None:
    """The version of a sequence or portfolio that the alias names."""
    held = select(collection_aliases.c.version_pk).where(
        collection_aliases.c.collection_id == collection_pk, collection_aliases.c.alias == alias
    )
    pk = tx.execute(held).scalar()
    return None if pk is None else find_version_by_pk(tx, pk)


def find_by_digest(
    tx: Transaction, collection_pk: int, *, digest: str | None = None, client: str | None = None
) -> CollectionVersion | None:
    """The newest committed version with that digest, or with that client's digest."""
    column = collection_versions.c.digest if client is None else collection_versions.c.client_digest
    statement = (
        select(collection_versions.c.id)
        .where(
            collection_versions.c.collection_id == collection_pk,
            column == (digest if client is None else client),
            collection_versions.c.state == VersionState.COMMITTED.value,
        )
        .order_by(collection_versions.c.version_index.desc())
        .limit(1)
    )
    pk = tx.execute(statement).scalar()
    return None if pk is None else find_version_by_pk(tx, pk)


def list_by_client_id(tx: Transaction, client_id: str) -> list[CollectionVersion]:
    """The versions that a client knows under an id of its own."""
    pks = list(
        tx.execute(
            select(collection_client_ids.c.version_pk).where(
                collection_client_ids.c.client_id == client_id
            )
        ).scalars()
    )
    return [found for pk in pks if (found := find_version_by_pk(tx, pk)) is not None]


def list_versions(
    tx: Transaction, collection_pk: int, before: int | None, limit: int
) -> list[CollectionVersion]:
    """Committed versions of a sequence, newest first, below the index `before`."""
    statement = _VERSIONS.where(
        collection_versions.c.collection_id == collection_pk,
        collection_versions.c.state == VersionState.COMMITTED.value,
    )
    if before is not None:
        statement = statement.where(collection_versions.c.version_index < before)
    ordered = statement.order_by(collection_versions.c.version_index.desc()).limit(limit)
    return complete(tx, [_version(row) for row in tx.execute(ordered)])


def list_expiring(
    tx: Transaction, collection_pk: int, now_ms: int, limit: int
) -> list[CollectionVersion]:
    """Committed versions that were to be kept until now at most, oldest first."""
    ends_ms = collection_versions.c.committed_at_ms + collection_versions.c.ttl_s * 1_000
    statement = _VERSIONS.where(
        collection_versions.c.collection_id == collection_pk,
        collection_versions.c.state == VersionState.COMMITTED.value,
        collection_versions.c.ttl_s.is_not(None),
        ends_ms <= now_ms,
    )
    ordered = statement.order_by(collection_versions.c.version_index).limit(limit)
    return complete(tx, [_version(row) for row in tx.execute(ordered)])


def count_versions(tx: Transaction, collection_pks: Sequence[int]) -> dict[int, int]:
    """How many committed versions each sequence has."""
    statement = (
        select(collection_versions.c.collection_id, func.count())
        .where(
            collection_versions.c.collection_id.in_(collection_pks),
            collection_versions.c.state == VersionState.COMMITTED.value,
        )
        .group_by(collection_versions.c.collection_id)
    )
    return {pk: int(count) for pk, count in tx.execute(statement)}


def load_versions(tx: Transaction, pks: Sequence[int]) -> dict[int, CollectionVersion]:
    """Versions by key, whatever their state."""
    found: list[CollectionVersion] = []
    for start in range(0, len(pks), CHUNK):
        wanted = _VERSIONS.where(collection_versions.c.id.in_(pks[start : start + CHUNK]))
        found.extend(_version(row) for row in tx.execute(wanted))
    return {version.pk: version for version in complete(tx, found)}


def update_version(tx: Transaction, pk: int, now_ms: int, **values: object) -> None:
    """Change columns of a version."""
    statement = update(collection_versions).where(collection_versions.c.id == pk)
    tx.execute(statement.values(updated_at_ms=now_ms, **values))


def set_version_tags(tx: Transaction, pk: int, tags: Iterable[str]) -> None:
    """Let a version have exactly these tags."""
    replace_tags(tx, collection_version_tags, "version_pk", pk, tags)


def add_client_id(tx: Transaction, client_id: str, version_pk: int) -> None:
    """Note what a client calls a version."""
    tx.execute(
        dialect.insert(tx.engine, collection_client_ids)
        .values(client_id=client_id, version_pk=version_pk)
        .on_conflict_do_nothing()
    )


def complete(tx: Transaction, versions: Sequence[CollectionVersion]) -> list[CollectionVersion]:
    """The versions with their tags and the aliases that they hold in their own sequence."""
    pks = [version.pk for version in versions]
    tags = grouped(tx, collection_version_tags.c.version_pk, collection_version_tags.c.tag, pks)
    aliases: dict[int, list[str]] = {}
    owner = {version.pk: version.collection.pk for version in versions}
    for start in range(0, len(pks), CHUNK):
        statement = select(
            collection_aliases.c.version_pk,
            collection_aliases.c.collection_id,
            collection_aliases.c.alias,
        ).where(collection_aliases.c.version_pk.in_(pks[start : start + CHUNK]))
        for version_pk, collection_pk, alias in tx.execute(statement):
            if owner[version_pk] == collection_pk:
                aliases.setdefault(version_pk, []).append(alias)
    return [
        replace(
            version,
            tags=tuple(sorted(tags.get(version.pk, ()))),
            aliases=tuple(sorted(aliases.get(version.pk, ()))),
        )
        for version in versions
    ]


def _first_version(
    tx: Transaction, condition: Any, *, lock: bool = False
) -> CollectionVersion | None:
    row = tx.execute(_PLACES.where(condition)).first()
    if row is None:
        return None
    if row[1] is not None:
        return find_version_by_pk(tx, row[1])
    found = tx.execute(_LOCKED_BY_PK if lock else _BY_PK, {"pk": row[0]}).first()
    return None if found is None else complete(tx, [_version(found)])[0]


def _version(row: Sequence[Any]) -> CollectionVersion:
    own = row[_OWN:]
    return CollectionVersion(
        pk=own[0],
        version_id=own[1],
        collection=as_collection(row),
        version_index=own[2],
        state=VersionState(own[3]),
        digest=own[4],
        client_digest=own[5],
        description=own[6],
        metadata=own[7],
        ttl_s=own[8],
        file_count=own[9],
        size_bytes=own[10],
        run_id=own[11],
        step=own[12],
        created_by=own[13],
        created_at_ms=own[14],
        updated_at_ms=own[15],
        committed_at_ms=own[16],
        wanted_aliases=tuple(json.loads(own[17])),
    )


def list_drafts(tx: Transaction, collection_pk: int) -> list[int]:
    """The keys of a sequence's drafts."""
    statement = select(collection_versions.c.id).where(
        collection_versions.c.collection_id == collection_pk,
        collection_versions.c.state == VersionState.PENDING.value,
    )
    return list(tx.execute(statement).scalars())
