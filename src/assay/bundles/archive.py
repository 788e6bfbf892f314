"""A frozen bundle: a suite folder as one archive, identified by the SHA-256 of its bytes.

The archive is a plain uncompressed tar (ustar) of ordinary files in the order of their paths, with
nothing in it that depends on who made it, when or where: the same folder gives the same bytes.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from pathlib import Path
from typing import BinaryIO

from assay.bundles.suite_folder import (
    FILES_MAX,
    FOLDER_BYTES_MAX,
    SuiteFolder,
    read_suite_folder,
)
from assay.domain.errors import AppError, Conflict, DataCorrupted
from assay.domain.names import check_artifact_path

_READ_BYTES = 1024**2
_END = bytes(2 * tarfile.BLOCKSIZE)
_ARCHIVE_BYTES_MAX = FOLDER_BYTES_MAX + (2 * FILES_MAX + 2) * tarfile.BLOCKSIZE


def pack(folder: SuiteFolder, archive: BinaryIO) -> str:
    """Write the bundle of `folder` and return its SHA-256 in hexadecimal.

    Raises `Conflict` when a file is no longer what it was when the folder was read.
    """
    digest = hashlib.sha256()

    def put(piece: bytes) -> None:
        digest.update(piece)
        archive.write(piece)

    for entry in folder.files:
        header = tarfile.TarInfo(entry.path)
        header.size, header.mode = entry.size_bytes, 0o644
        put(header.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict"))
        found, size_bytes = hashlib.sha256(), 0
        with (folder.root / entry.path).open("rb") as file:
            while piece := file.read(_READ_BYTES):
                found.update(piece)
                size_bytes += len(piece)
                put(piece)
        if (size_bytes, found.hexdigest()) != (entry.size_bytes, entry.sha256):
            raise Conflict(f"{entry.path} changed while it was packed; pack again.")
        put(bytes(-size_bytes % tarfile.BLOCKSIZE))
    put(_END)
    return digest.hexdigest()


def unpack_verified(archive_path: Path, expected_sha256: str, into_dir: Path) -> SuiteFolder:
    """Check a bundle's digest, unpack it into the empty folder `into_dir` and read it.

    The folder becomes readable by everyone, as scorers run as another user. What the suite is, is
    computed from the unpacked bytes again: compare `fingerprint` with that of the gate.
    Raises `DataCorrupted` when the bytes are not those of the digest, or are not a bundle; only
    ordinary files with paths below `into_dir` are ever written.
    """
    with archive_path.open("rb") as archive:
        _check_digest(archive, expected_sha256)
        archive.seek(0)
        try:
            _unpack(archive, into_dir)
            for folder, _, _ in os.walk(into_dir):
                Path(folder).chmod(0o755)
            return read_suite_folder(into_dir)
        except (AppError, tarfile.TarError, OSError, ValueError) as fault:
            raise DataCorrupted(f"The bundle {expected_sha256} is not a suite: {fault}") from fault


def _check_digest(archive: BinaryIO, expected_sha256: str) -> None:
    digest, size_bytes = hashlib.sha256(), 0
    while piece := archive.read(_READ_BYTES):
        digest.update(piece)
        size_bytes += len(piece)
        if size_bytes > _ARCHIVE_BYTES_MAX:
            raise DataCorrupted(f"The bundle is larger than {_ARCHIVE_BYTES_MAX} bytes.")
    if digest.hexdigest() != expected_sha256:
        raise DataCorrupted(
            f"The bundle should have the digest {expected_sha256}; "
            f"what arrived has {digest.hexdigest()}."
        )


def _unpack(archive: BinaryIO, into_dir: Path) -> None:
    """Read the archive header by header: the format's extensions are refused, not interpreted."""
    for _ in range(FILES_MAX + 1):
        block = archive.read(tarfile.BLOCKSIZE)
        if not any(block):
            return
        header = tarfile.TarInfo.frombuf(block, "ascii", "strict")
        if header.type != tarfile.REGTYPE:
            raise tarfile.ReadError(f"{header.name!r} is not an ordinary file")
        name = check_artifact_path(header.name)
        _write_file(archive, header.size, into_dir / name)
        archive.read(-header.size % tarfile.BLOCKSIZE)
    raise tarfile.ReadError(f"it has more than {FILES_MAX} files")


def _write_file(archive: BinaryIO, size_bytes: int, path: Path) -> None:
    if not 0 <= size_bytes <= FOLDER_BYTES_MAX:
        raise tarfile.ReadError("a file has an impossible size")
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with os.fdopen(fd, "wb") as file:
        os.fchmod(fd, 0o644)
        left = size_bytes
        while left:
            piece = archive.read(min(left, _READ_BYTES))
            if not piece:
                raise tarfile.ReadError("it ends in the middle of a file")
            left -= len(piece)
            file.write(piece)
