"""Statements that find what a version could be made of: a run's folders and its logged models."""

from __future__ import annotations

from sqlalchemy import bindparam, case, select

from assay.domain.tracking import Lifecycle, LoggedModelStatus
from assay.storage.database import Transaction
from assay.storage.tables.tracking import logged_models, run_files

_NAMES = (
    select(logged_models.c.name)
    .where(
        logged_models.c.run_pk == bindparam("run_pk"),
        logged_models.c.lifecycle == Lifecycle.ACTIVE.value,
    )
    .order_by(logged_models.c.id)
)
_NAMED = (
    select(logged_models.c.model_id)
    .where(
        logged_models.c.run_pk == bindparam("run_pk"),
        logged_models.c.name == bindparam("name"),
        logged_models.c.lifecycle == Lifecycle.ACTIVE.value,
    )
    .order_by(
        case((logged_models.c.status == LoggedModelStatus.READY.value, 0), else_=1),
        logged_models.c.id.desc(),
    )
    .limit(1)
)
_PATHS = (
    select(run_files.c.path)
    .where(run_files.c.run_pk == bindparam("run_pk"))
    .order_by(run_files.c.path)
)


def find_logged_model_named(tx: Transaction, run_pk: int, name: str) -> str | None:
    """The id of the run's newest logged model of that name, complete ones first."""
    model_id: str | None = tx.execute(_NAMED, {"run_pk": run_pk, "name": name}).scalar()
    return model_id


def list_folders(tx: Transaction, run_pk: int, limit: int) -> list[str]:
    """The folders that hold files of a run, and the names of its logged models."""
    found: dict[str, None] = {}
    for path in tx.execute(_PATHS, {"run_pk": run_pk}).scalars():
        folder = path.rpartition("/")[0]
        if folder:
            found[folder] = None
        if len(found) >= limit:
            break
    for name in tx.execute(_NAMES.limit(limit), {"run_pk": run_pk}).scalars():
        found[name] = None
    return list(found)[:limit]
