"""Blobs as files of one folder: `objects/aa/bb/<digest>`, read-only, placed whole or not at all.

Every step starts at a directory that is held open, uses a name made here and follows no symbolic
link, so that nothing planted inside the folder leads out of it.
"""

from __future__ import annotations

import os
import re
import stat
import time
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from assay.blobs.directories import (
    directory,
    ensure_directory,
    ensure_root,
    open_directory,
    refusals,
)
from assay.blobs.local_transfer import LocalDownload, LocalUpload
from assay.blobs.store import BlobInfo, BlobState
from assay.domain.errors import DataCorrupted, InvalidArgument, NotFound, Unavailable
from assay.domain.ids import parse_digest

# Uploads stop short of a full disk: the database beside them needs room to commit and to delete.
_MIN_FREE_BYTES: Final = 64 << 20
# A pipe planted at the place of a blob must not make the reader wait for a writer.
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_SHARD: Final = re.compile(r"[0-9a-f]{2}")
_ANY: Final = re.compile(r".*", re.DOTALL)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class LocalBlobStore:
    """A `BlobStore` in a folder, made if need be, that only this user may enter.

    Uploads are refused while less than `min_free_bytes` of the disk are free. Raises `Unavailable`
    when the folder cannot be used.
    """

    def __init__(self, root: Path, *, min_free_bytes: int = _MIN_FREE_BYTES) -> None:
        self._min_free_bytes = min_free_bytes
        self._durable_shards: set[str] = set()
        with refusals():
            self._root = ensure_root(root)
            self._objects = ensure_directory("objects", self._root)
            self._incoming = ensure_directory("incoming", self._root)
            os.fsync(self._root)
        held = (self._incoming, self._objects, self._root)
        # A store that is dropped without `close` gives its handles back as well.
        self._let_go = weakref.finalize(self, _close_all, held)

    @property
    def kind(self) -> str:
        """A folder."""
        return "folder"

    def free_bytes(self) -> int:
        """What is left of the disk for this user."""
        with refusals():
            space = os.fstatvfs(self._root)
        return space.f_bavail * space.f_frsize

    def begin(self) -> LocalUpload:
        """Start an upload. Raises `Unavailable` when there is no room."""
        self._check_room()
        return LocalUpload(self._incoming, place=self._place, check_room=self._check_room)

    def open(
        self, sha256: str, start: int = 0, length: int | None = None, *, verify: bool = False
    ) -> LocalDownload:
        """Read a blob or a range of it; see `BlobStore.open`."""
        digest = parse_digest(sha256, "sha256")
        if start < 0 or (length is not None and length < 0):
            raise InvalidArgument("A range has no negative bounds.", field="range")
        if verify and (start or length is not None):
            raise InvalidArgument("Only a whole blob can be verified.", field="range")
        file = self._open_file(digest)
        if file is None:
            raise NotFound(f"There is no blob {digest}.")
        return LocalDownload(file, digest, start, length, is_verified=verify)

    def stat(self, sha256: str) -> int | None:
        """Return the size in bytes, or None when absent."""
        file = self._open_file(parse_digest(sha256, "sha256"))
        if file is None:
            return None
        try:
            return os.fstat(file).st_size
        finally:
            os.close(file)

    def exists(self, sha256: str) -> bool:
        """Tell whether the blob is there."""
        return self.stat(sha256) is not None

    def verify(self, sha256: str) -> BlobState:
        """Read the whole blob and compare its digest."""
        try:
            with self.open(sha256, verify=True) as download:
                for _ in download:
                    pass
        except NotFound:
            return "missing"
        except DataCorrupted:
            return "corrupt"
        return "ok"

    def delete(self, sha256: str) -> bool:
        """Remove a blob for good; False when it was absent."""
        digest = parse_digest(sha256, "sha256")
        with refusals():
            shard = self._open_shard(digest)
            if shard is None:
                return False
            try:
                os.unlink(digest, dir_fd=shard)
                os.fsync(shard)
            except FileNotFoundError:
                return False
            finally:
                os.close(shard)
        return True

    def list(self) -> Iterator[BlobInfo]:
        """Yield every blob, ascending by digest. Entries of other names are none of ours."""
        with directory(".", self._objects) as objects:
            for first in _names(objects, _SHARD):
                with directory(first, objects) as outer:
                    for second in _names(outer, _SHARD):
                        with directory(second, outer) as shard:
                            yield from _blobs_of(shard, first + second)

    def sweep_temporary(self, older_than_s: float) -> int:
        """Remove what broken uploads left, untouched for that many seconds; return how many."""
        latest = time.time() - older_than_s
        swept = 0
        with directory(".", self._incoming) as incoming:
            for name in _names(incoming, _ANY):
                entry = _lstat(name, incoming)
                if (
                    entry is not None
                    and entry.st_mtime <= latest
                    and not stat.S_ISDIR(entry.st_mode)
                ):
                    with suppress(FileNotFoundError):
                        os.unlink(name, dir_fd=incoming)
                        swept += 1
        return swept

    def close(self) -> None:
        """Let go of the folder; nothing may be called afterwards."""
        self._let_go()

    def _check_room(self) -> None:
        if self.free_bytes() < self._min_free_bytes:
            raise Unavailable("The disk of the blob store is full. Free some space and try again.")

    def _place(self, temporary: str, blob: BlobInfo) -> None:
        """Move a complete, durable file from `incoming` to its digest, durably.

        A blob of the right size that is there already stays and the file is dropped; one of another
        size is damaged and gives way to the verified bytes.
        """
        shard = self._ensure_shard(blob.sha256)
        try:
            present = _lstat(blob.sha256, shard)
            if present is not None and not stat.S_ISREG(present.st_mode):
                raise DataCorrupted(f"What lies at the place of blob {blob.sha256} is no file.")
            if present is not None and present.st_size == blob.size_bytes:
                os.unlink(temporary, dir_fd=self._incoming)
            else:
                os.rename(temporary, blob.sha256, src_dir_fd=self._incoming, dst_dir_fd=shard)
            # Needed for a blob that was there as well: its own upload may not have come this far.
            os.fsync(shard)
        finally:
            os.close(shard)

    def _ensure_shard(self, digest: str) -> int:
        """Return the directory of a digest, itself durable."""
        outer = ensure_directory(digest[:2], self._objects)
        try:
            shard = ensure_directory(digest[2:4], outer)
            if digest[:4] not in self._durable_shards:
                # Whoever made the directories, another upload perhaps, may not be done with this.
                os.fsync(outer)
                if digest[:2] not in self._durable_shards:
                    os.fsync(self._objects)
                    self._durable_shards.add(digest[:2])
                self._durable_shards.add(digest[:4])
            return shard
        finally:
            os.close(outer)

    def _open_shard(self, digest: str) -> int | None:
        try:
            with directory(digest[:2], self._objects) as outer:
                return open_directory(digest[2:4], outer)
        except FileNotFoundError:
            return None

    def _open_file(self, digest: str) -> int | None:
        shard = self._open_shard(digest)
        if shard is None:
            return None
        try:
            with refusals():
                file = os.open(digest, _READ, dir_fd=shard)
        except FileNotFoundError:
            return None
        finally:
            os.close(shard)
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise DataCorrupted(f"What lies at the place of blob {digest} is no file.")
        return file


def _close_all(held: Iterable[int]) -> None:
    for handle in held:
        os.close(handle)


def _names(opened: int, pattern: re.Pattern[str]) -> Iterator[str]:
    return iter(sorted(name for name in os.listdir(opened) if pattern.fullmatch(name)))


def _blobs_of(shard: int, prefix: str) -> Iterator[BlobInfo]:
    for name in _names(shard, _DIGEST):
        entry = _lstat(name, shard)
        if entry is not None and stat.S_ISREG(entry.st_mode) and name.startswith(prefix):
            yield BlobInfo(name, entry.st_size)


def _lstat(name: str, opened: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=opened, follow_symlinks=False)
    except FileNotFoundError:
        return None
