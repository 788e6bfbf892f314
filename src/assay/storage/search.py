"""Searching runs: the filter and order of a request as one bound statement, page by page.

Two plans give the same rows. The general one looks at every run of the experiments. When these are
many and the order starts with a metric, the best few thousand values of that metric are tried first,
straight from their index; only if they do not fill the page does the general plan run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
)

from assay.domain.canonical import JsonScalar
from assay.domain.filters import Comparison, OrderBy
from assay.domain.parent_run import MLFLOW_PARENT_TAG, PARENT_TAG
from assay.domain.tracking import View
from assay.storage import ordering
from assay.storage.database import Transaction
from assay.storage.datasets import CONTEXT_TAGS
from assay.storage.dialect import Engine
from assay.storage.ordering import Term
from assay.storage.predicates import (
    compare_key_value,
    compare_metric,
    compare_number,
    compare_text,
)
from assay.storage.tables.tracking import (
    datasets,
    experiments,
    metric_keys,
    metric_summaries,
    params,
    run_input_tags,
    run_inputs,
    run_tags,
    runs,
)

MANY_RUNS: Final = 8_000
"""From this many runs on, an order by a metric is tried on the metric's index first."""

WINDOW: Final = 4_096
"""How many values of the metric that attempt looks at."""

FEW: Final = 1_000
"""Up to this many values of a metric that satisfy a filter, their runs are looked at and no others."""

_UNKNOWN_METRIC: Final = -1
_SECOND: Final = 1_000
"""Added to the number of an order that reads a second key."""

_TABLES = {"metric": metric_summaries, "param": params, "tag": run_tags}
_NUMBERS = {"start_time": runs.c.started_at_ms, "end_time": runs.c.ended_at_ms}
_TEXTS = {
    "run_id": runs.c.run_id,
    "run_name": runs.c.name,
    "user_id": runs.c.user_name,
    "status": runs.c.status,
}


@dataclass(frozen=True, slots=True)
class RunQuery:
    """What to look for. `artifact_root` stands before an experiment's id where it has no location."""

    experiment_pks: Sequence[int]
    filter: Sequence[Comparison] = ()
    order_by: Sequence[OrderBy] = ()
    view: View = View.ACTIVE
    artifact_root: str = ""


@dataclass(frozen=True, slots=True)
class KeyPage:
    """Keys of runs in the order asked for, and what to send to go on after the last one."""

    pks: tuple[int, ...]
    carried: tuple[JsonScalar, ...] | None


def search_runs(
    tx: Transaction, query: RunQuery, carried: Sequence[JsonScalar] | None, limit: int
) -> KeyPage:
    """At most `limit` runs after the row that carried those values (None: from the start).

    Raises InvalidArgument on `page_token` when the values belong to another order.
    """
    search = _Search(tx, query, carried)
    return search.by_metric_index(limit) or search.by_listing(limit)


