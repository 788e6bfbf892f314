"""The small parts of a payload: reading it from front to back, and integers of variable length."""

from __future__ import annotations

from typing import Final

from assay.domain.errors import DataCorrupted

_CONTINUES: Final = 0x80
_SEVEN_BITS: Final = 0x7F
_VARINT_MAX_BYTES: Final = 10
_UINT64_END: Final = 1 << 64


class Cursor:
    """Reads a payload from front to back. Running off its end is `DataCorrupted`."""

    def __init__(self, payload: bytes | memoryview) -> None:
        self._view = memoryview(payload)
        self._position = 0

    def take(self, size_bytes: int) -> memoryview:
        """Return the next bytes, exactly as many as asked for."""
        end = self._position + size_bytes
        if end > len(self._view):
            raise DataCorrupted("A metric payload ends too early.")
        piece = self._view[self._position : end]
        self._position = end
        return piece

    def byte(self) -> int:
        """Return the next byte."""
        return self.take(1)[0]

    def varint(self) -> int:
        """Return the next unsigned LEB128 integer, below 2**64."""
        value = 0
        for position in range(_VARINT_MAX_BYTES):
            byte = self.byte()
            value |= (byte & _SEVEN_BITS) << (7 * position)
            if byte < _CONTINUES and value < _UINT64_END:
                return value
        raise DataCorrupted("A metric payload holds an integer of more than 64 bits.")

    def signed_varint(self) -> int:
        """Return the next zigzag LEB128 integer, in the range of int64."""
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def expect_end(self) -> None:
        """Refuse bytes that follow."""
        if self._position != len(self._view):
            raise DataCorrupted("A metric payload goes on after its end.")


def varint(value: int) -> bytes:
    """Return an integer from 0 to 2**64 - 1 as LEB128."""
    out = bytearray()
    while value > _SEVEN_BITS:
        out.append(value & _SEVEN_BITS | _CONTINUES)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed_varint(value: int) -> bytes:
    """Return an int64 as zigzag LEB128."""
    return varint(value << 1 if value >= 0 else (-value << 1) - 1)
