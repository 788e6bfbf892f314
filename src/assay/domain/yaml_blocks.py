"""YAML in block style, nested mappings and lists of plain values: what programs write of a config."""

from __future__ import annotations

from typing import Any, Final

from assay.domain.errors import InvalidArgument, LimitExceeded
from assay.domain.yaml_scalars import KEY, closing_quote, read_scalar, split_entry

MAX_CHARACTERS: Final = 1 << 20
MAX_DEPTH: Final = 32
_QUOTES: Final = ("'", '"')


def read_blocks(text: str) -> Any:
    """The value that `text` is: mappings, lists and scalars within each other.

    Comments stand on lines of their own. Raises InvalidArgument, LimitExceeded.
    """
    if len(text) > MAX_CHARACTERS:
        raise LimitExceeded(f"YAML may have at most {MAX_CHARACTERS} characters.")
    lines = text.removeprefix("\ufeff").split("\n")
    while lines and _is_idle(lines[-1]):
        lines.pop()
    while lines and (_is_idle(lines[0]) or lines[0] == "---"):
        lines.pop(0)
    return _block(lines, 0)


def _block(lines: list[str], depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise LimitExceeded(f"YAML may be nested {MAX_DEPTH} deep.", limit=MAX_DEPTH)
    if not lines:
        return None
    indent = _indent(lines[0])
    inner = [line[indent:] if _indent(line) >= indent else line.lstrip() for line in lines]
    if _is_item(inner[0]):
        return [_block(item, depth + 1) for item in _items(inner)]
    if KEY.match(inner[0]) is None:
        return _leaf("\n".join(inner))
    found: dict[str, Any] = {}
    for entry in _entries(inner):
        key, rest = split_entry(entry[0])
        if rest and not rest.startswith("#"):
            found[key] = _leaf("\n".join([rest, *entry[1:]]))
        else:
            found[key] = _block(_without_idle(entry[1:]), depth + 1)
    return found


def _leaf(body: str) -> Any:
    if body in ("{}", "[]"):
        return {} if body == "{}" else []
    return read_scalar(body)


def _items(lines: list[str]) -> list[list[str]]:
    items: list[list[str]] = []
    quote = ""
    for line in lines:
        if _is_item(line) and not quote:
            # What follows the dash is indented as if the dash were a space.
            items.append([" " + line[1:]])
            quote = _opened(items[-1][0])
        elif items and (quote or line[:1] in ("", " ")):
            quote = _still_open(line, quote) or ("" if quote else _opened(line))
            items[-1].append(line)
        elif not line.startswith("#"):
            raise InvalidArgument(f"The YAML mixes a list with something else: {line[:80]!r}")
    return [_without_idle(item) if item[0].strip() == "" else item for item in items]


def _entries(lines: list[str]) -> list[list[str]]:
    entries: list[list[str]] = []
    quote = ""
    for line in lines:
        if entries and (quote or line[:1] in ("", " ") or _is_item(line)):
            quote = _still_open(line, quote) or ("" if quote else _opened(line))
            entries[-1].append(line)
        elif not line.startswith("#"):
            entries.append([line])
            quote = _opened(line)
    return entries


def _opened(line: str) -> str:
    """The quote within which a line ends that begins outside of any; none for an ordinary line."""
    body = line.lstrip(" ")
    while _is_item(body):
        body = body[1:].lstrip(" ")
    if KEY.match(body) is not None:
        body = split_entry(body)[1]
    quote = body[:1]
    return quote if quote in _QUOTES and closing_quote(body, quote) is None else ""


def _still_open(line: str, quote: str) -> str:
    """The same for a line that begins within a quote. Each line is looked at once, however many."""
    return quote if quote and closing_quote(quote + line, quote) is None else ""


def _without_idle(lines: list[str]) -> list[str]:
    start, end = 0, len(lines)
    while start < end and _is_idle(lines[start]):
        start += 1
    while end > start and _is_idle(lines[end - 1]):
        end -= 1
    return lines[start:end]


def _is_item(line: str) -> bool:
    return line == "-" or line.startswith("- ")


def _is_idle(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
