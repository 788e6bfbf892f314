"""Runs that a tree of conditions describes, counted and listed in an order, with every value bound."""

from __future__ import annotations

import operator as python
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Double,
    Select,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSON

from assay.domain.conditions import Condition, Either, Every, Leaf, Neither
from assay.domain.errors import InvalidArgument
from assay.domain.lineage import param_text
from assay.domain.tracking import Lifecycle
from assay.storage.database import Transaction
from assay.storage.dialect import Engine
from assay.storage.tables.tracking import metric_keys, metric_summaries, params, run_tags, runs
from assay.storage.tables.wandb import wandb_runs

_COMPARE: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "=": python.eq,
    "!=": python.ne,
    ">": python.gt,
    ">=": python.ge,
    "<": python.lt,
    "<=": python.le,
}
_TAGS: Final = {
    "group": "wandb.group",
    "job_type": "wandb.job_type",
    "sweep": "wandb.sweep",
    "host": "wandb.host",
    "commit": "code_commit",
    "notes": "mlflow.note.content",
}
_ALWAYS_THERE: Final = frozenset({"name", "state", "created_at", "heartbeat_at"})
_OF_CLIENTS: Final = frozenset({"name", "state", "heartbeat_at"})
"""What a run has of its client, in a table of its own."""

_LABELS: Final = "wandb.tags"
_NUMBER: Final = "^-?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?$"


class Order(NamedTuple):
    """By which property, and which way."""

    entity: str
    key: str
    ascending: bool


def count_runs(tx: Transaction, experiment_pk: int, condition: Condition) -> int:
    """How many active runs of an experiment are so."""
    statement = _statement(tx.engine, experiment_pk, condition, select(func.count()))
    return int(tx.execute(statement).scalar_one())


def list_runs(
    tx: Transaction,
    experiment_pk: int,
    condition: Condition,
    orders: Sequence[Order],
    start: int,
    count: int,
) -> tuple[int, ...]:
    """The keys of active runs of an experiment that are so, from the `start`-th on."""
    statement = _statement(tx.engine, experiment_pk, condition, select(runs.c.id), orders)
    for order in orders:
        value = _value_of(tx.engine, order.entity, order.key)
        if order.key not in _ALWAYS_THERE or order.entity != "attribute":
            statement = statement.order_by(case((value.is_(None), 1), else_=0))
        statement = statement.order_by(value.asc() if order.ascending else value.desc())
    is_ascending = not orders or orders[-1].ascending
    statement = statement.order_by(runs.c.id.asc() if is_ascending else runs.c.id.desc())
    rows = tx.execute(statement.offset(start).limit(count))
    return tuple(rows.scalars())


def _is_of_clients(condition: Condition) -> bool:
    match condition:
        case Every(parts) | Either(parts):
            return any(map(_is_of_clients, parts))
        case Neither(part):
            return _is_of_clients(part)
        case _:
            return condition.key in _OF_CLIENTS


def _statement(
    engine: Engine,
    experiment_pk: int,
    condition: Condition,
    chosen: Select[Any],
    orders: Sequence[Order] = (),
) -> Select[Any]:
    needs_clients = _is_of_clients(condition) or any(each.key in _OF_CLIENTS for each in orders)
    source = runs.outerjoin(wandb_runs, wandb_runs.c.run_pk == runs.c.id)
    return (
        chosen.select_from(source if needs_clients else runs)
        .where(runs.c.experiment_id == experiment_pk)
        .where(runs.c.lifecycle == Lifecycle.ACTIVE.value)
        .where(_where(engine, condition))
    )


def _where(engine: Engine, condition: Condition) -> ColumnElement[bool]:
    match condition:
        case Every(parts):
            return and_(true(), *(_where(engine, part) for part in parts))
        case Either(parts):
            return or_(false(), *(_where(engine, part) for part in parts))
        case Neither(part):
            # A missing value makes a comparison unknown, which must not make its opposite unknown too.
            return not_(func.coalesce(_where(engine, part), false()))
        case _:
            return _leaf(engine, condition)


def _leaf(engine: Engine, leaf: Leaf) -> ColumnElement[bool]:
    if leaf.entity == "label":
        return _label(engine, leaf)
    value = _value_of(engine, leaf.entity, leaf.key)
    if leaf.operator == "exists":
        return value.is_not(None)
    if leaf.value is None:
        missing: ColumnElement[bool] = value.is_(None)
        if leaf.entity == "param":
            missing = or_(missing, value == "None")
        return missing if leaf.operator == "=" else not_(missing)
    if leaf.entity == "param":
        compared = _param(engine, value, leaf)
    elif leaf.operator == "like":
        compared = value.like(leaf.value, escape="\\")
    else:
        compared = _COMPARE[leaf.operator](value, _bound(leaf))
    # What is not there differs from everything.
    return or_(value.is_(None), compared) if leaf.operator == "!=" else compared


