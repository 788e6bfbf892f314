"""Mappings that live in a temporary file, for whoever folds more state than memory should hold.

The file has no name, only a bounded cache of it is in memory, and it is gone when it is closed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, Final, Generic, TypeVar, cast

K = TypeVar("K", int, "tuple[int, int]", "tuple[int, str]")
V = TypeVar("V")

CACHE_KIB: Final = 16_384
MAX_AT_HAND: Final = 4_096


class Scratch:
    """A temporary file with any number of mappings. Of one thread."""

    def __init__(self) -> None:
        # An empty name is SQLite's word for a private file that is deleted when it is closed.
        self._connection = sqlite3.connect("", isolation_level=None)
        for name, value in (
            ("journal_mode", "OFF"),
            ("synchronous", "OFF"),
            ("cache_size", f"-{CACHE_KIB}"),
        ):
            self._connection.execute(f"PRAGMA {name}={value}")
        self._connection.execute("BEGIN")
        self._count = 0

    def mapping(self, form: Callable[..., V]) -> ScratchMapping[Any, V]:
        """An empty mapping whose values are made by `form` from the members of a JSON list."""
        self._count += 1
        return ScratchMapping(self._connection, f"mapping_{self._count}", form)

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()


class ScratchMapping(MutableMapping[K, V], Generic[K, V]):
    """Keys are a number, or a number with a number or a word; values are named tuples.

    The entries used last are at hand; what changed of them is written when there are too many.
    """

    def __init__(self, connection: sqlite3.Connection, name: str, form: Callable[..., V]) -> None:
        self._connection = connection
        self._run = connection.execute
        self._form = form
        self._at_hand: dict[K, V] = {}
        self._changed: set[Any] = set()
        self._run(f"CREATE TABLE {name} (a INTEGER, b, v TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID")
        self._get = f"SELECT v FROM {name} WHERE a = ? AND b = ?"  # noqa: S608 - names of ours
        self._set = f"INSERT OR REPLACE INTO {name} VALUES (?, ?, ?)"  # noqa: S608
        self._delete = f"DELETE FROM {name} WHERE a = ? AND b = ?"  # noqa: S608
        self._all = f"SELECT a, b FROM {name} ORDER BY a, b"  # noqa: S608
        self._size = f"SELECT count(*) FROM {name}"  # noqa: S608

    def __getitem__(self, key: K) -> V:
        if key in self._at_hand:
            return self._at_hand[key]
        found = self._read(key)
        self._keep(key, found)
        return found

    def __setitem__(self, key: K, value: V) -> None:
        self._keep(key, value)
        self._changed.add(key)

    def __delitem__(self, key: K) -> None:
        was_at_hand = self._at_hand.pop(key, None) is not None
        self._changed.discard(key)
        if self._run(self._delete, _columns(key)).rowcount == 0 and not was_at_hand:
            raise KeyError(key)

    def __iter__(self) -> Iterator[K]:
        self._write()
        for a, b in self._run(self._all):
            yield cast("K", a if b == "" else (a, b))

    def __len__(self) -> int:
        self._write()
        return int(self._run(self._size).fetchone()[0])

    def _read(self, key: K) -> V:
        row = self._run(self._get, _columns(key)).fetchone()
        if row is None:
            raise KeyError(key)
        value = json.loads(row[0])
        return self._form(*value) if isinstance(value, list) else self._form(value)

    def _keep(self, key: K, value: V) -> None:
        if len(self._at_hand) >= MAX_AT_HAND:
            self._write()
            self._at_hand.clear()
        self._at_hand[key] = value

    def _write(self) -> None:
        self._connection.executemany(self._set, map(self._row, self._changed))
        self._changed.clear()

    def _row(self, key: K) -> tuple[int, Any, str]:
        return (*_columns(key), json.dumps(self._at_hand[key]))


def _columns(key: Any) -> tuple[int, Any]:
    return (key, "") if isinstance(key, int) else key
