"""Statements on collections and their versions. Files, and what points at versions, are elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, delete, func, insert, or_, select, update

from assay.domain.collection import (
    Collection,
    CollectionKind,
    CollectionVersion,
    NewVersion,
    VersionState,
)
from assay.domain.tracking import Lifecycle
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.tables.collections import (
    collection_aliases,
    collection_client_ids,
    collection_tags,
    collection_version_tags,
    collection_versions,
    collections,
)
from assay.storage.tables.tracking import runs, workspaces

_COLLECTION = (
    collections.c.id,
    workspaces.c.name.label("workspace"),
    collections.c.experiment_id,
    collections.c.place,
    collections.c.name.label("collection_name"),
    collections.c.type,
    collections.c.kind,
    collections.c.description.label("collection_description"),
    collections.c.created_by.label("collection_created_by"),
    collections.c.created_at_ms.label("collection_created_at_ms"),
    collections.c.updated_at_ms.label("collection_updated_at_ms"),
)
_OWN = len(_COLLECTION)
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

CHUNK = 500
"""Keys that one statement names at most: both engines bound the parameters of a statement."""


class CollectionQuery(NamedTuple):
    """Which collections of a workspace; None does not restrict."""

    workspace: str
    place: str | None = None
    type: str | None = None
    kind: CollectionKind | None = None
    registries: bool = False
    """Only collections of registries."""


def ensure_collection(tx: Transaction, wanted: Collection, workspace_pk: int) -> Collection:
    """The active collection of that place and name, made (or taken out of the bin) if need be.

    Its type and kind are those that it was made with; one out of the bin gets the wanted ones.
    """
    values = {
        "workspace_id": workspace_pk,
        "experiment_id": None if wanted.experiment_id is None else int(wanted.experiment_id),
        "place": wanted.place,
        "name": wanted.name,
        "type": wanted.type,
        "kind": wanted.kind.value,
        "description": wanted.description,
        "lifecycle": Lifecycle.ACTIVE.value,
        "next_index": 0,
        "created_by": wanted.created_by,
        "created_at_ms": wanted.created_at_ms,
        "updated_at_ms": wanted.updated_at_ms,
    }
    unique = ["workspace_id", "place", "name"]
    tx.execute(
        dialect.insert(tx.engine, collections)
        .values(values)
        .on_conflict_do_nothing(index_elements=unique)
    )
    tx.execute(
        update(collections)
        .where(
            *(collections.c[name] == values[name] for name in unique),
            collections.c.lifecycle == Lifecycle.DELETED.value,
        )
        .values({name: values[name] for name in ("type", "kind", "description", "lifecycle")})
    )
    found = find_collection(tx, wanted.workspace, wanted.place, wanted.name)
    assert found is not None
    return found


def find_collection(
    tx: Transaction, workspace: str, place: str, name: str, *, lock: bool = False
) -> Collection | None:
    """The active collection; with `lock`, nobody else changes it until the transaction ends."""
    statement = _active().where(
        workspaces.c.name == workspace, collections.c.place == place, collections.c.name == name
    )
    return _first_collection(tx, statement, lock=lock)


def find_collection_by_pk(tx: Transaction, pk: int, *, lock: bool = False) -> Collection | None:
    """The active collection with that key."""
    return _first_collection(tx, _active().where(collections.c.id == pk), lock=lock)


def list_collections(
    tx: Transaction, query: CollectionQuery, after: str | None, limit: int
) -> list[Collection]:
    """Collections by name and key, from beyond `after` (a text that `position` made) on."""
    statement = _matching(query).order_by(collections.c.name, collections.c.id).limit(limit)
    if after is not None:
        pk, _, name = after.partition(":")
        statement = statement.where(
            or_(
                collections.c.name > name,
                and_(collections.c.name == name, collections.c.id > int(pk)),
            )
        )
    return _with_tags(tx, [_collection(row) for row in tx.execute(statement)])


def position(collection: Collection) -> str:
    """Where a listing goes on after this collection."""
    return f"{collection.pk}:{collection.name}"


def count_collections(tx: Transaction, query: CollectionQuery) -> int:
    """How many there are."""
    inner = _matching(query).subquery()
    return int(tx.execute(select(func.count()).select_from(inner)).scalar_one())


def list_places(tx: Transaction, workspace: str, prefix: str) -> list[str]:
    """The places of a workspace that start so and hold a collection."""
    statement = (
        select(collections.c.place)
        .join_from(collections, workspaces)
        .where(workspaces.c.name == workspace, collections.c.place.startswith(prefix))
        .where(collections.c.lifecycle == Lifecycle.ACTIVE.value)
        .distinct()
        .order_by(collections.c.place)
    )
    return list(tx.execute(statement).scalars())


def list_types(tx: Transaction, query: CollectionQuery) -> list[str]:
    """The types that the collections have."""
    statement = _matching(query).with_only_columns(collections.c.type).distinct()
    return sorted(tx.execute(statement).scalars())


def update_collection(tx: Transaction, pk: int, now_ms: int, **values: object) -> None:
    """Change columns of a collection."""
    statement = update(collections).where(collections.c.id == pk)
    tx.execute(statement.values(updated_at_ms=now_ms, **values))


def take_index(tx: Transaction, pk: int, now_ms: int) -> int:
    """The next index of a collection, given once. The collection stays locked."""
    statement = (
        update(collections)
        .where(collections.c.id == pk)
        .values(next_index=collections.c.next_index + 1, updated_at_ms=now_ms)
        .returning(collections.c.next_index)
    )
    return int(tx.execute(statement).scalar_one()) - 1


def set_collection_tags(tx: Transaction, pk: int, tags: Iterable[str]) -> None:
    """Let a collection have exactly these tags."""
    _replace_tags(tx, collection_tags, "collection_id", pk, tags)


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


def list_by_content(tx: Transaction, digest: str, limit: int = 100) -> list[CollectionVersion]:
    """Committed versions with that content, in any collection of any workspace."""
    statement = _versions().where(
        collection_versions.c.digest == digest,
        collection_versions.c.state == VersionState.COMMITTED.value,
    )
    ordered = statement.order_by(collection_versions.c.id).limit(limit)
    return complete(tx, [_version(row) for row in tx.execute(ordered)])


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
    statement = _versions().where(
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
    statement = _versions().where(
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
        wanted = _versions().where(collection_versions.c.id.in_(pks[start : start + CHUNK]))
        found.extend(_version(row) for row in tx.execute(wanted))
    return {version.pk: version for version in complete(tx, found)}


def update_version(tx: Transaction, pk: int, now_ms: int, **values: object) -> None:
    """Change columns of a version."""
    statement = update(collection_versions).where(collection_versions.c.id == pk)
    tx.execute(statement.values(updated_at_ms=now_ms, **values))


def set_version_tags(tx: Transaction, pk: int, tags: Iterable[str]) -> None:
    """Let a version have exactly these tags."""
    _replace_tags(tx, collection_version_tags, "version_pk", pk, tags)


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
    tags = _grouped(tx, collection_version_tags.c.version_pk, collection_version_tags.c.tag, pks)
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
    row = tx.execute(
        select(collection_versions.c.id, collection_versions.c.same_as_pk).where(condition)
    ).first()
    if row is None:
        return None
    if row[1] is not None:
        return find_version_by_pk(tx, row[1])
    statement = _versions().where(collection_versions.c.id == row[0])
    if lock:
        statement = statement.with_for_update(of=collection_versions)
    found = tx.execute(statement).first()
    return None if found is None else complete(tx, [_version(found)])[0]


def _first_collection(tx: Transaction, statement: Select[Any], *, lock: bool) -> Collection | None:
    wanted = statement.with_for_update(of=collections) if lock else statement
    row = tx.execute(wanted).first()
    return None if row is None else _with_tags(tx, [_collection(row)])[0]


def _active() -> Select[Any]:
    return (
        select(*_COLLECTION)
        .join_from(collections, workspaces)
        .where(collections.c.lifecycle == Lifecycle.ACTIVE.value)
    )


def _matching(query: CollectionQuery) -> Select[Any]:
    statement = _active().where(workspaces.c.name == query.workspace)
    if query.place is not None:
        statement = statement.where(collections.c.place == query.place)
    if query.type is not None:
        statement = statement.where(collections.c.type == query.type)
    if query.kind is not None:
        statement = statement.where(collections.c.kind == query.kind.value)
    if query.registries:
        statement = statement.where(collections.c.experiment_id.is_(None))
    return statement


def _versions() -> Select[Any]:
    return (
        select(*_COLLECTION, *_VERSION)
        .join_from(collection_versions, collections)
        .join(workspaces, workspaces.c.id == collections.c.workspace_id)
        .outerjoin(runs, runs.c.id == collection_versions.c.run_pk)
    )


def _collection(row: Sequence[Any]) -> Collection:
    return Collection(
        pk=row[0],
        workspace=row[1],
        experiment_id=None if row[2] is None else str(row[2]),
        place=row[3],
        name=row[4],
        type=row[5],
        kind=CollectionKind(row[6]),
        description=row[7],
        created_by=row[8],
        created_at_ms=row[9],
        updated_at_ms=row[10],
    )


def _version(row: Sequence[Any]) -> CollectionVersion:
    own = row[_OWN:]
    return CollectionVersion(
        pk=own[0],
        version_id=own[1],
        collection=_collection(row),
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


def _with_tags(tx: Transaction, found: list[Collection]) -> list[Collection]:
    pks = [collection.pk for collection in found]
    tags = _grouped(tx, collection_tags.c.collection_id, collection_tags.c.tag, pks)
    return [replace(one, tags=tuple(sorted(tags.get(one.pk, ())))) for one in found]


def _grouped(tx: Transaction, owner: Any, value: Any, pks: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for start in range(0, len(pks), CHUNK):
        for pk, text in tx.execute(
            select(owner, value).where(owner.in_(pks[start : start + CHUNK]))
        ):
            found.setdefault(pk, []).append(text)
    return found


def _replace_tags(tx: Transaction, table: Any, owner: str, pk: int, tags: Iterable[str]) -> None:
    tx.execute(delete(table).where(table.c[owner] == pk))
    rows = [{owner: pk, "tag": tag} for tag in sorted(set(tags))]
    if rows:
        tx.execute(insert(table), rows)


def find_any(tx: Transaction, like: Collection, name: str) -> bool:
    """Whether a collection of that name, deleted or not, is where `like` is."""
    statement = (
        select(collections.c.id)
        .join_from(collections, workspaces)
        .where(
            workspaces.c.name == like.workspace,
            collections.c.place == like.place,
            collections.c.name == name,
        )
    )
    return tx.execute(statement).first() is not None


def list_drafts(tx: Transaction, collection_pk: int) -> list[int]:
    """The keys of a sequence's drafts."""
    statement = select(collection_versions.c.id).where(
        collection_versions.c.collection_id == collection_pk,
        collection_versions.c.state == VersionState.PENDING.value,
    )
    return list(tx.execute(statement).scalars())
