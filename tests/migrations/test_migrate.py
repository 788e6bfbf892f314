from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from assay.domain.errors import FailedPrecondition
from assay.storage import migrate as migrations
from assay.storage.database import Database, open_database
from assay.storage.migrate import Migration, available, check, migrate, statements


def test_migrating_twice_changes_nothing(database: Database) -> None:
    """What is applied is not applied again."""
    assert migrate(database, 5) == []
    with database.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM migrations")).scalar_one() == len(
            available(database.engine)
        )


def test_a_newer_schema_is_refused(database: Database) -> None:
    """A database that a later version has written is not opened, and the message says what to do."""
    with database.write() as tx:
        tx.execute(text("INSERT INTO migrations VALUES (9000, 'later', 'x', 1)"))
    with pytest.raises(FailedPrecondition, match="Start the newer version"):
        migrate(database, 5)
    with pytest.raises(FailedPrecondition, match="has schema 9000"):
        check(database)


def test_an_edited_migration_is_refused(database: Database) -> None:
    """A landed migration is never edited: its digest in the database must be that of the file."""
    with database.write() as tx:
        tx.execute(text("UPDATE migrations SET sha256 = 'other' WHERE number = 1"))
    with pytest.raises(FailedPrecondition, match="0001"):
        check(database)


def test_a_database_behind_is_not_served_unmigrated(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`check` alone never brings a database up to date: it says that `assay serve` does."""
    known = available(database.engine)
    later = Migration(known[-1].number + 1, "later", "CREATE TABLE later (id INTEGER);")
    monkeypatch.setattr(migrations, "available", lambda _: (*known, later))
    with pytest.raises(FailedPrecondition, match=f"lacks migration {later.number:04d}"):
        check(database)


def test_a_failing_migration_leaves_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration is one transaction, and whoever runs it reads which statement failed, and why."""
    known = available(database.engine)
    sql = "CREATE TABLE half (id INTEGER);\nSELECT 1 FROM nowhere;"
    broken = Migration(known[-1].number + 1, "broken", sql)
    monkeypatch.setattr(migrations, "available", lambda _: (*known, broken))
    with pytest.raises(FailedPrecondition, match=r"statement 2 .*SELECT 1 FROM nowhere") as failed:
        migrate(database, 5)
    assert f"{broken.number:04d} (broken)" in failed.value.message
    assert "no such table" in failed.value.message or "does not exist" in failed.value.message
    monkeypatch.undo()
    check(database)
    with database.write() as tx:
        tx.execute(text("CREATE TABLE half (id INTEGER)"))


def test_a_skipped_migration_is_not_applied_late(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Migrations run in order; one that a newer database jumped over is refused."""
    known = available(database.engine)
    skipped, third = (
        Migration(known[-1].number + more, f"m{more}", "SELECT 1;") for more in (1, 2)
    )
    monkeypatch.setattr(migrations, "available", lambda _: (*known, third))
    assert [migration.number for migration in migrate(database, 5)] == [third.number]
    monkeypatch.setattr(migrations, "available", lambda _: (*known, skipped, third))
    with pytest.raises(FailedPrecondition, match="was skipped"):
        migrate(database, 5)


def test_statements_end_outside_of_bodies_only() -> None:
    """Triggers and functions keep the `;` of their bodies."""
    script = (
        "-- words;\nCREATE TABLE a (x);\n\nCREATE TRIGGER t BEFORE DELETE ON a\nBEGIN\n"
        "  SELECT 1;\nEND;\nCREATE FUNCTION f() AS $$\n  SELECT 1;\n$$;\n"
    )
    parts = statements(script)
    assert [part.split("\n")[0] for part in parts] == [
        "CREATE TABLE a (x);",
        "CREATE TRIGGER t BEFORE DELETE ON a",
        "CREATE FUNCTION f() AS $$",
    ]


def test_an_unreachable_file_says_so(tmp_path: Path) -> None:
    """A place that cannot hold a database is an error with the path in it."""
    with (
        pytest.raises(Exception, match="missing"),
        closing(open_database(tmp_path / "missing" / "assay.db")),
    ):
        pass


def test_webhooks_begin_at_the_head_of_a_ledger_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry that was upgraded tells nobody of its past."""
    with closing(open_database(tmp_path / "old.db")) as database:
        known = available(database.engine)
        monkeypatch.setattr(migrations, "available", lambda _: known[:1])
        migrate(database, 5)
        with database.write() as tx:
            tx.execute(text("UPDATE ledger_head SET seq = 41, h = 'x' WHERE id = 1"))
        monkeypatch.undo()

        assert 2 in [migration.number for migration in migrate(database, 6)]

        with database.read() as tx:
            assert tx.execute(text("SELECT seq FROM webhook_cursor")).scalar_one() == 41