@dataclass(slots=True)
class _Search:
    tx: Transaction
    query: RunQuery
    carried: Sequence[JsonScalar] | None
    metric_ids: dict[str, int] = field(init=False)
    joins: list[tuple[FromClause, ColumnElement[bool]]] = field(init=False, default_factory=list)
    terms: list[Term] = field(init=False)
    conditions: list[ColumnElement[bool]] = field(init=False)

    def __post_init__(self) -> None:
        self.metric_ids = _metric_ids(self.tx, self.query)
        self.terms = self._terms()
        self.conditions = [_in_view(self.query.view)]
        self.conditions += [self._condition(clause) for clause in self.query.filter]
        if self.carried is not None:
            self.conditions.append(ordering.after(self.terms, self.carried))

    def by_listing(self, limit: int) -> KeyPage:
        """Any order, over the listing of the experiments."""
        joined: FromClause = runs
        for target, on in self.joins:
            joined = joined.outerjoin(target, on)
        few = self._few()
        scope = self._in_experiments() if few is None else few
        statement = self._statement(joined, scope, limit)
        rows = self.tx.execute(statement).all()
        return _page(rows, limit)

    def _few(self) -> ColumnElement[bool] | None:
        """The runs that have a rare value of a metric, where the filter asks for one among many runs."""
        clauses = [
            clause
            for clause in self.query.filter
            if clause.entity == "metric" and clause.operator != "!="
        ]
        if not clauses or not self._has_many_runs():
            return None
        for clause in clauses:
            found = select(metric_summaries.c.run_pk).where(
                metric_summaries.c.key_id == self.metric_ids.get(clause.key, _UNKNOWN_METRIC),
                compare_metric(metric_summaries.c.last_value, clause),
            )
            if self.tx.execute(found.limit(1).offset(FEW)).first() is None:
                # The sum keeps engines from the listing, which they would take without statistics.
                listed = (runs.c.experiment_id + 0).in_(self.query.experiment_pks)
                return and_(runs.c.id.in_(found), listed)
        return None

    def by_metric_index(self, limit: int) -> KeyPage | None:
        """An order that starts with a metric, from the metric's index; None when that falls short."""
        orders = self.query.order_by
        if not orders or orders[0].entity != "metric" or not self._is_worth_it(limit):
            return None
        (best, on), *others = self.joins
        joined = best.join(runs, on)
        for target, condition in others:
            joined = joined.outerjoin(target, condition)
        key_id = self.metric_ids.get(orders[0].key, _UNKNOWN_METRIC)
        scope = and_(
            best.c.key_id == key_id,
            *self._window(best.c.last_value, key_id, ascending=orders[0].ascending),
            # The sum keeps engines from the listing, which they would take without statistics.
            (runs.c.experiment_id + 0).in_(self.query.experiment_pks),
        )
        rows = self.tx.execute(self._statement(joined, scope, limit)).all()
        return _page(rows, limit) if len(rows) > limit else None

    def _is_worth_it(self, limit: int) -> bool:
        if limit >= WINDOW or (self.carried is not None and self.carried[0] != 0):
            return False
        return self._has_many_runs()

    def _has_many_runs(self) -> bool:
        listing = select(runs.c.id).where(_in_view(self.query.view), self._in_experiments())
        nth = listing.limit(1).offset(MANY_RUNS - 1)
        return self.tx.execute(nth).first() is not None

    def _window(
        self, values: ColumnElement[Any], key_id: int, *, ascending: bool
    ) -> list[ColumnElement[bool]]:
        """The range of values from where the page starts to `WINDOW` entries further on."""
        column = metric_summaries.c.last_value
        end = select(column).where(metric_summaries.c.key_id == key_id, column.is_not(None))
        bounds: list[ColumnElement[bool]] = [values.is_not(None)]
        if self.carried is not None:
            start = self.carried[1]
            end = end.where(column >= start if ascending else column <= start)
            bounds.append(values >= start if ascending else values <= start)
        end = end.order_by(column.asc() if ascending else column.desc()).limit(1).offset(WINDOW)
        last = self.tx.execute(end).scalar()
        if last is not None:
            # Without those equal to the last, of which there may be any number.
            bounds.append(values < last if ascending else values > last)
        return bounds

    def _statement(
        self, joined: FromClause, scope: ColumnElement[bool], limit: int
    ) -> Select[*tuple[Any, ...]]:
        return (
            select(runs.c.id, *ordering.columns(self.terms))
            .select_from(joined)
            .where(scope, *self.conditions)
            .order_by(*ordering.order_by(self.terms))
            .limit(limit + 1)
        )

    def _in_experiments(self) -> ColumnElement[bool]:
        pks = self.query.experiment_pks
        # One experiment, the usual case, is an equality: then the listing's index gives the order.
        return runs.c.experiment_id == pks[0] if len(pks) == 1 else runs.c.experiment_id.in_(pks)

    def _condition(self, clause: Comparison) -> ColumnElement[bool]:
        engine = self.tx.engine
        if clause.entity == "metric":
            return exists().where(
                metric_summaries.c.run_pk == runs.c.id,
                metric_summaries.c.key_id == self.metric_ids.get(clause.key, _UNKNOWN_METRIC),
                compare_metric(metric_summaries.c.last_value, clause),
            )
        if (clause.entity, clause.key) == ("tag", MLFLOW_PARENT_TAG):
            return self._parent(clause)
        if clause.entity in _TABLES:
            table = _TABLES[clause.entity]
            return compare_key_value(engine, table, table.c.run_pk == runs.c.id, clause)
        if clause.entity == "dataset":
            return _dataset_condition(engine, clause)
        if clause.key in _NUMBERS:
            return compare_number(_NUMBERS[clause.key], clause)
        return compare_text(engine, self._text(clause.key), clause)

    def _parent(self, clause: Comparison) -> ColumnElement[bool]:
        """What a clause says of the parent as MLflow's clients are shown it."""
        engine, owner = self.tx.engine, run_tags.c.run_pk == runs.c.id
        theirs = compare_key_value(engine, run_tags, owner, clause)
        ours = compare_key_value(engine, run_tags, owner, replace(clause, key=PARENT_TAG))
        if clause.operator == "IS NULL":
            return and_(theirs, ours)
        has_theirs = exists().where(owner, run_tags.c.key == MLFLOW_PARENT_TAG)
        return or_(theirs, and_(ours, ~has_theirs))

    def _text(self, key: str) -> ColumnElement[Any]:
        return _TEXTS[key] if key in _TEXTS else _artifact_uri(self.query.artifact_root)

    def _terms(self) -> list[Term]:
        terms = [self._term(number, order) for number, order in enumerate(self.query.order_by)]
        given = {order.key for order in self.query.order_by if order.entity == "attribute"}
        if "start_time" not in given:
            terms.append(Term(runs.c.started_at_ms, ascending=False, kind=int))
        if "run_id" not in given:
            terms.append(Term(runs.c.run_id, ascending=True, kind=str))
        return terms

    def _term(self, number: int, order: OrderBy) -> Term:
        if order.entity == "metric":
            target = _alias("metric", number)
            key_id = self.metric_ids.get(order.key, _UNKNOWN_METRIC)
            self.joins.append(
                (target, and_(target.c.run_pk == runs.c.id, target.c.key_id == key_id))
            )
            # Numbers, then NaN, then runs without the metric.
            rank = case((target.c.run_pk.is_(None), 2), (target.c.last_value.is_(None), 1), else_=0)
            return Term(target.c.last_value, order.ascending, float, rank)
        if (order.entity, order.key) == ("tag", MLFLOW_PARENT_TAG):
            # As `_parent` reads it: the tag of MLflow's clients, else the one of ours.
            theirs = self._joined("tag", number, MLFLOW_PARENT_TAG)
            ours = self._joined("tag", number + _SECOND, PARENT_TAG)
            parent = func.coalesce(theirs, ours)
            return Term(parent, order.ascending, str, _missing_last(parent))
        if order.entity in _TABLES:
            value = self._joined(order.entity, number, order.key)
            return Term(value, order.ascending, str, _missing_last(value))
        if order.key == "end_time":
            ended = runs.c.ended_at_ms
            return Term(ended, order.ascending, int, _missing_last(ended))
        if order.key in _NUMBERS:
            return Term(_NUMBERS[order.key], order.ascending, int)
        return Term(self._text(order.key), order.ascending, str)

    def _joined(self, entity: str, number: int, key: str) -> ColumnElement[Any]:
        """The value of a key of every run, NULL where it has none."""
        table = _alias(entity, number)
        self.joins.append((table, and_(table.c.run_pk == runs.c.id, table.c.key == key)))
        value: ColumnElement[Any] = table.c.value
        return value


