"""Blocks: the points of many series of one run, sorted and packed together, in place of tail rows.

A chunk serves one long series; a block serves the many short ones, where a chunk for each would
cost more in heads and rows than in points. A payload is: a head (format 0x22, least and greatest key
id, number of rows; little-endian), the packed key ids that occur, the packed number of rows of each,
the packed steps, timestamps and values, and a CRC-32. Rows are in order by (key, step, timestamp,
value) and occur once. Checked on reading, never trusted: `DataCorrupted`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from assay.domain.errors import DataCorrupted
from assay.series.codec import decode_tails
from assay.series.payload import Cursor, varint
from assay.series.planes import MAX_ROWS, pack_integers, unpack_integers
from assay.series.points import (
    IntegerColumn,
    KeyedPoints,
    Points,
    merge_sorted,
)
from assay.series.values import pack_values, unpack_values

MAX_BLOCK_POINTS: Final = MAX_ROWS
"""The most points that one block holds."""

MARK: Final = b"\x22"
"""The byte that every block begins with, and no raw tail row."""

_BLOCK: Final = MARK[0]
_HEAD: Final = struct.Struct("<BIII")
_CHECKSUM: Final = struct.Struct("<I")


class Block(NamedTuple):
    """An encoded block and how many points it holds."""

    payload: bytes
    points: int


def encode_blocks(series: Iterable[tuple[int, Points]]) -> list[Block]:
    """Encode series, by ascending key id, each in order and without duplicates, in full blocks."""
    rows = concatenated(
        KeyedPoints(np.full(points.row_count, key_id, np.uint32), *points)
        for key_id, points in series
    )
    starts = range(0, rows.row_count, MAX_BLOCK_POINTS)
    return [_encoded(rows, slice(start, start + MAX_BLOCK_POINTS)) for start in starts]


def is_block(payload: bytes) -> bool:
    """Whether this tail payload is a block rather than points as they came."""
    return payload[:1] == MARK


def decode_block(payload: bytes) -> KeyedPoints:
    """The points of a block, in its order. Raises `DataCorrupted`."""
    cursor, key_ids, counts = _directory(payload)
    points = _columns(cursor, int(counts.sum()))
    return KeyedPoints(np.repeat(key_ids, counts).astype(np.uint32), *points)


def decode_rows(payloads: Sequence[bytes]) -> KeyedPoints:
    """The points of tail rows, blocks and raw ones in any mixture. Raises `DataCorrupted`."""
    raw = decode_tails(payload for payload in payloads if not is_block(payload))
    blocks = [decode_block(payload) for payload in payloads if is_block(payload)]
    return concatenated([raw, *blocks]) if blocks else raw


def concatenated(parts: Iterable[KeyedPoints]) -> KeyedPoints:
    """Points one part after the other; no rows for no parts."""
    present = [KeyedPoints(np.empty(0, np.uint32), *Points.empty()), *parts]
    return KeyedPoints(
        np.concatenate([part.key_ids for part in present]),
        np.concatenate([part.steps for part in present]),
        np.concatenate([part.timestamps_ms for part in present]),
        np.concatenate([part.values for part in present]),
    )


class Tail:
    """The tail rows of a run, in any mixture of blocks and raw points, to be read by key."""

    def __init__(self, payloads: Sequence[bytes]) -> None:
        self._raw = decode_tails(payload for payload in payloads if not is_block(payload))
        self._blocks = [payload for payload in payloads if is_block(payload)]

    def of_key(self, key_id: int) -> Points:
        """The points of one series, in order. Blocks without it are not unpacked."""
        blocks = (_block_points(payload, key_id) for payload in self._blocks)
        return merge_sorted([*blocks, self._raw.of_key(key_id)])


def keys_of(payloads: Sequence[bytes]) -> set[int]:
    """The keys that occur in tail rows."""
    return set(np.unique(decode_rows(payloads).key_ids).tolist())


def _encoded(rows: KeyedPoints, part: slice) -> Block:
    key_ids = rows.key_ids[part]
    present, counts = np.unique(key_ids, return_counts=True)
    body = b"".join(
        (
            _HEAD.pack(_BLOCK, int(present[0]), int(present[-1]), len(key_ids)),
            varint(len(present)),
            pack_integers(present.astype(np.int64), max_order=2),
            pack_integers(counts.astype(np.int64), max_order=0),
            pack_integers(rows.steps[part], max_order=2),
            pack_integers(rows.timestamps_ms[part], max_order=2),
            pack_values(rows.values[part]),
        )
    )
    return Block(body + _CHECKSUM.pack(zlib.crc32(body)), len(key_ids))


def _block_points(payload: bytes, key_id: int) -> Points:
    if len(payload) >= _HEAD.size:
        _, least, greatest, _ = _HEAD.unpack_from(payload)
        if not least <= key_id <= greatest:
            return Points.empty()
    cursor, key_ids, counts = _directory(payload)
    place = int(np.searchsorted(key_ids, key_id))
    if place == len(key_ids) or key_ids[place] != key_id:
        return Points.empty()
    start = int(counts[:place].sum())
    points = _columns(cursor, int(counts.sum()))
    return points.rows(slice(start, start + int(counts[place])))


def _directory(payload: bytes) -> tuple[Cursor, IntegerColumn, IntegerColumn]:
    """Check head and checksum; return the keys, their numbers of rows, and the rest to be read."""
    body, checksum = payload[: -_CHECKSUM.size], payload[-_CHECKSUM.size :]
    if len(body) < _HEAD.size or body[0] != _BLOCK:
        raise DataCorrupted("A metric block has an unknown format.")
    if _CHECKSUM.unpack(checksum)[0] != zlib.crc32(body):
        raise DataCorrupted("A metric block does not match its checksum.")
    _, _, _, row_count = _HEAD.unpack_from(body)
    cursor = Cursor(body)
    cursor.take(_HEAD.size)
    key_count = cursor.varint()
    key_ids = unpack_integers(cursor, key_count)
    counts = unpack_integers(cursor, key_count)
    is_sane = counts.min() > 0 and counts.max() <= MAX_BLOCK_POINTS
    if not is_sane or int(counts.sum()) != row_count or not np.all(key_ids[1:] > key_ids[:-1]):
        raise DataCorrupted("A metric block declares impossible series.")
    return cursor, key_ids, counts


def _columns(cursor: Cursor, count: int) -> Points:
    points = Points(
        unpack_integers(cursor, count),
        unpack_integers(cursor, count),
        unpack_values(cursor, count),
    )
    cursor.expect_end()
    return points
