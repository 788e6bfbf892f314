"""Conditions on runs as a tree of and, or, not over comparisons, for clients that can say all three.

A leaf compares one property of a run. Which operators and values are legal is decided here, so that
storage only writes them down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from assay.domain.errors import InvalidArgument

MAX_DEPTH: Final = 10
MAX_LEAVES: Final = 200
MAX_LISTED: Final = 1_000
MAX_TEXT: Final = 1_000
COMPARISONS: Final = frozenset({"=", "!=", "<", "<=", ">", ">="})

Scalar: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Leaf:
    """`entity` is `attribute`, `param`, `metric`, `label`; `operator` one of COMPARISONS, `exists`, `like`."""

    entity: str
    key: str
    operator: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class Every:
    """All of them hold; none of them: true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of them holds; none of them: false."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Neither:
    """It does not hold."""

    part: Condition


Condition: TypeAlias = Leaf | Every | Either | Neither

_WORDS: Final[Mapping[str, str]] = {
    "$eq": "=",
    "$ne": "!=",
    "$gt": ">",
    "$gte": ">=",
    "$lt": "<",
    "$lte": "<=",
}
_ATTRIBUTES: Final[Mapping[str, str]] = {
    "name": "name",
    "display_name": "display_name",
    "displayName": "display_name",
    "state": "state",
    "group": "group",
    "jobType": "job_type",
    "job_type": "job_type",
    "username": "user_name",
    "user.username": "user_name",
    "sweep": "sweep",
    "host": "host",
    "commit": "commit",
    "notes": "notes",
    "description": "notes",
    "created_at": "created_at",
    "createdAt": "created_at",
    "heartbeat_at": "heartbeat_at",
    "heartbeatAt": "heartbeat_at",
    "updatedAt": "heartbeat_at",
}


def parse_conditions(given: Any) -> Condition:
    """A condition from its form as nested objects. Raises InvalidArgument naming what is not legal."""
    return _Parser().condition(given, 0)


class _Parser:
    """Counts leaves while it reads."""

    def __init__(self) -> None:
        self._leaves = 0

    def condition(self, given: Any, depth: int) -> Condition:
        if depth > MAX_DEPTH:
            raise _wrong(f"The filter is nested deeper than {MAX_DEPTH}.")
        if not isinstance(given, dict):
            raise _wrong("A filter is an object.")
        parts = [self._member(key, value, depth) for key, value in given.items()]
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _member(self, key: str, value: Any, depth: int) -> Condition:
        if key in ("$and", "$or", "$nor"):
            if not isinstance(value, list):
                raise _wrong(f"{key} takes a list.")
            parts = tuple(self.condition(each, depth + 1) for each in value)
            if key == "$and":
                return Every(parts)
            return Either(parts) if key == "$or" else Neither(Either(parts))
        if key == "$not":
            return Neither(self.condition(value, depth + 1))
        if key.startswith("$"):
            raise _wrong(f"The operator {key[:50]!r} is not known here.")
        entity, name = place_of(key)
        return self._tests(entity, name, value, depth)

    def _tests(self, entity: str, name: str, value: Any, depth: int) -> Condition:
        if depth > MAX_DEPTH:
            raise _wrong(f"The filter is nested deeper than {MAX_DEPTH}.")
        if not isinstance(value, dict):
            return self._leaf(entity, name, "=", value)
        tests = [self._test(entity, name, word, each, depth) for word, each in value.items()]
        if not tests:
            raise _wrong(f"{name[:100]!r} is compared with nothing.")
        return tests[0] if len(tests) == 1 else Every(tuple(tests))

    def _test(self, entity: str, name: str, word: str, value: Any, depth: int) -> Condition:
        if word in _WORDS:
            return self._leaf(entity, name, _WORDS[word], value)
        if word in ("$in", "$nin"):
            if not isinstance(value, list) or len(value) > MAX_LISTED:
                raise _wrong(f"{word} takes a list of at most {MAX_LISTED} values.")
            listed = Either(tuple(self._leaf(entity, name, "=", each) for each in value))
            return listed if word == "$in" else Neither(listed)
        if word == "$exists":
            there = self._leaf(entity, name, "exists", None)
            return there if value else Neither(there)
        if word == "$not":
            return Neither(self._tests(entity, name, value, depth + 1))
        if word == "$regex":
            patterns = like_patterns(value)
            leaves = tuple(self._leaf(entity, name, "like", each) for each in patterns)
            return leaves[0] if len(leaves) == 1 else Either(leaves)
        raise _wrong(f"The operator {word[:50]!r} is not known here.")

    def _leaf(self, entity: str, name: str, operator: str, value: Any) -> Leaf:
        self._leaves += 1
        if self._leaves > MAX_LEAVES + MAX_LISTED:
            raise _wrong(f"The filter has more than {MAX_LEAVES} comparisons.")
        if not (value is None or isinstance(value, str | int | float)):
            raise _wrong(f"{name[:100]!r} is compared with a text, a number, true, false or null.")
        if isinstance(value, str) and len(value) > MAX_TEXT:
            raise _wrong(f"A text in a filter has at most {MAX_TEXT} characters.")
        if isinstance(value, int) and abs(value) >= 2**63:
            raise _wrong("A number in a filter has at most 64 bits.")
        return Leaf(entity, name, operator, value)


