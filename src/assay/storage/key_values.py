"""Statements on tables of the shape (owner, key, value): params and tags of whatever owns them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Table, bindparam, delete, insert, select

from assay.domain.errors import InvalidArgument
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.dialect import Engine
from assay.storage.prepared import Prepared

_NAMES = ("owner", "key", "value")
_SHOWN_CHARACTERS = 100
_MAX_NAMED_KEYS = 200
"""From this many keys on, reading all of an owner's is cheaper than naming the wanted ones."""


class KeyValues:
    """A table whose rows say: this owner has this value under this key, once."""

    def __init__(self, table: Table, owner_column: str) -> None:
        owner = table.c[owner_column]
        named: dict[str, Any] = {
            owner_column: bindparam("owner"),
            "key": bindparam("key"),
            "value": bindparam("value"),
        }
        place = [owner_column, "key"]
        self._table = table
        self._owner = owner

        def insert_missing(engine: Engine) -> Any:
            statement = dialect.insert(engine, table).values(named)
            return statement.on_conflict_do_nothing(index_elements=place)

        def upsert(engine: Engine) -> Any:
            statement = dialect.insert(engine, table).values(named)
            changed = {"value": statement.excluded.value}
            return statement.on_conflict_do_update(index_elements=place, set_=changed)

        self._insert = Prepared(insert(table).values(named))
        self._insert_missing = Prepared(insert_missing)
        self._upsert = Prepared(upsert)
        self._delete = delete(table).where(
            owner == bindparam("wanted_owner"), table.c.key == bindparam("wanted_key")
        )
        self._of_one = select(table.c.key, table.c.value).where(owner == bindparam("owner"))
        self._some_of_one = self._of_one.where(table.c.key.in_(bindparam("keys", expanding=True)))

    def insert(self, tx: Transaction, owner: int, values: Mapping[str, str]) -> None:
        """The first values of an owner that has none yet."""
        if values:
            self._insert.run_many(tx, _NAMES, _rows(owner, values))

    def add(self, tx: Transaction, owner: int, values: Mapping[str, str], noun: str) -> None:
        """Add values that are written once: the same value again changes nothing.

        Raises InvalidArgument naming the key when it has another value; the transaction must then
        be given up, since the others of the batch have been written in it.
        """
        if not values:
            return
        if self._insert_missing.run_many(tx, _NAMES, _rows(owner, values)) == len(values):
            return
        for key, kept in self._kept(tx, owner, values):
            given = values.get(key, kept)
            if given != kept:
                raise InvalidArgument(
                    f"Changing {noun} values is not allowed: {key!r} was logged as "
                    f"{kept[:_SHOWN_CHARACTERS]!r} and cannot become "
                    f"{given[:_SHOWN_CHARACTERS]!r}.",
                    field=f"{noun}s.{key}",
                    key=key,
                )

    def set(self, tx: Transaction, owner: int, values: Mapping[str, str]) -> None:
        """Set values, whether or not they were there."""
        if values:
            self._upsert.run_many(tx, _NAMES, _rows(owner, values))

    def delete(self, tx: Transaction, owner: int, key: str) -> bool:
        """Remove one key; False when it was not there."""
        done = tx.execute(self._delete, {"wanted_owner": owner, "wanted_key": key})
        return done.rowcount > 0

    def of(self, tx: Transaction, owner: int) -> dict[str, str]:
        """All values of an owner, by key."""
        return dict(
            sorted((key, value) for key, value in tx.execute(self._of_one, {"owner": owner}))
        )

    def of_many(self, tx: Transaction, owners: Iterable[int]) -> dict[int, dict[str, str]]:
        """All values of several owners; an owner without any is left out."""
        statement = (
            select(self._owner, self._table.c.key, self._table.c.value)
            .where(self._owner.in_(list(owners)))
            .order_by(self._owner, self._table.c.key)
        )
        found: dict[int, dict[str, str]] = {}
        for owner, key, value in tx.execute(statement):
            found.setdefault(owner, {})[key] = value
        return found

    def _kept(
        self, tx: Transaction, owner: int, values: Mapping[str, str]
    ) -> Iterable[tuple[str, str]]:
        if len(values) > _MAX_NAMED_KEYS:
            rows = tx.execute(self._of_one, {"owner": owner})
        else:
            rows = tx.execute(self._some_of_one, {"owner": owner, "keys": list(values)})
        return ((key, value) for key, value in rows.all())


def _rows(owner: int, values: Mapping[str, str]) -> list[tuple[int, str, str]]:
    # By key, so that two batches for one owner wait for each other and never in a circle.
    return [(owner, key, value) for key, value in sorted(values.items())]
