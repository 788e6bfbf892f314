"""Blobs are read whole or in part, never as anything but what was stored."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.blobs.local import LocalBlobStore
from assay.blobs.store import PIECE_BYTES, put
from assay.domain.errors import DataCorrupted, InvalidArgument, NotFound
from tests.support.blob_folders import HELLO, HELLO_DIGEST, damage, place_of, read


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
