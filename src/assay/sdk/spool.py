"""The file in which a run keeps what it logged until the server has acknowledged it.

One process writes one file `<spool>/<run id>/<writer>.spool` and holds a lock on it while it lives;
a file that nobody has locked belongs to a process that has ended, and anyone may send it. Beside it,
`<writer>.ack` says how far it has been sent, and `<writer>.refused` keeps what the server did not take.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from zlib import crc32

import msgspec

from assay.domain.errors import LimitExceeded
from assay.sdk.frames import HEAD, MAGIC, MAX_FRAME_BYTES, split, wanted_bytes

SUFFIX: Final = ".spool"
ACK_SUFFIX: Final = ".ack"
REFUSED_SUFFIX: Final = ".refused"
WRITER_BYTES: Final = 8
_ACK_BYTES: Final = 4096
_pack: Final = HEAD.pack


class SpoolWriter:
    """Appends frames to a new spool file. Not thread-safe: the run's lock is held around `append`.

    Raises OSError on construction when the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._handle, self.path = _create(folder)
        self.writer = self.path.stem

    def append(self, payload: bytes) -> None:
        """Append one frame with one write. Raises OSError or LimitExceeded, and then leaves nothing of it behind."""
        size = len(payload)
        if size > MAX_FRAME_BYTES:
            msg = f"{size} bytes at once are more than the {MAX_FRAME_BYTES} that a run can record."
            raise LimitExceeded(msg)
        # What `framed` does, without a call: this is on the path of every `log`.
        content = _pack(size, crc32(payload)) + payload
        written = os.write(self._handle, content)
        if written != len(content):
            # The disk is full. Half a frame in the middle would hide whatever follows it.
            os.ftruncate(self._handle, os.fstat(self._handle).st_size - written)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def close(self) -> None:
        """Close the file. Its lock is freed once no process that inherited it has it open."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)


@dataclass(frozen=True, slots=True)
class Ack:
    """How far a spool has been sent: all before `acked_offset` is safe on the server.

    `inflight_end` is the end of a batch that was sent without an answer yet, or 0: it must be sent
    again exactly as it was. `url` is the server that this is about.
    """

    acked_offset: int = 0
    inflight_end: int = 0
    url: str = ""


class SpoolReader:
    """Reads a spool file, which may be growing, and keeps its ack."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writer = path.stem
        self._file = path.open("rb", buffering=0)
        self._ack_handle = -1
        self.ack = _read_ack(path.with_suffix(ACK_SUFFIX))

    @property
    def size_bytes(self) -> int:
        """The size of the file now, frames and magic and a torn end together."""
        return os.fstat(self._file.fileno()).st_size

    @property
    def offset(self) -> int:
        """Where the first frame that is not acknowledged begins."""
        return max(self.ack.acked_offset, len(MAGIC))

    def first(self) -> bytes | None:
        """The payload of the first frame, if it is whole."""
        frames = self._frames(len(MAGIC), HEAD.size)
        return frames[0][0] if frames else None

    def read(self, max_bytes: int) -> list[tuple[bytes, int]]:
        """(payload, offset of its end) of the whole frames after `offset`: about `max_bytes`, at least one."""
        return self._frames(self.offset, max_bytes)

    def announce(self, end: int, url: str) -> None:
        """Note that the frames up to `end` are about to be sent."""
        self._keep(Ack(self.ack.acked_offset, end, url))

    def acknowledge(self, end: int, url: str) -> None:
        """Note that the server has the frames up to `end`."""
        self._keep(Ack(end, 0, url))

    def set_aside(self, end: int) -> None:
        """Copy the frames up to `end` to the file of refused ones."""
        start = self.offset
        content = os.pread(self._file.fileno(), end - start, start)
        handle = os.open(
            self.path.with_suffix(REFUSED_SUFFIX),
            os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC,
            0o600,
        )
        with os.fdopen(handle, "ab") as file:
            if file.tell() == 0:
                file.write(MAGIC)
            file.write(content)

    def remove(self) -> None:
        """Delete the spool and its ack; what was refused stays."""
        self.path.with_suffix(ACK_SUFFIX).unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        if self._ack_handle >= 0:
            os.close(self._ack_handle)
            self._ack_handle = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _frames(self, start: int, max_bytes: int) -> list[tuple[bytes, int]]:
        if os.pread(self._file.fileno(), len(MAGIC), 0) != MAGIC:
            return []
        content = os.pread(self._file.fileno(), max_bytes, start)
        wanted = wanted_bytes(content)
        if wanted is not None and wanted > max(len(content), HEAD.size):
            content = os.pread(self._file.fileno(), wanted, start)
        return [(payload, start + end) for payload, end in split(content)]

    def _keep(self, ack: Ack) -> None:
        # One write in place, always as long as the first, so that it works when the disk is full.
        if self._ack_handle < 0:
            path = self.path.with_suffix(ACK_SUFFIX)
            self._ack_handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.pwrite(self._ack_handle, msgspec.json.encode(ack).ljust(_ACK_BYTES), 0)
        self.ack = ack


class SpoolLock:
    """The lock of a spool whose process has ended; `take` answers None while that process lives."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    @classmethod
    def take(cls, path: Path) -> Self | None:
        """Lock the file, unless it is in use or gone."""
        try:
            handle = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        try:
            if _lock(handle):
                return cls(handle)
        except OSError:
            os.close(handle)
            raise
        os.close(handle)
        return None

    def release(self) -> None:
        """Let others have it."""
        os.close(self._handle)


def _create(folder: Path) -> tuple[int, Path]:
    while True:
        path = folder / f"{secrets.token_hex(WRITER_BYTES)}{SUFFIX}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        handle = os.open(path, flags, 0o600)
        try:
            if _lock(handle):
                os.write(handle, MAGIC)
                return handle, path
        except OSError:
            os.close(handle)
            path.unlink(missing_ok=True)
            raise
        # A sync saw the newborn file before we had locked it, and takes it for one of the dead.
        os.close(handle)


def _lock(handle: int) -> bool:
    """Lock an open file; False when somebody else has it, or has deleted it meanwhile."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(handle).st_nlink > 0


def _read_ack(path: Path) -> Ack:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Ack)
    except (FileNotFoundError, msgspec.DecodeError):
        # Lost with the power: everything is sent again, and the server knows what it has.
        return Ack()
