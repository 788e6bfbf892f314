"""Statements on datasets and on which run read which of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select

from assay.domain.tracking import Dataset, RunInput
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.key_values import KeyValues
from assay.storage.tables.tracking import (
    datasets,
    run_input_tags,
    run_inputs,
    run_model_inputs,
    runs,
)

_INPUT_TAGS = KeyValues(run_input_tags, "input_id")
_DATASET_ID = select(datasets.c.id).where(
    datasets.c.experiment_id == bindparam("experiment_pk"),
    datasets.c.name == bindparam("name"),
    datasets.c.digest == bindparam("digest"),
)


def add_inputs(
    tx: Transaction, run_pk: int, experiment_pk: int, inputs: Sequence[RunInput]
) -> None:
    """Record that a locked run read datasets, in this order; what was known stays."""
    by_name = {(one.dataset.name, one.dataset.digest): one.dataset for one in reversed(inputs)}
    # By name and digest, so that two requests wait for each other and never in a circle.
    pks = {key: _ensure_dataset(tx, experiment_pk, by_name[key]) for key in sorted(by_name)}
    for given in inputs:
        _add_input(tx, run_pk, pks[given.dataset.name, given.dataset.digest], given)


def _add_input(tx: Transaction, run_pk: int, dataset_pk: int, given: RunInput) -> None:
    statement = (
        dialect.insert(tx.engine, run_inputs)
        .values(run_pk=run_pk, dataset_id=dataset_pk)
        .on_conflict_do_nothing(index_elements=["run_pk", "dataset_id"])
        .returning(run_inputs.c.id)
    )
    input_pk: int | None = tx.execute(statement).scalar()
    if input_pk is not None:
        _INPUT_TAGS.insert(tx, input_pk, given.tags)


def add_model_inputs(tx: Transaction, run_pk: int, model_pks: Sequence[int]) -> None:
    """Record that a run read logged models; what was known stays."""
    for model_pk in sorted(model_pks):
        tx.execute(
            dialect.insert(tx.engine, run_model_inputs)
            .values(run_pk=run_pk, logged_model_id=model_pk)
            .on_conflict_do_nothing()
        )


def search_datasets(
    tx: Transaction, experiment_pks: Sequence[int], limit: int
) -> list[tuple[int, Dataset, str | None]]:
    """(experiment key, dataset, role) of what active runs read, without schema and profile.

    The role is the value of each different tag `context` among `limit` rows.
    """
    statement = (
        select(
            datasets.c.experiment_id,
            datasets.c.name,
            datasets.c.digest,
            datasets.c.source_type,
            datasets.c.source,
            run_input_tags.c.value,
        )
        .select_from(datasets)
        .join(run_inputs, run_inputs.c.dataset_id == datasets.c.id)
        .join(runs, runs.c.id == run_inputs.c.run_pk)
        .outerjoin(run_input_tags, _is_context())
        .where(datasets.c.experiment_id.in_(experiment_pks), runs.c.lifecycle == "active")
        .distinct()
        .order_by(
            datasets.c.experiment_id, datasets.c.name, datasets.c.digest, run_input_tags.c.value
        )
        .limit(limit)
    )
    found = [(row[0], Dataset(*row[1:5]), row[5]) for row in tx.execute(statement)]
    # The engines disagree on where NULL stands.
    return sorted(found, key=lambda use: (use[0], use[1].name, use[1].digest, use[2] or ""))


def _is_context() -> Any:
    return (run_input_tags.c.input_id == run_inputs.c.id) & (run_input_tags.c.key.in_(CONTEXT_TAGS))


CONTEXT_TAGS = ("context", "mlflow.data.context")
"""The tags of an input that say what the dataset was used for; the second is what clients send."""


def _ensure_dataset(tx: Transaction, experiment_pk: int, dataset: Dataset) -> int:
    place = {
        "experiment_pk": experiment_pk,
        "name": dataset.name,
        "digest": dataset.digest,
    }
    found: int | None = tx.execute(_DATASET_ID, place).scalar()
    if found is not None:
        return found
    statement = (
        dialect.insert(tx.engine, datasets)
        .values(
            experiment_id=experiment_pk,
            name=dataset.name,
            digest=dataset.digest,
            source_type=dataset.source_type,
            source=dataset.source,
            schema_text=dataset.schema,
            profile=dataset.profile,
        )
        .on_conflict_do_nothing(index_elements=["experiment_id", "name", "digest"])
    )
    tx.execute(statement)
    pk: int = tx.execute(_DATASET_ID, place).scalar_one()
    return pk
