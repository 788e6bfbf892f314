"""Names that are no digest, planted links and leftovers lead nowhere."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.blobs.local import LocalBlobStore
from assay.blobs.store import put
from assay.domain.errors import DataCorrupted, InvalidArgument, Unavailable
from tests.support.blob_folders import HELLO, HELLO_DIGEST, files_below, place_of

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
