"""The few places where SQLite and PostgreSQL differ, each a function or value with its reason."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, func
from sqlalchemy.dialects import sqlite


class Engine(StrEnum):
    """The database engines that Assay runs on."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


# Takes effect where the file is made: pages that compaction frees can be given back in steps.
# It takes the lock of a writer, also where it changes nothing.
SQLITE_FILE_PRAGMA = ("auto_vacuum", "INCREMENTAL")
SQLITE_PRAGMAS = (
    # A commit is on the disk when it is acknowledged: NORMAL loses it in a power cut.
    ("synchronous", "FULL"),
    ("foreign_keys", "ON"),
    # Without this INSERT OR REPLACE deletes rows past the ledger's triggers.
    ("recursive_triggers", "ON"),
    ("case_sensitive_like", "ON"),
    ("busy_timeout", "10000"),
    ("cache_size", "-16384"),
    ("temp_store", "MEMORY"),
    ("wal_autocheckpoint", "4000"),
)


def insert(engine: Engine, table: Table) -> Any:
    """An INSERT with `on_conflict_do_update` / `on_conflict_do_nothing`, which both engines know."""
    if engine is Engine.SQLITE:
        return sqlite.insert(table)
    # A server on SQLite need not wait for it at its start.
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415

    return postgresql.insert(table)


def for_update(engine: Engine, statement: Select[Any]) -> Select[Any]:
    """Lock the selected rows until the transaction ends. SQLite has one writer, so all is locked already."""
    if engine is Engine.SQLITE:
        return statement
    return statement.with_for_update()


def for_update_skipping(engine: Engine, statement: Select[Any]) -> Select[Any]:
    """As `for_update`, but rows that another transaction has locked are passed over, not waited for."""
    if engine is Engine.SQLITE:
        return statement
    return statement.with_for_update(skip_locked=True)


def like(
    engine: Engine, column: ColumnElement[Any], pattern: str, *, ignore_case: bool = False
) -> ColumnElement[bool]:
    """LIKE with `%` and `_` and no escape, case-sensitive on both engines (SQLite by pragma).

    `ignore_case` folds ASCII letters alone: all that SQLite folds, and PostgreSQL under collation C.
    """
    if engine is Engine.POSTGRESQL:
        # A backslash would escape there, and at the end of a pattern be an error.
        pattern = pattern.replace("\\", "\\\\")
    if ignore_case:
        return func.lower(column).like(func.lower(pattern))
    return column.like(pattern)


def placeholder(engine: Engine) -> str:
    """The driver's own parameter mark, for the statements of the hot path."""
    return "?" if engine is Engine.SQLITE else "%s"


DATABASE_BYTES = {
    Engine.SQLITE: "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    Engine.POSTGRESQL: "SELECT pg_database_size(current_database())",
}
"""How large the database is, each engine in its words."""
