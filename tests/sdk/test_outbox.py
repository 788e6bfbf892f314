"""Files wait as copies, oldest first, and count only once they are whole."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.sdk.outbox import Outbox
from assay.sdk.run import Run


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    """An empty outbox."""
    return Outbox(tmp_path / "writer.files")


def drained(outbox: Outbox) -> list[str]:
    paths = []
    while (waiting := outbox.oldest()) is not None:
        paths.append(waiting.described.path)
        outbox.remove(waiting)
    return paths


def test_files_leave_in_the_order_in_which_they_came(outbox: Outbox, tmp_path: Path) -> None:
    """A path that was logged twice ends with its later content."""
    source = tmp_path / "f"
    for content, path in ((b"1", "a"), (b"2", "b"), (b"3", "a")):
        source.write_bytes(content)
        outbox.put(source, path)
    first = outbox.oldest()
    assert first is not None
    source.write_bytes(b"4")
    outbox.put(source, "c")

    assert first.content.read_bytes() == b"1"
    assert drained(outbox) == ["a", "b", "a", "c"]
    outbox.close()
    assert not outbox.folder.exists()


def test_a_waiting_file_knows_its_size_and_digest(outbox: Outbox, tmp_path: Path) -> None:
    """The digest is that of the bytes that were copied, so that the server can check what arrives."""
    (tmp_path / "f").write_bytes(b"weights")

    described = outbox.put(tmp_path / "f", "adapter/w.bin")

    assert (described.size_bytes, described.sha256) == (7, hashlib.sha256(b"weights").hexdigest())
    assert outbox.size_bytes == 7


def test_what_a_killed_copy_left_behind_is_no_file(outbox: Outbox, tmp_path: Path) -> None:
    """Bytes without a description were never complete: they are not sent, and go with the folder."""
    (tmp_path / "f").write_bytes(b"weights")
    outbox.put(tmp_path / "f", "w.bin")
    (outbox.folder / "00000000000000000000-dead.bytes").write_bytes(b"half")
    (outbox.folder / ".00000000000000000000-dead.new").write_bytes(b"{")

    assert drained(outbox) == ["w.bin"]
    outbox.close()
    assert not outbox.folder.exists()


def test_a_copy_that_fails_leaves_nothing(outbox: Outbox, tmp_path: Path) -> None:
    """A file that vanishes while it is copied is not half there."""
    with pytest.raises(FileNotFoundError):
        outbox.put(tmp_path / "missing", "w.bin")

    assert outbox.oldest() is None
    assert list(outbox.folder.iterdir()) == []


def test_a_refused_file_is_kept_out_of_the_way(outbox: Outbox, tmp_path: Path) -> None:
    """What the server does not take blocks nothing and is not deleted."""
    (tmp_path / "f").write_bytes(b"weights")
    outbox.put(tmp_path / "f", "w.bin")
    waiting = outbox.oldest()
    assert waiting is not None

    outbox.set_aside(waiting)
    outbox.close()

    assert outbox.oldest() is None
    kept = sorted(path.suffix for path in (outbox.folder / "refused").iterdir())
    assert kept == [".bytes", ".json"]


def test_a_file_that_cannot_be_kept_is_told_and_not_raised(
    offline: Callable[..., Run],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A full spool disk loses the copy of a checkpoint and not the training."""
    (tmp_path / "f").write_bytes(b"weights")
    run = offline()

    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("assay.sdk.outbox.copy_hashed", no_room)
    run.log_artifact(tmp_path / "f")

    assert "could not be kept for the run: no space left" in capsys.readouterr().err
