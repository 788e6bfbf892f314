"""Anchors and exports: what the chain alone cannot show, and what another machine can check."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from assay.domain.ledger import LedgerRow, chain, parse_event
from assay.sdk.client import Client
from tests.cli.command import Assay
from tests.cli.scenes import add_version
from tests.support.server import LiveServer

ROWS = "SELECT seq, body FROM ledger ORDER BY seq"


def drop_triggers(database: sqlite3.Connection) -> None:
    found = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for (name,) in found:
        database.execute(f'DROP TRIGGER "{name}"')


def truncate(database: sqlite3.Connection) -> None:
    """Cut off the last event and make the chain end before it, without a trace in the chain."""
    (seq,) = database.execute("SELECT max(seq) FROM ledger").fetchone()
    database.execute("DELETE FROM ledger WHERE seq = ?", (seq,))
    database.execute("DELETE FROM checkpoints WHERE size >= ?", (seq,))
    database.execute(
        "UPDATE ledger_head SET seq = ?, h = (SELECT h FROM ledger WHERE seq = ?)",
        (seq - 1, seq - 1),
    )


def rewrite(database: sqlite3.Connection) -> None:
    """Write the whole ledger anew with another actor: a chain that is right in itself."""
    previous: LedgerRow | None = None
    rows = database.execute(ROWS).fetchall()
    database.execute("DELETE FROM checkpoints")
    database.execute("DELETE FROM ledger_nodes")
    for _, body in rows:
        record = json.loads(body)
        record["actor"] = "user:nobody"
        if previous is not None:
            record["prev"] = previous.hash
        text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        row = chain(parse_event(text))
        database.execute(
            "UPDATE ledger SET body = ?, prev = ?, h = ?, actor = 'user:nobody' WHERE seq = ?",
            (row.body, row.prev, row.hash, row.seq),
        )
        previous = row
    assert previous is not None
    database.execute("UPDATE ledger_head SET h = ?", (previous.hash,))


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server's data, anchors of three kinds kept while it ran, and an older backup of the data."""
    place = tmp_path_factory.mktemp("past")
    with LiveServer(place / "data") as live, Client(live.url) as client:
        add_version(client, "bot", 1)
        backup(place / "data", place / "older")
        add_version(client, "bot", 2)
        for where in (
            place / "folder",
            f"git:{place / 'repository'}",
            f"file://{place / 'bucket'}",
        ):
            done = subprocess.run(
                [sys.executable, "-m", "assay", "audit", "anchor", "--to", str(where)],
                env={"ASSAY_URL": live.url, "HOME": str(place), "PATH": "/usr/bin:/bin"},
                check=True,
                capture_output=True,
                text=True,
            )
            assert "Anchored" in done.stdout
    return place


def backup(data: Path, copy: Path) -> None:
    copy.mkdir()
    with (
        closing(sqlite3.connect(data / "assay.db")) as source,
        closing(sqlite3.connect(copy / "assay.db")) as target,
    ):
        source.backup(target)
    shutil.copytree(data / "blobs", copy / "blobs")


PLACES = {
    "folder": lambda past: str(past / "folder"),
    "git": lambda past: str(past / "repository"),
    "bucket": lambda past: f"file://{past / 'bucket'}",
}


@pytest.mark.parametrize("kind", PLACES)
def test_what_is_as_it_was_anchored_is_intact(nowhere: Assay, past: Path, kind: str) -> None:
    """Exit code 0 with anchors in a folder, a git repository or a bucket."""
    told = nowhere("audit", "verify", "--data", past / "data", "--anchors", PLACES[kind](past))

    assert told.code == 0, told.out
    assert "1 anchor." in told.out


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize("attack", [truncate, rewrite], ids=["a4_truncation", "a5_rewriting"])
def test_a4_a5_anchors_show_what_the_chain_cannot(
    nowhere: Assay,
    past: Path,
    tmp_path: Path,
    kind: str,
    attack: Callable[[sqlite3.Connection], None],
) -> None:
    """A4, A5: a tail cut off, or the whole ledger written anew: exit code 1."""
    shutil.copytree(past / "data", tmp_path / "data")
    with closing(sqlite3.connect(tmp_path / "data" / "assay.db")) as database:
        drop_triggers(database)
        attack(database)
        database.commit()

    alone = nowhere("audit", "verify", "--data", tmp_path / "data")
    anchored = nowhere(
        "audit", "verify", "--data", tmp_path / "data", "--anchors", PLACES[kind](past)
    )

    assert "prev" not in alone.out
    assert "hash" not in alone.out
    assert anchored.code == 1
    assert "BROKEN  anchors:" in anchored.out


def test_a14_an_older_backup_shows_against_a_younger_anchor(nowhere: Assay, past: Path) -> None:
    """A14: the restored data is intact in itself, and misses what the anchor covers."""
    older = past / "older"

    alone = nowhere("audit", "verify", "--data", older)
    anchored = nowhere("audit", "verify", "--data", older, "--anchors", past / "folder")

    assert alone.code == 0, alone.out
    assert anchored.code == 1
    assert "an older backup was restored" in anchored.out


