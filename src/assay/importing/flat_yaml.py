"""Reading the `meta.yaml` files of MLflow's folders: flat mappings of plain values, and nothing else.

Anchors, tags, flow collections with content and block scalars are refused, not guessed at: MLflow
writes none of them.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from assay.domain.errors import InvalidArgument
from assay.domain.yaml_scalars import KEY, closing_quote, read_scalar, split_entry

Value: TypeAlias = "str | int | float | bool | dict[str, str] | list[str] | None"

MAX_CHARACTERS: Final = 64 << 20


def read_flat(text: str) -> dict[str, Value]:
    """The mapping that `text` is. Raises InvalidArgument for what is not one of MLflow's."""
    if len(text) > MAX_CHARACTERS:
        raise InvalidArgument("A meta.yaml of this size is not MLflow's.")
    lines = text.removeprefix("\ufeff").split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    found: dict[str, Value] = {}
    start = 0
    while start < len(lines):
        end = start + 1
        while end < len(lines) and _continues(lines, start, end):
            end += 1
        key, rest = split_entry(lines[start])
        found[key] = _value(rest, lines[start + 1 : end])
        start = end
    return found


def _continues(lines: list[str], start: int, end: int) -> bool:
    """Whether a line belongs to the entry before: indented, an item of a list, or within quotes."""
    line = lines[end]
    is_item = line == "-" or line.startswith("- ")
    return line[:1] in {"", " ", "\t"} or is_item or _is_open(lines[start:end])


def _is_open(lines: list[str]) -> bool:
    _, rest = split_entry(lines[0])
    body = "\n".join([rest, *lines[1:]])
    quote = body[:1]
    return quote in {"'", '"'} and closing_quote(body, quote) is None


def _value(first: str, rest: list[str]) -> Value:
    if first == "" and rest:
        return _collection(rest)
    if first == "{}":
        return {}
    if first == "[]":
        return []
    return read_scalar("\n".join([first, *rest]))


def _collection(lines: list[str]) -> Value:
    indent = len(lines[0]) - len(lines[0].lstrip(" "))
    inner = "\n".join(line[indent:] for line in lines)
    if inner.startswith("- ") or inner == "-":
        items: list[list[str]] = []
        for line in inner.split("\n"):
            if line.startswith("- "):
                items.append([line[2:]])
            elif items:
                items[-1].append(line)
        return [_text(read_scalar("\n".join(item))) for item in items]
    if indent == 0:
        raise InvalidArgument("A meta.yaml has a value where MLflow would write none.")
    if KEY.match(inner) is None:
        return read_scalar(inner)
    return {key: _text(value) for key, value in read_flat(inner).items()}


def _text(value: Value) -> str:
    if isinstance(value, dict | list):
        raise InvalidArgument("A meta.yaml is nested more deeply than MLflow's.")
    return "" if value is None else str(value)
