"""Opening a database to look at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.domain.errors import DataCorrupted, FailedPrecondition, NotFound, Unavailable
from assay.storage.database import SqliteDatabase
from assay.storage.read_only import open_read_only, structure_faults


def a_database(path: Path) -> SqliteDatabase:
    database = SqliteDatabase(path)
    with database.write() as tx:
        tx.driver(
            "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT CHECK (name <> '')) STRICT"
        )
        tx.driver("CREATE INDEX items_by_name ON items (name)")
        tx.driver("INSERT INTO items (name) VALUES ('one'), ('two')")
    return database


def count(path: Path) -> int:
    database = open_read_only(path)
    try:
        with database.read() as tx:
            return int(tx.driver("SELECT count(*) FROM items").scalar_one())
    finally:
        database.close()


def test_a_database_at_rest_is_read_without_leaving_a_trace(tmp_path: Path) -> None:
    """No journal, no shared file, and it works where nothing may be written."""
    path = tmp_path / "it's 100%?.db"
    a_database(path).close()
    content = path.read_bytes()

    assert count(path) == 2
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == content


def test_a_database_in_use_is_read_with_what_was_just_written(tmp_path: Path) -> None:
    """Committed rows count, also while they are in the write-ahead log alone."""
    database = a_database(tmp_path / "a.db")
    with database.write() as tx:
        tx.driver("INSERT INTO items (name) VALUES ('three')")

    assert count(tmp_path / "a.db") == 3

    database.close()


def test_nothing_can_be_written(tmp_path: Path) -> None:
    """Neither through the door for writers nor through the one for readers."""
    a_database(tmp_path / "a.db").close()
    database = open_read_only(f"sqlite:///{tmp_path / 'a.db'}")

    with pytest.raises(FailedPrecondition, match="reading only"):
        database.write()
    with pytest.raises(Unavailable), database.read() as tx:
        tx.driver("DELETE FROM items")

    database.close()


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """Looking for a database does not make one."""
    with pytest.raises(NotFound):
        open_read_only(tmp_path / "a.db")

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    """It is there, and it is not what it should be."""
    (tmp_path / "a.db").write_bytes(b"not a database at all, but long enough to be one" * 100)

    with pytest.raises(DataCorrupted, match="damaged"):
        open_read_only(tmp_path / "a.db")


def test_a_sound_database_has_no_faults(tmp_path: Path) -> None:
    """Neither at a glance nor in depth."""
    a_database(tmp_path / "a.db").close()
    database = open_read_only(tmp_path / "a.db")

    assert structure_faults(database) == []
    assert structure_faults(database, deep=True) == []

    database.close()


def test_an_index_that_differs_from_its_table_is_a_fault_in_depth(tmp_path: Path) -> None:
    """A byte that was changed in an index is in no row."""
    path = tmp_path / "a.db"
    database = a_database(path)
    with database.read() as tx:
        page = tx.driver("SELECT rootpage FROM sqlite_master WHERE name = 'items_by_name'")
        number, size_bytes = int(page.scalar_one()), 4096
    database.close()
    content = bytearray(path.read_bytes())
    place = content.index(b"two", (number - 1) * size_bytes)
    content[place : place + 3] = b"twi"
    path.write_bytes(content)

    changed = open_read_only(path)

    assert structure_faults(changed, deep=True) != []

    changed.close()
