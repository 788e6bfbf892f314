"""Counting what the database refers to, in steps that each look at a bounded range of keys.

A table of millions of rows is never read in one statement here: whoever counts goes from step to
step, and lets others have the database in between.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from sqlalchemy import Select, Table, func, select

from assay.domain.webhook import DeliveryState
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.tables.collections import collection_versions, collections
from assay.storage.tables.tracking import (
    blobs,
    experiments,
    logged_model_files,
    logged_models,
    metric_chunks,
    metric_summaries,
    metric_tail,
    run_files,
    runs,
    workspaces,
)
from assay.storage.tables.webhooks import webhook_deliveries

WALKED: Final[dict[str, Table]] = {
    "chunks": metric_chunks,
    "tail": metric_tail,
    "runs": runs,
    "models": logged_models,
    "collections": collection_versions,
}
"""The tables that are walked through by their ids."""


class Amount(NamedTuple):
    """How many rows there are, and the sum of what they say (bytes or points)."""

    rows: int
    total: int


class NamedExperiment(NamedTuple):
    """An experiment and where it is."""

    experiment_id: str
    name: str
    workspace: str


def database_bytes(tx: Transaction) -> int:
    """The size of the database, free room in its files included."""
    return int(tx.driver(dialect.DATABASE_BYTES[tx.engine]).scalar_one())


def last_id(tx: Transaction, name: str) -> int:
    """The greatest id in one of the tables that are walked through; 0 for an empty one."""
    found = tx.execute(select(func.max(WALKED[name].c.id))).scalar()
    return int(found or 0)


def blob_amount(tx: Transaction, start: str, end: str) -> Amount:
    """Number and bytes of the blobs whose digests lie from `start` up to before `end`."""
    statement = select(func.count(), func.sum(blobs.c.size_bytes)).where(
        blobs.c.sha256 >= start, blobs.c.sha256 < end
    )
    return _amount(tx, statement)


def point_amount(tx: Transaction, *, name: str, after: int, last: int) -> Amount:
    """Number and points of the chunks, or the tail rows, with those ids."""
    rows = WALKED[name]
    statement = select(func.count(), func.sum(rows.c.points))
    return _amount(tx, statement.where(rows.c.id > after, rows.c.id <= last))


def runs_by_experiment(tx: Transaction, after: int, last: int) -> dict[int, int]:
    """How many of those runs each experiment has."""
    statement = select(runs.c.experiment_id, func.count()).where(runs.c.id > after)
    return _by_experiment(tx, statement.where(runs.c.id <= last).group_by(runs.c.experiment_id))


def run_bytes_by_experiment(tx: Transaction, after: int, last: int) -> dict[int, int]:
    """The bytes of the files of those runs, by experiment; a file of two runs counts twice."""
    statement = select(runs.c.experiment_id, func.sum(run_files.c.size_bytes))
    joined = statement.join_from(run_files, runs, runs.c.id == run_files.c.run_pk)
    within = joined.where(run_files.c.run_pk > after, run_files.c.run_pk <= last)
    return _by_experiment(tx, within.group_by(runs.c.experiment_id))


def points_by_experiment(tx: Transaction, after: int, last: int) -> dict[int, int]:
    """The points that those runs logged, by experiment, as their summaries count them."""
    statement = select(runs.c.experiment_id, func.sum(metric_summaries.c.count))
    joined = statement.join_from(metric_summaries, runs, runs.c.id == metric_summaries.c.run_pk)
    within = joined.where(metric_summaries.c.run_pk > after, metric_summaries.c.run_pk <= last)
    return _by_experiment(tx, within.group_by(runs.c.experiment_id))


def model_bytes_by_experiment(tx: Transaction, after: int, last: int) -> dict[int, int]:
    """The bytes of the files of those logged models, by experiment."""
    owner = logged_models.c.experiment_id
    statement = select(owner, func.sum(logged_model_files.c.size_bytes)).join_from(
        logged_model_files,
        logged_models,
        logged_models.c.id == logged_model_files.c.logged_model_id,
    )
    model = logged_model_files.c.logged_model_id
    return _by_experiment(tx, statement.where(model > after, model <= last).group_by(owner))


def collection_bytes_by_experiment(tx: Transaction, after: int, last: int) -> dict[int, int]:
    """The bytes of those committed artifact versions, by the experiment that they belong to."""
    owner = collections.c.experiment_id
    statement = select(owner, func.sum(collection_versions.c.size_bytes)).join_from(
        collection_versions, collections, collections.c.id == collection_versions.c.collection_id
    )
    within = statement.where(
        collection_versions.c.id > after,
        collection_versions.c.id <= last,
        collection_versions.c.state == "committed",
        owner.is_not(None),
    )
    return _by_experiment(tx, within.group_by(owner))


def name_experiments(tx: Transaction, pks: list[int]) -> dict[int, NamedExperiment]:
    """The names of experiments, by key."""
    statement = (
        select(experiments.c.id, experiments.c.name, workspaces.c.name)
        .join_from(experiments, workspaces)
        .where(experiments.c.id.in_(pks))
    )
    return {pk: NamedExperiment(str(pk), name, home) for pk, name, home in tx.execute(statement)}


def waiting_deliveries(tx: Transaction, at_most: int) -> int:
    """How many notices wait to reach their webhooks; counted up to `at_most`."""
    pending = select(webhook_deliveries.c.id).where(
        webhook_deliveries.c.state == DeliveryState.PENDING.value
    )
    counted = select(func.count()).select_from(pending.limit(at_most).subquery())
    return int(tx.execute(counted).scalar_one())


def _amount(tx: Transaction, statement: Select[*tuple[Any, ...]]) -> Amount:
    count, total = tx.execute(statement).one()
    return Amount(int(count), int(total or 0))


def _by_experiment(tx: Transaction, statement: Select[*tuple[Any, ...]]) -> dict[int, int]:
    return {int(pk): int(total) for pk, total in tx.execute(statement)}
