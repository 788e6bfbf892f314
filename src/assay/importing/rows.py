"""Rows of a source's database, read only: SQLite by the standard library, PostgreSQL by SQLAlchemy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote

from assay.domain.errors import FailedPrecondition, InvalidArgument, NotFound

Row = Mapping[str, Any]

_WAL: Final = 2
_FETCH: Final = 10_000


class Rows(Protocol):
    """A database at one moment."""

    def tables(self) -> frozenset[str]:
        """The names of the tables that there are."""

    def select(self, sql: str, /, **values: object) -> list[dict[str, Any]]:
        """Every row of a statement with `:name` parameters, by column."""

    def stream(self, sql: str, /, **values: object) -> Iterable[tuple[Any, ...]]:
        """The rows of a statement, one after another."""

    def close(self) -> None:
        """Let go of the database."""


class SqliteRows:
    """A SQLite file, opened so that nothing is written: not to it, and not beside it."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise NotFound(f"There is no SQLite file {str(path)!r}.", field="from")
        with path.open("rb") as file:
            head = file.read(20)
        if not head.startswith(b"SQLite format 3\0"):
            raise InvalidArgument(f"{str(path)!r} is not a SQLite file.", field="from")
        wal = path.with_name(path.name + "-wal")
        is_settled = not (wal.exists() and wal.stat().st_size)
        # A reader of a file in WAL mode makes files beside it, unless it is told that nobody writes.
        mode = "immutable=1" if head[18] == _WAL and is_settled else "mode=ro"
        address = f"file:{quote(str(path.absolute()))}?{mode}"
        self._connection = sqlite3.connect(address, uri=True, check_same_thread=False)
        self._connection.execute("PRAGMA query_only = ON")
        # One moment for everything that is read.
        self._connection.isolation_level = None
        self._connection.execute("BEGIN")

    def tables(self) -> frozenset[str]:
        """The names of the tables that there are."""
        found = self.stream("SELECT name FROM sqlite_master WHERE type = 'table'")
        return frozenset(name for (name,) in found)

    def select(self, sql: str, /, **values: object) -> list[dict[str, Any]]:
        """Every row of a statement, by column."""
        cursor = self._connection.execute(sql, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def stream(self, sql: str, /, **values: object) -> Iterable[tuple[Any, ...]]:
        """The rows of a statement, one after another."""
        return self._connection.execute(sql, values)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


class PostgresqlRows:
    """A PostgreSQL database, in one read-only transaction."""

    def __init__(self, url: str) -> None:
        try:
            import sqlalchemy  # noqa: PLC0415 - a server's library, wanted for such a source alone
        except ImportError:
            raise FailedPrecondition(
                "A PostgreSQL source needs `pip install 'assay[server,postgresql]'`.", field="from"
            ) from None
        self._text = sqlalchemy.text
        plain = url.partition("://")[2]
        self._engine = sqlalchemy.create_engine(f"postgresql+psycopg://{plain}")
        try:
            self._connection = self._engine.connect().execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        except sqlalchemy.exc.OperationalError as error:
            # The driver's sentence names host and user, never the password.
            reason = str(error.orig).strip().splitlines()[0][:300]
            raise NotFound(f"The source cannot be reached: {reason}", field="from") from None

    def tables(self) -> frozenset[str]:
        """The names of the tables that there are."""
        found = self.stream("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        return frozenset(name for (name,) in found)

    def select(self, sql: str, /, **values: object) -> list[dict[str, Any]]:
        """Every row of a statement, by column."""
        found = self._connection.execute(self._text(sql), values)
        return [dict(row) for row in found.mappings()]

    def stream(self, sql: str, /, **values: object) -> Iterator[tuple[Any, ...]]:
        """The rows of a statement, one after another."""
        found = self._connection.execute(self._text(sql), values)
        while rows := found.fetchmany(_FETCH):
            yield from (tuple(row) for row in rows)

    def close(self) -> None:
        """End the transaction and the connection."""
        self._connection.close()
        self._engine.dispose()
