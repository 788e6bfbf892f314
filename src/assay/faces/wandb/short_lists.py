"""Filters and orders of short lists, read as the client writes them, over lists that are here whole."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from assay.domain.collection import Collection
from assay.domain.errors import InvalidArgument

_PATTERN_CHARS: Final = 200
T = TypeVar("T")


def ordered(
    items: Sequence[T],
    order: str | None,
    name: Callable[[T], str],
    created_at_ms: Callable[[T], int],
    updated_at_ms: Callable[[T], int],
) -> list[T]:
    """The items in that order; as they are where none is wanted. Raises InvalidArgument."""
    if not order:
        return list(items)
    keys: dict[str, Callable[[T], Any]] = {
        "name": name,
        "created_at": created_at_ms,
        "createdat": created_at_ms,
        "updated_at": updated_at_ms,
        "updatedat": updated_at_ms,
    }
    key = keys.get(order.lstrip("+-").lower())
    if key is None:
        raise InvalidArgument(f"There is no order {order[:100]!r}.", field="order")
    return sorted(items, key=lambda item: (key(item), name(item)), reverse=order.startswith("-"))


def ordered_collections(items: Sequence[Collection], order: str | None) -> list[Collection]:
    """Collections in that order."""
    return ordered(
        items,
        order,
        lambda one: one.name,
        lambda one: one.created_at_ms,
        lambda one: one.updated_at_ms,
    )


def record_of(collection: Collection) -> dict[str, Any]:
    """What filters on collections look at."""
    return {
        "name": collection.name,
        "description": collection.description,
        "tag": list(collection.tags),
    }


def matches(wanted: Any, record: Mapping[str, Any], depth: int = 0) -> bool:
    """Whether a record passes a filter as the client writes it; unknown fields do not restrict."""
    if depth > 8 or not isinstance(wanted, Mapping):
        raise InvalidArgument("filters is nested too deep, or no object.", field="filters")
    for key, condition in wanted.items():
        if key in {"$and", "$or"} and isinstance(condition, list):
            results = (matches(one, record, depth + 1) for one in condition)
            if not (all(results) if key == "$and" else any(results)):
                return False
        elif key == "$not":
            if matches(condition, record, depth + 1):
                return False
        elif key in record and not _holds(condition, record[key]):
            return False
    return True


def _holds(condition: Any, value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    if not isinstance(condition, Mapping):
        return condition in values
    for operator, operand in condition.items():
        if operator == "$eq":
            holds = operand in values
        elif operator == "$ne":
            holds = operand not in values
        elif operator == "$in" and isinstance(operand, list):
            holds = any(one in values for one in operand)
        elif operator == "$nin" and isinstance(operand, list):
            holds = not any(one in values for one in operand)
        elif operator == "$contains":
            holds = any(str(operand) in str(one) for one in values)
        elif operator == "$regex":
            holds = any(_like(str(operand), str(one)) for one in values)
        else:
            raise InvalidArgument(f"filters: {operator[:50]!r} is not known.", field="filters")
        if not holds:
            return False
    return True


def _like(pattern: str, text: str) -> bool:
    """A regular expression read as a plain pattern: `.*` and `.` alone have a meaning, no others.

    An expression of a stranger could run for ever.
    """
    if len(pattern) > _PATTERN_CHARS:
        raise InvalidArgument("filters: a pattern is too long.", field="filters")
    starts, ends = pattern.startswith("^"), pattern.endswith("$")
    plain = re.sub(r"\\(.)", r"\1", pattern.strip("^$"))
    glob = plain.replace("[", "[[]").replace("*", "\0").replace("?", "[?]").replace(".\0", "*")
    glob = glob.replace("\0", "*")
    return fnmatch.fnmatchcase(text, f"{'' if starts else '*'}{glob}{'' if ends else '*'}")
