"""Pages of listings that are ordered by the rows' own keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from assay.domain.canonical import JsonValue
from assay.domain.errors import InvalidArgument
from assay.domain.paging import bind, decode, encode
from assay.domain.tracking import Page


class _Keyed(Protocol):
    @property
    def pk(self) -> int: ...


T = TypeVar("T", bound=_Keyed)


class KeyPages:
    """The tokens of one listing, told apart from other listings by all that it depends on."""

    def __init__(self, *scope: JsonValue) -> None:
        self._binding = bind(list(scope))

    def start(self, page_token: str | None) -> int:
        """The key beyond which the page lies; 0 for the first one. Raises InvalidArgument."""
        if page_token is None:
            return 0
        (pk,) = decode(page_token, self._binding, size=1)
        if not isinstance(pk, int):
            raise InvalidArgument("page_token is not one of this server.", field="page_token")
        return pk

    def page(self, found: Sequence[T], max_results: int) -> Page[T]:
        """A page of what was found when one more than `max_results` was asked for."""
        shown = tuple(found[:max_results])
        more = len(found) > max_results
        return Page(shown, encode([shown[-1].pk], self._binding) if more else None)
