"""Searching logged models: the filter and order of a request as one bound statement, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select

from assay.domain.canonical import JsonScalar
from assay.domain.filters import Comparison, OrderBy
from assay.domain.tracking import View
from assay.storage import ordering
from assay.storage.database import Transaction
from assay.storage.dialect import Engine
from assay.storage.ordering import Term
from assay.storage.predicates import (
    compare_key_value,
    compare_metric,
    compare_number,
    compare_optional_text,
    compare_text,
)
from assay.storage.tables.tracking import (
    logged_model_metrics,
    logged_model_params,
    logged_model_tags,
    logged_models,
    runs,
)

_TABLES: Final = {"param": logged_model_params, "tag": logged_model_tags}
_NUMBERS: Final = {
    "creation_timestamp": logged_models.c.created_at_ms,
    "last_updated_timestamp": logged_models.c.updated_at_ms,
}
_TEXTS: Final = {
    "name": logged_models.c.name,
    "model_id": logged_models.c.model_id,
    "model_type": logged_models.c.model_type,
    "status": logged_models.c.status,
    "source_run_id": runs.c.run_id,
}
_OPTIONAL: Final = {"source_run_id", "model_type"}


class DatasetChoice(NamedTuple):
    """Metrics on this dataset count; on every version of it without a digest."""

    name: str
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class ModelOrder:
    """One order; a metric may be that on one dataset."""

    by: OrderBy
    dataset: DatasetChoice | None = None


@dataclass(frozen=True, slots=True)
class ModelQuery:
    """What to look for.

    With `datasets`, metrics of the filter are those on one of them; without metrics in the filter,
    found are the models that have any metric on one of them.
    """

    experiment_pks: Sequence[int]
    filter: Sequence[Comparison] = ()
    order_by: Sequence[ModelOrder] = ()
    datasets: Sequence[DatasetChoice] = ()
    view: View = View.ACTIVE


def search_models(
    tx: Transaction, query: ModelQuery, carried: Sequence[JsonScalar] | None, limit: int
) -> tuple[tuple[int, ...], tuple[JsonScalar, ...] | None]:
    """Keys of at most `limit` models, and what the last one carries if more follow.

    Raises InvalidArgument on `page_token` when `carried` belongs to another order.
    """
    terms = _terms(query)
    conditions: list[ColumnElement[bool]] = [
        logged_models.c.experiment_id.in_(query.experiment_pks)
    ]
    conditions += [_condition(tx.engine, query, clause) for clause in query.filter]
    if query.datasets and all(clause.entity != "metric" for clause in query.filter):
        mine = logged_model_metrics.c.logged_model_id == logged_models.c.id
        conditions.append(exists().where(mine, _is_on_one(query.datasets)))
    if query.view is not View.ALL:
        conditions.append(logged_models.c.lifecycle == query.view.value)
    if carried is not None:
        conditions.append(ordering.after(terms, carried))
    statement = (
        select(logged_models.c.id, *ordering.columns(terms))
        .select_from(logged_models)
        .outerjoin(runs, runs.c.id == logged_models.c.run_pk)
        .where(*conditions)
        .order_by(*ordering.order_by(terms))
        .limit(limit + 1)
    )
    rows = tx.execute(statement).all()
    pks = tuple(row[0] for row in rows[:limit])
    return pks, tuple(rows[limit - 1][1:]) if len(rows) > limit else None


def _condition(engine: Engine, query: ModelQuery, clause: Comparison) -> ColumnElement[bool]:
    if clause.entity == "metric":
        there = _is_metric(clause.key, query.datasets)
        return and_(exists().where(there), compare_metric(_latest(there), clause))
    if clause.entity in _TABLES:
        table = _TABLES[clause.entity]
        owner = table.c.logged_model_id == logged_models.c.id
        return compare_key_value(engine, table, owner, clause)
    if clause.key in _NUMBERS:
        return compare_number(_NUMBERS[clause.key], clause)
    if clause.key in _OPTIONAL:
        return compare_optional_text(engine, _TEXTS[clause.key], clause)
    return compare_text(engine, _TEXTS[clause.key], clause)


def _terms(query: ModelQuery) -> list[Term]:
    terms = [_term(order) for order in query.order_by]
    given = {order.by.key for order in query.order_by if order.by.entity == "attribute"}
    if "creation_timestamp" not in given:
        terms.append(Term(logged_models.c.created_at_ms, ascending=False, kind=int))
    if "model_id" not in given:
        terms.append(Term(logged_models.c.model_id, ascending=True, kind=str))
    return terms


def _term(order: ModelOrder) -> Term:
    by = order.by
    if by.entity == "metric":
        there = _is_metric(by.key, () if order.dataset is None else (order.dataset,))
        latest = _latest(there)
        ranked = case((~exists().where(there), 2), (latest.is_(None), 1), else_=0)
        return Term(latest, by.ascending, float, ranked)
    if by.entity in _TABLES:
        table = _TABLES[by.entity]
        mine = and_(table.c.logged_model_id == logged_models.c.id, table.c.key == by.key)
        value = select(table.c.value).where(mine).scalar_subquery()
        return Term(value, by.ascending, str, case((value.is_(None), 1), else_=0))
    if by.key in _NUMBERS:
        return Term(_NUMBERS[by.key], by.ascending, int)
    text = _TEXTS[by.key]
    rank = case((text.is_(None), 1), else_=0) if by.key == "source_run_id" else None
    return Term(text, by.ascending, str, rank)


def _is_metric(key: str, chosen: Sequence[DatasetChoice]) -> ColumnElement[bool]:
    metrics = logged_model_metrics
    mine = and_(metrics.c.logged_model_id == logged_models.c.id, metrics.c.key == key)
    if not chosen:
        return mine
    return and_(mine, _is_on_one(chosen))


def _is_on_one(chosen: Sequence[DatasetChoice]) -> ColumnElement[bool]:
    return or_(*(_is_on(dataset) for dataset in chosen))


def _is_on(dataset: DatasetChoice) -> ColumnElement[bool]:
    named = logged_model_metrics.c.dataset_name == dataset.name
    if dataset.digest is None:
        return named
    return and_(named, logged_model_metrics.c.dataset_digest == dataset.digest)


def _latest(there: ColumnElement[bool]) -> ColumnElement[Any]:
    value = logged_model_metrics.c.value
    return (
        select(value)
        .where(there)
        .correlate(logged_models)
        .order_by(
            logged_model_metrics.c.step.desc(),
            logged_model_metrics.c.timestamp_ms.desc(),
            func.coalesce(value, 0.0).desc(),
            case((value.is_(None), 0), else_=1).desc(),
        )
        .limit(1)
        .scalar_subquery()
    )
