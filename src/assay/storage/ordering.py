"""Orders that a page can go on from: which columns, where missing values stand, what comes after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_

from assay.domain.canonical import JsonScalar
from assay.domain.errors import InvalidArgument

_INT64 = 2**63
_MAX_RANK = 2


@dataclass(frozen=True, slots=True)
class Term:
    """One order. `rank` says where rows without a value stand (0: it has one), in both directions."""

    value: ColumnElement[Any]
    ascending: bool
    kind: type
    rank: ColumnElement[int] | None = None


def columns(terms: Sequence[Term]) -> list[ColumnElement[Any]]:
    """What a row must carry so that the page after it can be found."""
    carried: list[ColumnElement[Any]] = []
    for term in terms:
        if term.rank is not None:
            carried.append(term.rank)
        carried.append(term.value)
    return carried


def order_by(terms: Sequence[Term]) -> list[ColumnElement[Any]]:
    """The ORDER BY of the terms. The last must tell any two rows apart."""
    orders: list[ColumnElement[Any]] = []
    for term in terms:
        if term.rank is not None:
            orders.append(term.rank.asc())
        orders.append(term.value.asc() if term.ascending else term.value.desc())
    return orders


def after(terms: Sequence[Term], carried: Sequence[JsonScalar]) -> ColumnElement[bool]:
    """The condition that a row stands after the one that carried these values.

    Raises InvalidArgument on `page_token` for values that no row of this order carries.
    """
    steps = _steps(terms, carried)
    later: list[ColumnElement[bool]] = []
    equal: list[ColumnElement[bool]] = []
    for expression, ascending, value in steps:
        beyond = expression > value if ascending else expression < value
        later.append(and_(*equal, beyond))
        equal.append(expression == value)
    return or_(false(), *later)


def _steps(
    terms: Sequence[Term], carried: Sequence[JsonScalar]
) -> list[tuple[ColumnElement[Any], bool, JsonScalar]]:
    if len(carried) != len(columns(terms)):
        raise _stale()
    values = iter(carried)
    steps: list[tuple[ColumnElement[Any], bool, JsonScalar]] = []
    for term in terms:
        rank: JsonScalar = 0
        if term.rank is not None:
            rank = next(values)
            if type(rank) is not int or not 0 <= rank <= _MAX_RANK:
                raise _stale()
            steps.append((term.rank, True, rank))
        value = next(values)
        if rank != 0:
            continue
        if type(value) is not term.kind or (type(value) is int and not -_INT64 <= value < _INT64):
            raise _stale()
        steps.append((term.value, term.ascending, value))
    return steps


def _stale() -> InvalidArgument:
    return InvalidArgument(
        "page_token does not fit this order; start again without it.", field="page_token"
    )
