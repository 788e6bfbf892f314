"""The migrated schema is the catalogue: neither has a column, constraint or index that the other lacks."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from assay.storage.database import Database, Transaction, open_database
from assay.storage.tables import metadata
from tests.support.databases import PostgresqlCluster

Facts = set[tuple[str, ...]]

_PG_COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable, coalesce(collation_name, ''),
       is_identity, coalesce(identity_generation, '')
FROM information_schema.columns WHERE table_schema = current_schema()
"""
_PG_CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = current_schema()::regnamespace AND contype <> 't'
"""
_PG_INDEXES = """
SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()
"""


def _sqlite_facts(tx: Transaction) -> Facts:
    rows = tx.driver(
        "SELECT type, name, sql FROM sqlite_master"
        " WHERE type IN ('table', 'index') AND sql IS NOT NULL"
    )
    return {(kind, name, _plain(sql)) for kind, name, sql in rows}


def _plain(sql: str) -> str:
    return re.sub(r"\s+", " ", sql).replace('"', "").replace("( ", "(").replace(" )", ")").strip()


def _postgresql_facts(tx: Transaction) -> Facts:
    found: Facts = set()
    for kind, sql in (
        ("column", _PG_COLUMNS),
        ("constraint", _PG_CONSTRAINTS),
        ("index", _PG_INDEXES),
    ):
        found |= {(kind, *row) for row in tx.execute(text(sql))}
    return found


@pytest.fixture
def empty_sqlite(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(tmp_path / "empty.db")) as database:
        yield database


@pytest.fixture
def empty_postgresql(postgresql_cluster: PostgresqlCluster) -> Iterator[Database]:
    name = postgresql_cluster.create()
    try:
        with closing(open_database(postgresql_cluster.url(name))) as database:
            yield database
    finally:
        postgresql_cluster.drop(name)


def test_migrated_sqlite_equals_the_catalogue(
    sqlite_database: Database, empty_sqlite: Database
) -> None:
    """Tables and indexes are word for word the same, STRICT and WITHOUT ROWID included."""
    with empty_sqlite.write() as tx:
        metadata.create_all(tx.connection)
    with sqlite_database.read() as migrated, empty_sqlite.read() as made:
        assert _sqlite_facts(migrated) == _sqlite_facts(made)


def test_migrated_postgresql_equals_the_catalogue(
    postgresql_database: Database, empty_postgresql: Database
) -> None:
    """Columns with types, collations and identities, constraints and indexes are the same."""
    with empty_postgresql.write() as tx:
        metadata.create_all(tx.connection)
    with postgresql_database.read() as migrated, empty_postgresql.read() as made:
        facts = _postgresql_facts(migrated)
        assert len(facts) > 300
        assert facts == _postgresql_facts(made)


def test_both_engines_have_the_same_tables_and_columns(
    sqlite_database: Database, postgresql_database: Database
) -> None:
    """A table or column of one engine is one of the other."""
    with sqlite_database.read() as tx:
        sqlite = {
            (table, column)
            for table, column in tx.driver(
                "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c"
                " WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'"
            )
        }
    with postgresql_database.read() as tx:
        columns = tx.execute(text(_PG_COLUMNS))
        assert {(row[0], row[1]) for row in columns} == sqlite


def test_the_ledger_keeps_its_triggers(database: Database) -> None:
    """On both engines nothing that a client of the database may send rewrites the ledger."""
    with database.read() as tx:
        if database.engine.value == "sqlite":
            sql = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'ledger'"
        else:
            sql = (
                "SELECT tgname FROM pg_trigger"
                " WHERE tgrelid = 'ledger'::regclass AND NOT tgisinternal"
            )
        assert len(tx.execute(text(sql)).all()) >= 2
