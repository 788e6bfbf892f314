"""Opening a database to look at it: nothing is written, made or migrated, not even a journal mode."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import create_engine
from sqlalchemy import exc as sql_errors
from sqlalchemy import pool as sql_pool

from assay.domain.errors import DataCorrupted, FailedPrecondition, NotFound, Unavailable
from assay.storage.database import Database, PostgresqlDatabase, Transaction, translate
from assay.storage.dialect import SQLITE_PRAGMAS, Engine

_FAULTS_NAMED = 20
# What SQLite says of bytes that no program of its own has written so.
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_ONLY_FOR_WRITERS = frozenset({"synchronous", "wal_autocheckpoint"})


def open_read_only(url: str | Path) -> Database:
    """Open a path, `sqlite:///path` or `postgresql://…` for reading.

    Raises NotFound for a file that is not there, Unavailable when it cannot be opened, and
    DataCorrupted when it is no database any more.
    """
    text = str(url)
    if text.startswith(("postgresql://", "postgres://", "postgresql+psycopg://")):
        return PostgresqlDatabase(text)
    return ReadOnlySqlite(Path(text.removeprefix("sqlite:///")))


class ReadOnlySqlite(Database):
    """A SQLite file, also beside a server that writes it."""

    engine = Engine.SQLITE

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise NotFound(f"There is no database file {path}.", field="data")
        self.path = path
        self._engine = create_engine(
            "sqlite+pysqlite://", creator=self._connect, poolclass=sql_pool.NullPool
        )
        with self.read() as tx:
            tx.driver("SELECT count(*) FROM sqlite_master")

    def _connect(self) -> sqlite3.Connection:
        # Without a journal beside it nobody has the file open, and it can be read as it lies there.
        # Otherwise SQLite needs its shared file, and makes one.
        is_at_rest = not any(
            self.path.with_name(self.path.name + end).exists() for end in ("-wal", "-journal")
        )
        uri = f"file:{quote(str(self.path.absolute()))}?mode=ro{'&immutable=1' * is_at_rest}"
        try:
            connection = sqlite3.connect(
                uri, uri=True, isolation_level=None, check_same_thread=False
            )
            for name, value in SQLITE_PRAGMAS:
                if name not in _ONLY_FOR_WRITERS:
                    connection.execute(f"PRAGMA {name}={value}")
        except sqlite3.Error as error:
            raise _refusal(self.path, error) from error
        return connection

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A snapshot. Raises DataCorrupted where the file's structure is damaged."""
        try:
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            with connection:
                connection.exec_driver_sql("BEGIN")
                yield Transaction(connection, self.engine)
        except (sql_errors.DBAPIError, sqlite3.Error) as error:
            original = getattr(error, "orig", error)
            if isinstance(original, sqlite3.Error):
                raise _refusal(self.path, original) from error
            raise translate(error) from error

    def write(self) -> AbstractContextManager[Transaction]:
        """Refused."""
        raise FailedPrecondition(f"{self.path} is open for reading only.")

    def close(self) -> None:
        """Nothing stays open between reads."""
        self._engine.dispose()


def structure_faults(database: Database, *, deep: bool = False) -> list[str]:
    """What SQLite finds wrong with the file's own structure and the tables' checks; empty if nothing.

    `deep` also compares every index with its table. PostgreSQL keeps its own files.
    """
    if database.engine is not Engine.SQLITE:
        return []
    check = "integrity_check" if deep else "quick_check"
    try:
        with database.read() as tx:
            rows = tx.driver(f"PRAGMA {check}({_FAULTS_NAMED})").scalars().all()
    except DataCorrupted as fault:
        return [fault.message]
    return [] if rows == ["ok"] else [str(row) for row in rows]


def _refusal(path: Path, error: sqlite3.Error) -> DataCorrupted | Unavailable:
    # The primary code is the low byte of the extended one.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _DAMAGED:
        return DataCorrupted(f"The database file {path} is damaged: {error}.")
    return Unavailable(
        f"The database file {path} cannot be read: {error}. If it or its folder is write-protected, "
        "read a copy: SQLite keeps a shared file beside it."
    )
