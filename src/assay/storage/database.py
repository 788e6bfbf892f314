"""Opening a database and its transactions: readers beside one writer, and group commit on SQLite.

`Database.write()` is durable when its block has ended without an error, and leaves nothing when it
raised. Nothing outside this module begins, commits or rolls back.
"""

from __future__ import annotations

import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, CursorResult, Executable, create_engine, make_url
from sqlalchemy import exc as sql_errors
from sqlalchemy import pool as sql_pool

from assay.domain.errors import (
    AlreadyExists,
    AppError,
    FailedPrecondition,
    InvalidArgument,
    Unavailable,
)
from assay.storage.dialect import SQLITE_FILE_PRAGMA, SQLITE_PRAGMAS, Engine

MAX_GROUP = 256
"""Transactions that share one commit at most, so that the first of a group does not wait long."""

MAX_IDLE_READERS = 8

_OUT_OF_RANGE = "22003"
_TOO_LARGE = "A number of the request is beyond 64 bits."
_CLASHES = frozenset({"40001", "40P01"})
"""PostgreSQL's codes for a serialization failure and a deadlock: the same transaction may succeed later."""

_LOG_PAGES = int(dict(SQLITE_PRAGMAS)["wal_autocheckpoint"])
_SPILLING_CACHE_PAGES = 16
# A row of 4,000 bytes is a page of its own.
_FILL = (
    "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)"
    " INSERT INTO reserved SELECT zeroblob(4000) FROM numbers"
)


_GROWN_TABLES = (
    "SELECT quote_ident(c.relname) FROM pg_class c"
    " WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'"
    " AND pg_relation_size(c.oid) / current_setting('block_size')::bigint"
    " > 64 + 2 * c.relpages ORDER BY c.relname"
)
"""Tables of twice the pages that they had when PostgreSQL last looked, and more than a few."""


class Transaction:
    """One open transaction. Storage functions take it first and never end it."""

    __slots__ = ("_kept_cursor", "connection", "engine", "touched")

    def __init__(self, connection: Connection, engine: Engine) -> None:
        self.connection = connection
        self.engine = engine
        self.touched: set[int] | None = None
        self._kept_cursor: Any = None

    def touch(self, run_pk: int) -> None:
        """Note a run that is changed here: whoever watches hears of it once that is durable."""
        if self.touched is None:
            self.touched = set()
        self.touched.add(run_pk)

    def execute(
        self, statement: Executable, parameters: Any = None
    ) -> CursorResult[*tuple[Any, ...]]:
        """Run one statement; a list of parameter sets runs it for each."""
        return self.connection.execute(statement, parameters)

    def driver(self, sql: str, parameters: Any = ()) -> CursorResult[*tuple[Any, ...]]:
        """Run SQL text on the driver itself, for hot paths only: Core's compilation costs more there."""
        return self.connection.exec_driver_sql(sql, parameters)

    def driver_plain(self, sql: str) -> None:
        """Run SQL text without parameters, in which a `%` is just a `%` (schema changes)."""
        cursor = self.connection.connection.cursor()
        try:
            cursor.execute(sql)
        finally:
            cursor.close()

    def driver_rows(self, sql: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        """All rows of SQL text as plain tuples, which cost a third of what result objects do."""
        cursor = self._kept_cursor or self._cursor()
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())

    def driver_run(self, sql: str, parameters: Any = ()) -> int:
        """Run SQL text that answers no rows; the number of rows that it changed."""
        cursor = self._kept_cursor or self._cursor()
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)

    def driver_many(self, sql: str, rows: Sequence[Any]) -> int:
        """As `driver_run` for many sets of parameters, at least one, in one call of the driver."""
        cursor = self._kept_cursor or self._cursor()
        cursor.executemany(sql, rows)
        return int(cursor.rowcount)

    def _cursor(self) -> Any:
        # One for the whole transaction: everything above reads its rows before the next statement.
        self._kept_cursor = self.connection.connection.cursor()
        return self._kept_cursor

    def end(self) -> None:
        """Let go of the cursor, while the connection is still ours: it resets its last statement."""
        if self._kept_cursor is not None:
            self._kept_cursor.close()
            self._kept_cursor = None


