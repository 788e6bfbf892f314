"""The spool file: locked while its process lives, acknowledged in place, whole after a full disk."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.sdk.frames import MAGIC, framed
from assay.sdk.spool import Ack, SpoolLock, SpoolReader, SpoolWriter


def test_what_is_appended_is_read_in_order(tmp_path: Path) -> None:
    """A reader sees each frame with the offset where it ends."""
    writer = SpoolWriter(tmp_path / "run")
    writer.append(b"one")
    writer.append(b"two")

    with SpoolReader(writer.path) as reader:
        read = reader.read(1 << 20)

    assert [payload for payload, _ in read] == [b"one", b"two"]
    assert read[-1][1] == writer.path.stat().st_size
    writer.close()


def test_a_frame_larger_than_a_read_is_read_whole(tmp_path: Path) -> None:
    """The bound on a read never stops a reader for good."""
    writer = SpoolWriter(tmp_path / "run")
    writer.append(b"x" * 5000)

    with SpoolReader(writer.path) as reader:
        assert [len(payload) for payload, _ in reader.read(100)] == [5000]
    writer.close()


def test_an_ack_is_found_by_the_next_reader(tmp_path: Path) -> None:
    """Whoever goes on after a crash starts behind what was acknowledged, and knows what was under way."""
    writer = SpoolWriter(tmp_path / "run")
    for payload in (b"one", b"two", b"three"):
        writer.append(payload)
    with SpoolReader(writer.path) as first:
        ends = [end for _, end in first.read(1 << 20)]
        first.acknowledge(ends[0], "http://a")
        first.announce(ends[2], "http://a")

    with SpoolReader(writer.path) as second:
        assert second.ack == Ack(ends[0], ends[2], "http://a")
        assert [payload for payload, _ in second.read(1 << 20)] == [b"two", b"three"]
    writer.close()


def test_a_lost_ack_means_sending_again(tmp_path: Path) -> None:
    """An ack that did not survive a power loss is no reason to lose what was recorded."""
    writer = SpoolWriter(tmp_path / "run")
    writer.append(b"one")
    writer.path.with_suffix(".ack").write_bytes(b"")

    with SpoolReader(writer.path) as reader:
        assert reader.ack == Ack()
    writer.close()


def test_a_spool_is_private(tmp_path: Path) -> None:
    """Params may hold what is nobody else's business."""
    writer = SpoolWriter(tmp_path / "run")

    assert writer.path.stat().st_mode & 0o777 == 0o600
    assert writer.path.parent.stat().st_mode & 0o777 == 0o700
    writer.close()


def test_a_living_writer_keeps_its_spool_to_itself(tmp_path: Path) -> None:
    """A sync never takes the spool of a training that runs; once it is closed, anyone may."""
    writer = SpoolWriter(tmp_path / "run")
    assert SpoolLock.take(writer.path) is None

    writer.close()
    lock = SpoolLock.take(writer.path)

    assert lock is not None
    assert SpoolLock.take(writer.path) is None
    lock.release()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    """What a killed trainer left behind can be sent at once."""
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from assay.sdk.spool import SpoolWriter\n"
        "writer = SpoolWriter(Path(sys.argv[1])); writer.append(b'one')\n"
        "print(writer.path, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        path = Path(process.stdout.readline().strip())
        held = SpoolLock.take(path)
        process.send_signal(signal.SIGKILL)
        process.wait()

    freed = SpoolLock.take(path)

    assert held is None
    assert freed is not None
    freed.release()


def test_a_deleted_spool_cannot_be_locked(tmp_path: Path) -> None:
    """Two syncs of one folder: the second finds nothing, instead of sending a ghost."""
    writer = SpoolWriter(tmp_path / "run")
    writer.close()
    real_open = os.open

    def open_then_lose(path: Any, *arguments: Any, **options: Any) -> int:
        handle = real_open(path, *arguments, **options)
        writer.path.unlink()
        return handle

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", open_then_lose)
        assert SpoolLock.take(writer.path) is None


def shortened(limit: int) -> Callable[..., int]:
    """`os.write` of a disk on which `limit` bytes are free."""
    real_write = os.write

    def write(handle: int, content: bytes) -> int:
        if not limit:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real_write(handle, content[:limit])

    return write


@pytest.mark.parametrize("free_bytes", [0, 1, 8, 11])
def test_a_full_disk_leaves_no_half_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_bytes: int
) -> None:
    """What is recorded after there is room again is readable: no torn frame stands before it."""
    writer = SpoolWriter(tmp_path / "run")
    writer.append(b"before")
    with monkeypatch.context() as full:
        full.setattr(os, "write", shortened(free_bytes))
        with pytest.raises(OSError, match="No space left"):
            writer.append(b"does not fit")
    writer.append(b"after")

    assert writer.path.read_bytes() == MAGIC + framed(b"before") + framed(b"after")
    writer.close()


def test_refused_frames_are_kept_as_a_spool_of_their_own(tmp_path: Path) -> None:
    """What the server did not take can still be read."""
    writer = SpoolWriter(tmp_path / "run")
    for payload in (b"one", b"two", b"three"):
        writer.append(payload)
    with SpoolReader(writer.path) as reader:
        ends = [end for _, end in reader.read(1 << 20)]
        reader.set_aside(ends[0])
        reader.acknowledge(ends[1], "http://a")
        reader.set_aside(ends[2])
    writer.close()

    refused = writer.path.with_suffix(".refused").read_bytes()

    assert refused == MAGIC + framed(b"one") + framed(b"three")
