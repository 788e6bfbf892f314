"""One page of a registry search: checks, the token's binding, and the token of the next page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from assay.domain.canonical import JsonScalar
from assay.domain.filters import Comparison, Grammar, OrderBy, parse_filter, parse_order_by
from assay.domain.paging import bind, decode, encode
from assay.domain.tracking import Page
from assay.services.checks import check_page_size
from assay.storage.registry_search import Wanted

T = TypeVar("T")

Found = tuple[list[T], list[tuple[JsonScalar, ...]]]


def search_page(  # noqa: PLR0913 - one keyword for each part of a search
    find: Callable[[Wanted], Found[T]],
    grammar: Grammar,
    *,
    scope: Sequence[JsonScalar],
    filter_text: str,
    order_by: Sequence[str],
    default_order: Sequence[OrderBy],
    max_results: int,
    most: int,
    page_token: str | None,
    without_tag: str | None,
    only: Sequence[Comparison] = (),
) -> Page[T]:
    """The page that `find` answers; InvalidArgument names a wrong filter, order, size or token.

    `scope` is what the token is bound to besides; `only` are clauses that the caller adds.
    """
    check_page_size(max_results, most)
    clauses = [*only, *parse_filter(filter_text, grammar)]
    orders = list(parse_order_by(order_by, grammar))
    given = {order.key for order in orders}
    orders += [order for order in default_order if order.key not in given]
    binding = bind([grammar.subject, list(scope), filter_text, list(order_by), without_tag])
    after = () if page_token is None else decode(page_token, binding)
    rows, marks = find(Wanted(clauses, orders, max_results + 1, after, without_tag))
    token = encode(marks[max_results - 1], binding) if len(rows) > max_results else None
    return Page(tuple(rows[:max_results]), token)