def _bound(leaf: Leaf) -> Any:
    is_number = isinstance(leaf.value, int | float)
    if leaf.entity == "metric":
        if not is_number:
            raise InvalidArgument(
                f"The summary {leaf.key[:100]!r} is compared with a number.", field="filters"
            )
        return literal(float(leaf.value or 0), Double())
    if leaf.key in ("created_at", "heartbeat_at"):
        return leaf.value if is_number else _moment(str(leaf.value))
    return str(leaf.value)


def _param(engine: Engine, value: ColumnElement[Any], leaf: Leaf) -> Any:
    if leaf.operator == "like":
        return value.like(str(leaf.value), escape="\\")
    if isinstance(leaf.value, bool) or not isinstance(leaf.value, int | float):
        return _COMPARE[leaf.operator](value, param_text(leaf.value))
    number = _as_number(engine, value)
    return _COMPARE[leaf.operator](number, literal(float(leaf.value), Double()))


def _as_number(engine: Engine, value: ColumnElement[Any]) -> ColumnElement[Any]:
    """A text as the number that it spells; nothing for another text."""
    if engine is Engine.POSTGRESQL:
        return case((value.op("~")(_NUMBER), cast(value, Double())), else_=None)
    starts = value.op("GLOB")("[0-9.+-]*")
    has_letters = value.op("GLOB")("*[^0-9.eE+-]*")
    return case((and_(starts, not_(has_letters)), cast(value, Double())), else_=None)


def _label(engine: Engine, leaf: Leaf) -> ColumnElement[bool]:
    """The client's tags of a run are one JSON list of texts."""
    labels = _tag(_LABELS)
    if leaf.operator == "exists" or leaf.value is None:
        return func.coalesce(labels, "[]") != "[]"
    if engine is Engine.POSTGRESQL:
        each = (
            func.json_array_elements_text(_as_json(labels)).table_valued("value").render_derived()
        )
    else:
        each = func.json_each(func.coalesce(labels, "[]")).table_valued("value")
    if leaf.operator == "like":
        return exists(select(1).select_from(each).where(each.c.value.like(leaf.value, escape="\\")))
    found = exists(select(1).select_from(each).where(each.c.value == str(leaf.value)))
    return not_(found) if leaf.operator == "!=" else found


def _as_json(labels: ColumnElement[Any]) -> ColumnElement[Any]:
    """A text as PostgreSQL's JSON; a list of nothing where there is no text."""
    return cast(func.coalesce(labels, "[]"), JSON)


def _value_of(engine: Engine, entity: str, key: str) -> ColumnElement[Any]:
    del engine
    if entity == "param":
        return (
            select(params.c.value)
            .where(params.c.run_pk == runs.c.id, params.c.key == key)
            .correlate(runs)
            .scalar_subquery()
        )
    if entity == "metric":
        key_id = select(metric_keys.c.id).where(metric_keys.c.key == key).scalar_subquery()
        return (
            select(metric_summaries.c.last_value)
            .where(metric_summaries.c.run_pk == runs.c.id, metric_summaries.c.key_id == key_id)
            .correlate(runs)
            .scalar_subquery()
        )
    if entity == "label":
        return _tag(_LABELS)
    if key in _TAGS:
        return _tag(_TAGS[key])
    columns: dict[str, ColumnElement[Any]] = {
        "name": func.coalesce(wandb_runs.c.name, runs.c.run_id),
        "display_name": runs.c.name,
        "state": _state(),
        "user_name": runs.c.user_name,
        "created_at": runs.c.created_at_ms,
        "heartbeat_at": func.coalesce(wandb_runs.c.heartbeat_at_ms, runs.c.created_at_ms),
    }
    return columns[key]


def _state() -> ColumnElement[Any]:
    finer = wandb_runs.c.state
    return case(
        (and_(runs.c.status == "running", finer == "preempting"), finer),
        (and_(runs.c.status == "failed", finer.in_(["crashed", "preempted"])), finer),
        (runs.c.status == "scheduled", "pending"),
        else_=runs.c.status,
    )


def _tag(key: str) -> ColumnElement[Any]:
    return (
        select(run_tags.c.value)
        .where(run_tags.c.run_pk == runs.c.id, run_tags.c.key == key)
        .correlate(runs)
        .scalar_subquery()
    )


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidArgument(f"{text[:50]!r} is no ISO 8601 moment.", field="filters") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)
