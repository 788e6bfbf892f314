"""Logs in checked chunks: every record whole and in order, or the log ends there and says so."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.chunked_log import BLOCK_BYTES, HEADER, LogReader
from assay.domain.errors import InvalidArgument

HEAD = 7


def written(*records: bytes) -> bytes:
    """A log as its format is described, by another hand than the reader's."""
    out = bytearray(HEADER)
    for record in records:
        left, is_first = record, True
        while is_first or left:
            room = BLOCK_BYTES - len(out) % BLOCK_BYTES
            if room < HEAD:
                out += bytes(room)
                room = BLOCK_BYTES
            part, left = left[: room - HEAD], left[room - HEAD :]
            kind = {(True, True): 1, (True, False): 2, (False, False): 3, (False, True): 4}[
                is_first, not left
            ]
            crc = zlib.crc32(bytes([kind]) + part)
            out += crc.to_bytes(4, "little") + len(part).to_bytes(2, "little") + bytes([kind])
            out += part
            is_first = False
    return bytes(out)


def blocks(data: bytes) -> Iterator[bytes]:
    return (data[start : start + BLOCK_BYTES] for start in range(0, len(data), BLOCK_BYTES))


def read(data: bytes) -> tuple[list[bytes], str]:
    reader = LogReader()
    return list(reader.records(blocks(data))), reader.fault


SIZES = st.integers(0, 100) | st.integers(BLOCK_BYTES - 40, BLOCK_BYTES + 40) | st.just(100_000)


@given(st.lists(SIZES, max_size=8))
def test_records_of_any_length_come_back(sizes: list[int]) -> None:
    """Those that end at the edge of a block, and those that fill several."""
    records = [bytes([place]) * size for place, size in enumerate(sizes)]

    assert read(written(*records)) == (records, "")


@given(st.integers(0, 3 * BLOCK_BYTES))
def test_a_log_that_was_cut_gives_what_was_whole(cut: int) -> None:
    """The records before the cut, and a word of it unless the cut was between two records."""
    records = [b"a" * 10, b"b" * 40_000, b"c" * 5, b"d" * 20_000]
    data = written(*records)[: len(HEADER) + cut]
    found, fault = read(data)

    assert found == records[: len(found)]
    whole = [len(written(*records[:count])) for count in range(len(records) + 1)]
    assert (fault == "") == (len(data) in whole or len(found) == len(records))


@given(st.integers(len(HEADER), 70_000), st.integers(1, 255))
def test_a_changed_byte_is_never_taken_for_a_value(place: int, change: int) -> None:
    """What comes out is a beginning of what went in."""
    records = [b"a" * 10, b"b" * 40_000, b"c" * 5, b"d" * 40_000]
    data = bytearray(written(*records))
    place = min(place, len(data) - 1)
    data[place] ^= change
    found, fault = read(bytes(data))

    assert found == records[: len(found)]
    assert fault or found == records


@pytest.mark.parametrize("data", [b"", b"SQLite format 3\0", HEADER[:-1] + b"\x07"])
def test_what_is_no_such_log_is_refused(data: bytes) -> None:
    """Neither another file nor another version of the format."""
    with pytest.raises(InvalidArgument):
        read(data)
