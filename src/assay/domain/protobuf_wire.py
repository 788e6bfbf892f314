"""The wire format of protocol buffers: numbered fields, without knowing what they mean."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, TypeAlias

from assay.domain.errors import InvalidArgument

WireValue: TypeAlias = "int | float | bytes"
"""A varint, a double, or anything that has a length: a text, bytes, a message."""

_MAX_VARINT_BYTES: Final = 10
_MASK: Final = (1 << 64) - 1


def fields(data: bytes) -> Iterator[tuple[int, WireValue]]:
    """Every field of a message by number, in order. Raises InvalidArgument for what is none."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise _malformed()
        if kind == 0:
            value, position = _varint(data, position)
            yield number, value
        elif kind in (1, 5):
            size, form = (8, "<d") if kind == 1 else (4, "<f")
            end = position + size
            if end > len(data):
                raise _malformed()
            yield number, struct.unpack(form, data[position:end])[0]
            position = end
        elif kind == 2:
            length, position = _varint(data, position)
            end = position + length
            if end > len(data):
                raise _malformed()
            yield number, data[position:end]
            position = end
        else:
            raise _malformed()


def signed(value: WireValue) -> int:
    """A varint as the int32 or int64 that it stands for."""
    number = int(value) if not isinstance(value, bytes) else 0
    return number - (1 << 64) if number >> 63 else number


def zigzag(value: WireValue) -> int:
    """A varint as the sint64 that it stands for."""
    number = int(value) if not isinstance(value, bytes) else 0
    return (number >> 1) ^ -(number & 1)


def text(value: WireValue) -> str:
    """A field's bytes as text; what is no UTF-8 is replaced."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def message(value: WireValue) -> bytes:
    """A field's bytes as the message within it; a field of another kind is an empty one."""
    return value if isinstance(value, bytes) else b""


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for place in range(_MAX_VARINT_BYTES):
        if position >= len(data):
            raise _malformed()
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value & _MASK, position
    raise _malformed()


def _malformed() -> InvalidArgument:
    return InvalidArgument("The message is not in the wire format of protocol buffers.")