def test_anchors_that_are_not_there_cannot_be_checked(
    nowhere: Assay, past: Path, tmp_path: Path
) -> None:
    """Exit code 2, which is neither intact nor broken."""
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "empty", tmp_path / "missing", f"git:{tmp_path / 'empty'}"):
        told = nowhere("audit", "verify", "--data", past / "data", "--anchors", place)
        assert told.code == 2, told.out


def test_an_anchor_by_another_key_is_a_finding(nowhere: Assay, past: Path, tmp_path: Path) -> None:
    """Whoever writes to the place without the server's key is found out."""
    shutil.copytree(past / "folder", tmp_path / "folder")
    (file,) = (tmp_path / "folder").glob("checkpoint-*")
    text = file.read_text()
    digit = text.index("at-ms ") + 6
    file.write_text(text[:digit] + str((int(text[digit]) % 9) + 1) + text[digit + 1 :])

    told = nowhere("audit", "verify", "--data", past / "data", "--anchors", tmp_path / "folder")

    assert told.code == 1
    assert "no trusted key has signed it" in told.out


def test_a_deleted_anchor_is_still_in_the_repository(
    nowhere: Assay, past: Path, tmp_path: Path
) -> None:
    """A later commit that removes anchors takes nothing from the check."""
    shutil.copytree(past / "repository", tmp_path / "repository")
    git = ["git", "-C", tmp_path / "repository", "-c", "user.name=x", "-c", "user.email=x@y"]
    subprocess.run([*git, "rm", "-q", "-r", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "nothing to see"], check=True)

    told = nowhere(
        "audit", "verify", "--data", past / "older", "--anchors", tmp_path / "repository"
    )

    assert told.code == 1


def test_the_running_server_proves_that_it_goes_on_from_the_anchors(
    assay: Assay, client: Client, tmp_path: Path
) -> None:
    """Without --data the proof is the server's, and it is checked here."""
    folder = tmp_path / "anchors"
    add_version(client, "bot", 1)
    assay.done("audit", "anchor", "--to", folder)
    add_version(client, "bot", 2)
    assay.done("audit", "anchor", "--to", folder)

    good = assay("audit", "verify", "--anchors", folder)
    assert good.code == 0, good.out
    assert "2 anchors" in good.out

    first, _ = sorted(folder.glob("checkpoint-*"))
    changed = first.read_text().replace("head ", "head 0", 1)
    first.write_text(
        changed[: changed.index("head 0") + 69] + changed[changed.index("head 0") + 70 :]
    )
    assert assay("audit", "verify", "--anchors", folder).code == 1


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of everything, and one of a part of one workspace that goes on from a checkpoint."""
    place = tmp_path_factory.mktemp("exported")
    with LiveServer(place / "data") as live, Client(live.url) as client:
        add_version(client, "bot", 1)
        client.post("/workspaces", {"name": "other"})
        (place / "kept.txt").write_text(client.post("/ledger/checkpoints", {})["note"])
        add_version(client, "bot", 2)
        for words in (
            ["-o", place / "all"],
            [
                "-o",
                place / "part",
                "--from",
                "3",
                "--workspace",
                "default",
                "--since",
                place / "kept.txt",
            ],
        ):
            subprocess.run(
                [sys.executable, "-m", "assay", "audit", "export", *words],
                env={"ASSAY_URL": live.url, "HOME": str(place)},
                check=True,
                capture_output=True,
            )
    return place


def verify(folder: Path, elsewhere: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Run the folder's verifier as a machine would that has nothing but Python."""
    elsewhere.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-I", "-S", folder / "verify.py", *map(str, words)],
        cwd=elsewhere,
        env={},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("name", ["all", "part"])
