"""Whole columns of 64-bit integers in few bytes: difference, centre, zigzag, byte planes, zstd.

A packed column is: order, shift and width (a byte each); per difference taken the first value as a
signed varint; the centre as a signed varint; per byte plane, lowest first, its packed size as a
varint and its bytes. A plane of as many bytes as there are rows is raw, a shorter one is a zstd
frame. All arithmetic wraps at 64 bits, so that every int64 column comes back exactly.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Final

import numpy as np

from assay.domain.errors import DataCorrupted
from assay.series.payload import signed_varint, varint

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    import numpy.typing as npt

    from assay.series.payload import Cursor
    from assay.series.points import IntegerColumn

MAX_ROWS: Final = 65_536
"""The longest column that is packed or unpacked; it bounds the memory that a payload asks for."""

MAX_ORDER: Final = 4
"""How many times a column is differenced at most."""

_INT64_BYTES: Final = 8
# Most planes are noise or nearly constant: higher levels search longer and find nothing.
_LEVEL: Final = 1
# A frame for MAX_ROWS bytes needs no larger window; a forged one asks in vain for more memory.
_DECOMPRESSION: Final[dict[int, int]] = {zstd.DecompressionParameter.window_log_max: 17}
_SAMPLE_WINDOWS: Final = 4
_SAMPLE_ROWS: Final = 1024


class _Compressors(threading.local):
    """One compression context a thread: setting one up costs more than packing a small plane."""

    def __init__(self) -> None:
        self.compressor = zstd.ZstdCompressor(level=_LEVEL)


_compressors = _Compressors()


def pack_integers(column: IntegerColumn, *, max_order: int) -> bytes:
    """Pack 1 to `MAX_ROWS` integers, differenced up to `max_order` times, whichever is smallest."""
    orders = range(min(max_order, len(column) - 1) + 1)
    if len(column) <= _SAMPLE_WINDOWS * _SAMPLE_ROWS:
        return min((_pack(column, order) for order in orders), key=len)
    windows = _windows(column)
    best = min(
        orders, key=lambda order: len(_pack_planes(np.diff(windows, n=order, axis=-1).ravel()))
    )
    return _pack(column, best)


def unpack_integers(cursor: Cursor, count: int) -> IntegerColumn:
    """Read one packed column of `count` rows; `DataCorrupted` when it cannot be one."""
    order = cursor.byte()
    if not (1 <= count <= MAX_ROWS and order <= min(MAX_ORDER, count - 1)):
        raise DataCorrupted("A metric payload declares an impossible column.")
    firsts = [cursor.signed_varint() for _ in range(order)]
    column = np.empty(count, np.int64)
    column[order:] = _unpack_planes(cursor, count - order)
    for position in range(order - 1, -1, -1):
        column[position] = firsts[position]
        np.cumsum(column[position:], out=column[position:])
    return column


def sample_rows_of(column: IntegerColumn) -> IntegerColumn:
    """Return a few stretches of a long column, a short column whole: enough to compare models."""
    if len(column) <= _SAMPLE_WINDOWS * _SAMPLE_ROWS:
        return column
    return _windows(column).ravel()


def _windows(column: IntegerColumn) -> IntegerColumn:
    starts = np.linspace(0, len(column) - _SAMPLE_ROWS, _SAMPLE_WINDOWS).astype(np.intp)
    return np.stack([column[start : start + _SAMPLE_ROWS] for start in starts])


def _pack(column: IntegerColumn, order: int) -> bytes:
    firsts = []
    residuals = column
    for _ in range(order):
        firsts.append(signed_varint(int(residuals[0])))
        residuals = np.diff(residuals)
    return bytes([order]) + b"".join(firsts) + _pack_planes(residuals)


def _pack_planes(residuals: IntegerColumn) -> bytes:
    count = len(residuals)
    spread = residuals[:: max(1, count // _SAMPLE_ROWS)]
    centre = np.partition(spread, len(spread) // 2)[len(spread) // 2]
    centred = residuals - centre
    used_bits = int(np.bitwise_or.reduce(centred.view(np.uint64)))
    # Zigzag would turn the trailing zeros of negative numbers into ones, so they are cut off first.
    shift = max(0, (used_bits & -used_bits).bit_length() - 1)
    centred >>= shift
    zigzag = ((centred << 1) ^ (centred >> 63)).astype("<u8", copy=False)
    width = (int(zigzag.max()).bit_length() + 7) // 8
    planes = np.ascontiguousarray(zigzag.view(np.uint8).reshape(count, _INT64_BYTES)[:, :width].T)
    return b"".join(
        [bytes([shift, width]), signed_varint(int(centre)), *(_pack_plane(p) for p in planes)]
    )


def _pack_plane(plane: npt.NDArray[np.uint8]) -> bytes:
    compressor = _compressors.compressor
    packed = compressor.compress(plane.data, compressor.FLUSH_FRAME)
    # A frame that saves next to nothing would cost more time on every read than it is worth.
    if len(packed) > len(plane) - len(plane) // 16 - 1:
        packed = plane.tobytes()
    return varint(len(packed)) + packed


def _unpack_planes(cursor: Cursor, count: int) -> IntegerColumn:
    shift, width = cursor.byte(), cursor.byte()
    if shift >= 64 or width > _INT64_BYTES:
        raise DataCorrupted("A metric payload declares an impossible column.")
    centre = np.int64(cursor.signed_varint())
    bytes_of_rows = np.zeros((count, _INT64_BYTES), np.uint8)
    for position in range(width):
        bytes_of_rows[:, position] = _unpack_plane(cursor.take(cursor.varint()), count)
    zigzag = bytes_of_rows.view("<u8").ravel()
    centred = (zigzag >> 1).view(np.int64) ^ -(zigzag & 1).view(np.int64)
    centred <<= shift
    centred += centre
    return centred


def _unpack_plane(packed: memoryview, count: int) -> npt.NDArray[np.uint8]:
    if len(packed) == count:
        return np.frombuffer(packed, np.uint8)
    decompressor = zstd.ZstdDecompressor(options=_DECOMPRESSION)
    try:
        plane = decompressor.decompress(packed, max_length=count + 1)
    except zstd.ZstdError as error:
        raise DataCorrupted("A metric payload cannot be decompressed.") from error
    if len(plane) != count or not decompressor.eof or decompressor.unused_data:
        raise DataCorrupted("A metric payload decompresses to another size than it declares.")
    return np.frombuffer(plane, np.uint8)
