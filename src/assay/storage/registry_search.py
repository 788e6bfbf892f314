"""Searching registered models and model versions: filters and orders as bound SQL, pages by key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, exists

from assay.domain.canonical import JsonScalar
from assay.domain.filters import Comparison, OrderBy
from assay.domain.registry import ModelVersion, RegisteredModel
from assay.storage.database import Transaction
from assay.storage.model_versions import NOT_DELETED, VERSIONS, as_version
from assay.storage.ordering import Term, after, columns, order_by
from assay.storage.predicates import (
    compare_key_value,
    compare_number,
    compare_optional_text,
    compare_text,
)
from assay.storage.registered_models import LIVE, MODELS, as_model
from assay.storage.tables.registry import (
    model_version_tags,
    model_versions,
    registered_model_tags,
    registered_models,
)
from assay.storage.tables.tracking import runs, workspaces


class Wanted(NamedTuple):
    """What to search for: clauses, orders, how many, after which row, and what to leave out."""

    clauses: Sequence[Comparison]
    orders: Sequence[OrderBy]
    limit: int
    after: Sequence[JsonScalar] = ()
    without_tag: str | None = None
    """Leave out what carries this tag, whatever its value."""


_MODEL_COLUMNS: dict[str, tuple[ColumnElement[Any], type]] = {
    "name": (registered_models.c.name, str),
    "creation_timestamp": (registered_models.c.created_at_ms, int),
    "last_updated_timestamp": (registered_models.c.updated_at_ms, int),
}
_VERSION_COLUMNS: dict[str, tuple[ColumnElement[Any], type]] = {
    "name": (registered_models.c.name, str),
    "version_number": (model_versions.c.version, int),
    "run_id": (runs.c.run_id, str),
    "source_path": (model_versions.c.source, str),
    "creation_timestamp": (model_versions.c.created_at_ms, int),
    "last_updated_timestamp": (model_versions.c.updated_at_ms, int),
    "fingerprint": (model_versions.c.fingerprint, str),
}
# Columns that may be NULL, which no order can go on from.
_UNORDERED = {"run_id", "fingerprint"}
_OPTIONAL = {"run_id", "source_path"}


def search_models(
    tx: Transaction, workspace: str, wanted: Wanted
) -> tuple[list[RegisteredModel], list[tuple[JsonScalar, ...]]]:
    """Bare live models, with what the page after each row starts from."""
    terms = _terms(wanted.orders, _MODEL_COLUMNS, (registered_models.c.id, False))
    statement = MODELS.where(LIVE, workspaces.c.name == workspace)
    owner = registered_model_tags.c.model_id == registered_models.c.id
    for clause in wanted.clauses:
        if clause.entity == "tag":
            tagged = compare_key_value(tx.engine, registered_model_tags, owner, clause)
            statement = statement.where(tagged)
        else:
            statement = statement.where(_attribute(tx, _MODEL_COLUMNS, clause))
    if wanted.without_tag is not None:
        tagged = exists().where(owner, registered_model_tags.c.key == wanted.without_tag)
        statement = statement.where(~tagged)
    rows = _rows(tx, statement, terms, wanted)
    return [as_model(row) for row in rows], [_carried(row, terms) for row in rows]


def search_versions(
    tx: Transaction, workspace: str, wanted: Wanted
) -> tuple[list[ModelVersion], list[tuple[JsonScalar, ...]]]:
    """Bare versions that are not deleted, with what the page after each row starts from."""
    terms = _terms(wanted.orders, _VERSION_COLUMNS, (model_versions.c.id, False))
    statement = VERSIONS.where(LIVE, NOT_DELETED, workspaces.c.name == workspace)
    owner = model_version_tags.c.version_id == model_versions.c.id
    for clause in wanted.clauses:
        if clause.entity == "tag":
            tagged = compare_key_value(tx.engine, model_version_tags, owner, clause)
            statement = statement.where(tagged)
        else:
            statement = statement.where(_attribute(tx, _VERSION_COLUMNS, clause))
    if wanted.without_tag is not None:
        tagged = exists().where(owner, model_version_tags.c.key == wanted.without_tag)
        statement = statement.where(~tagged)
    rows = _rows(tx, statement, terms, wanted)
    return [as_version(row) for row in rows], [_carried(row, terms) for row in rows]


def _attribute(
    tx: Transaction, known: dict[str, tuple[ColumnElement[Any], type]], clause: Comparison
) -> ColumnElement[bool]:
    column, kind = known[clause.key]
    if kind is int:
        return compare_number(column, clause)
    if clause.key in _OPTIONAL:
        return compare_optional_text(tx.engine, column, clause)
    return compare_text(tx.engine, column, clause)


def _terms(
    orders: Sequence[OrderBy],
    known: dict[str, tuple[ColumnElement[Any], type]],
    last: tuple[ColumnElement[Any], bool],
) -> list[Term]:
    terms = [
        Term(known[order.key][0], order.ascending, known[order.key][1])
        for order in orders
        if order.key in known and order.key not in _UNORDERED
    ]
    return [*terms, Term(last[0], last[1], int)]


def _rows(
    tx: Transaction, statement: Select[Any], terms: list[Term], wanted: Wanted
) -> Sequence[Row[Any]]:
    marks = [column.label(f"mark_{i}") for i, column in enumerate(columns(terms))]
    statement = statement.add_columns(*marks).order_by(*order_by(terms)).limit(wanted.limit)
    if wanted.after:
        statement = statement.where(after(terms, wanted.after))
    return tx.execute(statement).all()


def _carried(row: Row[Any], terms: list[Term]) -> tuple[JsonScalar, ...]:
    return tuple(getattr(row, f"mark_{i}") for i in range(len(columns(terms))))
