"""Bytes on their way into and out of a local blob store."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from assay.blobs.directories import refusals
from assay.blobs.store import PIECE_BYTES, BlobInfo
from assay.domain.errors import DataCorrupted, Internal, InvalidArgument, Unavailable
from assay.domain.ids import parse_digest

_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_WRITE_BEHIND_BYTES: Final = 8 << 20


class LocalUpload:
    """An `Upload` into a temporary file that is hashed while it is written."""

    def __init__(
        self,
        incoming: int,
        *,
        place: Callable[[str, BlobInfo], None],
        check_room: Callable[[], None],
    ) -> None:
        self._file: int | None = None
        self._incoming = incoming
        self._place = place
        self._check_room = check_room
        self._name = secrets.token_hex(16)
        self._hash = hashlib.sha256()
        self._size_bytes = 0
        self._behind_bytes = 0
        with refusals():
            self._file = os.open(self._name, _CREATE, 0o600, dir_fd=incoming)

    @property
    def size_bytes(self) -> int:
        """How many bytes were written so far."""
        return self._size_bytes

    def write(self, chunk: bytes | bytearray | memoryview) -> None:
        """Append bytes. Raises `Unavailable` when they cannot be kept; the upload is aborted then."""
        file = self._opened()
        rest = memoryview(chunk).cast("B")
        try:
            with refusals():
                self._hash.update(rest)
                self._size_bytes += len(rest)
                while rest:
                    rest = rest[os.write(file, rest) :]
                if self._size_bytes - self._behind_bytes >= _WRITE_BEHIND_BYTES:
                    self._write_behind(file)
        except BaseException:
            self.abort()
            raise

    def commit(
        self, expected_sha256: str | None = None, expected_size_bytes: int | None = None
    ) -> BlobInfo:
        """Make the blob durable and visible; see `Upload.commit`."""
        file = self._opened()
        try:
            blob = BlobInfo(self._hash.hexdigest(), self._size_bytes)
            _check_expected(blob, expected_sha256, expected_size_bytes)
            with refusals():
                os.fchmod(file, 0o444)
                os.fsync(file)
                self._place(self._name, blob)
        except FileNotFoundError as error:
            self.abort()
            raise Unavailable("The upload paused too long and was swept. Send it again.") from error
        except BaseException:
            self.abort()
            raise
        self._file = None
        os.close(file)
        return blob

    def abort(self) -> None:
        """Drop what was written. Does nothing after a commit or another abort."""
        file, self._file = self._file, None
        if file is not None:
            # What cannot be removed now is swept later.
            with suppress(OSError):
                os.close(file)
            with suppress(OSError):
                os.unlink(self._name, dir_fd=self._incoming)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abort()

    def __del__(self) -> None:
        # A request that is cancelled may drop its upload outside of any `with`.
        self.abort()

    def _opened(self) -> int:
        if self._file is None:
            raise Internal("The upload is over.")
        return self._file

    def _write_behind(self, file: int) -> None:
        self._check_room()
        if hasattr(os, "posix_fadvise"):
            # Linux starts writing these pages out, so that fsync at the end finds little left to
            # do: 256 MiB went from 900 to 1,300 MiB/s. What was just written stays cached.
            os.posix_fadvise(
                file,
                self._behind_bytes,
                self._size_bytes - self._behind_bytes,
                os.POSIX_FADV_DONTNEED,
            )
        self._behind_bytes = self._size_bytes


class LocalDownload:
    """A `Download` of a file that is open already, which it closes."""

    def __init__(
        self, file: int, digest: str, start: int, length: int | None, *, is_verified: bool
    ) -> None:
        self._file: int | None = file
        self._digest = digest
        self._hash = hashlib.sha256() if is_verified else None
        self._blob_size_bytes = os.fstat(file).st_size
        self._position = start
        if start > self._blob_size_bytes:
            self.close()
            raise InvalidArgument("The range begins beyond the end.", field="range")
        end = self._blob_size_bytes if length is None else start + length
        self._end = min(end, self._blob_size_bytes)

    @property
    def blob_size_bytes(self) -> int:
        """The size of the whole blob, whatever part of it is read."""
        return self._blob_size_bytes

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        """The next piece. Raises `DataCorrupted` when bytes are missing or do not verify."""
        if self._file is None:
            raise StopIteration
        piece = self._read(self._file)
        self._position += len(piece)
        is_last = self._position == self._end
        if self._hash is not None:
            self._hash.update(piece)
            if is_last and self._hash.hexdigest() != self._digest:
                self.close()
                raise DataCorrupted(f"Blob {self._digest} does not match its digest.")
        if is_last:
            self.close()
        if not piece:
            raise StopIteration
        return piece

    def close(self) -> None:
        """Let go of the blob. Does nothing the second time."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # A response that is cancelled before its first piece is dropped, not closed.
        self.close()

    def _read(self, file: int) -> bytes:
        wanted = min(PIECE_BYTES, self._end - self._position)
        try:
            piece = os.pread(file, wanted, self._position)
        except OSError as error:
            self.close()
            raise DataCorrupted(f"Blob {self._digest} cannot be read.") from error
        if wanted and not piece:
            self.close()
            raise DataCorrupted(f"Blob {self._digest} became shorter while it was read.")
        return piece


def _check_expected(blob: BlobInfo, sha256: str | None, size_bytes: int | None) -> None:
    if size_bytes is not None and size_bytes != blob.size_bytes:
        raise InvalidArgument(
            f"{size_bytes} bytes were announced and {blob.size_bytes} arrived.", field="size_bytes"
        )
    if sha256 is not None and parse_digest(sha256, "sha256") != blob.sha256:
        raise InvalidArgument(
            f"The digest {sha256} was announced; the bytes that arrived have {blob.sha256}.",
            field="sha256",
        )
