"""The local blob store keeps what it acknowledged, whole, and nothing else."""

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.blobs.local import LocalBlobStore
from assay.blobs.store import PIECE_BYTES, BlobInfo, BlobStore, put, put_file
from assay.domain.errors import DataCorrupted, Internal, InvalidArgument, NotFound, Unavailable

HELLO = b"an assay office tests a metal"
HELLO_DIGEST = hashlib.sha256(HELLO).hexdigest()


def place_of(root: Path, sha256: str) -> Path:
    """Where the documented layout puts a blob."""
    return root / "objects" / sha256[:2] / sha256[2:4] / sha256


def read(store: BlobStore, sha256: str, start: int = 0, length: int | None = None) -> bytes:
    """All bytes of a blob or of a range."""
    return b"".join(store.open(sha256, start, length))


def files_below(root: Path) -> list[Path]:
    """Every file in the folder of the store, temporary ones included."""
    return sorted(path for path in root.rglob("*") if not path.is_dir())


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


# --- reading ------------------------------------------------------------------------------------


def damage(place: Path, content: bytes) -> None:
    """Change the bytes of a blob behind the back of the store."""
    place.chmod(0o600)
    place.write_bytes(content)


@given(st.binary(max_size=300), st.integers(0, 320), st.none() | st.integers(0, 320))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_range_is_that_part_of_the_blob(
    store: LocalBlobStore, content: bytes, start: int, length: int | None
) -> None:
    """As slicing does it, except that a start beyond the end is refused."""
    digest = put(store, [content]).sha256
    if start > len(content):
        with pytest.raises(InvalidArgument):
            store.open(digest, start, length)
        return
    end = None if length is None else start + length
    assert read(store, digest, start, length) == content[start:end]


def test_a_large_blob_comes_in_pieces(store: LocalBlobStore) -> None:
    """No piece is larger than a mebibyte, also of a range that begins anywhere."""
    content = os.urandom(2 * PIECE_BYTES + 1000)
    digest = put(store, [content]).sha256
    with store.open(digest) as download:
        assert download.blob_size_bytes == len(content)
        assert [len(piece) for piece in download] == [PIECE_BYTES, PIECE_BYTES, 1000]
    assert read(store, digest, 17, PIECE_BYTES + 5) == content[17 : PIECE_BYTES + 22]


@pytest.mark.parametrize(("start", "length"), [(-1, None), (0, -1)])
def test_a_negative_range_is_refused(store: LocalBlobStore, start: int, length: int | None) -> None:
    """It would read what was not asked for."""
    put(store, [HELLO])
    with pytest.raises(InvalidArgument):
        store.open(HELLO_DIGEST, start, length)


def test_a_part_cannot_be_verified(store: LocalBlobStore) -> None:
    """The digest covers the whole; a promise about a part would be empty."""
    put(store, [HELLO])
    with pytest.raises(InvalidArgument):
        store.open(HELLO_DIGEST, 1, verify=True)


def test_damaged_bytes_are_withheld(store: LocalBlobStore, root: Path) -> None:
    """A verified read of a blob with a flipped bit never hands out its last piece."""
    content = bytes(PIECE_BYTES + 10)
    digest = put(store, [content]).sha256
    damage(place_of(root, digest), content[:-1] + b"\1")
    received: list[bytes] = []
    with pytest.raises(DataCorrupted):
        received.extend(store.open(digest, verify=True))
    assert len(b"".join(received)) <= PIECE_BYTES
    assert store.verify(digest) == "corrupt"


@pytest.mark.parametrize("content", [b"", HELLO[:-1], HELLO + b"\0", HELLO[::-1]])
def test_verification_finds_any_other_content(
    store: LocalBlobStore, root: Path, content: bytes
) -> None:
    """Emptied, cut, prolonged or rewritten."""
    put(store, [HELLO])
    damage(place_of(root, HELLO_DIGEST), content)
    assert store.verify(HELLO_DIGEST) == "corrupt"


