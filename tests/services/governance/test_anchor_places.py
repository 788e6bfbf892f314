"""Anchors in places that are spoken to over a protocol: a real bucket, and a git remote."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.domain.errors import Unavailable
from assay.services.anchors import BucketSink, open_sink, read_anchors
from assay.services.audit import Audit
from assay.services.audit_anchors import Anchors
from assay.services.checkpoints import EVERY_EVENTS, Checkpoints
from assay.storage.database import Database
from tests.services.governance.test_checkpoints import grow
from tests.support.bucket_server import KEY, REGION, SECRET, BucketServer
from tests.support.office import Office


def a_note(office: Office) -> tuple[str, list[str]]:
    """A checkpoint of a ledger that has grown, and the keys that may have signed it."""
    grow(office, 3)
    made = office.services.checkpoints.make(office.ask())
    return made.note, list(office.services.checkpoints.keys(office.ask()))


def git(*words: str) -> str:
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout


@pytest.mark.timeout(180)
def test_a_real_bucket_keeps_anchors_and_none_is_written_over(
    tmp_path: Path, sqlite_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every checkpoint is an object of its own; a second one under its name does not replace it."""
    with BucketServer(tmp_path / "s3") as server:
        server.create_bucket("anchors")
        for name, value in (
            ("AWS_ENDPOINT", server.url),
            ("AWS_REGION", REGION),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
        ):
            monkeypatch.setenv(name, value)
        sink = open_sink("s3://anchors/ledger")
        first, keys = a_note(sqlite_office)
        name = sink.put(first, keys)
        second, _ = a_note(sqlite_office)
        sink.put(second, keys)

        forged = first.rpartition("\n\n")[0] + "\n\n" + second.rpartition("\n\n")[2]
        assert sink.put(forged, keys) == name

        anchors, found = read_anchors(sink)
        assert [anchor.note.checkpoint.size for anchor in anchors] == [3, 6]
        assert [str(key) for key in found] == keys
        status, _, content = server.request("GET", f"/anchors/ledger/{name}")
        assert (status, content.decode()) == (200, first)

        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
        with pytest.raises(Unavailable, match="s3://anchors/ledger"):
            open_sink("s3://anchors/ledger").put(second, keys)


@pytest.mark.parametrize("remote", ["origin", "vault"])
def test_a_git_anchor_is_pushed(tmp_path: Path, sqlite_office: Office, remote: str) -> None:
    """Also from a repository that has no upstream yet; and what could not be pushed goes next time."""
    bare, folder = tmp_path / "bare.git", tmp_path / "anchors"
    git("init", "--quiet", "--bare", str(bare))
    git("init", "--quiet", str(folder))
    git("-C", str(folder), "remote", "add", remote, str(bare))
    sink = open_sink(str(folder))
    first, keys = a_note(sqlite_office)
    names = [sink.put(first, keys)]

    hidden = bare.rename(tmp_path / "away.git")
    second, _ = a_note(sqlite_office)
    with pytest.raises(Unavailable, match="git push"):
        sink.put(second, keys)
    hidden.rename(bare)
    names.append(sink.put(second, keys))

    clone = tmp_path / "clone"
    git("clone", "--quiet", str(bare), str(clone))
    anchors, _ = read_anchors(open_sink(f"git:{clone}"))
    assert [anchor.name.partition("/")[2] for anchor in anchors] == names


def put(sink: BucketSink, name: str, content: str) -> None:
    sink._obstore.put(sink._store, name, content.encode())


def cut_back(sink: BucketSink) -> None:
    """Take the newest anchor away, as whoever owns the bucket can."""
    sink._obstore.delete(sink._store, read_anchors(sink)[0][-1].name)


def replace_by_older(sink: BucketSink) -> None:
    """Let the newest anchor say what the one before it said, signature and all."""
    texts = dict(sink.texts())
    older, newest = (anchor.name for anchor in read_anchors(sink)[0][-2:])
    put(sink, newest, texts[older])


@pytest.mark.parametrize("attack", [cut_back, replace_by_older])
def test_a4_a_bucket_of_anchors_that_was_cut_back_or_replaced_is_told(
    tmp_path: Path, database: Database, attack: Callable[[BucketSink], None]
) -> None:
    """A4: with the anchor the tail could go as well; the database remembers what it had kept there."""
    office = Office(tmp_path, database)
    place = f"file://{tmp_path / 'bucket'}"
    sink = open_sink(place)
    assert isinstance(sink, BucketSink)
    keeper = Checkpoints(office.platform, sink=sink)
    for _ in range(2):
        grow(office, EVERY_EVENTS)
        assert keeper.step()

    def findings() -> list[str]:
        found, keys = read_anchors(open_sink(f"{place}/"))
        kept = Anchors(found, keys, open_sink(f"{place}/").identity)
        report = Audit.verify(office.platform.database, anchors=kept)
        assert report.anchored == {place: 2 * EVERY_EVENTS}
        return [finding.message for finding in report.findings if finding.area == "anchors"]

    assert findings() == []
    attack(sink)

    told = findings()
    assert any("is gone: anchors were cut back" in message for message in told)
    assert any("it was replaced" in message for message in told) is (attack is replace_by_older)
