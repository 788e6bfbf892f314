"""Statements that find who holds an alias without having come there through a gate."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import ColumnElement, exists, func, or_, select

from assay.domain.imported import RECORD
from assay.domain.registry import MoveKind, VersionState
from assay.storage.database import Transaction
from assay.storage.tables.registry import (
    alias_moves,
    aliases,
    model_versions,
    registered_models,
)
from assay.storage.tables.tracking import workspaces

_UNEXAMINED = (MoveKind.SET.value, MoveKind.IMPORTED.value)
_EARNED = (MoveKind.PROMOTION.value, MoveKind.BREAK_GLASS.value)
_EARLIER = alias_moves.alias("earlier")
_HOLDERS = (
    select(
        registered_models.c.id.label("model_pk"),
        registered_models.c.name.label("model"),
        aliases.c.alias,
        alias_moves.c.kind,
        alias_moves.c.actor,
        alias_moves.c.ledger_seq,
        aliases.c.version_id,
        model_versions.c.version,
    )
    .join_from(aliases, registered_models, aliases.c.model_id == registered_models.c.id)
    .join(workspaces, registered_models.c.workspace_id == workspaces.c.id)
    .join(
        alias_moves,
        (alias_moves.c.model_id == aliases.c.model_id)
        & (alias_moves.c.alias == aliases.c.alias)
        & (alias_moves.c.revision == aliases.c.revision),
    )
    .outerjoin(model_versions, aliases.c.version_id == model_versions.c.id)
    .order_by(registered_models.c.name, aliases.c.alias)
)


class Seat(NamedTuple):
    """An alias by its last move: who holds it (None: nobody any more), how and by whom."""

    model_pk: int
    model: str
    alias: str
    kind: MoveKind
    actor: str
    ledger_seq: int
    version_pk: int | None
    version: int | None


class Label(NamedTuple):
    """A version in a stage."""

    model: str
    version: int
    stage: str


def list_unexamined(
    tx: Transaction, workspace: str, names: Collection[str], limit: int
) -> list[Seat]:
    """Aliases of these names, in any spelling, that were last set or moved in, or left by a champion."""
    left = exists().where(
        _EARLIER.c.model_id == aliases.c.model_id,
        _EARLIER.c.alias == aliases.c.alias,
        _EARLIER.c.kind.in_(_EARNED),
    )
    statement = _HOLDERS.where(
        workspaces.c.name == workspace,
        registered_models.c.deleted_at_ms.is_(None),
        _is_one_of(aliases.c.alias, names),
        or_(
            alias_moves.c.kind.in_(_UNEXAMINED),
            (alias_moves.c.kind == MoveKind.REMOVED.value) & left,
        ),
    )
    return [
        Seat(
            row.model_pk,
            row.model,
            row.alias,
            MoveKind(row.kind),
            row.actor,
            row.ledger_seq,
            row.version_id,
            row.version,
        )
        for row in tx.execute(statement.limit(limit))
    ]


def list_labels_without_alias(
    tx: Transaction, workspace: str, names: Collection[str], limit: int
) -> list[Label]:
    """Versions in a stage that is called like one of these aliases, which do not hold that alias."""
    holds = exists().where(
        aliases.c.version_id == model_versions.c.id,
        func.lower(aliases.c.alias) == func.lower(model_versions.c.stage),
    )
    statement = (
        select(registered_models.c.name, model_versions.c.version, model_versions.c.stage)
        .join_from(model_versions, registered_models)
        .join(workspaces, registered_models.c.workspace_id == workspaces.c.id)
        .where(
            workspaces.c.name == workspace,
            registered_models.c.deleted_at_ms.is_(None),
            model_versions.c.state != VersionState.DELETED.value,
            _is_one_of(model_versions.c.stage, names),
            ~holds,
        )
        .order_by(registered_models.c.name, model_versions.c.version)
    )
    return [Label(*row) for row in tx.execute(statement.limit(limit))]


def has_version_registered_here(tx: Transaction, model_pk: int) -> bool:
    """Whether any version of a model, tombstones included, was not moved in by an import."""
    origins = model_versions.c.lineage_origins
    native = exists().where(
        model_versions.c.model_id == model_pk,
        or_(origins.is_(None), ~origins.contains(f'"{RECORD}": ', autoescape=True)),
    )
    return bool(tx.execute(select(native)).scalar())


def _is_one_of(column: ColumnElement[str], names: Collection[str]) -> ColumnElement[bool]:
    # Aliases are ASCII, so that the database's lower case is Python's.
    return func.lower(column).in_(sorted({name.lower() for name in names}))
