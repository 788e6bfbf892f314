"""What one request brings for one run: points, params and tags, checked and packed for the queue."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from assay.domain.errors import InvalidArgument, LimitExceeded
from assay.domain.metric import MAX_STEP, MAX_TIMESTAMP_MS, MIN_STEP, MetricPoint
from assay.domain.names import (
    check_param_key,
    check_param_value,
    check_run_name,
    check_tag_key,
    check_tag_value,
    check_text,
)

MAX_POINTS: Final = 100_000
"""The most points that one batch holds."""

MAX_PARAMS: Final = 10_000
MAX_TAGS: Final = 10_000
MAX_WRITER: Final = 128
MAX_SEQUENCE: Final = 2**63 - 1

_POINT_BYTES: Final = 32
_ITEM_BYTES: Final = 512
_SPELLED: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@dataclass(frozen=True, slots=True)
class Columns:
    """Points as equally long columns, in the order in which they came.

    `steps` and `timestamps_ms` are int64, `values` float64, one after the other in native order, so
    that many batches become one by joining bytes.
    """

    keys: Sequence[str]
    steps: bytes
    timestamps_ms: bytes
    values: bytes

    @property
    def count(self) -> int:
        """The number of points."""
        return len(self.keys)

    @classmethod
    def of(
        cls,
        keys: Sequence[str],
        steps: Sequence[int],
        timestamps_ms: Sequence[int],
        values: Sequence[float | str],
        *,
        key_index: Sequence[int] | None = None,
        name: str = "points",
    ) -> Columns:
        """Check and pack columns. `key_index` says for each point which of `keys` it is of.

        The spelled values `NaN`, `Infinity` and `-Infinity` are taken for what they say. Keys are
        checked when they are submitted. Raises InvalidArgument naming `<name>[<row>].<column>`, and
        LimitExceeded for more than `MAX_POINTS`.
        """
        count = len(values)
        if count > MAX_POINTS:
            raise LimitExceeded(
                f"{name} has {count} points; a batch holds at most {MAX_POINTS}.",
                field=name,
                limit=MAX_POINTS,
            )
        if key_index is not None:
            keys = _keys_at(keys, key_index, name)
        if not len(keys) == len(steps) == len(timestamps_ms) == count:
            raise InvalidArgument(f"{name} has columns of different lengths.", field=name)
        return cls(
            keys,
            _packed_integers(steps, MIN_STEP, MAX_STEP, name, "step"),
            _packed_integers(timestamps_ms, 0, MAX_TIMESTAMP_MS, name, "timestamp_ms"),
            _packed_values(values, name),
        )

    @classmethod
    def of_points(cls, points: Iterable[MetricPoint], *, name: str = "points") -> Columns:
        """Check and pack points."""
        rows = list(points)
        if not rows:
            return EMPTY
        keys, values, timestamps_ms, steps = zip(*rows, strict=True)
        return cls.of(keys, steps, timestamps_ms, values, name=name)


EMPTY: Final = Columns((), b"", b"", b"")


@dataclass(frozen=True, slots=True)
class Batch:
    """All or nothing: either all of it becomes durable, or it is refused and nothing of it is.

    `writer` and `sequence` name it, so that it counts once however often it is sent; a writer
    numbers its batches upwards and has one on the way at a time. A `name` renames the run.
    """

    columns: Columns = EMPTY
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    writer: str | None = None
    sequence: int | None = None
    name: str | None = None

    def check(self) -> None:
        """Raise InvalidArgument naming the field that is not allowed, LimitExceeded for too many."""
        if (self.writer is None) != (self.sequence is None):
            raise InvalidArgument(
                "writer and sequence go together: send both or neither.",
                field="sequence" if self.sequence is None else "writer",
            )
        if self.writer is not None:
            check_text(self.writer, "writer", max_length=MAX_WRITER, allow_empty=False)
        if self.sequence is not None and not 0 <= self.sequence <= MAX_SEQUENCE:
            raise InvalidArgument(
                f"sequence must be a whole number from 0 to {MAX_SEQUENCE}.", field="sequence"
            )
        if self.name is not None:
            check_run_name(self.name)
        if self.params:
            _check_size(self.params, "params", MAX_PARAMS)
            for key, value in self.params.items():
                check_param_key(key, "params")
                check_param_value(value, f"params.{key[:100]}")
        if self.tags:
            _check_size(self.tags, "tags", MAX_TAGS)
            for key, value in self.tags.items():
                check_tag_key(key, "tags")
                check_tag_value(value, f"tags.{key[:100]}")

    def size_bytes(self) -> int:
        """About how much memory the batch takes while it waits."""
        texts = sum(len(key) + len(value) for key, value in self.params.items())
        texts += sum(len(key) + len(value) for key, value in self.tags.items())
        return _ITEM_BYTES + _POINT_BYTES * self.columns.count + texts


def _check_size(values: Mapping[str, str], name: str, limit: int) -> None:
    if len(values) > limit:
        raise LimitExceeded(
            f"{name} has {len(values)} entries; a batch holds at most {limit}.",
            field=name,
            limit=limit,
        )


def _keys_at(keys: Sequence[str], key_index: Sequence[int], name: str) -> Sequence[str]:
    if len(key_index) and not 0 <= min(key_index) <= max(key_index) < len(keys):
        raise InvalidArgument(f"{name} refers to a key that is not listed.", field=name)
    return list(map(keys.__getitem__, key_index))


def _packed_integers(
    numbers: Sequence[int], least: int, greatest: int, name: str, column: str
) -> bytes:
    try:
        packed = array("q", numbers)
    except (TypeError, OverflowError):
        packed = None
    if packed is None or (least == 0 and packed and min(numbers) < 0):
        row = next(
            row
            for row, number in enumerate(numbers)
            if type(number) is not int or not least <= number <= greatest
        )
        raise InvalidArgument(
            f"{name}[{row}].{column} must be a whole number from {least} to {greatest}.",
            field=f"{name}[{row}].{column}",
        )
    return packed.tobytes()


def _packed_values(values: Sequence[float | str], name: str) -> bytes:
    try:
        return array("d", values).tobytes()  # type: ignore[type-var]
    except (TypeError, OverflowError):
        return array("d", _spelled_out(values, name)).tobytes()


def _spelled_out(values: Sequence[float | str], name: str) -> list[float]:
    numbers = []
    for row, value in enumerate(values):
        number = _SPELLED.get(value) if isinstance(value, str) else _as_double(value)
        if number is None:
            raise InvalidArgument(
                f"{name}[{row}].value must be a number that a double can hold, or 'NaN',"
                " 'Infinity' or '-Infinity'.",
                field=f"{name}[{row}].value",
            )
        numbers.append(number)
    return numbers


def _as_double(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None
