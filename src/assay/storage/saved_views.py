"""Statements on saved views."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, func, select

from assay.domain.saved_view import SavedView
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.tables.saved_views import saved_views

_COLUMNS = (
    saved_views.c.name,
    saved_views.c.state,
    saved_views.c.created_by,
    saved_views.c.created_at_ms,
    saved_views.c.updated_at_ms,
)


def list_views(tx: Transaction, experiment_pk: int) -> list[SavedView]:
    """The views of an experiment by name."""
    statement = select(*_COLUMNS).where(saved_views.c.experiment_id == experiment_pk)
    return [SavedView(*row) for row in tx.execute(statement.order_by(saved_views.c.name))]


def find_view(tx: Transaction, experiment_pk: int, name: str) -> SavedView | None:
    """One view."""
    row = tx.execute(select(*_COLUMNS).where(*_key(experiment_pk, name))).first()
    return None if row is None else SavedView(*row)


def count_views(tx: Transaction, experiment_pk: int) -> int:
    """How many views the experiment has."""
    statement = select(func.count()).where(saved_views.c.experiment_id == experiment_pk)
    return int(tx.execute(statement).scalar_one())


def put_view(tx: Transaction, experiment_pk: int, view: SavedView) -> None:
    """Keep the view; of one that has the name already, state and time are replaced."""
    statement = dialect.insert(tx.engine, saved_views).values(
        experiment_id=experiment_pk, **view._asdict()
    )
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["experiment_id", "name"],
            set_={"state": view.state, "updated_at_ms": view.updated_at_ms},
        )
    )


def delete_view(tx: Transaction, experiment_pk: int, name: str) -> bool:
    """Remove the view; False when there is none."""
    return tx.execute(delete(saved_views).where(*_key(experiment_pk, name))).rowcount > 0


def _key(experiment_pk: int, name: str) -> tuple[Any, ...]:
    return saved_views.c.experiment_id == experiment_pk, saved_views.c.name == name
