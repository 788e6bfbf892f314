"""Statements on collections themselves; their versions have a module of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, delete, func, insert, or_, select, update

from assay.domain.collection import Collection, CollectionKind
from assay.domain.tracking import Lifecycle
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.tables.collections import collection_tags, collections
from assay.storage.tables.tracking import workspaces

COLUMNS = (
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
"""What `as_collection` reads, in its order."""

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
    return _with_tags(tx, [as_collection(row) for row in tx.execute(statement)])


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
    replace_tags(tx, collection_tags, "collection_id", pk, tags)


def _first_collection(tx: Transaction, statement: Select[Any], *, lock: bool) -> Collection | None:
    wanted = statement.with_for_update(of=collections) if lock else statement
    row = tx.execute(wanted).first()
    return None if row is None else _with_tags(tx, [as_collection(row)])[0]


def _active() -> Select[Any]:
    return (
        select(*COLUMNS)
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


def as_collection(row: Sequence[Any]) -> Collection:
    """The collection of a row that starts with `COLUMNS`."""
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


def _with_tags(tx: Transaction, found: list[Collection]) -> list[Collection]:
    pks = [collection.pk for collection in found]
    tags = grouped(tx, collection_tags.c.collection_id, collection_tags.c.tag, pks)
    return [replace(one, tags=tuple(sorted(tags.get(one.pk, ())))) for one in found]


def grouped(tx: Transaction, owner: Any, value: Any, pks: Sequence[int]) -> dict[int, list[str]]:
    """Texts by the key of their owner."""
    found: dict[int, list[str]] = {}
    for start in range(0, len(pks), CHUNK):
        for pk, text in tx.execute(
            select(owner, value).where(owner.in_(pks[start : start + CHUNK]))
        ):
            found.setdefault(pk, []).append(text)
    return found


def replace_tags(tx: Transaction, table: Any, owner: str, pk: int, tags: Iterable[str]) -> None:
    """Let an owner have exactly these tags."""
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
