"""The three binary formats of metric points. Each payload begins with a byte that names its format.

- A *tail* payload holds what one drained batch brought for one run: fast to write, insert-only.
- A *chunk* holds a sorted stretch of one series: small to keep, with a checksum.
- A *wire* payload holds one series for a client that maps the columns without decoding them.

Integers are little-endian. Payloads are checked on reading, never trusted: `DataCorrupted`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np

from assay.domain.errors import DataCorrupted, Internal
from assay.series.payload import Cursor, varint
from assay.series.planes import MAX_ROWS, pack_integers, unpack_integers
from assay.series.points import (
    FloatColumn,
    IdColumn,
    IntegerColumn,
    KeyedPoints,
    Points,
    merge_sorted,
)
from assay.series.values import pack_values, unpack_values

MAX_CHUNK_POINTS: Final = MAX_ROWS
"""The most points that one chunk holds."""

_TAIL_POINT: Final = 0x11
_TAIL_COLUMNS: Final = 0x12
_CHUNK: Final = 0x21
_WIRE: Final = 0x31

_POINT: Final = struct.Struct("<BIqqd")
_POINT_TYPE: Final = np.dtype(
    [("format", "u1"), ("key", "<u4"), ("step", "<i8"), ("timestamp", "<i8"), ("value", "<f8")]
)
_COLUMNS_HEAD: Final = struct.Struct("<BBIIqq")
_WIRE_HEAD: Final = struct.Struct("<B3xI")
_CHECKSUM: Final = struct.Struct("<I")
_VALUE_BYTES: Final = 8
_UINT32_MAX: Final = 0xFFFF_FFFF
_INT64_MAX: Final = 0x7FFF_FFFF_FFFF_FFFF

# An integer column of a tail is its least value and unsigned offsets, of no bytes if all are equal.
_WIDTHS: Final = (0, 1, 2, 4, 8)
_STRUCT_CODES: Final = ("", "B", "H", "I", "Q")
_OFFSET_TYPES: Final = tuple(np.dtype(f"<u{width or 1}") for width in _WIDTHS)
_WIDTH_CODE_OF_BYTES: Final = (0, 1, 2, 3, 3, 4, 4, 4, 4)
# Below this many points plain Python beats numpy's cost per call.
_SMALL_BATCH: Final = 48


@dataclass(frozen=True, slots=True)
class Chunk:
    """An encoded stretch of one series and what an index over chunks needs to know of it."""

    payload: bytes
    count: int
    min_step: int
    max_step: int
    min_timestamp_ms: int
    max_timestamp_ms: int


def encode_tail(
    key_ids: Sequence[int] | IdColumn,
    steps: Sequence[int] | IntegerColumn,
    timestamps_ms: Sequence[int] | IntegerColumn,
    values: Sequence[float] | FloatColumn,
) -> bytes:
    """Encode points of one run as they came: any order, duplicates kept, the bits of NaNs kept.

    Takes equally long lists or arrays of at least one point; key ids are uint32, steps and
    timestamps int64. Raises `Internal` for anything else: the caller has checked what users send.
    """
    count = len(values)
    if not 0 < count == len(key_ids) == len(steps) == len(timestamps_ms):
        raise Internal("A tail payload needs equally long columns of at least one point.")
    try:
        if count == 1:
            return _POINT.pack(_TAIL_POINT, key_ids[0], steps[0], timestamps_ms[0], values[0])
        offsets = _offsets if count < _SMALL_BATCH else _offsets_of_many
        key_base, key_code, key_bytes = offsets(key_ids, _UINT32_MAX)
        step_base, step_code, step_bytes = offsets(steps, _INT64_MAX)
        time_base, time_code, time_bytes = offsets(timestamps_ms, _INT64_MAX)
        codes = key_code | step_code << 2 | time_code << 5
        head = _COLUMNS_HEAD.pack(_TAIL_COLUMNS, codes, count, key_base, step_base, time_base)
        return b"".join((head, key_bytes, step_bytes, time_bytes, _value_bytes(values)))
    except (struct.error, OverflowError) as error:
        raise Internal("A tail payload cannot hold a number of this size or type.") from error


def decode_tail(payload: bytes | memoryview) -> KeyedPoints:
    """Return the points that `encode_tail` was given, in their order. Raises `DataCorrupted`."""
    if len(payload) == _POINT.size and payload[0] == _TAIL_POINT:
        return _single_points(payload)
    if len(payload) < _COLUMNS_HEAD.size or payload[0] != _TAIL_COLUMNS:
        raise DataCorrupted("A metric tail has an unknown format.")
    _, codes, count, *bases = _COLUMNS_HEAD.unpack_from(payload)
    width_codes = (codes & 3, codes >> 2 & 7, codes >> 5 & 7)
    if count == 0 or max(width_codes) >= len(_WIDTHS):
        raise DataCorrupted("A metric tail declares impossible columns.")
    row_bytes = sum(_WIDTHS[code] for code in width_codes) + _VALUE_BYTES
    if len(payload) != _COLUMNS_HEAD.size + count * row_bytes:
        raise DataCorrupted("A metric tail has another size than it declares.")
    position = _COLUMNS_HEAD.size
    columns = []
    for base, code in zip(bases, width_codes, strict=True):
        columns.append(_with_offsets(payload, position, count, base, code))
        position += count * _WIDTHS[code]
    values = np.frombuffer(payload, "<f8", count, position).astype(np.float64)
    key_ids, steps, timestamps_ms = columns
    return KeyedPoints(key_ids.astype(np.uint32), steps, timestamps_ms, values)


def decode_tails(payloads: Iterable[bytes]) -> KeyedPoints:
    """Return the points of many tail payloads, one after the other; much faster than one by one.

    Neighbouring payloads of a single point, what a client writes that logs one metric a request,
    are read in one piece. Raises `DataCorrupted`.
    """
    pieces: list[KeyedPoints] = []
    for is_point, group in groupby(payloads, key=_is_point):
        if is_point:
            pieces.append(_single_points(b"".join(group)))
        else:
            pieces.extend(decode_tail(payload) for payload in group)
    if len(pieces) == 1:
        return pieces[0]
    if not pieces:
        return KeyedPoints(np.empty(0, np.uint32), *Points.empty())
    return KeyedPoints(
        np.concatenate([piece.key_ids for piece in pieces]),
        np.concatenate([piece.steps for piece in pieces]),
        np.concatenate([piece.timestamps_ms for piece in pieces]),
        np.concatenate([piece.values for piece in pieces]),
    )


def encode_chunk(steps: IntegerColumn, timestamps_ms: IntegerColumn, values: FloatColumn) -> Chunk:
    """Encode 1 to `MAX_CHUNK_POINTS` points of one series, sorted and without exact duplicates.

    Points are put in order first, as `merge_sorted` does, so the same set of points always gives
    the same bytes. Raises `Internal` for no points or too many.
    """
    if not 1 <= len(steps) <= MAX_CHUNK_POINTS:
        raise Internal(f"A chunk holds 1 to {MAX_CHUNK_POINTS} points, not {len(steps)}.")
    points = merge_sorted([Points(steps, timestamps_ms, values)])
    body = b"".join(
        (
            bytes([_CHUNK]),
            varint(points.row_count),
            pack_integers(points.steps, max_order=2),
            pack_integers(points.timestamps_ms, max_order=2),
            pack_values(points.values),
        )
    )
    return Chunk(
        payload=body + _CHECKSUM.pack(zlib.crc32(body)),
        count=points.row_count,
        min_step=int(points.steps[0]),
        max_step=int(points.steps[-1]),
        min_timestamp_ms=int(points.timestamps_ms.min()),
        max_timestamp_ms=int(points.timestamps_ms.max()),
    )


def decode_chunk(payload: bytes | memoryview) -> Points:
    """Return the points of a chunk, sorted. Raises `DataCorrupted`; needs at most a few MiB."""
    body, checksum = payload[: -_CHECKSUM.size], payload[-_CHECKSUM.size :]
    if len(body) < 2 or body[0] != _CHUNK:
        raise DataCorrupted("A metric chunk has an unknown format.")
    if _CHECKSUM.unpack(checksum)[0] != zlib.crc32(body):
        raise DataCorrupted("A metric chunk does not match its checksum.")
    cursor = Cursor(body)
    cursor.byte()
    count = cursor.varint()
    points = Points(
        unpack_integers(cursor, count),
        unpack_integers(cursor, count),
        unpack_values(cursor, count),
    )
    cursor.expect_end()
    return points


def encode_columns_wire(
    steps: IntegerColumn, timestamps_ms: IntegerColumn, values: FloatColumn
) -> bytes:
    """Encode one series so that a browser can map it with typed arrays.

    Eight bytes of head (format 0x31, three zero bytes, the number of points n as uint32), then n
    int64 steps, n int64 timestamps in milliseconds, n float64 values, all little-endian and without
    gaps: `BigInt64Array(buffer, 8, n)`, `BigInt64Array(buffer, 8 + 8 * n, n)`,
    `Float64Array(buffer, 8 + 16 * n, n)`.
    """
    return b"".join(
        (
            _WIRE_HEAD.pack(_WIRE, len(steps)),
            np.ascontiguousarray(steps, "<i8").data,
            np.ascontiguousarray(timestamps_ms, "<i8").data,
            np.ascontiguousarray(values, "<f8").data,
        )
    )


def decode_columns_wire(payload: bytes | memoryview) -> Points:
    """Return the points of a wire payload as read-only views of it. Raises `DataCorrupted`."""
    if len(payload) < _WIRE_HEAD.size or payload[0] != _WIRE:
        raise DataCorrupted("A series has an unknown wire format.")
    (_, count) = _WIRE_HEAD.unpack_from(payload)
    if len(payload) != _WIRE_HEAD.size + 3 * _VALUE_BYTES * count:
        raise DataCorrupted("A series has another size than it declares.")
    start = _WIRE_HEAD.size
    return Points(
        np.frombuffer(payload, "<i8", count, start),
        np.frombuffer(payload, "<i8", count, start + 8 * count),
        np.frombuffer(payload, "<f8", count, start + 16 * count),
    )


def _offsets(
    column: Sequence[int] | IdColumn | IntegerColumn, limit: int
) -> tuple[int, int, bytes]:
    """Return base, width code and offsets of a short column."""
    numbers = column.tolist() if isinstance(column, np.ndarray) else column
    base, top = min(numbers), max(numbers)
    code = _width_code(base, top, limit)
    if code == 0:
        return base, 0, b""
    offsets = [number - base for number in numbers]
    return base, code, struct.pack(f"<{len(offsets)}{_STRUCT_CODES[code]}", *offsets)


def _offsets_of_many(
    column: Sequence[int] | IdColumn | IntegerColumn, limit: int
) -> tuple[int, int, bytes]:
    """Return base, width code and offsets of a long column."""
    if isinstance(column, np.ndarray):
        numbers = column.astype(np.int64)
    else:
        if column.count(column[0]) == len(column):
            return column[0], 0, b""
        numbers = np.frombuffer(struct.pack(f"={len(column)}q", *column), np.int64)
    base, top = int(numbers.min()), int(numbers.max())
    code = _width_code(base, top, limit)
    if code == 0:
        return base, 0, b""
    return base, code, (numbers - base).view(np.uint64).astype(_OFFSET_TYPES[code]).tobytes()


def _width_code(base: int, top: int, limit: int) -> int:
    if top > limit or base < -_INT64_MAX - 1:
        raise OverflowError
    return _WIDTH_CODE_OF_BYTES[((top - base).bit_length() + 7) >> 3]


def _with_offsets(
    payload: bytes | memoryview, position: int, count: int, base: int, code: int
) -> IntegerColumn:
    if code == 0:
        return np.full(count, base, np.int64)
    offsets = np.frombuffer(payload, _OFFSET_TYPES[code], count, position)
    return offsets.astype(np.uint64).view(np.int64) + np.int64(base)


def _value_bytes(values: Sequence[float] | FloatColumn) -> bytes:
    if isinstance(values, np.ndarray):
        return values.astype("<f8", copy=False).tobytes()
    return struct.pack(f"<{len(values)}d", *values)


def _is_point(payload: bytes) -> bool:
    return len(payload) == _POINT.size and payload[0] == _TAIL_POINT


def _single_points(payloads: bytes | memoryview) -> KeyedPoints:
    rows = np.frombuffer(payloads, _POINT_TYPE)
    return KeyedPoints(
        rows["key"].astype(np.uint32),
        rows["step"].astype(np.int64),
        rows["timestamp"].astype(np.int64),
        rows["value"].astype(np.float64),
    )
