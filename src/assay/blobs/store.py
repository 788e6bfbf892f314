"""What every blob store promises, wherever it keeps the bytes.

The interface speaks of digests and streams alone, so that a bucket can stand behind it as well as a
folder. Whoever deletes must know that no row refers to the digest and that no upload is about to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Protocol, Self

PIECE_BYTES: Final = 1 << 20
"""The size of the pieces in which bytes are read."""

BlobState = Literal["ok", "missing", "corrupt"]


@dataclass(frozen=True, slots=True, order=True)
class BlobInfo:
    """A blob: the SHA-256 of its bytes (64 lower-case hex digits) and their number."""

    sha256: str
    size_bytes: int


class Upload(Protocol):
    """Bytes on their way in. Nothing of them is visible, or stays, unless `commit` returns.

    As a context manager it aborts on leaving, unless committed. One thread at a time may use it.
    """

    @property
    def size_bytes(self) -> int:
        """How many bytes were written so far."""
        ...

    def write(self, chunk: bytes | bytearray | memoryview) -> None:
        """Append bytes. Raises `Unavailable` when they cannot be kept; the upload is aborted then."""
        ...

    def commit(
        self, expected_sha256: str | None = None, expected_size_bytes: int | None = None
    ) -> BlobInfo:
        """Make the blob durable and visible: on return it survives a power cut.

        Raises `InvalidArgument` when the bytes are not those expected and `Unavailable` when they
        cannot be kept; nothing stays in either case. Bytes that are there already are kept once.
        """
        ...

    def abort(self) -> None:
        """Drop what was written. Does nothing after a commit or another abort."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Download(Protocol):
    """Bytes on their way out: an iterator over pieces of at most `PIECE_BYTES`.

    It closes itself at the end; close it, or leave it as a context manager, to stop before.
    """

    @property
    def blob_size_bytes(self) -> int:
        """The size of the whole blob, whatever part of it is read."""
        ...

    def __iter__(self) -> Iterator[bytes]: ...

    def __next__(self) -> bytes:
        """The next piece. Raises `DataCorrupted` when bytes are missing or do not verify."""
        ...

    def close(self) -> None:
        """Let go of the blob. Does nothing the second time."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class BlobStore(Protocol):
    """Blobs by digest. Every method raises `InvalidArgument` for a digest that is none.

    Safe to use from several threads at once, uploads of the same bytes included.
    """

    @property
    def kind(self) -> str:
        """What keeps the bytes, in one word: `folder`."""
        ...

    def free_bytes(self) -> int | None:
        """How much more fits; None where nobody knows."""
        ...

    def begin(self) -> Upload:
        """Start an upload. Raises `Unavailable` when there is no room."""
        ...

    def open(
        self, sha256: str, start: int = 0, length: int | None = None, *, verify: bool = False
    ) -> Download:
        """Read a blob, or `length` bytes of it from `start` on (less where it ends before).

        With `verify`, for whole blobs only, the digest is checked while reading and the last piece
        is withheld if it is wrong. Raises `NotFound` when absent, at once and not on the first piece,
        and `InvalidArgument` for a range that begins beyond the end.
        """
        ...

    def stat(self, sha256: str) -> int | None:
        """Return the size in bytes, or None when absent."""
        ...

    def exists(self, sha256: str) -> bool:
        """Tell whether the blob is there."""
        ...

    def verify(self, sha256: str) -> BlobState:
        """Read the whole blob and compare its digest."""
        ...

    def delete(self, sha256: str) -> bool:
        """Remove a blob for good; False when it was absent."""
        ...

    def list(self) -> Iterator[BlobInfo]:
        """Yield every blob, ascending by digest. What comes and goes meanwhile may be left out."""
        ...

    def sweep_temporary(self, older_than_s: float) -> int:
        """Remove what broken uploads left, untouched for that many seconds; return how many.

        An upload in progress that paused for longer is swept too and then fails to commit.
        """
        ...

    def close(self) -> None:
        """Let go of the store; nothing may be called afterwards."""
        ...


def put(
    store: BlobStore,
    chunks: Iterable[bytes | bytearray | memoryview],
    *,
    expected_sha256: str | None = None,
    expected_size_bytes: int | None = None,
) -> BlobInfo:
    """Store a stream of bytes as one blob. Raises as `Upload.write` and `Upload.commit` do."""
    with store.begin() as upload:
        for chunk in chunks:
            upload.write(chunk)
        return upload.commit(expected_sha256, expected_size_bytes)


def put_file(store: BlobStore, path: Path) -> BlobInfo:
    """Store a file that the operator named; never one that a user did."""
    with path.open("rb", buffering=0) as file:
        return put(store, iter(lambda: file.read(PIECE_BYTES), b""))