class Database(ABC):
    """A SQLite file or a PostgreSQL database behind the same two calls, `read()` and `write()`."""

    engine: Engine
    on_runs_changed: Callable[[Collection[int]], None] | None = None
    """Told the keys of the runs that a commit changed, by the thread that made it; never waits."""

    @abstractmethod
    def read(self) -> AbstractContextManager[Transaction]:
        """A read-only transaction on one consistent snapshot."""

    @abstractmethod
    def write(self) -> AbstractContextManager[Transaction]:
        """A write transaction: durable when the block ends, gone when it raises. Never nested."""

    def reserve(self) -> None:  # noqa: B027 - most databases have nothing to do
        """Make room for what a server is about to write, so that its first commits are no slower.

        Nothing depends on it, and nothing of it can be read.
        """

    def refresh_statistics(self) -> tuple[str, ...]:
        """Let the planner look at the tables that have grown since it last did; their names.

        Without it a search after an import may take minutes, until the database looks by itself.
        """
        return ()

    def _tell(self, touched: Collection[int] | None) -> None:
        if touched and self.on_runs_changed is not None:
            self.on_runs_changed(touched)

    @abstractmethod
    def close(self) -> None:
        """Give up all connections; waits for the open write transaction."""


def open_database(url: str | Path) -> Database:
    """Open `url`: a path or `sqlite:///path` for SQLite, `postgresql://…` for PostgreSQL.

    Raises Unavailable when it cannot be reached, with what to check.
    """
    text = str(url)
    if text.startswith(("postgresql://", "postgres://", "postgresql+psycopg://")):
        return PostgresqlDatabase(text)
    return SqliteDatabase(Path(text.removeprefix("sqlite:///")))


class _Group:
    """The transactions that will be made durable by one commit. `done` is locked until then."""

    __slots__ = ("done", "error", "members")

    def __init__(self) -> None:
        # A plain lock: an Event costs more to make than a row to insert, and most groups are of one.
        self.done = threading.Lock()
        self.done.acquire()
        self.error: Exception | None = None
        self.members = 0

    def wait(self) -> None:
        """Return once it is committed or given up."""
        with self.done:
            pass


