"""The search language: comparisons joined by AND, and orders, as values that storage binds to SQL.

    metrics.accuracy > 0.9 AND params."lora r" = '16' AND tags.team IS NOT NULL

Which entities, keys and operators exist is a `Grammar`; those of Assay are in `grammars`. Keys with
spaces, slashes or dashes stand in backticks or double quotes, texts in single or double quotes.
There is no escape inside quotes, no OR, no NOT and no grouping.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal, NoReturn, TypeAlias

from assay.domain.canonical import text_fault
from assay.domain.errors import InvalidArgument

MAX_FILTER: Final = 64 * 1024
MAX_CLAUSES: Final = 100
MAX_LIST: Final = 1_000
MAX_ORDERS: Final = 30
MAX_KEY: Final = 250

Operator: TypeAlias = Literal[
    "=", "!=", ">", ">=", "<", "<=", "LIKE", "ILIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL"
]
Value: TypeAlias = str | int | float | tuple[str, ...] | None

NUMERIC_OPERATORS: Final[frozenset[Operator]] = frozenset({"=", "!=", ">", ">=", "<", "<="})
TEXT_OPERATORS: Final[frozenset[Operator]] = frozenset({"=", "!=", "LIKE", "ILIKE"})
LIST_OPERATORS: Final[frozenset[Operator]] = frozenset({"IN", "NOT IN"})
EQUALITY_OPERATORS: Final[frozenset[Operator]] = frozenset({"=", "!="})
NULL_OPERATORS: Final[frozenset[Operator]] = frozenset({"IS NULL", "IS NOT NULL"})

_INT64: Final = 2**63
_IDENTIFIER: Final = re.compile(
    r'(?:(?P<entity>\w+|`\w+`)\.)?(?P<key>`[^`]*+`|"[^"]*+"|[\w.]+)', re.UNICODE
)
_ORDER: Final = re.compile(
    r'\s*+(?:(?P<entity>\w+|`\w+`)\.)?(?P<key>`[^`]*+`|"[^"]*+"|[^\s`",;()]+)'
    r"(?:\s++(?P<direction>ASC|DESC))?\s*+",
    re.IGNORECASE,
)
_OPERATOR: Final = re.compile(
    r"\s*+(?P<operator>>=|<=|!=|=|>|<"
    r"|(?:NOT\s++IN|IS\s++NOT\s++NULL|IS\s++NULL|ILIKE|LIKE|IN)(?!\w))",
    re.IGNORECASE,
)
_TEXT: Final = re.compile(r"""\s*+(?:'(?P<single>(?:[^']|'')*+)'|"(?P<double>[^"]*+)")""")
_NUMBER: Final = re.compile(
    r"\s*+(?P<number>[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?)(?![\w.])"
)
_AND: Final = re.compile(r"\s*+AND(?!\w)\s*+", re.IGNORECASE)
_SPACE: Final = re.compile(r"\s*+")
_MARK: Final = {"(": re.compile(r"\s*+\("), ")": re.compile(r"\s*+\)"), ",": re.compile(r"\s*+,")}


class Kind(StrEnum):
    """What a key's values are: quoted texts, doubles, whole numbers, or moments (both numbers)."""

    TEXT = "text"
    REAL = "real"
    INTEGER = "integer"
    MOMENT = "moment"


@dataclass(frozen=True, slots=True)
class Rule:
    """What may be asked of a key. `name` replaces an alias; `lower` folds values to lower case."""

    kind: Kind
    operators: frozenset[Operator]
    name: str | None = None
    lower: bool = False
    is_orderable: bool = True


