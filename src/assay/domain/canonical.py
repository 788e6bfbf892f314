"""Strict JSON: which values may be stored and fingerprinted, and the one text that stands for each.

The domain is JSON as RFC 8259 has it, less what two parsers read differently: duplicate keys,
numbers that are not finite, lone surrogates, NUL, deep nesting and endless integers. A value is
refused or kept, never rewritten.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Final, NoReturn, TypeAlias

from assay.domain.errors import InvalidArgument, LimitExceeded

JsonScalar: TypeAlias = "bool | int | float | str | None"
JsonValue: TypeAlias = "JsonScalar | list[JsonValue] | dict[str, JsonValue]"

MAX_DEPTH: Final = 64
MAX_INTEGER_DIGITS: Final = 64
MAX_TEXT_BYTES: Final = 1 << 20
MAX_PORTABLE_INTEGER: Final = 2**53 - 1

_INTEGER_LIMIT: Final = 10**MAX_INTEGER_DIGITS
# The closing quote is optional and every repetition is possessive, so that a text with an unclosed
# string is scanned once and not once per quote.
_STRING_OR_BRACKET: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_\-]{1,100}")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ENCODE: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False
).encode


class _EndlessInteger:
    """Stands for an integer with too many digits until the walk can name its path."""


class _Repeated(dict[str, object]):
    """An object of the text in which `key` occurs twice."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key


def parse_strict(
    raw: bytes | str,
    *,
    root: str = "body",
    max_bytes: int = MAX_TEXT_BYTES,
    max_depth: int = MAX_DEPTH,
) -> JsonValue:
    """The value of a JSON text, or InvalidArgument naming the path of what is outside the domain.

    `root` names the text itself in an error; paths inside it do not carry it (`config.lr`).
    Raises LimitExceeded for a text of more than `max_bytes` bytes.
    """
    text = _decode(raw, root, max_bytes)
    _check_depth(text, root, max_depth)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_constant=float,
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InvalidArgument(
            f"{root} is not valid JSON: {error.msg} at {place}.", field=root
        ) from None
    return check_value(value, root=root, max_depth=max_depth)


def parse_canonical(text: str, *, root: str = "text", max_bytes: int = MAX_TEXT_BYTES) -> JsonValue:
    """The value of a text that is the canonical text of one; InvalidArgument for any other text.

    Refuses exactly what `parse_strict` refuses and what `canonical_text` would write otherwise, at a
    third of their cost: a text that comes out of the encoder as it went in has no duplicate keys
    and no number that is not finite, and the rest of the domain shows in its characters.
    """
    brackets = text.count("[") + text.count("{")
    # An escaped NUL or half of a surrogate pair is the encoder's own spelling too.
    is_suspect = brackets > MAX_DEPTH or "\\u0000" in text or "\\ud" in text
    if len(text) > max_bytes or is_suspect:
        value = parse_strict(text, root=root, max_bytes=max_bytes)
        is_canonical = canonical_text(value, max_bytes=max_bytes) == text
    else:
        try:
            value = _DECODE(text)
            is_canonical = _ENCODE(value) == text
        except ValueError:
            value, is_canonical = None, False
    if not is_canonical:
        raise InvalidArgument(f"{root} is not the canonical text of a value.", field=root)
    return value


