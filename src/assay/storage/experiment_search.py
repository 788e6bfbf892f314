"""Searching experiments: the filter and order of a request as one bound statement, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, String, cast, select

from assay.domain.canonical import JsonScalar
from assay.domain.filters import Comparison, OrderBy
from assay.domain.tracking import Experiment, View
from assay.storage import ordering
from assay.storage.database import Transaction
from assay.storage.dialect import Engine
from assay.storage.experiments import COLUMNS, as_experiment, tags_of_experiments
from assay.storage.ordering import Term
from assay.storage.predicates import compare_key_value, compare_number, compare_text
from assay.storage.tables.tracking import experiment_tags, experiments, workspaces

_NUMBERS: Final = {
    "creation_time": experiments.c.created_at_ms,
    "last_update_time": experiments.c.updated_at_ms,
}


@dataclass(frozen=True, slots=True)
class ExperimentQuery:
    """What to look for in one workspace."""

    workspace: str
    filter: Sequence[Comparison] = ()
    order_by: Sequence[OrderBy] = ()
    view: View = View.ACTIVE


def search_experiments(
    tx: Transaction, query: ExperimentQuery, carried: Sequence[JsonScalar] | None, limit: int
) -> tuple[tuple[Experiment, ...], tuple[JsonScalar, ...] | None]:
    """At most `limit` experiments, and what the last one carries if more follow.

    Raises InvalidArgument on `page_token` when `carried` belongs to another order.
    """
    terms = _terms(query)
    conditions = [workspaces.c.name == query.workspace]
    conditions += [_condition(tx.engine, clause) for clause in query.filter]
    if query.view is not View.ALL:
        conditions.append(experiments.c.lifecycle == query.view.value)
    if carried is not None:
        conditions.append(ordering.after(terms, carried))
    statement = (
        select(*COLUMNS, *ordering.columns(terms))
        .join_from(experiments, workspaces)
        .where(*conditions)
        .order_by(*ordering.order_by(terms))
        .limit(limit + 1)
    )
    rows = tx.execute(statement).all()
    tags = tags_of_experiments(tx, [row[0] for row in rows[:limit]])
    found = tuple(as_experiment(row, tags.get(row[0], {})) for row in rows[:limit])
    return found, tuple(rows[limit - 1][len(COLUMNS) :]) if len(rows) > limit else None


def _condition(engine: Engine, clause: Comparison) -> ColumnElement[bool]:
    if clause.entity == "tag":
        owner = experiment_tags.c.experiment_id == experiments.c.id
        return compare_key_value(engine, experiment_tags, owner, clause)
    if clause.key in _NUMBERS:
        return compare_number(_NUMBERS[clause.key], clause)
    text: ColumnElement[Any] = experiments.c.name
    if clause.key == "experiment_id":
        text = cast(experiments.c.id, String())
    return compare_text(engine, text, clause)


def _terms(query: ExperimentQuery) -> list[Term]:
    terms = [_term(order) for order in query.order_by]
    if not terms:
        terms.append(Term(experiments.c.created_at_ms, ascending=False, kind=int))
        terms.append(Term(experiments.c.id, ascending=True, kind=int))
    elif all(order.key != "experiment_id" for order in query.order_by):
        terms.append(Term(experiments.c.id, ascending=False, kind=int))
    return terms


def _term(order: OrderBy) -> Term:
    if order.key in _NUMBERS:
        return Term(_NUMBERS[order.key], order.ascending, int)
    if order.key == "experiment_id":
        return Term(experiments.c.id, order.ascending, int)
    return Term(experiments.c.name, order.ascending, str)
