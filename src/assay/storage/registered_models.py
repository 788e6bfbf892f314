"""Statements on registered models and their tags."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update

from assay.domain.registry import RegisteredModel
from assay.storage.database import Transaction
from assay.storage.key_values import KeyValues
from assay.storage.tables.registry import registered_model_tags, registered_models
from assay.storage.tables.tracking import workspaces

MODELS = select(
    registered_models.c.id,
    registered_models.c.name,
    workspaces.c.name.label("workspace"),
    registered_models.c.description,
    registered_models.c.last_version,
    registered_models.c.created_at_ms,
    registered_models.c.updated_at_ms,
).join_from(registered_models, workspaces)
LIVE = registered_models.c.deleted_at_ms.is_(None)

_BY_NAME = MODELS.where(
    workspaces.c.name == bindparam("workspace"),
    registered_models.c.name == bindparam("name"),
    LIVE,
)
_TAKE_NUMBER = (
    update(registered_models)
    .where(registered_models.c.id == bindparam("pk"))
    .values(last_version=registered_models.c.last_version + 1, updated_at_ms=bindparam("now_ms"))
    .returning(registered_models.c.last_version)
)


def insert_model(
    tx: Transaction, workspace_pk: int, *, name: str, description: str, now_ms: int
) -> int:
    """Add a model without versions and return its key; a live twin is AlreadyExists."""
    result = tx.execute(
        insert(registered_models)
        .values(
            workspace_id=workspace_pk,
            name=name,
            description=description,
            last_version=0,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
        .returning(registered_models.c.id)
    )
    return int(result.scalar_one())


def find_model(tx: Transaction, workspace: str, name: str) -> RegisteredModel | None:
    """The live model of that name, without its tags and aliases."""
    row = tx.execute(_BY_NAME, {"workspace": workspace, "name": name}).first()
    return None if row is None else as_model(row)


def find_models(tx: Transaction, workspace: str, names: Collection[str]) -> dict[str, int]:
    """The keys of those live models that exist, by name."""
    statement = MODELS.where(
        workspaces.c.name == workspace, registered_models.c.name.in_(names), LIVE
    )
    return {row.name: row.id for row in tx.execute(statement)}


def as_model(row: Row[Any]) -> RegisteredModel:
    """A row of `MODELS` as a value."""
    return RegisteredModel(
        pk=row.id,
        name=row.name,
        workspace=row.workspace,
        description=row.description,
        last_version=row.last_version,
        created_at_ms=row.created_at_ms,
        updated_at_ms=row.updated_at_ms,
    )


def take_version_number(tx: Transaction, pk: int, now_ms: int) -> int:
    """The next version number; it is never handed out again, whatever becomes of the version."""
    return int(tx.execute(_TAKE_NUMBER, {"pk": pk, "now_ms": now_ms}).scalar_one())


def touch_model(tx: Transaction, pk: int, now_ms: int) -> None:
    """Note that something of the model changed."""
    _change(tx, pk, updated_at_ms=now_ms)


def rename_model(tx: Transaction, pk: int, name: str, now_ms: int) -> None:
    """Give a model another name; a live twin is AlreadyExists."""
    _change(tx, pk, name=name, updated_at_ms=now_ms)


def describe_model(tx: Transaction, pk: int, description: str, now_ms: int) -> None:
    """Replace the description."""
    _change(tx, pk, description=description, updated_at_ms=now_ms)


def bury_model(tx: Transaction, pk: int, now_ms: int) -> None:
    """Make a tombstone of a model: its rows stay and its name becomes free."""
    _change(tx, pk, deleted_at_ms=now_ms, updated_at_ms=now_ms)


def _change(tx: Transaction, pk: int, **values: object) -> None:
    tx.execute(update(registered_models).where(registered_models.c.id == pk).values(**values))


MODEL_TAGS = KeyValues(registered_model_tags, "model_id")
