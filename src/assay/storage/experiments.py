"""Statements on experiments and their tags. Ids are the database's keys as decimal text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, select, update

from assay.domain.tracking import Experiment, Lifecycle
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.key_values import KeyValues
from assay.storage.prepared import Prepared
from assay.storage.tables.tracking import experiment_tags, experiments, workspaces

COLUMNS = (
    experiments.c.id,
    workspaces.c.name,
    experiments.c.name,
    experiments.c.lifecycle,
    experiments.c.artifact_location,
    experiments.c.created_at_ms,
    experiments.c.updated_at_ms,
)
_ALL = select(*COLUMNS).join_from(experiments, workspaces)
_BY_PK = _ALL.where(experiments.c.id == bindparam("pk"))
_BY_NAME = _ALL.where(
    workspaces.c.name == bindparam("workspace"), experiments.c.name == bindparam("name")
)
# Whoever adds to an experiment keeps it from being deleted meanwhile, but not others from adding.
_SHARED = Prepared(
    select(experiments.c.workspace_id, workspaces.c.name, experiments.c.lifecycle)
    .join_from(experiments, workspaces)
    .where(experiments.c.id == bindparam("pk"))
    .with_for_update(read=True, of=experiments)
)
_WORKSPACES = select(experiments.c.id, workspaces.c.name).join_from(experiments, workspaces)
_TAGS = KeyValues(experiment_tags, "experiment_id")


def insert_experiment(
    tx: Transaction, workspace_pk: int, name: str, artifact_location: str | None, now_ms: int
) -> int | None:
    """Add an active experiment and return its key; None when the name is taken, also by a deleted one."""
    statement = (
        dialect.insert(tx.engine, experiments)
        .values(
            workspace_id=workspace_pk,
            name=name,
            lifecycle=Lifecycle.ACTIVE.value,
            artifact_location=artifact_location,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
        .on_conflict_do_nothing(index_elements=["workspace_id", "name"])
        .returning(experiments.c.id)
    )
    pk: int | None = tx.execute(statement).scalar()
    return pk


def insert_first_experiment(tx: Transaction, workspace_pk: int, name: str, now_ms: int) -> None:
    """Add the experiment with the id 0, unless it is there."""
    statement = (
        dialect.insert(tx.engine, experiments)
        .values(
            id=0,
            workspace_id=workspace_pk,
            name=name,
            lifecycle=Lifecycle.ACTIVE.value,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
        .on_conflict_do_nothing()
    )
    tx.execute(statement)


def find_experiment(tx: Transaction, pk: int) -> Experiment | None:
    """The experiment with its tags, in any lifecycle."""
    row = tx.execute(_BY_PK, {"pk": pk}).first()
    return None if row is None else as_experiment(row, _TAGS.of(tx, row[0]))


def find_experiment_by_name(tx: Transaction, workspace: str, name: str) -> Experiment | None:
    """The experiment of that name in a workspace, in any lifecycle."""
    row = tx.execute(_BY_NAME, {"workspace": workspace, "name": name}).first()
    return None if row is None else as_experiment(row, _TAGS.of(tx, row[0]))


def find_home(tx: Transaction, pk: int) -> tuple[int, str, Lifecycle] | None:
    """(workspace key, workspace name, lifecycle), held as it is until the transaction ends."""
    row = _SHARED.first(tx, pk=pk)
    return None if row is None else (row[0], row[1], Lifecycle(row[2]))


def find_workspaces(tx: Transaction, pks: Sequence[int]) -> dict[int, str]:
    """The workspace names of those experiments that exist."""
    rows = tx.execute(_WORKSPACES.where(experiments.c.id.in_(pks)))
    return {row[0]: row[1] for row in rows}


def lock_experiment(tx: Transaction, pk: int) -> Experiment | None:
    """The experiment, which nobody else changes until the transaction ends."""
    row = tx.execute(_BY_PK.with_for_update(of=experiments), {"pk": pk}).first()
    return None if row is None else as_experiment(row, _TAGS.of(tx, row[0]))


def rename_experiment(tx: Transaction, pk: int, name: str, now_ms: int) -> None:
    """Give the experiment another name. A taken name is AlreadyExists."""
    tx.execute(
        update(experiments).where(experiments.c.id == pk).values(name=name, updated_at_ms=now_ms)
    )


def set_lifecycle(tx: Transaction, pk: int, lifecycle: Lifecycle, now_ms: int) -> None:
    """Delete or restore the experiment itself; its runs are another statement."""
    tx.execute(
        update(experiments)
        .where(experiments.c.id == pk)
        .values(lifecycle=lifecycle.value, updated_at_ms=now_ms)
    )


def insert_tags(tx: Transaction, pk: int, tags: Mapping[str, str]) -> None:
    """The tags of an experiment that has none yet."""
    _TAGS.insert(tx, pk, tags)


def set_tag(tx: Transaction, pk: int, key: str, value: str) -> None:
    """Set one tag, whether or not it was there."""
    _TAGS.set(tx, pk, {key: value})


def delete_tag(tx: Transaction, pk: int, key: str) -> bool:
    """Remove one tag; False when it was not there."""
    return _TAGS.delete(tx, pk, key)


def tags_of_experiments(tx: Transaction, pks: Iterable[int]) -> dict[int, dict[str, str]]:
    """The tags of several experiments; one without any is left out."""
    return _TAGS.of_many(tx, pks)


def as_experiment(row: Sequence[Any], tags: Mapping[str, str]) -> Experiment:
    """A row of `COLUMNS` and the tags as a value."""
    pk, workspace, name, lifecycle, location, created_at_ms, updated_at_ms = row[:7]
    return Experiment(
        experiment_id=str(pk),
        workspace=workspace,
        name=name,
        lifecycle=Lifecycle(lifecycle),
        artifact_location=location,
        created_at_ms=created_at_ms,
        updated_at_ms=updated_at_ms,
        tags=tags,
    )