def test_a_blob_that_shrinks_while_it_is_read_is_reported(
    store: LocalBlobStore, root: Path
) -> None:
    """A reader that was promised a length does not end early in silence."""
    digest = put(store, [bytes(3 * PIECE_BYTES)]).sha256
    download = store.open(digest)
    next(download)
    damage(place_of(root, digest), b"")
    with pytest.raises(DataCorrupted):
        next(download)


def test_an_absent_blob_is_not_found_at_once(store: LocalBlobStore) -> None:
    """Before the first piece, so that a face can still answer 404."""
    with pytest.raises(NotFound):
        store.open(HELLO_DIGEST)
    assert store.stat(HELLO_DIGEST) is None
    assert not store.exists(HELLO_DIGEST)
    assert store.verify(HELLO_DIGEST) == "missing"
    assert not store.delete(HELLO_DIGEST)


def open_files() -> int:
    """How many files this process holds open."""
    return len(list(Path("/dev/fd").iterdir()))


def test_downloads_let_go_of_their_files(store: LocalBlobStore) -> None:
    """At the end, on close, on leaving the block, and when they are dropped unread."""
    put(store, [HELLO])
    before = open_files()
    read(store, HELLO_DIGEST)
    store.open(HELLO_DIGEST).close()
    with store.open(HELLO_DIGEST):
        pass
    dropped = store.open(HELLO_DIGEST)
    del dropped
    assert open_files() == before


# --- names, links and strangers -----------------------------------------------------------------

NO_DIGESTS = ["", "a" * 63, "A" * 64, "g" * 64, "../" * 21 + "a", "a" * 64 + "\n", "a" * 63 + "\0"]


@pytest.mark.parametrize("name", NO_DIGESTS)
def test_what_is_no_digest_never_reaches_the_file_system(store: LocalBlobStore, name: str) -> None:
    """Every method that takes a digest refuses it first, naming the field."""
    for method in (store.open, store.stat, store.exists, store.verify, store.delete):
        with pytest.raises(InvalidArgument) as refusal:
            method(name)
        assert refusal.value.field == "sha256"


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_a_symbolic_link_in_the_store_is_not_followed(
    store: LocalBlobStore, root: Path, tmp_path: Path, depth: int
) -> None:
    """Neither for the blob nor for a folder on the way to it; reading, writing and deleting."""
    outside = tmp_path / "outside"
    parts = [HELLO_DIGEST[:2], HELLO_DIGEST[2:4], HELLO_DIGEST]
    rest = parts[max(depth, 1) :] if depth else parts
    outside.mkdir()
    target = outside.joinpath(*rest) if depth < 3 else outside / "secret"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(HELLO)
    link = root.joinpath("objects", *parts[:depth])
    link.parent.mkdir(parents=True, exist_ok=True)
    if depth == 0:
        link.rmdir()
    link.symlink_to(target if depth == 3 else outside)
    if depth == 0:
        # The folder was held open before the link took its name: the link is simply never seen.
        assert not store.exists(HELLO_DIGEST)
        with pytest.raises(DataCorrupted):
            LocalBlobStore(root)
    else:
        for method in (store.open, store.stat):
            with pytest.raises(DataCorrupted):
                method(HELLO_DIGEST)
        assert store.verify(HELLO_DIGEST) == "corrupt"
        with pytest.raises(DataCorrupted):
            put(store, [HELLO])
        assert list((root / "incoming").iterdir()) == []
    assert target.read_bytes() == HELLO


def test_deleting_a_planted_link_removes_the_link_alone(
    store: LocalBlobStore, root: Path, tmp_path: Path
) -> None:
    """What it points to stays."""
    secret = tmp_path / "secret"
    secret.write_bytes(HELLO)
    place = place_of(root, HELLO_DIGEST)
    place.parent.mkdir(parents=True)
    place.symlink_to(secret)
    assert store.delete(HELLO_DIGEST)
    assert secret.read_bytes() == HELLO


