"""What is written once stays as it was written: the databases themselves refuse, on both engines."""

import os
import re
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from assay.domain.errors import AppError
from assay.services.audit import Audit
from assay.storage.database import Database, PostgresqlDatabase, open_database
from assay.storage.dialect import Engine
from assay.storage.migrate import migrate
from tests.support.office import MODEL, Office


@pytest.fixture
def database_with_history(tmp_path: Path, database: Database) -> Database:
    """A database in which every frozen table has rows."""
    office = Office(tmp_path, database)
    office.a_gate()
    office.a_champion()
    second = office.a_version("second")
    office.examine(second, right=9)
    office.promote(second)
    office.services.promotion.rollback(office.ask(), MODEL)
    office.services.checkpoints.make(office.ask())
    with database.write() as tx:
        # A ledger this short keeps no node of its own.
        tx.driver_plain("INSERT INTO ledger_nodes (level, position, hash) VALUES (8, 0, 'h')")
    return database


def run(database: Database, sql: str) -> None:
    with database.write() as tx:
        tx.execute(text(sql))


def contents(database: Database, table: str) -> list[tuple[object, ...]]:
    with database.read() as tx:
        return sorted(map(tuple, tx.driver(f"SELECT * FROM {table}").all()), key=str)  # noqa: S608 - a table of ours


SIGNED = ("checkpoints", "ledger_keys", "ledger_nodes")
APPEND_ONLY = ("ledger", "verdicts", "alias_moves", *SIGNED)
FROZEN = (*APPEND_ONLY, "eval_suites", "gates", "model_version_files")
COLUMN = {
    "model_version_files": "path",
    "gates": "canonical",
    "eval_suites": "canonical",
    "checkpoints": "note",
    "ledger_keys": "verifier",
    "ledger_nodes": "hash",
}


@pytest.mark.parametrize("table", FROZEN)
def test_a6_a_frozen_table_refuses_update_and_delete(
    database_with_history: Database, table: str
) -> None:
    """A6: not one byte of what was recorded changes by a statement."""
    before = contents(database_with_history, table)
    column = COLUMN.get(table, "reason" if table == "alias_moves" else "runner")
    column = "body" if table == "ledger" else column
    assert before

    for sql in (
        f"UPDATE {table} SET {column} = 'x'",  # noqa: S608 - names of ours
        f"DELETE FROM {table}",  # noqa: S608 - names of ours
    ):
        with pytest.raises(AppError):
            run(database_with_history, sql)

    assert contents(database_with_history, table) == before


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_a6_replace_and_truncate_are_refused_too(
    database_with_history: Database, table: str
) -> None:
    """A6: SQLite's REPLACE deletes without a word, PostgreSQL's TRUNCATE asks no row."""
    before = contents(database_with_history, table)
    if database_with_history.engine is Engine.SQLITE:
        sql = f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} LIMIT 1"  # noqa: S608
    else:
        sql = f"TRUNCATE {table} CASCADE"

    with pytest.raises(AppError):
        run(database_with_history, sql)

    assert contents(database_with_history, table) == before


@pytest.mark.parametrize("table", ["ledger", "alias_moves", "checkpoints"])
def test_a6_an_upsert_does_not_rewrite(database_with_history: Database, table: str) -> None:
    """A6: INSERT … ON CONFLICT DO UPDATE is an update by another name."""
    key = {"ledger": "seq", "alias_moves": "id", "checkpoints": "size"}[table]
    column = {"ledger": "body", "alias_moves": "reason", "checkpoints": "note"}[table]
    before = contents(database_with_history, table)

    with pytest.raises(AppError):
        run(
            database_with_history,
            f"INSERT INTO {table} SELECT * FROM {table} WHERE true"  # noqa: S608 - names of ours
            f" ON CONFLICT ({key}) DO UPDATE SET {column} = 'x'",
        )

    assert contents(database_with_history, table) == before


GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "audit.md"
ATTACKS = (
    "UPDATE ledger SET body = 'x'",
    "DELETE FROM ledger",
    "TRUNCATE ledger CASCADE",
    "DROP TABLE ledger CASCADE",
    "DROP TRIGGER ledger_no_change ON ledger",
    "ALTER TABLE ledger DISABLE TRIGGER USER",
    "ALTER TABLE ledger ADD COLUMN x int",
    "CREATE RULE quiet AS ON INSERT TO ledger DO INSTEAD NOTHING",
    "SET session_replication_role = replica",
    "INSERT INTO ledger SELECT * FROM ledger ON CONFLICT (seq) DO UPDATE SET body = 'x'",
    "UPDATE verdicts SET runner = 'x'",
    "DELETE FROM alias_moves",
    "TRUNCATE checkpoints",
    "UPDATE ledger_keys SET verifier = 'x'",
)


def test_a6_the_role_of_the_server_is_not_the_owner(
    tmp_path: Path, postgresql_database: Database
) -> None:
    """A6: with the guide's grants the server does its whole work, and cannot touch what it wrote."""
    assert isinstance(postgresql_database, PostgresqlDatabase)
    owner = postgresql_database
    (script,) = re.findall(r"```sql\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    role = f"app_{tmp_path.name[-8:].strip('_').lower()}_{os.getpid()}"
    with owner.write() as tx:
        for statement in script.replace("assay_app", role).split(";"):
            if statement.strip():
                tx.driver_plain(statement)
    url = owner._engine.url.set(username=role, password="change-me")
    try:
        with closing(open_database(url.render_as_string(hide_password=False))) as database:
            assert list(migrate(database, 1)) == []
            office = Office(tmp_path, database)
            office.a_gate()
            office.a_champion()
            second = office.a_version("second")
            office.examine(second, right=9)
            office.promote(second)
            office.services.promotion.rollback(office.ask(), MODEL)
            office.services.checkpoints.make(office.ask())
            before = contents(database, "ledger")
            for attack in ATTACKS:
                with pytest.raises(AppError):
                    run(database, attack)
            assert contents(database, "ledger") == before
            assert Audit.verify(database).findings == []
    finally:
        with owner.write() as tx:
            tx.driver_plain(f"DROP OWNED BY {role}")
            tx.driver_plain(f"DROP ROLE {role}")


def test_a6_a_dropped_guard_of_sqlite_shows(database_with_history: Database) -> None:
    """A6: whoever may drop a trigger of the file can; what is changed then breaks the chain."""
    if database_with_history.engine is Engine.POSTGRESQL:
        run(database_with_history, "ALTER TABLE ledger DISABLE TRIGGER USER")
    else:
        run(database_with_history, "DROP TRIGGER ledger_no_update")
    run(database_with_history, "UPDATE ledger SET body = replace(body, 'local', 'lokal')")

    assert not Audit.verify(database_with_history).is_ok


@pytest.mark.parametrize(
    "column", ["lineage_canonical", "fingerprint", "artifact_digest", "verifiable", "version"]
)
def test_the_record_of_a_version_is_frozen(database_with_history: Database, column: str) -> None:
    """L34: labels of a version change, its lineage, digest and number do not."""
    value = "0" if column in {"verifiable", "version"} else "'x'"

    with pytest.raises(AppError):
        run(
            database_with_history,
            f"UPDATE model_versions SET {column} = {value}",  # noqa: S608 - names of ours
        )
    run(database_with_history, "UPDATE model_versions SET description = 'free'")


def test_only_one_gate_per_target_is_current(database_with_history: Database) -> None:
    """G27: the database itself knows of one current gate only."""
    with pytest.raises(AppError):
        run(
            database_with_history,
            "INSERT INTO gates (workspace_id, name, version, model_id, suite_id, fingerprint,"
            " canonical, is_current, created_by, created_at_ms)"
            " SELECT workspace_id, 'second', 1, model_id, suite_id, fingerprint, canonical, 1,"
            " created_by, created_at_ms FROM gates",
        )


def test_a_referenced_blob_cannot_be_forgotten(database_with_history: Database) -> None:
    """Promise 8: even a faulty clean-up is stopped by the keys between the tables."""
    with pytest.raises(AppError):
        run(database_with_history, "DELETE FROM blobs")
