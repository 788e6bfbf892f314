"""Core statements of the hot paths, compiled once: the catalogue's names at the driver's price.

Running a Core statement costs several times what SQLite needs for it; as text on the driver it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy.sql import ClauseElement

from assay.storage.database import Transaction
from assay.storage.dialect import Engine


class _Compiled(NamedTuple):
    sql: str
    fixed: Mapping[str, Any]
    order: tuple[str, ...] | None


class Prepared:
    """A statement on columns of numbers, texts and bytes, with named parameters and no lists of them."""

    def __init__(self, build: ClauseElement | Callable[[Engine], ClauseElement]) -> None:
        self._build: Final = build
        self._compiled: dict[Engine, _Compiled] = {}

    def rows(self, tx: Transaction, **values: Any) -> list[tuple[Any, ...]]:
        """All rows that it answers."""
        compiled = self._for(tx)
        return tx.driver_rows(compiled.sql, _bound(compiled, values))

    def first(self, tx: Transaction, **values: Any) -> tuple[Any, ...] | None:
        """The first row that it answers, if there is one."""
        found = self.rows(tx, **values)
        return found[0] if found else None

    def run(self, tx: Transaction, **values: Any) -> int:
        """The number of rows that it changed."""
        compiled = self._for(tx)
        return tx.driver_run(compiled.sql, _bound(compiled, values))

    def run_many(
        self, tx: Transaction, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
    ) -> int:
        """Run it for each of at least one row of the named values; how many rows were changed."""
        compiled = self._for(tx)
        if compiled.order != names or compiled.fixed:
            given = [_bound(compiled, dict(zip(names, row, strict=True))) for row in rows]
            return tx.driver_many(compiled.sql, given)
        # They stand as the driver wants them: not one is looked at.
        return tx.driver_many(compiled.sql, rows)

    def _for(self, tx: Transaction) -> _Compiled:
        found = self._compiled.get(tx.engine)
        if found is None:
            build = self._build
            statement = build if isinstance(build, ClauseElement) else build(tx.engine)
            compiled = statement.compile(dialect=tx.connection.dialect)
            listed = getattr(compiled, "positiontup", None)
            order = None if listed is None else tuple(listed)
            fixed = {name: value for name, value in compiled.params.items() if value is not None}
            found = self._compiled[tx.engine] = _Compiled(str(compiled), fixed, order)
        return found


def _bound(compiled: _Compiled, values: Mapping[str, Any]) -> Any:
    if compiled.fixed:
        values = {**compiled.fixed, **values}
    if compiled.order is None:
        return values
    return tuple([values[name] for name in compiled.order])
