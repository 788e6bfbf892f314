"""Statements on what points at collection versions: aliases, portfolios and runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, delete, func, insert, or_, select

from assay.domain.collection import Direction, VersionState
from assay.domain.lineage import DatasetRef
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.tables.collections import (
    collection_aliases,
    collection_links,
    collection_uses,
    collection_versions,
    collections,
)
from assay.storage.tables.registry import aliases, model_versions
from assay.storage.tables.tracking import runs


class LinkRow(NamedTuple):
    """A version in a portfolio; `model_version` is the number that the registry gave it."""

    pk: int
    collection_pk: int
    version_pk: int
    version_index: int
    model_version: int | None
    model_version_pk: int | None
    created_at_ms: int


class UseRow(NamedTuple):
    """An edge between a run and a version."""

    run_id: str
    version_pk: int
    direction: Direction
    used_as: str
    step: int | None
    created_at_ms: int


def set_alias(tx: Transaction, collection_pk: int, alias: str, version_pk: int) -> None:
    """Let the alias name that version, wherever it was."""
    statement = dialect.insert(tx.engine, collection_aliases).values(
        collection_id=collection_pk, alias=alias, version_pk=version_pk
    )
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["collection_id", "alias"],
            set_={"version_pk": statement.excluded.version_pk},
        )
    )


def delete_alias(tx: Transaction, collection_pk: int, alias: str, version_pk: int) -> bool:
    """Let the alias name nothing, if it names that version."""
    done = tx.execute(
        delete(collection_aliases).where(
            collection_aliases.c.collection_id == collection_pk,
            collection_aliases.c.alias == alias,
            collection_aliases.c.version_pk == version_pk,
        )
    )
    return done.rowcount > 0


def delete_aliases(tx: Transaction, collection_pk: int, version_pk: int | None = None) -> None:
    """Remove every alias of a collection, or those that name one version."""
    statement = delete(collection_aliases).where(
        collection_aliases.c.collection_id == collection_pk
    )
    if version_pk is not None:
        statement = statement.where(collection_aliases.c.version_pk == version_pk)
    tx.execute(statement)


def list_aliases(tx: Transaction, collection_pk: int) -> list[tuple[str, int]]:
    """(alias, version's key) of a collection, by alias."""
    statement = (
        select(collection_aliases.c.alias, collection_aliases.c.version_pk)
        .where(collection_aliases.c.collection_id == collection_pk)
        .order_by(collection_aliases.c.alias)
    )
    return [(alias, pk) for alias, pk in tx.execute(statement)]


def insert_link(
    tx: Transaction,
    collection_pk: int,
    version_pk: int,
    index: int,
    model_version_pk: int | None,
    created_by: str,
    now_ms: int,
) -> None:
    """Put a version into a portfolio that does not hold it."""
    # What a deleted model version left behind gives way.
    tx.execute(
        delete(collection_links).where(
            collection_links.c.collection_id == collection_pk,
            collection_links.c.version_pk == version_pk,
        )
    )
    tx.execute(
        insert(collection_links).values(
            collection_id=collection_pk,
            version_pk=version_pk,
            version_index=index,
            model_version_pk=model_version_pk,
            created_by=created_by,
            created_at_ms=now_ms,
        )
    )


def delete_link(tx: Transaction, pk: int) -> None:
    """Take a version out of a portfolio."""
    tx.execute(delete(collection_links).where(collection_links.c.id == pk))


def find_link(tx: Transaction, collection_pk: int, version_pk: int) -> LinkRow | None:
    """The link of a version in a portfolio."""
    row = tx.execute(
        _links().where(
            collection_links.c.collection_id == collection_pk,
            collection_links.c.version_pk == version_pk,
        )
    ).first()
    return None if row is None else LinkRow(*row)


def find_link_at(tx: Transaction, collection_pk: int, index: int) -> LinkRow | None:
    """What a portfolio has under an index."""
    row = tx.execute(
        _links().where(
            collection_links.c.collection_id == collection_pk,
            collection_links.c.version_index == index,
        )
    ).first()
    return None if row is None else LinkRow(*row)


def list_links(
    tx: Transaction, collection_pk: int, before: int | None, limit: int
) -> list[LinkRow]:
    """What a portfolio holds, newest first, below the index `before`."""
    statement = _links().where(collection_links.c.collection_id == collection_pk)
    if before is not None:
        statement = statement.where(collection_links.c.version_index < before)
    ordered = statement.order_by(collection_links.c.version_index.desc()).limit(limit)
    return [LinkRow(*row) for row in tx.execute(ordered)]


def count_links(tx: Transaction, collection_pks: Sequence[int]) -> dict[int, int]:
    """How many versions each portfolio holds."""
    statement = (
        select(collection_links.c.collection_id, func.count())
        .where(collection_links.c.collection_id.in_(collection_pks))
        .group_by(collection_links.c.collection_id)
    )
    return {pk: int(count) for pk, count in tx.execute(statement)}


def links_of_version(tx: Transaction, version_pk: int) -> list[LinkRow]:
    """The portfolios that a version is in."""
    statement = _links().where(collection_links.c.version_pk == version_pk)
    return [LinkRow(*row) for row in tx.execute(statement.order_by(collection_links.c.id))]


def is_any_linked(tx: Transaction, sequence_pk: int) -> bool:
    """Whether a version of a sequence is in a portfolio."""
    statement = (
        select(collection_links.c.id)
        .join(collection_versions, collection_versions.c.id == collection_links.c.version_pk)
        .where(collection_versions.c.collection_id == sequence_pk)
        .limit(1)
    )
    return tx.execute(statement).first() is not None


def names_of_portfolios(tx: Transaction, pks: Iterable[int]) -> list[str]:
    """The names of collections, by name."""
    statement = select(collections.c.name).where(collections.c.id.in_(list(pks)))
    return sorted(tx.execute(statement).scalars())


def add_use(
    tx: Transaction,
    run_pk: int,
    version_pk: int,
    direction: Direction,
    used_as: str,
    step: int | None,
    now_ms: int,
) -> None:
    """Record an edge; one that is known stays as it was."""
    tx.execute(
        dialect.insert(tx.engine, collection_uses)
        .values(
            run_pk=run_pk,
            version_pk=version_pk,
            direction=direction.value,
            used_as=used_as,
            step=step,
            created_at_ms=now_ms,
        )
        .on_conflict_do_nothing()
    )


def move_uses(tx: Transaction, from_pk: int, to_pk: int) -> None:
    """Let the edges of a draft lead to the version that it repeats."""
    columns = [c for c in collection_uses.c if c.name not in {"run_pk", "version_pk"}]
    rows = tx.execute(
        select(collection_uses.c.run_pk, *columns).where(collection_uses.c.version_pk == from_pk)
    ).all()
    for row in rows:
        values = dict(zip(["run_pk", *(c.name for c in columns)], row, strict=True))
        tx.execute(
            dialect.insert(tx.engine, collection_uses)
            .values(version_pk=to_pk, **values)
            .on_conflict_do_nothing()
        )
    tx.execute(delete(collection_uses).where(collection_uses.c.version_pk == from_pk))


def uses_of_run(tx: Transaction, run_pk: int, direction: Direction | None = None) -> list[UseRow]:
    """What a run read and made, in the order in which it did."""
    statement = _uses().where(collection_uses.c.run_pk == run_pk)
    if direction is not None:
        statement = statement.where(collection_uses.c.direction == direction.value)
    return _use_rows(tx, statement)


def uses_of_version(
    tx: Transaction, version_pk: int, direction: Direction | None = None, limit: int = 1_000
) -> list[UseRow]:
    """The runs that read and made a version, at most `limit`."""
    statement = _uses().where(collection_uses.c.version_pk == version_pk)
    if direction is not None:
        statement = statement.where(collection_uses.c.direction == direction.value)
    return _use_rows(tx, statement.limit(limit))


def inputs_of_run(tx: Transaction, run_pk: int) -> list[tuple[str, DatasetRef]]:
    """(type, name and content digest) of the versions that a run read."""
    statement = (
        select(
            collections.c.type,
            collections.c.name,
            collection_versions.c.version_index,
            collection_versions.c.digest,
        )
        .select_from(collection_uses)
        .join(collection_versions, collection_versions.c.id == collection_uses.c.version_pk)
        .join(collections, collections.c.id == collection_versions.c.collection_id)
        .where(
            collection_uses.c.run_pk == run_pk,
            collection_uses.c.direction == Direction.INPUT.value,
            collection_versions.c.digest.is_not(None),
            collection_versions.c.state != VersionState.PENDING.value,
        )
        .order_by(collections.c.name, collection_versions.c.version_index)
    )
    return [
        (kind, DatasetRef(f"{name}:v{index}", f"sha256:{digest}"))
        for kind, name, index, digest in tx.execute(statement)
    ]


def list_model_aliases(tx: Transaction, model_pk: int) -> list[tuple[str, int]]:
    """(alias, model version's key) that a registered model's aliases name."""
    statement = (
        select(aliases.c.alias, aliases.c.version_id)
        .where(aliases.c.model_id == model_pk, aliases.c.version_id.is_not(None))
        .order_by(aliases.c.alias)
    )
    return [(alias, pk) for alias, pk in tx.execute(statement)]


def find_unlinked_model_version(tx: Transaction, model_pk: int, source: str) -> int | None:
    """The number of a model version that was made for a link which was never written."""
    linked = select(collection_links.c.model_version_pk).where(
        collection_links.c.model_version_pk.is_not(None)
    )
    statement = select(model_versions.c.version).where(
        model_versions.c.model_id == model_pk,
        model_versions.c.source == source,
        model_versions.c.state != "deleted",
        model_versions.c.id.not_in(linked),
    )
    number: int | None = tx.execute(statement.order_by(model_versions.c.id).limit(1)).scalar()
    return number


def _links() -> Select[Any]:
    statement = select(
        collection_links.c.id,
        collection_links.c.collection_id,
        collection_links.c.version_pk,
        collection_links.c.version_index,
        model_versions.c.version,
        collection_links.c.model_version_pk,
        collection_links.c.created_at_ms,
    ).outerjoin_from(
        collection_links, model_versions, model_versions.c.id == collection_links.c.model_version_pk
    )
    # A link ends with its model version.
    return statement.where(
        or_(collection_links.c.model_version_pk.is_(None), model_versions.c.state != "deleted")
    )


def _uses() -> Select[Any]:
    return (
        select(
            runs.c.run_id,
            collection_uses.c.version_pk,
            collection_uses.c.direction,
            collection_uses.c.used_as,
            collection_uses.c.step,
            collection_uses.c.created_at_ms,
        )
        .join_from(collection_uses, runs)
        .order_by(collection_uses.c.created_at_ms, collection_uses.c.version_pk, runs.c.run_id)
    )


def _use_rows(tx: Transaction, statement: Select[Any]) -> list[UseRow]:
    return [
        UseRow(run_id, pk, Direction(direction), used_as, step, at_ms)
        for run_id, pk, direction, used_as, step, at_ms in tx.execute(statement)
    ]
