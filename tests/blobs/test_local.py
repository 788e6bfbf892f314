"""The local blob store keeps what it acknowledged, whole, and nothing else."""

import gc
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from assay.blobs.local import LocalBlobStore
from assay.blobs.store import PIECE_BYTES, BlobInfo, BlobStore, put, put_file
from assay.domain.errors import Internal, InvalidArgument, Unavailable
from tests.support.blob_folders import HELLO, HELLO_DIGEST, damage, files_below, place_of, read

MEBIBYTE = 1 << 20


def test_what_was_committed_can_be_read(store: LocalBlobStore) -> None:
    """A store satisfies the interface: bytes in, digest and size out, bytes back."""
    as_interface: BlobStore = store
    assert put(as_interface, [HELLO[:5], HELLO[5:]]) == BlobInfo(HELLO_DIGEST, len(HELLO))
    assert read(store, HELLO_DIGEST) == HELLO
    assert store.stat(HELLO_DIGEST) == len(HELLO)
    assert store.exists(HELLO_DIGEST)
    assert store.verify(HELLO_DIGEST) == "ok"


def test_a_blob_without_bytes_is_a_blob(store: LocalBlobStore) -> None:
    """Empty files are part of real artifacts."""
    blob = put(store, [])
    assert blob == BlobInfo(hashlib.sha256(b"").hexdigest(), 0)
    assert read(store, blob.sha256) == b""
    assert store.verify(blob.sha256) == "ok"


def test_files_of_the_store_are_read_only_and_folders_are_private(
    store: LocalBlobStore, root: Path
) -> None:
    """Whatever the umask: files 0444, folders 0700, temporary files 0600."""
    put(store, [HELLO])
    with store.begin() as upload:
        upload.write(b"half")
        (temporary,) = (root / "incoming").iterdir()
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
    assert stat.S_IMODE(place_of(root, HELLO_DIGEST).stat().st_mode) == 0o444
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}


def test_blobs_survive_the_store(store: LocalBlobStore, root: Path) -> None:
    """Opening the same folder again finds the same blobs."""
    put(store, [HELLO])
    again = LocalBlobStore(root)
    assert list(again.list()) == [BlobInfo(HELLO_DIGEST, len(HELLO))]
    again.close()


def test_a_file_of_the_operator_is_stored_by_its_bytes(
    store: LocalBlobStore, tmp_path: Path
) -> None:
    """More than a piece, so that it is streamed."""
    source = tmp_path / "weights.bin"
    source.write_bytes(os.urandom(PIECE_BYTES + 5))
    blob = put_file(store, source)
    assert blob.size_bytes == PIECE_BYTES + 5
    assert read(store, blob.sha256) == source.read_bytes()


# --- refusals on the way in ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "field"),
    [
        ({"expected_sha256": "0" * 64}, "sha256"),
        ({"expected_size_bytes": len(HELLO) + 1}, "size_bytes"),
        ({"expected_sha256": HELLO_DIGEST, "expected_size_bytes": 0}, "size_bytes"),
        ({"expected_sha256": "../../etc/passwd"}, "sha256"),
    ],
)
def test_bytes_other_than_announced_leave_nothing(
    store: LocalBlobStore, root: Path, expected: dict[str, str | int], field: str
) -> None:
    """Wrong digest or wrong size: refused by name, no blob, no temporary file."""
    with store.begin() as upload:
        upload.write(HELLO)
        with pytest.raises(InvalidArgument) as refusal:
            upload.commit(**expected)  # type: ignore[arg-type]  # the cases differ in type
    assert refusal.value.field == field
    assert files_below(root) == []
    assert not store.exists(HELLO_DIGEST)


def test_bytes_as_announced_are_accepted(store: LocalBlobStore) -> None:
    """Digest and size may be checked together; a digest may carry its algorithm."""
    blob = put(store, [HELLO], expected_sha256="sha256:" + HELLO_DIGEST, expected_size_bytes=29)
    assert blob.sha256 == HELLO_DIGEST


def test_an_upload_that_is_left_leaves_nothing(store: LocalBlobStore, root: Path) -> None:
    """By an exception, by leaving the block, by `abort`, or by being dropped."""
    with suppress(RuntimeError), store.begin() as upload:
        upload.write(HELLO)
        raise RuntimeError
    with store.begin() as upload:
        upload.write(HELLO)
    upload = store.begin()
    upload.write(HELLO)
    upload.abort()
    upload.abort()
    upload = store.begin()
    upload.write(HELLO)
    del upload
    assert files_below(root) == []


def test_an_upload_ends_once(store: LocalBlobStore) -> None:
    """After a commit nothing can be added to a blob, and aborting does not take it away."""
    with store.begin() as upload:
        upload.write(HELLO)
        upload.commit()
        with pytest.raises(Internal):
            upload.write(b"more")
        with pytest.raises(Internal):
            upload.commit()
        upload.abort()
    assert store.verify(HELLO_DIGEST) == "ok"


