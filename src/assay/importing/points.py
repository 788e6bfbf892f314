"""Metric series on their way: columns, in the order and with the digest that the server has too."""

from __future__ import annotations

import hashlib
import math
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Final, TypeAlias

from assay.domain.metric import value_order

Point: TypeAlias = tuple[int, int, float]
"""(step, timestamp in milliseconds, value), so that sorting is by step first."""

_NAN: Final = math.nan


@dataclass(frozen=True, slots=True)
class Series:
    """The distinct points of one metric, by step, timestamp and value."""

    steps: array[int]
    timestamps_ms: array[int]
    values: array[float]

    @classmethod
    def of(cls, points: Iterable[Point]) -> Series:
        """A series of points in any order; a point that occurs twice counts once.

        Raises OverflowError for a number that 64 bits do not hold.
        """
        rows = list(points)
        if not all((a[0], a[1]) < (b[0], b[1]) for a, b in pairwise(rows)):
            rows = _distinct(rows)
        return cls(
            array("q", (row[0] for row in rows)),
            array("q", (row[1] for row in rows)),
            # Every NaN is the same one here, whatever its payload was.
            array("d", (row[2] if row[2] == row[2] else _NAN for row in rows)),
        )

    @property
    def count(self) -> int:
        """The number of points."""
        return len(self.values)

    def digest(self) -> str:
        """SHA-256 over the columns: steps, timestamps, values, each little-endian."""
        hasher = hashlib.sha256()
        for column in (self.steps, self.timestamps_ms, self.values):
            hasher.update(_little_endian(column))
        return hasher.hexdigest()

    def parts(self, size: int) -> Iterator[Series]:
        """The same points in series of at most `size`."""
        for start in range(0, self.count, size):
            end = start + size
            yield Series(
                self.steps[start:end], self.timestamps_ms[start:end], self.values[start:end]
            )


def grouped(rows: Iterable[tuple[str, Point]]) -> dict[str, Series]:
    """Series by key, from rows in any order."""
    found: dict[str, list[Point]] = {}
    for key, point in rows:
        found.setdefault(key, []).append(point)
    return {key: Series.of(points) for key, points in found.items()}


def batches(series: Mapping[str, Series], size: int) -> Iterator[dict[str, Series]]:
    """The points of several series in batches of at most `size` points."""
    batch: dict[str, Series] = {}
    room = size
    for key, whole in series.items():
        start = 0
        while start < whole.count:
            part = next(islice(_from(whole, start).parts(room), 1))
            batch[key] = part
            start += part.count
            room -= part.count
            if room == 0:
                yield batch
                batch, room = {}, size
    if batch:
        yield batch


def _from(series: Series, start: int) -> Series:
    if start == 0:
        return series
    return Series(series.steps[start:], series.timestamps_ms[start:], series.values[start:])


def _distinct(rows: list[Point]) -> list[Point]:
    rows.sort(key=lambda row: (row[0], row[1], value_order(row[2])))
    kept: list[Point] = []
    last: object = None
    for row in rows:
        mark = (row[0], row[1], value_order(row[2]))
        if mark != last:
            kept.append(row)
        last = mark
    return kept


def _little_endian(column: array[int] | array[float]) -> bytes:
    if sys.byteorder == "little":
        return column.tobytes()
    turned = column[:]
    turned.byteswap()
    return turned.tobytes()
