"""Checks that several services make of what a request brings: params, tags, page sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from assay.domain.errors import InvalidArgument, LimitExceeded
from assay.domain.names import (
    MAX_TAG_VALUE,
    check_param_key,
    check_param_value,
    check_tag_key,
    check_tag_value,
    is_protected,
)

MAX_ITEMS: Final = 10_000
"""The most params, or tags, that one request brings."""

_MAX_INT64: Final = 2**63 - 1
_SHOWN_CHARACTERS: Final = 100


def check_spelling(alias: str, protected: frozenset[str]) -> None:
    """Refuse a protected alias in other letter case: it would be a seat without its champion."""
    if is_protected(alias, protected) and alias not in protected:
        known = protected_alias(alias, protected)
        raise InvalidArgument(
            f"alias {alias!r} is spelled {known!r} here; another spelling would be another alias, "
            "without its champion to beat.",
            field="alias",
        )


def protected_alias(name: str, protected: frozenset[str]) -> str | None:
    """The protected alias that `name` is another spelling of, or itself; None when there is none."""
    found = (alias for alias in sorted(protected) if alias.casefold() == name.casefold())
    return name if name in protected else next(found, None)


def check_params(params: Mapping[str, str]) -> dict[str, str]:
    """The same params. Raises InvalidArgument naming the one that is not legal."""
    _check_count(params, "params")
    return {
        check_param_key(key, "params"): check_param_value(value, f"params.{_shown(key)}")
        for key, value in params.items()
    }


def check_tags(tags: Mapping[str, str], *, max_length: int = MAX_TAG_VALUE) -> dict[str, str]:
    """The same tags. Raises InvalidArgument naming the one that is not legal."""
    _check_count(tags, "tags")
    return {
        check_tag_key(key, "tags"): check_tag_value(
            value, f"tags.{_shown(key)}", max_length=max_length
        )
        for key, value in tags.items()
    }


def check_page_size(max_results: int, limit: int) -> None:
    """Pass, or InvalidArgument for a page of no or too many items."""
    if not 1 <= max_results <= limit:
        raise InvalidArgument(
            f"max_results must be from 1 to {limit}, not {max_results}.", field="max_results"
        )


def check_moment(value: object, field: str, default_ms: int = 0) -> int:
    """UTC epoch milliseconds, `default_ms` for None. Raises InvalidArgument for a negative number."""
    if value is None:
        return default_ms
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_INT64:
        raise InvalidArgument(
            f"{field} must be milliseconds since 1970, a whole number from 0.", field=field
        )
    return value


def check_step(value: object, field: str = "step") -> int:
    """A step: any whole number of 64 bits. Raises InvalidArgument."""
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise InvalidArgument(f"{field} must be a whole number of 64 bits.", field=field)
    return value


def _check_count(values: Mapping[str, str], name: str) -> None:
    if len(values) > MAX_ITEMS:
        raise LimitExceeded(
            f"{name} has {len(values)} entries; one request brings at most {MAX_ITEMS}.",
            field=name,
            limit=MAX_ITEMS,
        )


def _shown(key: object) -> str:
    return str(key)[:_SHOWN_CHARACTERS]