def test_a_long_upload_is_kept_whole(store: LocalBlobStore) -> None:
    """Bytes that were written out while more arrived are the bytes that are read."""
    chunk = os.urandom(MEBIBYTE)
    with store.begin() as upload:
        for _ in range(17):
            upload.write(chunk)
        assert upload.size_bytes == 17 * MEBIBYTE
        blob = upload.commit(hashlib.sha256(chunk * 17).hexdigest(), 17 * MEBIBYTE)
    assert store.verify(blob.sha256) == "ok"


def test_a_long_upload_stops_when_the_disk_fills_meanwhile(
    store: LocalBlobStore, root: Path
) -> None:
    """The reserve is looked at again while bytes arrive, and the part that came is dropped."""
    with store.begin() as upload:
        store._min_free_bytes = 2**60
        with pytest.raises(Unavailable):
            upload.write(bytes(9 * MEBIBYTE))
    assert files_below(root) == []


def test_uploads_stop_before_the_disk_is_full(root: Path) -> None:
    """Below the reserve nothing is accepted, so that the database can still commit."""
    demanding = LocalBlobStore(root, min_free_bytes=2**60)
    with pytest.raises(Unavailable):
        demanding.begin()
    assert files_below(root) == []
    demanding.close()


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from assay.blobs.local import LocalBlobStore
from assay.domain.errors import Unavailable

store = LocalBlobStore(Path(sys.argv[1]), min_free_bytes=0)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    with store.begin() as upload:
        for _ in range(64):
            upload.write(bytes(65536))
        upload.commit()
except Unavailable as error:
    print(error)
    sys.exit(7)
"""


@pytest.mark.parametrize("room_bytes", [0, 1, 65536 * 3 + 11])
def test_a_disk_that_takes_no_more_leaves_nothing(root: Path, room_bytes: int) -> None:
    """A write that is cut short or refused aborts the upload and says so."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(root), str(room_bytes)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 7, done.stderr
    assert "disk" in done.stdout
    assert files_below(root) == []


FULL_FILE_SYSTEM = """
import os, subprocess, sys
from pathlib import Path
from assay.blobs.local import LocalBlobStore
from assay.blobs.store import put
from assay.domain.errors import Unavailable

place = Path(sys.argv[1])
mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
if subprocess.run(mount, stderr=subprocess.DEVNULL).returncode:
    sys.exit(3)
store = LocalBlobStore(place / "blobs", min_free_bytes=0)
kept = put(store, [os.urandom(300_000)])
try:
    put(store, [os.urandom(100_000) for _ in range(20)])
except Unavailable as error:
    print(error)
assert list((place / "blobs" / "incoming").iterdir()) == []
assert list(store.list()) == [kept] and store.verify(kept.sha256) == "ok"
assert store.delete(kept.sha256)
assert put(store, [bytes(900_000)]).size_bytes == 900_000
"""


def test_a_full_file_system_refuses_and_recovers(tmp_path: Path) -> None:
    """After ENOSPC earlier blobs are intact, nothing half-done stays, and freed space is usable."""
    if shutil.which("unshare") is None:
        pytest.skip("a small file system of our own needs unshare")
    own_mounts = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*own_mounts, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let us have mounts of our own")
    done = subprocess.run(
        [*own_mounts, sys.executable, "-c", FULL_FILE_SYSTEM, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode == 3:
        pytest.skip("this machine does not let us mount a tmpfs")
    assert done.returncode == 0, done.stderr
    assert "No space left" in done.stdout


# --- the same bytes twice -----------------------------------------------------------------------


def test_parallel_uploads_of_the_same_bytes_give_one_blob(
    store: LocalBlobStore, root: Path
) -> None:
    """Whoever comes first, all succeed with the same digest and one file stays."""
    together = threading.Barrier(8)

    def upload(_: int) -> BlobInfo:
        with store.begin() as pending:
            pending.write(HELLO)
            together.wait(timeout=30)
            return pending.commit(HELLO_DIGEST)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(upload, range(8))) == {BlobInfo(HELLO_DIGEST, len(HELLO))}
    assert files_below(root) == [place_of(root, HELLO_DIGEST)]
    assert store.verify(HELLO_DIGEST) == "ok"


def test_a_blob_that_is_there_is_kept(store: LocalBlobStore, root: Path) -> None:
    """The second upload changes nothing on disk."""
    put(store, [HELLO])
    before = place_of(root, HELLO_DIGEST).stat()
    put(store, [HELLO])
    after = place_of(root, HELLO_DIGEST).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert files_below(root) == [place_of(root, HELLO_DIGEST)]


def test_a_truncated_blob_is_healed_by_uploading_it_again(
    store: LocalBlobStore, root: Path
) -> None:
    """Verified bytes take the place of damaged ones."""
    put(store, [HELLO])
    damage(place_of(root, HELLO_DIGEST), HELLO[:7])
    put(store, [HELLO])
    assert store.verify(HELLO_DIGEST) == "ok"


def test_a_store_that_is_dropped_gives_its_handles_back(tmp_path: Path) -> None:
    """Whoever forgets to close a store leaks nothing, however many stores there were."""
    LocalBlobStore(tmp_path / "blobs")
    gc.collect()
    held = []
    for handle in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing itself is closed by now
            held.append(str(handle.readlink()))
    assert held
    assert not [path for path in held if path.startswith(str(tmp_path))]