@cache
def _alias(entity: str, number: int) -> FromClause:
    # Making one costs as much as the rest of the statement, and the numbers are few.
    return _TABLES[entity].alias(f"order_{number}")


def _missing_last(value: ColumnElement[Any]) -> ColumnElement[int]:
    return case((value.is_(None), 1), else_=0)


def _page(rows: Sequence[Sequence[Any]], limit: int) -> KeyPage:
    pks = tuple(row[0] for row in rows[:limit])
    return KeyPage(pks, tuple(rows[limit - 1][1:]) if len(rows) > limit else None)


def _in_view(view: View) -> ColumnElement[bool]:
    if view is View.ALL:
        return runs.c.lifecycle.in_([View.ACTIVE.value, View.DELETED.value])
    return runs.c.lifecycle == view.value


def _metric_ids(tx: Transaction, query: RunQuery) -> dict[str, int]:
    names = {clause.key for clause in query.filter if clause.entity == "metric"}
    names |= {order.key for order in query.order_by if order.entity == "metric"}
    if not names:
        return {}
    statement = select(metric_keys.c.key, metric_keys.c.id).where(metric_keys.c.key.in_(names))
    return {row[0]: row[1] for row in tx.execute(statement)}


def _dataset_condition(engine: Engine, clause: Comparison) -> ColumnElement[bool]:
    of_run = run_inputs.c.run_pk == runs.c.id
    if clause.key == "context":
        return exists().where(
            of_run,
            run_input_tags.c.input_id == run_inputs.c.id,
            run_input_tags.c.key.in_(CONTEXT_TAGS),
            compare_text(engine, run_input_tags.c.value, clause),
        )
    column = datasets.c.name if clause.key == "name" else datasets.c.digest
    return exists().where(
        of_run, datasets.c.id == run_inputs.c.dataset_id, compare_text(engine, column, clause)
    )


def _artifact_uri(root: str) -> ColumnElement[str]:
    location = select(experiments.c.artifact_location).where(
        experiments.c.id == runs.c.experiment_id
    )
    default = literal(root, String()) + cast(runs.c.experiment_id, String())
    folder = func.coalesce(location.scalar_subquery(), default)
    return folder + "/" + runs.c.run_id + "/artifacts"
