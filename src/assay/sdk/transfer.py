"""Files on their way: read and hashed in pieces, written beside their place and moved when whole."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from assay.domain.errors import DataCorrupted

DIGEST_HEADER: Final = "X-Content-SHA256"
PIECE_BYTES: Final = 1 << 18


def receive(
    pieces: Iterable[bytes],
    path: Path,
    total_bytes: int | None,
    expected_sha256: str | None,
    on_progress: Callable[[int, int | None], None] | None,
) -> tuple[int, str]:
    """Write pieces to a temporary file beside `path` and move it there once its digest is right.

    Answers size and SHA-256. Raises DataCorrupted, and OSError when the disk refuses.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.partial")
    hasher = hashlib.sha256()
    done = 0
    try:
        with partial.open("xb") as file:
            for piece in pieces:
                file.write(piece)
                hasher.update(piece)
                done += len(piece)
                if on_progress is not None:
                    on_progress(done, total_bytes)
            file.flush()
            os.fsync(file.fileno())
        digest = hasher.hexdigest()
        if expected_sha256 is not None and digest != expected_sha256:
            msg = f"{path.name} arrived with SHA-256 {digest} instead of {expected_sha256}; nothing was kept."
            raise DataCorrupted(msg, expected=expected_sha256, received=digest)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return done, digest


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's bytes as lower-case hexadecimal digits. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pieces_of(
    path: Path, size_bytes: int, on_progress: Callable[[int, int | None], None] | None
) -> Iterator[bytes]:
    """The first `size_bytes` of a file in pieces; a file that grows meanwhile is sent as it was."""
    done = 0
    with path.open("rb") as file:
        while done < size_bytes and (piece := file.read(min(PIECE_BYTES, size_bytes - done))):
            yield piece
            done += len(piece)
            if on_progress is not None:
                on_progress(done, size_bytes)


def copy_hashed(source: Path, target: Path) -> tuple[int, str]:
    """Copy a file's bytes to a new file; answers their number and SHA-256. Raises OSError."""
    hasher = hashlib.sha256()
    size_bytes = 0
    with source.open("rb") as reader, target.open("xb") as writer:
        while piece := reader.read(PIECE_BYTES):
            writer.write(piece)
            hasher.update(piece)
            size_bytes += len(piece)
    return size_bytes, hasher.hexdigest()
