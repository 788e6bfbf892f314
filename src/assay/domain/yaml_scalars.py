"""Scalars and keys of YAML's block style, as PyYAML and MLflow write them.

Anchors, tags, flow collections with content and block scalars are refused, not guessed at.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from assay.domain.errors import InvalidArgument

Scalar: TypeAlias = "str | int | float | bool | None"

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = frozenset({"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})
_FALSE: Final = frozenset({"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?")
KEY: Final = re.compile(
    r"(?:'(?P<single>(?:[^']|'')*)'"
    r"|(?P<double>\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<plain>(?:[^'\" \t\n&*!|>%@`#{}\[\],?:-]|[?:-](?=[^ \t\n]))[^\n]*?))"
    r":(?=[ \n]|$)"
)
_ESCAPES: Final = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r",
    "e": "\x1b", " ": " ", '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0",
    "L": "\u2028", "P": "\u2029", "\t": "\t",
}  # fmt: skip
_ESCAPE: Final = re.compile(
    r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(\n[ \t]*)|(.))", re.DOTALL
)


def read_scalar(body: str) -> Scalar:
    """The value that is written so, over one line or several. Raises InvalidArgument."""
    quote = body[:1]
    if quote in {"'", '"'}:
        end = closing_quote(body, quote)
        if end is None or body[end + 1 :].strip():
            raise InvalidArgument(f"A quoted text of the YAML does not end: {body[:80]!r}")
        inner = body[1:end]
        return _folded(inner).replace("''", "'") if quote == "'" else _unescaped(inner)
    if quote in {"&", "*", "!", "|", ">", "{", "[", "%", "@", "`"}:
        raise InvalidArgument(f"The YAML holds what is not read here: {body[:80]!r}")
    return _plain(_folded(body.rstrip(" \n")))


def _plain(text: str) -> Scalar:
    if text in _NULLS:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) < 400 else text
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _folded(text: str) -> str:
    """Lines joined as YAML folds them: one break is a space, each further one a line break."""
    if "\n" not in text:
        return text
    lines = text.split("\n")
    out = [lines[0].rstrip(" \t")]
    empty = 0
    for position, line in enumerate(lines[1:], 1):
        is_last = position == len(lines) - 1
        bare = line.lstrip(" \t") if is_last else line.strip(" \t")
        if not bare and not is_last:
            empty += 1
            continue
        out.append("\n" * empty if empty else " ")
        out.append(bare)
        empty = 0
    return "".join(out)


def _unescaped(text: str) -> str:
    """The inside of a double-quoted text: breaks folded, escapes read."""
    parts: list[str] = []
    position = 0
    plain_from = 0
    # Escapes are cut out before the rest is folded, so that an escaped space or break stays.
    marks: list[str] = []
    for match in _ESCAPE.finditer(text):
        parts.append(text[plain_from : match.start()])
        marks.append(_escaped(match))
        position = plain_from = match.end()
    parts.append(text[position:])
    joined = "\0".join(parts)
    if joined.count("\0") != len(marks):
        raise InvalidArgument("A text of the YAML holds a NUL.")
    pieces = _folded(joined).split("\0")
    out = [pieces[0]]
    for mark, piece in zip(marks, pieces[1:], strict=True):
        out += (mark, piece)
    return "".join(out)


def _escaped(match: re.Match[str]) -> str:
    digits = match[1] or match[2] or match[3]
    if digits:
        return chr(int(digits, 16)) if int(digits, 16) <= 0x10FFFF else "\ufffd"
    if match[4]:
        return ""
    mark = _ESCAPES.get(match[5])
    if mark is None:
        raise InvalidArgument(f"A text of the YAML holds an unknown escape \\{match[5]}.")
    return mark


def split_entry(line: str) -> tuple[str, str]:
    """The key of an entry and what follows it on the line. Raises InvalidArgument."""
    match = KEY.match(line)
    if match is None:
        raise InvalidArgument(f"The YAML holds a line that is no entry: {line[:80]!r}")
    if match["single"] is not None:
        key = match["single"].replace("''", "'")
    elif match["double"] is not None:
        key = _unescaped(match["double"][1:-1])
    else:
        key = match["plain"]
    return key, line[match.end() :].strip(" ")


def closing_quote(body: str, quote: str) -> int | None:
    """Where the text that begins with a quote ends; None when it goes on."""
    position = 1
    while position < len(body):
        mark = body[position]
        if mark == "\\" and quote == '"':
            position += 2
            continue
        if mark == quote:
            if quote == "'" and body[position + 1 : position + 2] == "'":
                position += 2
                continue
            return position
        position += 1
    return None
