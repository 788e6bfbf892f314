"""Bringing a database to this version's schema: numbered plain-SQL files, forward only.

A file `0007_words.sql` runs on both engines; `0007_words.sqlite.sql` and `0007_words.postgresql.sql` on one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from sqlalchemy import text

from assay.domain.errors import FailedPrecondition
from assay.storage.database import Database, Transaction
from assay.storage.dialect import Engine

_NAME = re.compile(
    r"(?P<number>\d{4})_(?P<words>[a-z0-9_]+)(\.(?P<engine>sqlite|postgresql))?\.sql"
)
_LOCK_KEY = 7475
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step and the statements of one engine."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Digest of the text: a landed migration is never edited."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def available(engine: Engine) -> tuple[Migration, ...]:
    """All migrations of this version for `engine`, by number."""
    found: dict[int, Migration] = {}
    for file in resources.files("assay.storage.migrations").iterdir():
        match = _NAME.fullmatch(file.name)
        if match is None or match["engine"] not in (None, engine.value):
            continue
        number = int(match["number"])
        if number in found:
            msg = f"two migrations have the number {number:04d}"
            raise RuntimeError(msg)
        found[number] = Migration(number, match["words"], file.read_text("utf-8"))
    return tuple(found[number] for number in sorted(found))


def migrate(database: Database, now_ms: int) -> Sequence[Migration]:
    """Apply what is missing, each in its own transaction, and return it.

    Raises FailedPrecondition when a newer version has written the database, or when a migration
    that was applied differs from the one shipped: then nothing is touched. Also when a statement
    fails, with its number and its text: then the migrations before that one are done.
    """
    applied_now: list[Migration] = []
    for migration in available(database.engine):
        with database.write() as tx:
            if _prepare(tx, database.engine, migration):
                _apply(tx, migration)
                _record(tx, migration, now_ms)
                applied_now.append(migration)
    check(database)
    return applied_now


def check(database: Database) -> None:
    """Refuse a database that is newer than this program, or older: nothing else may be assumed of it."""
    known = {migration.number: migration for migration in available(database.engine)}
    with database.read() as tx:
        rows = _applied(tx, database.engine)
    newer = sorted(number for number in rows if number not in known)
    if newer:
        msg = (
            f"The database has schema {newer[-1]:04d}, this version of Assay knows up to {max(known):04d}. "
            "Start the newer version that wrote it."
        )
        raise FailedPrecondition(msg)
    for number, digest in rows.items():
        if known[number].sha256 != digest:
            msg = f"Migration {number:04d} of this database is not the one of this version; refusing to start."
            raise FailedPrecondition(msg)
    missing = sorted(set(known) - set(rows))
    if missing:
        msg = f"The database lacks migration {missing[0]:04d}; start `assay serve` once to bring it up to date."
        raise FailedPrecondition(msg)


def schema_number(tx: Transaction) -> int:
    """The number of the last migration that this database has; 0 before the first."""
    return max(_applied(tx, tx.engine), default=0)


def statements(sql: str) -> list[str]:
    """The single statements of a script.

    A `;` ends one at the end of a line, except inside a body: between lines that are just `BEGIN`
    and `END;` (SQLite's triggers), or between `$$` marks (PostgreSQL's functions).
    """
    parts: list[str] = []
    current: list[str] = []
    in_dollars = in_block = False
    for line in sql.splitlines(keepends=True):
        word = line.strip()
        if not current and (not word or word.startswith("--")):
            continue
        current.append(line)
        if word.count("$$") % 2:
            in_dollars = not in_dollars
        if not in_dollars and word in ("BEGIN", "END;"):
            in_block = word == "BEGIN"
        if word.endswith(";") and not in_dollars and not in_block:
            parts.append("".join(current).strip())
            current = []
    if current:
        msg = "a migration does not end with a complete statement"
        raise RuntimeError(msg)
    return parts


def _has_table(tx: Transaction, engine: Engine) -> bool:
    if engine is Engine.SQLITE:
        sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations'"
    else:
        sql = (
            "SELECT 1 FROM information_schema.tables"
            " WHERE table_schema = current_schema() AND table_name = 'migrations'"
        )
    return tx.driver(sql).first() is not None


def _applied(tx: Transaction, engine: Engine) -> dict[int, str]:
    if not _has_table(tx, engine):
        return {}
    rows = tx.execute(text("SELECT number, sha256 FROM migrations ORDER BY number"))
    return {row.number: row.sha256 for row in rows}


def _prepare(tx: Transaction, engine: Engine, migration: Migration) -> bool:
    """Whether `migration` has to be applied, decided under a lock that keeps other servers out."""
    if engine is Engine.POSTGRESQL:
        tx.driver(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})")
        tx.driver("SET LOCAL lock_timeout = '4s'")
    applied = _applied(tx, engine)
    if applied and max(applied) > migration.number and migration.number not in applied:
        msg = f"Migration {migration.number:04d} was skipped in this database; refusing to apply it late."
        raise FailedPrecondition(msg)
    return migration.number not in applied


def _apply(tx: Transaction, migration: Migration) -> None:
    # Whoever runs a migration operates this database: here the driver's words and the SQL are the help.
    driver_error = tx.connection.dialect.loaded_dbapi.Error
    for place, statement in enumerate(statements(migration.sql), 1):
        try:
            tx.driver_plain(statement)
        except driver_error as error:
            words = " ".join(statement.split())
            shown = words if len(words) <= _SHOWN else words[:_SHOWN] + "…"
            msg = (
                f"Migration {migration.number:04d} ({migration.name}) failed and left nothing: "
                f"statement {place} `{shown}`: {' '.join(str(error).split())}"
            )
            raise FailedPrecondition(msg) from error


def _record(tx: Transaction, migration: Migration, now_ms: int) -> None:
    tx.execute(
        text(
            "INSERT INTO migrations (number, name, sha256, applied_at_ms)"
            " VALUES (:number, :name, :sha256, :now)"
        ),
        {
            "number": migration.number,
            "name": migration.name,
            "sha256": migration.sha256,
            "now": now_ms,
        },
    )