class SqliteDatabase(Database):
    """One SQLite file in WAL mode: one writer connection, and a reader for each thread that reads."""

    engine = Engine.SQLITE

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = create_engine(
            "sqlite+pysqlite://", creator=self._connect, poolclass=sql_pool.NullPool
        )
        self._idle: list[Connection] = []
        self._idle_lock = threading.Lock()
        self._closed = False
        self._write_lock = threading.Lock()
        self._queue_lock = threading.Lock()
        self._queued = 0
        self._group: _Group | None = None
        self._inside = threading.local()
        self._pragmas: tuple[tuple[str, str], ...] = (SQLITE_FILE_PRAGMA, *SQLITE_PRAGMAS)
        self._writer = self._open()
        # A reader must come in while somebody writes.
        self._pragmas = SQLITE_PRAGMAS
        mode = self._writer.exec_driver_sql("PRAGMA journal_mode=WAL").scalar_one()
        if mode != "wal":
            msg = f"SQLite could not switch {path} to WAL (answered {mode!r}); is it on a network file system?"
            raise Unavailable(msg)

    def _connect(self) -> sqlite3.Connection:
        # Autocommit: BEGIN, SAVEPOINT and COMMIT are ours, SQLAlchemy and the driver add none.
        try:
            connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            for name, value in self._pragmas:
                connection.execute(f"PRAGMA {name}={value}")
        except sqlite3.Error as error:
            msg = f"Cannot open the database file {self.path}: {error}"
            raise Unavailable(msg) from error
        return connection

    def _open(self) -> Connection:
        return self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A snapshot that no writer disturbs."""
        connection = self._take_reader()
        control = _driver(connection)
        control.execute("BEGIN")
        tx = Transaction(connection, self.engine)
        try:
            yield tx
        except (sql_errors.DBAPIError, sqlite3.Error) as error:
            raise translate(error) from error
        except OverflowError as error:
            if _is_too_large(error):
                raise InvalidArgument(_TOO_LARGE) from error
            raise
        finally:
            tx.end()
            control.execute("ROLLBACK")
            self._give_reader(connection)

    def _take_reader(self) -> Connection:
        with self._idle_lock:
            if self._closed:
                msg = "The database is closed; the server is stopping."
                raise Unavailable(msg)
            if self._idle:
                return self._idle.pop()
        connection = self._open()
        connection.exec_driver_sql("PRAGMA query_only=ON")
        return connection

    def _give_reader(self, connection: Connection) -> None:
        with self._idle_lock:
            if not self._closed and len(self._idle) < MAX_IDLE_READERS:
                self._idle.append(connection)
                return
        connection.close()

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A savepoint in a shared transaction: whoever finds nobody waiting behind it commits for all."""
        if getattr(self._inside, "writing", False):
            msg = "write() was entered twice by one thread"
            raise RuntimeError(msg)
        with self._queue_lock:
            self._queued += 1
        self._write_lock.acquire()
        with self._queue_lock:
            self._queued -= 1
        self._inside.writing = True
        try:
            group = self._join_group()
            yield from self._savepoint(group)
        finally:
            self._inside.writing = False
            try:
                self._commit_if_last()
            finally:
                self._write_lock.release()
        group.wait()
        if group.error is not None:
            raise translate(group.error) from group.error
        self._tell(self._inside.touched)

    def _join_group(self) -> _Group:
        if self._closed:
            msg = "The database is closed; the server is stopping."
            raise Unavailable(msg)
        if self._group is None:
            try:
                _driver(self._writer).execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                raise translate(error) from error
            self._group = _Group()
        return self._group

    def _savepoint(self, group: _Group) -> Iterator[Transaction]:
        control = _driver(self._writer)
        # The first of a group needs none: what it takes back is all that there is.
        is_first = group.members == 0
        if not is_first:
            control.execute("SAVEPOINT member")
        tx = Transaction(self._writer, self.engine)
        try:
            yield tx
        except BaseException as error:
            tx.end()
            if is_first:
                self._end(group, "ROLLBACK")
            else:
                control.execute("ROLLBACK TO member")
                control.execute("RELEASE member")
            if isinstance(error, sql_errors.DBAPIError | sqlite3.Error):
                raise translate(error) from error
            if _is_too_large(error):
                raise InvalidArgument(_TOO_LARGE) from error
            raise
        tx.end()
        if not is_first:
            control.execute("RELEASE member")
        group.members += 1
        self._inside.touched = tx.touched

    def _commit_if_last(self) -> None:
        group = self._group
        if group is None:
            return
        with self._queue_lock:
            others_wait = self._queued > 0
        if others_wait and group.members < MAX_GROUP:
            return
        self._end(group, "COMMIT")

    def _end(self, group: _Group, sql: str) -> None:
        self._group = None
        try:
            _driver(self._writer).execute(sql)
        except sqlite3.Error as error:
            group.error = error
            self._abandon()
        finally:
            group.done.release()

    def _abandon(self) -> None:
        # After a failed COMMIT (disk full, I/O error) the transaction may still be open.
        try:
            _driver(self._writer).execute("ROLLBACK")
        except sqlite3.Error:
            self._writer.close()
            self._writer = self._open()

    def reserve(self) -> None:
        """Let the write-ahead log have the size that it reaches before it is written over anyway.

        A commit at the end of a file that grows waits for the file system's own log too. What a
        transaction spills before it is rolled back stays as room, and no reader ever looks at it.
        """
        connection = self._connect()
        # A full disk will say so to whoever writes in earnest.
        with closing(connection), suppress(sqlite3.Error):
            connection.execute(f"PRAGMA cache_size={_SPILLING_CACHE_PAGES}")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("CREATE TABLE reserved (filler BLOB)")
            connection.execute(_FILL, (_LOG_PAGES,))
            connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close every connection once the open write has ended."""
        with self._write_lock, self._idle_lock:
            if self._closed:
                return
            self._closed = True
            for connection in self._idle:
                connection.close()
            self._idle.clear()
            self._writer.close()
        self._engine.dispose()


def _driver(connection: Connection) -> sqlite3.Connection:
    """The driver's own connection. BEGIN, SAVEPOINT and COMMIT go to it: they are in every request."""
    return cast("sqlite3.Connection", connection.connection.dbapi_connection)


