"""What `read` and `write` promise, on both engines."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from assay.domain.errors import (
    AlreadyExists,
    AppError,
    FailedPrecondition,
    InvalidArgument,
    Unavailable,
)
from assay.storage.database import Database, Transaction, open_database
from assay.storage.dialect import Engine, placeholder
from assay.storage.tables.access import facts, principals
from assay.storage.tables.tracking import runs


def _put(tx: Transaction, name: str, value: str = "1") -> None:
    tx.execute(insert(facts).values(name=name, value=value))


def _put_and_fail(tx: Transaction) -> None:
    _put(tx, "a")
    raise ZeroDivisionError


def _names(database: Database) -> set[str]:
    with database.read() as tx:
        return set(tx.execute(select(facts.c.name)).scalars())


def test_a_write_is_there_when_its_block_has_ended(database: Database) -> None:
    """What was written is seen by the next reader."""
    with database.write() as tx:
        _put(tx, "a")
    assert _names(database) == {"a"}


def test_a_number_beyond_64_bits_is_the_requests_fault(database: Database) -> None:
    """Written or asked for, it is refused as an argument or found nowhere: never a fault of the server."""
    at = {"name": "x", "kind": "user", "disabled": 0, "created_by": "x"}
    with pytest.raises(InvalidArgument, match="64 bits"), database.write() as tx:
        tx.execute(insert(principals).values(**at, created_at_ms=2**70))
    found = []
    with suppress(InvalidArgument), database.read() as tx:
        found = tx.execute(select(principals.c.id).where(principals.c.id > 2**70)).all()
    assert found == []
    with pytest.raises(OverflowError), database.write() as tx:
        raise OverflowError("math range error")


def test_a_new_reader_comes_in_while_somebody_writes(database: Database) -> None:
    """Opening a connection takes no writer's lock: a busy server would turn readers away."""

    def read_at_once() -> set[str]:
        with database.read() as one, database.read() as other:
            assert one.connection is not other.connection
            return set(other.execute(select(facts.c.name)).scalars())

    with ThreadPoolExecutor(1) as readers, database.write() as tx:
        _put(tx, "a")
        assert readers.submit(read_at_once).result(60) == set()


def test_a_write_that_raises_leaves_nothing(database: Database) -> None:
    """An error inside the block takes everything back and reaches the caller as it is."""
    with pytest.raises(ZeroDivisionError), database.write() as tx:
        _put_and_fail(tx)
    assert _names(database) == set()
    with database.write() as tx:
        _put(tx, "b")
    assert _names(database) == {"b"}


def test_a_reader_keeps_its_snapshot(database: Database) -> None:
    """A reader sees one state from its first statement to its last, whoever writes meanwhile."""
    with database.read() as reader:
        before = reader.execute(select(func.count()).select_from(facts)).scalar_one()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(_write_one, database).result()
        after = reader.execute(select(func.count()).select_from(facts)).scalar_one()
    assert (before, after) == (0, 0)
    assert _names(database) == {"other"}


def _write_one(database: Database) -> None:
    with database.write() as tx:
        _put(tx, "other")


def test_a_reader_cannot_write(database: Database) -> None:
    """A statement that changes something is refused inside `read`."""
    with pytest.raises(AppError), database.read() as tx:
        _put(tx, "a")
    assert _names(database) == set()


def test_a_taken_key_is_already_exists(database: Database) -> None:
    """A broken uniqueness is a word of the error tree and shows no SQL."""
    with database.write() as tx:
        _put(tx, "a")
    with pytest.raises(AlreadyExists) as caught, database.write() as tx:
        _put(tx, "a", "2")
    assert "INSERT" not in caught.value.message


def test_a_dangling_reference_is_refused(database: Database) -> None:
    """Foreign keys hold on both engines."""
    with pytest.raises(FailedPrecondition), database.write() as tx:
        tx.execute(
            insert(runs).values(
                run_id="r",
                workspace_id=99,
                experiment_id=99,
                name="n",
                status="running",
                lifecycle="active",
                user_name="",
                created_by="",
                started_at_ms=1,
                created_at_ms=1,
            )
        )


def test_a_refused_writer_costs_the_others_nothing(database: Database) -> None:
    """Writers that share a commit fail alone."""
    start = threading.Barrier(8)

    def write(number: int) -> None:
        start.wait()
        with database.write() as tx:
            _put(tx, f"n{number}")
            if number % 2:
                raise ZeroDivisionError

    with ThreadPoolExecutor(8) as pool:
        outcomes = [pool.submit(write, number) for number in range(8)]
        failures = [isinstance(outcome.exception(), ZeroDivisionError) for outcome in outcomes]
    assert failures == [bool(number % 2) for number in range(8)]
    assert _names(database) == {"n0", "n2", "n4", "n6"}


