"""What is written once stays as it was written: the databases themselves refuse, on both engines."""

from pathlib import Path

import pytest
from sqlalchemy import text

from assay.domain.errors import AppError
from assay.storage.database import Database
from assay.storage.dialect import Engine
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
    return database


def run(database: Database, sql: str) -> None:
    with database.write() as tx:
        tx.execute(text(sql))


def contents(database: Database, table: str) -> list[tuple[object, ...]]:
    with database.read() as tx:
        return sorted(map(tuple, tx.driver(f"SELECT * FROM {table}").all()), key=str)  # noqa: S608 - a table of ours


APPEND_ONLY = ("ledger", "verdicts", "alias_moves")
FROZEN = (*APPEND_ONLY, "eval_suites", "gates", "model_version_files")
COLUMN = {"model_version_files": "path", "gates": "canonical", "eval_suites": "canonical"}


@pytest.mark.parametrize("table", FROZEN)
def test_a_frozen_table_refuses_update_and_delete(
    database_with_history: Database, table: str
) -> None:
    """A5: not one byte of what was recorded changes by a statement."""
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
def test_replace_and_truncate_are_refused_too(database_with_history: Database, table: str) -> None:
    """A5: SQLite's REPLACE deletes without a word, PostgreSQL's TRUNCATE asks no row."""
    before = contents(database_with_history, table)
    if database_with_history.engine is Engine.SQLITE:
        sql = f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} LIMIT 1"  # noqa: S608
    else:
        sql = f"TRUNCATE {table} CASCADE"

    with pytest.raises(AppError):
        run(database_with_history, sql)

    assert contents(database_with_history, table) == before


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
