"""Comparisons of the search language on SQL expressions, with every value bound."""

from __future__ import annotations

import operator as python
from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Double, Table, and_, exists, func, literal, or_

from assay.domain.errors import InvalidArgument
from assay.domain.filters import Comparison
from assay.storage import dialect
from assay.storage.dialect import Engine

MAX_PATTERN = 10_000
"""Characters of a LIKE pattern: SQLite gives up on patterns that are several times longer."""

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": python.eq,
    "!=": python.ne,
    ">": python.gt,
    ">=": python.ge,
    "<": python.lt,
    "<=": python.le,
}


def compare_text(
    engine: Engine, expression: ColumnElement[Any], clause: Comparison
) -> ColumnElement[bool]:
    """What `clause` says of a text. A missing one satisfies nothing but IS NULL."""
    value = clause.value
    match clause.operator:
        case "IS NULL":
            return expression.is_(None)
        case "IS NOT NULL":
            return expression.is_not(None)
        case "IN":
            return expression.in_(_texts(value))
        case "NOT IN":
            return expression.not_in(_texts(value))
        case "LIKE":
            return dialect.like(engine, expression, _pattern(value))
        case "ILIKE":
            return dialect.like(engine, expression, _pattern(value), ignore_case=True)
        case comparison:
            compared: ColumnElement[bool] = _COMPARE[comparison](expression, value)
            return compared


def compare_optional_text(
    engine: Engine, expression: ColumnElement[Any], clause: Comparison
) -> ColumnElement[bool]:
    """`compare_text` where a missing text counts as the empty one, which is what answers show."""
    wanted = clause.value if isinstance(clause.value, tuple) else (clause.value,)
    if clause.operator in {"=", "IN"} and "" not in wanted:
        # As it is, so that an index of the column serves.
        return compare_text(engine, expression, clause)
    return compare_text(engine, func.coalesce(expression, ""), clause)


def compare_number(expression: ColumnElement[Any], clause: Comparison) -> ColumnElement[bool]:
    """What `clause` says of a number. A missing one satisfies nothing."""
    value = clause.value
    # Compared as the double that it is, not rounded to the whole numbers of the column.
    bound: Any = literal(value, Double()) if isinstance(value, float) else value
    compared: ColumnElement[bool] = _COMPARE[clause.operator](expression, bound)
    return compared


def compare_metric(value: ColumnElement[Any], clause: Comparison) -> ColumnElement[bool]:
    """What `clause` says of a metric's value. NULL is NaN, which differs from every number."""
    compared = compare_number(value, clause)
    return or_(value.is_(None), compared) if clause.operator == "!=" else compared


def compare_key_value(
    engine: Engine,
    table: Table,
    owner: ColumnElement[bool],
    clause: Comparison,
) -> ColumnElement[bool]:
    """What `clause` says of a param or tag; `owner` ties a row of `table` to the object searched."""
    there = and_(owner, table.c.key == clause.key)
    if clause.operator == "IS NULL":
        return ~exists().where(there)
    if clause.operator == "IS NOT NULL":
        return exists().where(there)
    return exists().where(there, compare_text(engine, table.c.value, clause))


def _texts(value: object) -> tuple[str, ...]:
    assert isinstance(value, tuple)
    return value


def _pattern(value: object) -> str:
    assert isinstance(value, str)
    if len(value) > MAX_PATTERN:
        msg = f"A LIKE pattern has at most {MAX_PATTERN} characters."
        raise InvalidArgument(msg, field="filter")
    return value