@dataclass(frozen=True, slots=True)
class Grammar:
    """What a search over `subject` may say.

    `prefixes` maps the words before the dot to entities; a bare key belongs to `attribute`. An
    entity in `open` takes any key, one in `closed` only those listed.
    """

    subject: str
    prefixes: Mapping[str, str]
    closed: Mapping[str, Mapping[str, Rule]]
    open: Mapping[str, Rule] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One clause. `value` is None for IS [NOT] NULL and a tuple of texts for [NOT] IN."""

    entity: str
    key: str
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Field:
    """A key of an entity, with the names that the grammar gives them."""

    entity: str
    key: str


@dataclass(frozen=True, slots=True)
class OrderBy:
    """One order; missing values come last either way."""

    entity: str
    key: str
    ascending: bool = True


def parse_filter(text: str, grammar: Grammar) -> tuple[Comparison, ...]:
    """The clauses of a filter, none for an empty text; InvalidArgument on `filter` says what is wrong."""
    if not text:
        return ()
    if len(text) > MAX_FILTER:
        raise InvalidArgument(f"The filter is longer than {MAX_FILTER} characters.", field="filter")
    fault = text_fault(text)
    if fault is not None:
        raise InvalidArgument(f"The filter {fault}.", field="filter")
    return _Parser(text, grammar).clauses()


def parse_order_by(texts: Sequence[str], grammar: Grammar) -> tuple[OrderBy, ...]:
    """One order per text, `key [ASC|DESC]`; InvalidArgument on `order_by` says what is wrong."""
    if len(texts) > MAX_ORDERS:
        raise InvalidArgument(f"order_by has at most {MAX_ORDERS} entries.", field="order_by")
    orders: list[OrderBy] = []
    for text in texts:
        match = _ORDER.fullmatch(text) if len(text) <= MAX_FILTER else None
        if match is None:
            raise InvalidArgument(
                f"{_shown(text)} is not an order: write `key ASC` or `key DESC`, with the key in "
                "backticks when it holds spaces.",
                field="order_by",
            )
        found, rule = _resolve(match, grammar, "order_by")
        if not rule.is_orderable:
            raise InvalidArgument(
                f"{grammar.subject} cannot be ordered by {_shown(found.key)}.", field="order_by"
            )
        direction = match["direction"]
        ascending = direction is None or direction.upper() == "ASC"
        if any((found.entity, found.key) == (other.entity, other.key) for other in orders):
            raise InvalidArgument(
                f"{_shown(found.key)} occurs twice in order_by.", field="order_by"
            )
        orders.append(OrderBy(found.entity, found.key, ascending=ascending))
    return tuple(orders)


def parse_field(text: str, grammar: Grammar, place: str = "order_by") -> Field:
    """The entity and key that an identifier names; InvalidArgument on `place` otherwise."""
    match = _ORDER.fullmatch(text) if len(text) <= MAX_FILTER else None
    if match is None or match["direction"] is not None:
        raise InvalidArgument(f"{_shown(text)} is not a field name.", field=place)
    return _resolve(match, grammar, place)[0]


class _Parser:
    """Reads clause after clause; every step moves forward, so the work is linear in the text."""

    def __init__(self, text: str, grammar: Grammar) -> None:
        self._text = text
        self._grammar = grammar
        self._at = 0

    def clauses(self) -> tuple[Comparison, ...]:
        """All clauses up to the end of the text."""
        self._take(_SPACE)
        if self._at == len(self._text):
            self._refuse("The filter is blank; leave it empty to match everything")
        found: list[Comparison] = []
        while True:
            found.append(self._clause())
            if len(found) > MAX_CLAUSES:
                self._refuse(f"The filter has more than {MAX_CLAUSES} clauses")
            if self._take(_AND) is None:
                break
        self._take(_SPACE)
        if self._at != len(self._text):
            self._refuse(
                "Clauses are joined by AND; OR, NOT and grouping do not exist. Not understood"
            )
        return tuple(found)

    def _clause(self) -> Comparison:
        match = self._take(_IDENTIFIER)
        if match is None:
            self._refuse("Expected a key such as metrics.loss, params.`learning rate` or run_id")
        target, rule = _resolve(match, self._grammar, "filter")
        operator = self._operator(target, rule)
        value: Value = None
        if operator in LIST_OPERATORS:
            value = self._list(rule)
        elif operator not in NULL_OPERATORS:
            value = self._value(target, rule)
        return Comparison(target.entity, target.key, operator, value)

    def _operator(self, target: Field, rule: Rule) -> Operator:
        start = self._at
        match = self._take(_OPERATOR)
        word = "" if match is None else " ".join(match["operator"].upper().split())
        for operator in rule.operators:
            if operator == word:
                return operator
        self._at = start
        allowed = ", ".join(sorted(rule.operators))
        return self._refuse(
            f"{_shown(target.key)} ({target.entity}) is compared with {allowed}. Found"
        )

    def _value(self, target: Field, rule: Rule) -> Value:
        if rule.kind is Kind.TEXT:
            text = self._quoted()
            if text is None:
                self._refuse(f"{_shown(target.key)} is compared with a text in quotes. Found")
            return text.lower() if rule.lower else text
        match = self._take(_NUMBER)
        if match is None:
            self._refuse(f"{_shown(target.key)} is compared with a number. Found")
        return self._number(match["number"], rule.kind)

    def _number(self, digits: str, kind: Kind) -> int | float:
        is_whole = digits.lstrip("+-").isdigit()
        if kind is not Kind.REAL and is_whole and len(digits) <= 20:
            whole = int(digits)
            if -_INT64 <= whole < _INT64:
                return whole
        if kind is Kind.INTEGER:
            self._refuse(f"{_shown(digits)} is not a whole number of 64 bits")
        number = float(digits)
        if not math.isfinite(number):
            self._refuse(f"{_shown(digits)} is larger than a double can hold")
        return number

    def _quoted(self) -> str | None:
        match = self._take(_TEXT)
        if match is None:
            return None
        single = match["single"]
        return match["double"] if single is None else single

    def _list(self, rule: Rule) -> tuple[str, ...]:
        if self._take(_MARK["("]) is None:
            self._refuse("IN is followed by texts in parentheses: IN ('a', 'b'). Found")
        items: list[str] = []
        while True:
            text = self._quoted()
            if text is None:
                break
            items.append(text.lower() if rule.lower else text)
            if self._take(_MARK[","]) is None:
                break
        if not items or len(items) > MAX_LIST or self._take(_MARK[")"]) is None:
            self._refuse(f"A list holds 1 to {MAX_LIST} texts in quotes. Found")
        return tuple(items)

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self._text, self._at)
        if match is not None:
            self._at = match.end()
        return match

    def _refuse(self, message: str) -> NoReturn:
        ahead = self._text[self._at :].lstrip()
        if ahead:
            near = f": {ahead[:60].rstrip()!r} at character {len(self._text) - len(ahead) + 1}"
        else:
            near = " nothing more" if message.endswith("Found") else " (the filter ends here)"
        raise InvalidArgument(f"{message}{near}.", field="filter")


def _resolve(match: re.Match[str], grammar: Grammar, place: str) -> tuple[Field, Rule]:
    prefix, key = match["entity"], match["key"]
    if key[0] in '`"':
        key = key[1:-1]
    entity = grammar.prefixes.get(prefix.strip("`")) if prefix is not None else "attribute"
    if entity is None:
        known = ", ".join(sorted({f"{name}." for name in grammar.prefixes}))
        raise InvalidArgument(
            f"{_shown(prefix)} is not part of {grammar.subject}; known are {known}", field=place
        )
    if not 1 <= len(key) <= MAX_KEY:
        raise InvalidArgument(f"A key has 1 to {MAX_KEY} characters.", field=place)
    rule = grammar.open.get(entity)
    if rule is not None:
        return Field(entity, key), rule
    keys = grammar.closed.get(entity, {})
    if key not in keys:
        known = ", ".join(sorted(keys))
        raise InvalidArgument(
            f"{grammar.subject} have no {entity} {_shown(key)}; there are {known}.", field=place
        )
    return Field(entity, keys[key].name or key), keys[key]


def _shown(text: str) -> str:
    return repr(text if len(text) <= 100 else text[:100] + "…")