def test_writers_never_lose_each_other(database: Database) -> None:
    """Every one of many writers that returned has its row."""

    def write(number: int) -> None:
        with database.write() as tx:
            _put(tx, f"n{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(200)))
    assert len(_names(database)) == 200


def test_plain_rows_raise_words_of_the_tree(database: Database) -> None:
    """What the driver says of a broken statement does not leave the storage layer."""
    with database.read() as tx:
        assert tx.driver_rows("SELECT 1, 'a'") == [(1, "a")]
    with pytest.raises(Unavailable) as caught, database.read() as tx:
        tx.driver_rows("SELECT nothing FROM nowhere")
    assert "nowhere" not in caught.value.message


def test_a_nested_write_is_a_mistake_that_shows(sqlite_database: Database) -> None:
    """One thread cannot enter `write` twice: it would wait for itself."""
    with (
        pytest.raises(RuntimeError, match="twice"),
        sqlite_database.write(),
        sqlite_database.write(),
    ):
        pytest.fail("a nested write was let in")
    with sqlite_database.write() as tx:
        _put(tx, "a")


def test_a_closed_database_says_so(tmp_path: Path) -> None:
    """After `close` every call is refused as unavailable, and closing again does nothing."""
    database = open_database(tmp_path / "assay.db")
    database.close()
    database.close()
    with pytest.raises(Unavailable, match="closed"), database.read():
        pass
    with pytest.raises(Unavailable, match="closed"), database.write():
        pass


def test_sqlite_is_durable_and_strict(sqlite_database: Database) -> None:
    """The settings that the promises rest on are on: full sync, WAL, foreign keys, triggers."""
    with sqlite_database.write() as tx:
        found = {
            name: tx.driver(f"PRAGMA {name}").scalar_one()
            for name in ("synchronous", "journal_mode", "foreign_keys", "recursive_triggers")
        }
    assert found == {
        "synchronous": 2,
        "journal_mode": "wal",
        "foreign_keys": 1,
        "recursive_triggers": 1,
    }


def test_a_database_outlives_its_process(tmp_path: Path, sqlite_template: Path) -> None:
    """What was acknowledged is in the file, without a clean end."""
    path = tmp_path / "copy.db"
    path.write_bytes(sqlite_template.read_bytes())
    with closing(open_database(path)) as database:
        with database.write() as tx:
            _put(tx, "kept")
        with closing(open_database(path)) as other:
            assert other.engine is Engine.SQLITE
            assert _names(other) == {"kept"}


def test_reserved_room_holds_nothing_and_is_written_over(tmp_path: Path) -> None:
    """The log has its full size before the first commits, which do not grow it; the data is as before."""
    log = tmp_path / "room.db-wal"
    with closing(open_database(tmp_path / "room.db")) as database:
        with database.write() as tx:
            tx.driver("CREATE TABLE kept (value INTEGER)")
        small_bytes = log.stat().st_size
        database.reserve()
        reserved_bytes = log.stat().st_size
        for value in range(5):
            with database.write() as tx:
                tx.driver("INSERT INTO kept VALUES (?)", (value,))
        with database.read() as tx:
            kept = [value for (value,) in tx.driver_rows("SELECT value FROM kept ORDER BY value")]
            tables = [name for (name,) in tx.driver_rows("SELECT name FROM sqlite_master")]
        assert kept == [0, 1, 2, 3, 4]
        assert tables == ["kept"]
        assert reserved_bytes > 100 * small_bytes
        assert log.stat().st_size == reserved_bytes
    assert (tmp_path / "room.db").stat().st_size < reserved_bytes / 100


def test_an_error_of_the_driver_itself_is_translated(database: Database) -> None:
    """Statements that go past Core fail in the error tree's words, and leave nothing."""
    mark = placeholder(database.engine)
    insertion = f"INSERT INTO facts (name, value) VALUES ({mark}, {mark})"  # noqa: S608
    with database.write() as tx:
        _put(tx, "a")
    with pytest.raises(AlreadyExists), database.write() as tx:
        tx.driver_many(insertion, [("b", "1"), ("a", "1")])
    with pytest.raises(Unavailable), database.read() as tx:
        tx.driver_rows("SELECT nothing FROM nowhere")
    assert _names(database) == {"a"}
    with database.write() as tx:
        assert tx.driver_many(insertion, [("b", "1"), ("c", "1")]) == 2
        assert tx.driver_run("UPDATE facts SET value = '2' WHERE name <> 'a'") == 2
    assert _names(database) == {"a", "b", "c"}