def _bounded_integer(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_INTEGER_DIGITS:
        raise ValueError(digits[:MAX_INTEGER_DIGITS])
    return int(digits)


_DECODE: Final = json.JSONDecoder(parse_int=_bounded_integer).decode


def check_value(
    value: object,
    path: str = "",
    *,
    root: str = "value",
    max_depth: int = MAX_DEPTH,
) -> JsonValue:
    """The same value in plain types (tuples become lists), or InvalidArgument naming the path.

    Keys must be strings; sets, bytes and array-library scalars are refused unless they are a
    subclass of bool, int, float or str.
    """
    return _Walk(root, max_depth).value(value, path, 1)


def canonical_text(value: object, *, max_bytes: int | None = MAX_TEXT_BYTES) -> str:
    """The one text of a value: keys sorted by code point, no spaces, pure ASCII.

    Equal to `json.dumps(value, sort_keys=True, separators=(",", ":"))` wherever the value is in the
    domain; elsewhere InvalidArgument, and LimitExceeded above `max_bytes` (None: no limit).
    """
    text = json.dumps(
        check_value(value),
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=True,
        allow_nan=False,
    )
    if max_bytes is not None and len(text) > max_bytes:
        raise LimitExceeded(f"The canonical text has {len(text)} bytes; the limit is {max_bytes}.")
    return text


def sha256_hex(text: str) -> str:
    """SHA-256 of the text's UTF-8 bytes as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_portable(value: JsonValue) -> bool:
    """Whether every integer fits a double exactly, so that any JSON library reads the same."""
    if isinstance(value, dict):
        return all(is_portable(item) for item in value.values())
    if isinstance(value, list):
        return all(is_portable(item) for item in value)
    return not isinstance(value, int) or abs(value) <= MAX_PORTABLE_INTEGER


def text_fault(text: str) -> str | None:
    """Why a text cannot be kept everywhere (a NUL, a lone surrogate), or None when it can."""
    if "\x00" in text:
        return "holds a NUL character"
    if _SURROGATE.search(text) is not None:
        return "holds a lone surrogate, which is not a character"
    return None


def child_path(path: str, key: str) -> str:
    """The path of a member: `config.lr`, or `config["a b"]` where the key is not a plain word."""
    if _PLAIN_KEY.fullmatch(key):
        return f"{path}.{key}" if path else key
    return f"{path}[{json.dumps(key[:100])}]"


def _decode(raw: bytes | str, root: str, max_bytes: int) -> str:
    if len(raw) > max_bytes:
        raise LimitExceeded(f"{root} is larger than {max_bytes} bytes.", field=root)
    if isinstance(raw, str):
        text = raw
    else:
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidArgument(f"{root} is not valid UTF-8.", field=root) from None
    if text.startswith("\ufeff"):
        raise InvalidArgument(
            f"{root} starts with a byte order mark; send plain UTF-8.", field=root
        )
    return text


def _check_depth(text: str, root: str, max_depth: int) -> None:
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        mark = text[token.start()]
        if mark in "[{":
            depth += 1
            if depth > max_depth:
                raise InvalidArgument(
                    f"{root} is nested deeper than {max_depth} levels.", field=root
                )
        elif mark != '"':
            depth -= 1


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    counted = Counter(key for key, _ in pairs)
    return _Repeated(next(key for key, times in counted.items() if times > 1))


def _integer(digits: str) -> int | _EndlessInteger:
    return int(digits) if len(digits.lstrip("-")) <= MAX_INTEGER_DIGITS else _EndlessInteger()


class _Walk:
    """One pass over a value: copies it into plain types and stops at what is outside the domain."""

    def __init__(self, root: str, max_depth: int) -> None:
        self._root = root
        self._max_depth = max_depth
        self._nodes = 0

    def value(self, value: object, path: str, depth: int) -> JsonValue:
        """The plain copy of `value`, which sits at `path` in the `depth`-th level."""
        self._nodes += 1
        if self._nodes > MAX_TEXT_BYTES:
            raise LimitExceeded(f"{self._root} holds more than {MAX_TEXT_BYTES} values.")
        if value is None or value is True or value is False:
            return value
        if isinstance(value, str):
            return self._text(str.__str__(value), path)
        if isinstance(value, int):
            return self._whole(int.__index__(value), path)
        if isinstance(value, float):
            return self._real(float.__float__(value), path)
        if isinstance(value, Mapping):
            return self._members(value, path, depth)
        if isinstance(value, list | tuple):
            self._enter(path, depth)
            return [self.value(v, f"{path}[{i}]", depth + 1) for i, v in enumerate(value)]
        if isinstance(value, _EndlessInteger):
            return self._refuse(path, f"has more than {MAX_INTEGER_DIGITS} digits")
        return self._refuse(path, f"is a {type(value).__name__}, which JSON cannot carry")

    def _members(self, value: Mapping[object, object], path: str, depth: int) -> JsonValue:
        if isinstance(value, _Repeated):
            self._refuse(child_path(path, value.key), "occurs twice in one object")
        self._enter(path, depth)
        plain: dict[str, JsonValue] = {}
        for key, item in value.items():
            if not isinstance(key, str):
                self._refuse(path, f"has the key {str(key)[:50]!r}; keys must be strings")
            name = str.__str__(key)
            where = child_path(path, name)
            fault = text_fault(name)
            if fault is not None:
                self._refuse(where, f"is a key that {fault}")
            plain[name] = self.value(item, where, depth + 1)
        return plain

    def _enter(self, path: str, depth: int) -> None:
        if depth > self._max_depth:
            self._refuse(path, f"is nested deeper than {self._max_depth} levels")

    def _text(self, text: str, path: str) -> str:
        fault = text_fault(text)
        if fault is not None:
            self._refuse(path, fault)
        return text

    def _whole(self, number: int, path: str) -> int:
        if not -_INTEGER_LIMIT < number < _INTEGER_LIMIT:
            self._refuse(path, f"has more than {MAX_INTEGER_DIGITS} digits")
        return number

    def _real(self, number: float, path: str) -> float:
        if not math.isfinite(number):
            self._refuse(path, "is not a finite number")
        return number

    def _refuse(self, path: str, fault: str) -> NoReturn:
        name = path if len(path) <= 200 else path[:200] + "…"
        raise InvalidArgument(f"{name or self._root} {fault}.", field=name or self._root)


def as_object(value: JsonValue, path: str) -> dict[str, JsonValue]:
    """`value` as a JSON object, or InvalidArgument naming `path`."""
    if not isinstance(value, dict):
        raise InvalidArgument(f"{path} must be an object.", field=path)
    return value