@pytest.mark.parametrize("plant", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused_without_waiting(
    store: LocalBlobStore, root: Path, plant: Callable[[Path], None]
) -> None:
    """A pipe or a folder at the place of a blob neither blocks nor is served."""
    place = place_of(root, HELLO_DIGEST)
    place.parent.mkdir(parents=True)
    plant(place)
    assert store.verify(HELLO_DIGEST) == "corrupt"
    with pytest.raises(DataCorrupted):
        put(store, [HELLO])
    assert list(store.list()) == []


def test_the_list_is_every_blob_in_order_and_nothing_else(
    store: LocalBlobStore, root: Path, tmp_path: Path
) -> None:
    """Strangers in the folder are not blobs."""
    blobs = sorted(put(store, [str(number).encode()]) for number in range(40))
    (root / "objects" / "README").write_text("hello")
    shard = place_of(root, blobs[0].sha256).parent
    (shard / blobs[-1].sha256).write_text("a digest in the folder of another")
    (shard / (blobs[0].sha256[:4] + "0" * 60)).symlink_to(tmp_path)
    (root / "objects" / "zz").mkdir()
    assert list(store.list()) == blobs


def test_a_deleted_blob_is_gone(store: LocalBlobStore, root: Path) -> None:
    """And only that one."""
    put(store, [b"other"])
    put(store, [HELLO])
    assert store.delete(HELLO_DIGEST)
    assert not store.exists(HELLO_DIGEST)
    assert len(files_below(root)) == 1


# --- sweeping -----------------------------------------------------------------------------------


def test_what_broken_uploads_left_is_swept_by_age(store: LocalBlobStore, root: Path) -> None:
    """Old leftovers go, a young upload goes on, blobs are not touched."""
    put(store, [b"kept"])
    leftover = root / "incoming" / ("0" * 32)
    leftover.write_bytes(b"half an upload")
    os.utime(leftover, (1, 1))
    with store.begin() as upload:
        upload.write(HELLO)
        assert store.sweep_temporary(older_than_s=3600) == 1
        assert not leftover.exists()
        upload.commit()
    assert store.verify(HELLO_DIGEST) == "ok"
    assert len(files_below(root)) == 2


def test_sweeping_follows_no_link(store: LocalBlobStore, root: Path, tmp_path: Path) -> None:
    """A link among the leftovers is removed, not what it points to."""
    secret = tmp_path / "secret"
    secret.write_bytes(HELLO)
    (root / "incoming" / "link").symlink_to(secret)
    (root / "incoming" / "folder").mkdir()
    assert store.sweep_temporary(older_than_s=-60) == 1
    assert secret.read_bytes() == HELLO


def test_an_upload_that_was_swept_fails_to_commit(store: LocalBlobStore, root: Path) -> None:
    """It is told to send its bytes again; nothing half-done stays."""
    with store.begin() as upload:
        upload.write(HELLO)
        assert store.sweep_temporary(older_than_s=-60) == 1
        with pytest.raises(Unavailable):
            upload.commit()
    assert files_below(root) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from assay.blobs.local import LocalBlobStore
from assay.blobs.store import put

store = LocalBlobStore(Path(sys.argv[1]), min_free_bytes=0)
print(put(store, [b"acknowledged"]).sha256, flush=True)
upload = store.begin()
upload.write(b"half")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_whole_blobs_and_what_the_next_one_sweeps(root: Path) -> None:
    """What was acknowledged verifies; the half upload is a temporary file and no blob."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(root)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    digest = done.stdout.strip()
    store = LocalBlobStore(root)
    assert [blob.sha256 for blob in store.list()] == [digest]
    assert store.verify(digest) == "ok"
    assert store.sweep_temporary(older_than_s=0) == 1
    assert files_below(root) == [place_of(root, digest)]
    store.close()
