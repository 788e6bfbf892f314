"""Which values the newest runs of an experiment have for a field, and how many runs have each."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, FromClause, Select, func, select

from assay.domain.filters import Field
from assay.domain.tracking import Lifecycle
from assay.storage.database import Transaction
from assay.storage.tables.tracking import datasets, params, run_inputs, run_tags, runs

LONGEST_VALUE: Final = 250
"""Longer values are left out: nobody picks them from a list."""

_KEYED: Final = {"param": params, "tag": run_tags}
_ATTRIBUTES: Final = {
    "run_id": runs.c.run_id,
    "run_name": runs.c.name,
    "user_id": runs.c.user_name,
    "status": runs.c.status,
}
_DATASETS: Final = {"name": datasets.c.name, "digest": datasets.c.digest}


class CountedValue(NamedTuple):
    """A value, and how many of the runs that were looked at have it."""

    value: str
    runs: int


def has_values(field: Field) -> bool:
    """Whether the field is one whose values are texts that are kept as such."""
    closed = {"attribute": _ATTRIBUTES, "dataset": _DATASETS}
    return field.entity in _KEYED or field.key in closed.get(field.entity, {})


def count_values(
    tx: Transaction,
    experiment_pk: int,
    field: Field,
    *,
    prefix: str,
    lifecycle: Lifecycle,
    newest: int,
    limit: int,
) -> list[CountedValue]:
    """At most `limit` values that begin with `prefix`, in any case, the most frequent first.

    Only the `newest` runs of the experiment are looked at, so that the cost has a bound.
    """
    looked_at = _newest(experiment_pk, lifecycle, newest)
    source, value = _values(looked_at, field)
    found = func.count().label("found")
    statement = (
        select(value.label("value"), found)
        .select_from(source)
        .where(value != "", func.length(value) <= LONGEST_VALUE)
        .group_by(value)
        .order_by(found.desc(), value)
        .limit(limit)
    )
    if prefix:
        begins = func.lower(func.substr(value, 1, len(prefix))) == func.lower(prefix)
        statement = statement.where(begins)
    return [CountedValue(*row) for row in tx.execute(statement)]


def has_more_runs(tx: Transaction, experiment_pk: int, lifecycle: Lifecycle, newest: int) -> bool:
    """Whether the experiment has more runs than the newest so many."""
    nth = _listed(experiment_pk, lifecycle).limit(1).offset(newest)
    return tx.execute(nth).first() is not None


def _newest(experiment_pk: int, lifecycle: Lifecycle, newest: int) -> FromClause:
    columns = (runs.c.id, *_ATTRIBUTES.values())
    listed = _listed(experiment_pk, lifecycle, *columns)
    in_order = listed.order_by(runs.c.started_at_ms.desc(), runs.c.run_id)
    return in_order.limit(newest).subquery("looked_at")


def _listed(
    experiment_pk: int, lifecycle: Lifecycle, *columns: ColumnElement[Any]
) -> Select[*tuple[Any, ...]]:
    return select(*(columns or (runs.c.id,))).where(
        runs.c.experiment_id == experiment_pk, runs.c.lifecycle == lifecycle.value
    )


def _values(looked_at: FromClause, field: Field) -> tuple[FromClause, ColumnElement[Any]]:
    if field.entity in _KEYED:
        table = _KEYED[field.entity]
        of_run = (table.c.run_pk == looked_at.c.id) & (table.c.key == field.key)
        return looked_at.join(table, of_run), table.c.value
    if field.entity == "dataset":
        used = looked_at.join(run_inputs, run_inputs.c.run_pk == looked_at.c.id)
        joined = used.join(datasets, datasets.c.id == run_inputs.c.dataset_id)
        return joined, _DATASETS[field.key]
    return looked_at, looked_at.c[_ATTRIBUTES[field.key].name]