def place_of(key: str) -> tuple[str, str]:
    """Which property of a run a dotted name means. Raises InvalidArgument for none."""
    for prefix in ("config.", "summary_metrics.", "summaryMetrics.", "keys_info.keys."):
        if key.startswith(prefix):
            name = key.removeprefix(prefix)
            if prefix == "config.":
                # `config.lr.value` is how the client's server spells the param `lr`.
                return "param", name.removesuffix(".value").replace(".value.", ".")
            return "metric", name
    if key == "tags":
        return "label", ""
    if key in _ATTRIBUTES:
        return "attribute", _ATTRIBUTES[key]
    raise _wrong(f"{key[:100]!r} is no property of a run that can be searched.")


def like_patterns(pattern: Any) -> list[str]:
    r"""The LIKE patterns that a simple regular expression amounts to, `\` before a plain `%` or `_`.

    Texts, `.`, `.*`, `^`, `$`, escapes and alternatives at the top are taken; others are refused, so
    that nobody's expression runs for ever.
    """
    if not isinstance(pattern, str) or len(pattern) > MAX_TEXT:
        raise _wrong(f"$regex takes a text of at most {MAX_TEXT} characters.")
    return [_like(part) for part in _alternatives(pattern)]


def _alternatives(pattern: str) -> list[str]:
    inner = pattern
    if inner.startswith("^(") and inner.endswith(")$") and inner.count("(") == 1:
        return [f"^{part}$" for part in inner[2:-2].split("|")]
    if inner.startswith("(") and inner.endswith(")") and inner.count("(") == 1:
        inner = inner[1:-1]
    return inner.split("|")


def _like(pattern: str) -> str:
    is_start, is_end = pattern.startswith("^"), pattern.endswith("$") and pattern[-2:] != "\\$"
    body = pattern[is_start : len(pattern) - is_end]
    made: list[str] = [] if is_start else ["%"]
    place = 0
    while place < len(body):
        mark = body[place]
        place += 1
        if mark == "\\" and place < len(body) and not body[place].isalnum():
            made.append(_plain(body[place]))
            place += 1
        elif mark == ".":
            following = body[place : place + 1]
            made.append({"*": "%", "+": "_%"}.get(following, "_"))
            place += following in ("*", "+")
        elif mark in "\\*+?[](){}^$|":
            raise _wrong(
                "$regex takes texts with '.', '.*', '^', '$' and alternatives only;"
                f" {pattern[:100]!r} has more."
            )
        else:
            made.append(_plain(mark))
    if not is_end:
        made.append("%")
    return "".join(made)


def _plain(mark: str) -> str:
    return f"\\{mark}" if mark in "%_\\" else mark


def _wrong(message: str) -> InvalidArgument:
    return InvalidArgument(message, field="filters")
