"""A column of float64 values in few bytes, bit for bit, by whichever model fits it best.

What a trainer logs is often a float32 in disguise, a rounded decimal, k/n, or one of few values;
few series use all 53 bits. Each model turns values into integers for `planes`; the smallest wins.
A packed column is: the model (a byte), what the model needs, and a packed column of integers.
"""

from __future__ import annotations

from enum import IntEnum
from fractions import Fraction
from math import isfinite, lcm
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from assay.domain.errors import DataCorrupted
from assay.series.payload import varint
from assay.series.planes import MAX_ORDER, pack_integers, sample_rows_of, unpack_integers
from assay.series.points import as_ordered, from_ordered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.series.payload import Cursor
    from assay.series.points import FloatColumn, IntegerColumn

_EXACT_INTEGERS_END: Final = 1 << 53
_MAX_DECIMALS: Final = 15
_MAX_PART_OF_DENOMINATOR: Final = 1_000_000
_PROBES: Final = 8
_MIN_ROWS_PER_ENTRY: Final = 4
_FLOAT32_MAGNITUDE: Final = np.int32(0x7FFF_FFFF)


class _Model(IntEnum):
    FLOAT64 = 0
    """The integers are the ordered bits of the values."""
    FLOAT32 = 1
    """The integers are the ordered bits of the values as float32."""
    RATIO = 2
    """A denominator as a varint; the integers are numerators, of decimals for instance."""
    DICTIONARY = 3
    """A varint count and as many ordered bits, packed; the integers are positions in that list."""


class _Fit(NamedTuple):
    head: bytes
    integers: IntegerColumn


def pack_values(values: FloatColumn) -> bytes:
    """Pack 1 to `planes.MAX_ROWS` values in the model that makes them smallest."""
    fits = list(_fits(values))
    best = min(fits, key=_estimated_size) if len(fits) > 1 else fits[0]
    return best.head + pack_integers(best.integers, max_order=MAX_ORDER)


def unpack_values(cursor: Cursor, count: int) -> FloatColumn:
    """Read one packed column of `count` values; `DataCorrupted` when it cannot be one."""
    try:
        model = _Model(cursor.byte())
    except ValueError as error:
        raise DataCorrupted("A metric payload declares an unknown model of values.") from error
    match model:
        case _Model.FLOAT64:
            return from_ordered(unpack_integers(cursor, count))
        case _Model.FLOAT32:
            return _from_float32(unpack_integers(cursor, count))
        case _Model.RATIO:
            return _from_ratio(cursor, count)
        case _Model.DICTIONARY:
            return _from_dictionary(cursor, count)


def _estimated_size(fit: _Fit) -> float:
    sample = sample_rows_of(fit.integers)
    packed = len(pack_integers(sample, max_order=MAX_ORDER))
    return len(fit.head) + packed * (len(fit.integers) / len(sample))


def _fits(values: FloatColumn) -> Iterator[_Fit]:
    ordered = as_ordered(values)
    yield _Fit(bytes([_Model.FLOAT64]), ordered)
    yield from _float32_fits(values)
    yield from _ratio_fits(values)
    yield from _dictionary_fits(ordered)


def _is_same(left: FloatColumn, right: FloatColumn) -> bool:
    return np.array_equal(left.view(np.int64), right.view(np.int64))


def _float32_fits(values: FloatColumn) -> Iterator[_Fit]:
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    if _is_same(narrow.astype(np.float64), values):
        bits = narrow.view(np.int32)
        ordered = bits ^ ((bits >> 31) & _FLOAT32_MAGNITUDE)
        yield _Fit(bytes([_Model.FLOAT32]), ordered.astype(np.int64))


def _from_float32(integers: IntegerColumn) -> FloatColumn:
    ordered = integers.astype(np.int32)
    if not np.array_equal(ordered, integers):
        raise DataCorrupted("A metric payload holds a float32 of more than 32 bits.")
    bits = ordered ^ ((ordered >> 31) & _FLOAT32_MAGNITUDE)
    return bits.view(np.float32).astype(np.float64)


def _ratio_fits(values: FloatColumn) -> Iterator[_Fit]:
    # Unevenly spaced: the numerators of a steady series must not share a factor with the spacing.
    spaced = np.linspace(0, len(values) - 1, _PROBES).astype(np.intp) + np.arange(_PROBES) ** 2
    probes = values[np.minimum(spaced, len(values) - 1)].tolist()
    if not all(isfinite(probe) for probe in probes):
        return
    for denominator in _denominators(probes):
        with np.errstate(over="ignore"):
            numerators = np.rint(values * denominator)
        if not np.abs(numerators).max() < _EXACT_INTEGERS_END:
            continue
        integers = numerators.astype(np.int64)  # which have no -0
        if _is_same(integers / denominator, values):
            yield _Fit(bytes([_Model.RATIO]) + varint(denominator), integers)


def _denominators(probes: list[float]) -> set[int]:
    found = (_decimal_denominator(probes), _shared_denominator(probes))
    return {denominator for denominator in found if denominator is not None}


def _decimal_denominator(probes: list[float]) -> int | None:
    """Return the least power of ten to which all probes are ratios."""
    for decimals in range(_MAX_DECIMALS + 1):
        denominator = int(10**decimals)
        if all(_is_ratio(probe, denominator) for probe in probes):
            return denominator
    return None


def _shared_denominator(probes: list[float]) -> int | None:
    """Return the least number to which all probes are ratios, when it is a small one."""
    shared = 1
    for probe in probes:
        part = Fraction(probe).limit_denominator(_MAX_PART_OF_DENOMINATOR)
        shared = lcm(shared, part.denominator)
        if shared >= _EXACT_INTEGERS_END or not _is_ratio(probe, shared):
            return None
    return shared


def _is_ratio(value: float, denominator: int) -> bool:
    scaled = value * denominator
    return abs(scaled) < _EXACT_INTEGERS_END and round(scaled) / denominator == value


def _from_ratio(cursor: Cursor, count: int) -> FloatColumn:
    denominator = cursor.varint()
    if not 1 <= denominator < _EXACT_INTEGERS_END:
        raise DataCorrupted("A metric payload declares an impossible denominator.")
    return unpack_integers(cursor, count) / denominator


def _dictionary_fits(ordered: IntegerColumn) -> Iterator[_Fit]:
    sample = sample_rows_of(ordered)
    if len(np.unique(sample)) * _MIN_ROWS_PER_ENTRY > len(sample):
        return
    entries, positions = np.unique(ordered, return_inverse=True)
    if len(entries) * _MIN_ROWS_PER_ENTRY <= len(ordered):
        head = bytes([_Model.DICTIONARY]) + varint(len(entries))
        yield _Fit(head + pack_integers(entries, max_order=1), positions.astype(np.int64))


def _from_dictionary(cursor: Cursor, count: int) -> FloatColumn:
    entries = unpack_integers(cursor, cursor.varint())
    positions = unpack_integers(cursor, count)
    if positions.min() < 0 or positions.max() >= len(entries):
        raise DataCorrupted("A metric payload points outside its dictionary.")
    return from_ordered(entries[positions])
