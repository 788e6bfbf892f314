"""What training code hands over, as plain values: numbers of any array library, configs and tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from assay.domain.errors import InvalidArgument


def as_number(value: object) -> float | None:
    """The double of a number, of a one-element array or tensor; None for anything else."""
    if type(value) is float:
        return value
    try:
        plain = scalar(value)
        if isinstance(plain, float | int) or hasattr(type(plain), "__float__"):
            return float(plain)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 - a foreign object's conversion may raise anything
        return None
    return None


def scalar(value: object) -> object:
    """The Python number inside a scalar of an array library; anything else as it is."""
    item = getattr(value, "item", None)
    return item() if callable(item) else value


def as_step(step: object) -> int | None:
    """A step as a 64-bit integer; None for what is none, such as a text or a fraction."""
    if type(step) is int and -(2**63) <= step < 2**63:
        return step
    try:
        plain = scalar(step)
        number: int = int(plain)  # type: ignore[call-overload]
    except Exception:  # noqa: BLE001 - a foreign object's conversion may raise anything
        return None
    if isinstance(plain, str | bytes) or number != plain or not -(2**63) <= number < 2**63:
        return None
    return number


def plain_value(value: object, depth: int = 0) -> object:
    """A config's value with the scalars of array libraries as Python's own; the rest as it is."""
    if depth > 64:
        return value
    if isinstance(value, Mapping):
        return {key: plain_value(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(item, depth + 1) for item in value]
    try:
        return scalar(value)
    except (TypeError, ValueError, RuntimeError):
        return value


def table(
    rows: Iterable[Mapping[str, object] | Sequence[object]] | None,
    columns: Mapping[str, Sequence[object]] | Sequence[str] | None,
) -> dict[str, Any]:
    """`{"columns": [...], "rows": [[...], …]}` of whichever way a table was given.

    Rows are mappings, or sequences with `columns` naming them; or `columns` maps names to whole
    columns; or `rows` is a data frame. Cells are texts, numbers, booleans, None, lists and mappings
    of these; anything else becomes its text. Raises InvalidArgument for lengths that do not agree.
    """
    frame = getattr(rows, "to_dict", None)
    if callable(frame):
        rows, columns = None, frame("list")
    if isinstance(columns, Mapping):
        if rows is not None:
            raise InvalidArgument("A table has rows or whole columns, not both.", field="rows")
        names, lines = [str(name) for name in columns], _transposed(columns)
    else:
        names, lines = _lines(list(rows or ()), columns)
    return {"columns": names, "rows": [[_cell(cell) for cell in line] for line in lines]}


def _transposed(columns: Mapping[str, Sequence[object]]) -> list[list[object]]:
    if len({len(column) for column in columns.values()}) > 1:
        raise InvalidArgument("The columns of a table must be equally long.", field="columns")
    return [list(line) for line in zip(*columns.values(), strict=True)]


def _lines(
    rows: list[Mapping[str, object] | Sequence[object]], columns: Sequence[str] | None
) -> tuple[list[str], list[list[object]]]:
    if rows and all(isinstance(row, Mapping) for row in rows):
        seen = dict.fromkeys(columns or (str(key) for row in rows for key in row))
        return list(seen), [[row.get(name) for name in seen] for row in rows]  # type: ignore[union-attr]
    names = [str(name) for name in columns or ()]
    lines = [list(row) for row in rows]
    if any(len(line) != len(names) for line in lines):
        raise InvalidArgument("Every row of a table needs one cell per column.", field="rows")
    return names, lines


def _cell(value: object, depth: int = 0) -> object:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _spelled(value)
    if depth < 32 and isinstance(value, Mapping):
        return {str(key): _cell(item, depth + 1) for key, item in value.items()}
    if depth < 32 and isinstance(value, list | tuple):
        return [_cell(item, depth + 1) for item in value]
    number = as_number(value)
    return str(value) if number is None else _cell(number)


def _spelled(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