def test_a13_an_export_verifies_on_another_machine(
    exported: Path, tmp_path: Path, name: str
) -> None:
    """A13: Python alone, in an empty folder, far from the server."""
    shutil.copytree(exported / name, tmp_path / "copy")
    key = (exported / name / "key.txt").read_text().strip()

    done = verify(tmp_path / "copy", tmp_path / "empty")
    pinned = verify(tmp_path / "copy", tmp_path / "empty", "--key", key)
    anchored = verify(tmp_path / "copy", tmp_path / "empty", "--anchor", exported / "kept.txt")
    other = verify(
        tmp_path / "copy", tmp_path / "empty", "--anchor", tmp_path / "copy" / "checkpoint.txt"
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("Intact: ")
    assert "The key came with the data" in done.stdout
    assert pinned.returncode == 0
    assert "The key came with the data" not in pinned.stdout
    assert anchored.returncode == 0, anchored.stdout
    assert other.returncode == 1


@pytest.mark.parametrize("name", ["all", "part"])
def test_a13_every_changed_byte_of_an_export_shows(
    exported: Path, tmp_path: Path, name: str
) -> None:
    """A13: bytes all over every file, changed, cut off or added: never intact."""
    from assay.cli import export_verifier

    folder = tmp_path / "copy"
    shutil.copytree(exported / name, folder)
    for path in sorted(folder.iterdir()):
        if path.suffix == ".py":
            continue
        content = path.read_bytes()
        step = max(1, len(content) // 40)
        changes = [content[:-1], content + b"\n", content + content[-1:]]
        changes += [
            content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
            for place in range(0, len(content), step)
        ]
        for changed in changes:
            path.write_bytes(changed)
            assert export_verifier.main([str(folder)]) == 1, (path.name, changed[:300])
        path.write_bytes(content)
    assert export_verifier.main([str(folder)]) == 0


def test_a13_an_export_without_one_of_its_files_is_no_export(
    exported: Path, tmp_path: Path
) -> None:
    """A13: exit code 2 where something is missing."""
    from assay.cli import export_verifier

    for path in sorted((exported / "all").iterdir()):
        if path.suffix == ".py":
            continue
        folder = tmp_path / path.stem
        shutil.copytree(exported / "all", folder)
        (folder / path.name).unlink()
        assert export_verifier.main([str(folder)]) == 2


def test_a_forged_export_with_a_key_of_its_own_needs_the_pinned_key_to_show(
    exported: Path, tmp_path: Path
) -> None:
    """Whoever exports with another key is found out by the key from elsewhere."""
    done = verify(
        exported / "all",
        tmp_path / "empty",
        "--key",
        "assay-ledger+72ecd8aa+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
    )

    assert done.returncode == 1


def test_an_export_by_days_holds_the_events_of_those_days(
    assay: Assay, client: Client, tmp_path: Path
) -> None:
    """Days count in UTC, the last one is included; a time without events is an answer."""
    add_version(client, "bot", 1)
    found = assay.json("audit", "export", "-o", tmp_path / "out", "--from", "2020-01-01")
    assert found["from_seq"] == 1
    assert found["events"] == found["to_seq"]
    assert assay("audit", "export", "-o", tmp_path / "none", "--to", "2020-01-01").code == 1
    assert assay("audit", "export", "-o", tmp_path / "bad", "--from", "soon").code == 1
    assert assay("audit", "export", "-o", tmp_path / "out").code == 1


def test_the_log_is_searched_by_actor_outcome_and_text(assay: Assay, client: Client) -> None:
    """Filters narrow what is shown, and text is found whatever its case."""
    add_version(client, "searched-for", 1)
    for words in (["--text", "SEARCHED-for"], ["--actor", "local:local"], ["--outcome", "allowed"]):
        found = assay.json("audit", "log", *words, "--limit", "500")["events"]
        assert any(event["object"].startswith("model:searched-for") for event in found)
    assert assay.json("audit", "log", "--text", "100%_nothing")["events"] == []
    assert assay.json("audit", "log", "--actor", "user:nobody")["events"] == []


def test_a_checkpoint_is_printed_and_kept(assay: Assay, client: Client, tmp_path: Path) -> None:
    """The signed text comes byte for byte, and never over another file."""
    add_version(client, "bot", 1)
    made = assay.json("audit", "checkpoint", "--out", tmp_path / "note.txt")
    assert (tmp_path / "note.txt").read_text() == made["note"]
    assert assay("audit", "checkpoint", "--out", tmp_path / "note.txt").code == 1
    shown = client.request("GET", f"/ledger/checkpoints/{made['size']}/note")
    assert shown.content.decode() == made["note"]
    assert assay.done("audit", "keys").strip() in client.get("/ledger/keys")["keys"]


def test_the_server_anchors_by_itself(nowhere: Assay, tmp_path: Path) -> None:
    """With --anchor-to every checkpoint is kept there, and a place that lost one is found out."""
    place = tmp_path / "anchors"
    with (
        LiveServer(tmp_path / "data", "--anchor-to", str(place)) as live,
        Client(live.url) as client,
    ):
        add_version(client, "bot", 1)
        made = client.post("/ledger/checkpoints", {})
        deadline = time.monotonic() + 30
        while not list(place.glob(f"checkpoint-{made['size']:012d}-*")):
            assert time.monotonic() < deadline
            client.get("/ledger/head")
        while str(place) not in client.post("/ledger/verify", {})["anchored"]:
            assert time.monotonic() < deadline
        ask = ("audit", "verify", "--url", live.url, "--anchors", place)
        assert nowhere(*ask).code == 0
        (newest,) = place.glob(f"checkpoint-{made['size']:012d}-*")
        kept = newest.read_text()
        newest.unlink()
        (place / "checkpoint-000000000001-000000000000.txt").write_text(kept)
        told = nowhere(*ask)
        assert told.code == 1
        assert "it was replaced" in told.out
        next(place.glob("checkpoint-000000000001-*")).unlink()
        newest.write_text(kept)
    assert (tmp_path / "data" / "ledger.key").stat().st_mode & 0o777 == 0o600
    note, keys = made["note"], (place / "keys.txt").read_text()
    assert [p.read_text() for p in place.glob("checkpoint-*")].count(note) == 1
    assert made["key_id"] in keys
