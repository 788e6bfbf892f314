"""Logs in blocks of 32 KiB, as LevelDB invented them and W&B's client writes them.

A record is one chunk or several, each with its checksum, its length and its place in the record. What
cannot be read ends the log: everything before it counts, and why it ended is said.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from assay.domain.errors import InvalidArgument

HEADER: Final = b":W&B\xe1\xbe\x00"
"""Four letters, the magic 0xBEE1 in little-endian order, and version 0."""

BLOCK_BYTES: Final = 32 * 1024
MAX_RECORD_BYTES: Final = 256 * 1024 * 1024
_CHUNK_HEADER: Final = 7
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


class LogReader:
    """Reads records out of blocks; `fault` says why it ended early, empty for a whole log."""

    def __init__(self) -> None:
        self.fault = ""
        self._parts: list[bytes] = []
        self._size = 0
        self._is_inside = False

    def records(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """The records of a file that comes in blocks of BLOCK_BYTES, the last one shorter.

        Raises InvalidArgument when it does not begin as such a log does.
        """
        offset = 0
        for block in blocks:
            start = 0
            if offset == 0:
                if not block.startswith(HEADER):
                    raise InvalidArgument(
                        "This is no log of W&B's client, or of an unknown version."
                    )
                start = len(HEADER)
            yield from self._chunks(block, start, offset)
            if self.fault:
                return
            offset += len(block)
        if offset == 0:
            raise InvalidArgument("The log is empty.")
        if self._is_inside:
            self.fault = f"it ends within a record, at byte {offset}"

    def _chunks(self, block: bytes, start: int, offset: int) -> Iterator[bytes]:
        is_short = len(block) < BLOCK_BYTES
        while len(block) - start >= _CHUNK_HEADER:
            crc = int.from_bytes(block[start : start + 4], "little")
            length = int.from_bytes(block[start + 4 : start + 6], "little")
            kind = block[start + 6]
            place = offset + start
            if crc == length == kind == 0:
                # The client reserves room ahead of what it writes: nothing follows in this block.
                if block.count(0, start) != len(block) - start:
                    self.fault = f"a hole is at byte {place}"
                return
            end = start + _CHUNK_HEADER + length
            if end > len(block):
                self.fault = f"it ends within a record, at byte {offset + len(block)}"
                return
            data = block[start + _CHUNK_HEADER : end]
            if (
                kind not in (_FULL, _FIRST, _MIDDLE, _LAST)
                or zlib.crc32(data, zlib.crc32(bytes([kind]))) != crc
            ):
                self.fault = f"the checksum at byte {place} does not fit"
                return
            record = self._join(kind, data, place)
            if self.fault:
                return
            if record is not None:
                yield record
            start = end
        if is_short and block.count(0, start) != len(block) - start:
            self.fault = f"it ends within a record, at byte {offset + len(block)}"

    def _join(self, kind: int, data: bytes, place: int) -> bytes | None:
        if (kind in (_MIDDLE, _LAST)) != self._is_inside:
            self.fault = f"the parts at byte {place} do not follow each other"
            return None
        self._size = len(data) + (self._size if self._is_inside else 0)
        if self._size > MAX_RECORD_BYTES:
            self.fault = f"the record at byte {place} is longer than {MAX_RECORD_BYTES} bytes"
            return None
        self._is_inside = kind in (_FIRST, _MIDDLE)
        if kind == _FULL:
            return data
        self._parts.append(data)
        if kind != _LAST:
            return None
        record = b"".join(self._parts)
        self._parts.clear()
        return record
