"""`assay audit`: intact, broken, or not to be read, and each with its exit code."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from assay.sdk.client import Client
from tests.cli.command import Assay
from tests.cli.scenes import add_version
from tests.support.server import LiveServer


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a server that was stopped, with a version and an alias that moved."""
    data = tmp_path_factory.mktemp("audit") / "data"
    with LiveServer(data) as live, Client(live.url) as client:
        for right in (1, 2):
            add_version(client, "bot", right)
            client.put("/models/bot/aliases/candidate", {"version": right})
    return data


@pytest.fixture
def data(stopped: Path, tmp_path: Path) -> Path:
    """A copy of that data which a test may spoil."""
    copy = tmp_path / "data"
    shutil.copytree(stopped, copy)
    return copy


def tree(folder: Path) -> dict[str, tuple[int, str]]:
    return {
        file.relative_to(folder).as_posix(): (
            file.stat().st_mtime_ns,
            hashlib.sha256(file.read_bytes()).hexdigest(),
        )
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def change(data: Path, sql: str) -> None:
    """Change the database as whoever owns the file can: past every trigger."""
    with closing(sqlite3.connect(data / "assay.db")) as database:
        triggers = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        database.execute(sql)
        database.commit()


def flip(path: Path, old: bytes, new: bytes) -> None:
    content = bytearray(path.read_bytes())
    place = content.rindex(old)
    content[place : place + len(new)] = new
    path.chmod(0o600)
    path.write_bytes(content)


def blobs_of(data: Path) -> Iterator[Path]:
    return (file for file in sorted((data / "blobs/objects").rglob("*")) if file.is_file())


def test_the_server_verifies_itself(assay: Assay, client: Client) -> None:
    """Exit code 0, with the newest event to write down elsewhere."""
    add_version(client, "bot", 1)
    told = assay("audit", "verify", "--deep", "--workspace", "default")
    head = assay.done("audit", "head").strip()

    assert told.code == 0, told.out
    assert told.out.startswith("Intact: ")
    assert head in told.out


def test_the_log_is_read_newest_first(assay: Assay, client: Client, workspace: str) -> None:
    """Every change of the registry is a line; they can be narrowed down."""
    add_version(client, "bot", 1)
    client.put("/models/bot/aliases/candidate", {"version": 1})
    events = assay.json("audit", "log", "--action", "alias.set", "--limit", 1)["events"]

    assert (events[0]["object"], events[0]["workspace"]) == ("alias:bot@candidate", workspace)

    newest = assay.json("audit", "log", "--limit", 2)["events"]
    oldest = assay.json("audit", "log", "--oldest-first", "--limit", 2)["events"]

    assert newest[0]["seq"] > newest[1]["seq"]
    assert [event["seq"] for event in oldest] == [1, 2]
    assert "more than 2" in assay("audit", "log", "--limit", 2).err


def test_a_stopped_servers_data_is_verified_and_left_alone(nowhere: Assay, data: Path) -> None:
    """Nothing is written: no journal, no lock, not even a modification time."""
    before = tree(data)
    told = nowhere("audit", "verify", "--data", data, "--deep")

    assert told.code == 0, told.out
    assert "2 versions" in told.out
    assert tree(data) == before


def test_data_beside_a_running_server_can_be_read(
    assay: Assay, client: Client, server: LiveServer
) -> None:
    """The auditor need not stop anybody's work."""
    add_version(client, "bot", 1)
    report = assay.json("audit", "verify", "--data", server.data)

    assert report["is_intact"]
    assert report["versions"] >= 1


def test_data_of_a_killed_server_can_be_read(nowhere: Assay, tmp_path: Path) -> None:
    """What lies in the write-ahead log alone counts as well."""
    data = tmp_path / "killed"
    live = LiveServer(data).start()
    with Client(live.url) as client:
        add_version(client, "bot", 1)
    live.kill()

    assert nowhere.json("audit", "verify", "--data", data)["versions"] == 1


def test_a_byte_changed_in_the_ledger_is_found(nowhere: Assay, data: Path) -> None:
    """Exit code 1, and the event is named."""
    with closing(sqlite3.connect(data / "assay.db")) as database:
        database.execute("PRAGMA journal_mode = DELETE")
    flip(data / "assay.db", b'"actor":"local:local"', b'"actor":"mocal:local"')
    told = nowhere("audit", "verify", "--data", data)

    assert told.code == 1
    assert "BROKEN  ledger: event" in told.out
    assert "NOT intact" in told.out


@pytest.mark.parametrize(
    ("sql", "area"),
    [
        ("DELETE FROM ledger WHERE seq = 2", "ledger"),
        ("UPDATE ledger SET actor = 'user:eve' WHERE seq = 3", "ledger"),
        ("UPDATE aliases SET version_id = 1 WHERE alias = 'candidate'", "replay"),
        ("UPDATE model_versions SET fingerprint = artifact_digest WHERE id = 1", "lineage"),
        ("DELETE FROM alias_moves WHERE revision = 1", "aliases"),
    ],
)
def test_a_change_behind_the_ledgers_back_is_found(
    nowhere: Assay, data: Path, sql: str, area: str
) -> None:
    """Whoever changes a table without an event is told on."""
    change(data, sql)
    told = nowhere("audit", "verify", "--data", data, "--json")

    assert told.code == 1
    assert area in {finding["area"] for finding in told.json["findings"]}


def test_a_missing_file_is_found_and_named(nowhere: Assay, data: Path) -> None:
    """Also without reading every file again."""
    next(blobs_of(data)).unlink()
    told = nowhere("audit", "verify", "--data", data)

    assert told.code == 1
    assert "is missing" in told.out
    assert nowhere("audit", "verify", "--data", data, "--ledger-only").code == 0


def test_a_damaged_file_is_found_when_files_are_read(nowhere: Assay, data: Path) -> None:
    """Its size is right and its digest is not: --deep reads it."""
    damaged = next(blobs_of(data))
    flip(damaged, damaged.read_bytes()[-1:], b"\x00")

    assert nowhere("audit", "verify", "--data", data).code == 0
    told = nowhere("audit", "verify", "--data", data, "--deep")
    assert told.code == 1
    assert "is corrupt" in told.out


def test_without_the_folder_of_files_nothing_is_intact(nowhere: Assay, data: Path) -> None:
    """The folder is not made anew and found empty."""
    shutil.rmtree(data / "blobs")
    told = nowhere("audit", "verify", "--data", data)

    assert told.code == 1
    assert "is gone" in told.out
    assert not (data / "blobs").exists()


@pytest.mark.parametrize("offset", [2, 100])
def test_a_damaged_database_file_is_broken_not_unreadable(
    nowhere: Assay, data: Path, offset: int
) -> None:
    """A page or a header that no program wrote so is a finding."""
    with (data / "assay.db").open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff\xff\xff")
    told = nowhere("audit", "verify", "--data", data)

    assert told.code == 1
    assert "BROKEN  database" in told.out


def test_what_is_not_there_cannot_be_read(nowhere: Assay, tmp_path: Path) -> None:
    """Exit code 3 tells a missing folder from a broken ledger."""
    (tmp_path / "empty").mkdir()

    for data in ("nowhere", "empty"):
        told = nowhere("audit", "verify", "--data", data)
        assert told.code == 2
        assert "There is no" in told.err
    assert list((tmp_path / "empty").iterdir()) == []
    assert nowhere("audit", "verify").code == 2


def test_a_database_of_another_version_is_not_judged(nowhere: Assay, data: Path) -> None:
    """What a newer version wrote cannot be called broken by this one."""
    change(data, "INSERT INTO migrations VALUES (9999, 'later', 'x', 0)")
    told = nowhere("audit", "verify", "--data", data)

    assert told.code == 2
    assert "9999" in told.err


def test_a_database_elsewhere_needs_to_know_where_the_files_are(nowhere: Assay, data: Path) -> None:
    """Leaving the files out is said, never assumed."""
    database = os.fspath(data / "assay.db")

    assert "--ledger-only" in nowhere("audit", "verify", "--database", database).err
    assert nowhere("audit", "verify", "--database", database, "--ledger-only").code == 0
    assert nowhere("audit", "verify", "--database", database, "--blobs", data / "blobs").code == 0
    assert "go with --data" in nowhere("audit", "verify", "--ledger-only").err