class PostgresqlDatabase(Database):
    """A PostgreSQL database. Its server does the group commit; rows are locked where rules need it."""

    engine = Engine.POSTGRESQL

    def __init__(self, url: str) -> None:
        parsed = make_url(url).set(drivername="postgresql+psycopg")
        self._engine = create_engine(
            parsed, pool_size=8, max_overflow=24, pool_timeout=10, pool_recycle=1800
        )
        # The pool must not hand one connection to two isolation levels: options stay per checkout.
        self._reads = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        # What is run on the driver itself fails in the driver's own words.
        self._errors = (
            sql_errors.DBAPIError,
            sql_errors.TimeoutError,
            self._engine.dialect.loaded_dbapi.Error,
        )
        try:
            with self._engine.connect() as connection:
                connection.exec_driver_sql("SELECT 1")
        except sql_errors.DBAPIError as error:
            shown = parsed.set(drivername="postgresql").render_as_string(hide_password=True)
            # The driver says it in several lines, one for each address that it has tried.
            msg = f"Cannot reach the database {shown}: {' '.join(str(error.orig).split())}"
            raise Unavailable(msg) from error

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A repeatable-read snapshot."""
        try:
            with self._reads.connect() as connection:
                yield Transaction(connection, self.engine)
        except self._errors as error:
            raise translate(error) from error

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A read-committed transaction; the block locks what its decision depends on."""
        try:
            with self._engine.begin() as connection:
                tx = Transaction(connection, self.engine)
                yield tx
        except self._errors as error:
            raise translate(error) from error
        self._tell(tx.touched)

    def refresh_statistics(self) -> tuple[str, ...]:
        """ANALYZE of each table that has doubled, so that a growing one is looked at now and then."""
        with self.write() as tx:
            grown = tuple(name for (name,) in tx.driver_rows(_GROWN_TABLES))
            for name in grown:
                tx.driver_plain(f"ANALYZE {name}")
        return grown

    def close(self) -> None:
        """Close the pool."""
        self._engine.dispose()


def is_clash(error: AppError) -> bool:
    """Whether transactions got into each other's way, so that repeating this one may help."""
    return error.details.get("clash") is True


def _is_too_large(error: BaseException) -> bool:
    """Whether SQLite's driver was given a number that no column holds; other overflows are faults of ours."""
    return isinstance(error, OverflowError) and "SQLite INTEGER" in str(error)


def translate(error: Exception) -> AppError:
    """The error tree's word for a driver's error. No SQL text leaves this function."""
    original = getattr(error, "orig", None) or error
    kind = type(original).__name__
    classes = {each.__name__ for each in type(original).__mro__}
    if "IntegrityError" in classes:
        text = str(original)
        if "UNIQUE" in text or "unique" in text or kind == "UniqueViolation":
            return AlreadyExists(
                "This object exists already, made by another request at the same time."
            )
        if "FOREIGN KEY" in text or kind == "ForeignKeyViolation":
            return FailedPrecondition("Another object still refers to this one.")
    if getattr(original, "sqlstate", None) == _OUT_OF_RANGE:
        return InvalidArgument(_TOO_LARGE)
    if getattr(original, "sqlstate", None) in _CLASHES:
        return Unavailable(
            "Others changed the same at this moment; nothing was written. Try again.", clash=True
        )
    if classes & {"OperationalError", "InternalError"}:
        return Unavailable(
            f"The database could not do this right now ({kind}); nothing was written."
        )
    return Unavailable(f"The database refused the request ({kind}); nothing was written.")
