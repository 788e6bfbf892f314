"""Local files and folders, below what the server was started with and what the workspace was given."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from assay.closure.reach import Reach
from assay.domain.artifact import ManifestEntry, artifact_digest
from assay.domain.closure import Finding, Source, Status
from assay.domain.references import Reference

MAX_FILES: Final = 200_000
_PIECE: Final = 1 << 20


def look_up(reach: Reach, source: Source, reference: Reference, *, deep: bool) -> Finding:
    """Whether the file or folder is there; `deep` hashes it where the reference has a digest."""
    try:
        root = reach.folder(source.location)
        place = reach.folder(reference.path)
    except (PermissionError, ValueError):
        return Finding(Status.UNSUPPORTED, message="The folder is outside what may be read.")
    if not place.is_relative_to(root):
        return Finding(Status.UNKNOWN, message="No source of this workspace holds the folder.")
    if not root.exists():
        return Finding(Status.UNKNOWN, message="The source's folder is not there.")
    try:
        return _found(place, reference, deep=deep)
    except OSError as fault:
        return Finding(Status.UNKNOWN, message=f"It cannot be read ({type(fault).__name__}).")


def _found(place: Path, reference: Reference, *, deep: bool) -> Finding:
    if not place.exists():
        return Finding(Status.MISSING, message="There is no such file or folder.")
    if not deep or not reference.value:
        return Finding(Status.OK, "exists", "It is there; its bytes were not read.")
    entries: list[ManifestEntry] = []
    for name, file in _files(place):
        if len(entries) == MAX_FILES:
            return Finding(Status.UNKNOWN, message=f"It holds more than {MAX_FILES} files.")
        entries.append(ManifestEntry(name, file.stat().st_size, _digest(file)))
    digests = {artifact_digest(entries)} if entries else set()
    if place.is_file():
        digests.add(entries[0].sha256)
    if reference.value in digests:
        return Finding(Status.OK, "rehashed", f"{len(entries)} files were read.")
    return Finding(Status.CORRUPT, "rehashed", "Its bytes are not those of the digest.")


def _files(place: Path) -> Iterator[tuple[str, Path]]:
    if place.is_file():
        yield place.name, place
        return
    for folder, folders, names in os.walk(place):
        folders.sort()
        for name in sorted(names):
            file = Path(folder, name)
            # A link may lead out of the source.
            if file.is_file() and not file.is_symlink():
                yield file.relative_to(place).as_posix(), file


def _digest(file: Path) -> str:
    found = hashlib.sha256()
    with file.open("rb", buffering=0) as opened:
        while piece := opened.read(_PIECE):
            found.update(piece)
    return found.hexdigest()
