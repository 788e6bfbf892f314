"""What is found of one version: its own files, its fingerprint, and each thing that its lineage names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from assay.blobs.store import BlobStore
from assay.closure.look_up import look_up
from assay.closure.reach import Reach
from assay.domain.artifact import ManifestEntry, artifact_digest
from assay.domain.canonical import as_object, parse_strict
from assay.domain.closure import FILES, LINEAGE, Finding, Source, Status, subject_of
from assay.domain.errors import AppError
from assay.domain.fingerprint import fingerprint
from assay.domain.references import Reference, ReferenceKind, references_of
from assay.domain.registry import ModelVersion

Here = Callable[[Reference], tuple[Finding, Sequence[ManifestEntry]]]
"""What the registry says of a reference into itself, and the files that must be there for it."""

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing to look at, and what was found. `reference` is empty for files and lineage."""

    name: str
    reference: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class Examination:
    """All that is needed to look at one version, read from the database before."""

    version: ModelVersion
    files: Sequence[ManifestEntry]
    sources: Sequence[Source]
    here: Here
    is_deep: bool


def examine(blobs: BlobStore, reach: Reach, asked: Examination) -> Iterator[Subject]:
    """Look at everything, one thing at a time. Never raises for what a source or a store does."""
    yield Subject(FILES, "", files_finding(blobs, asked.files, deep=asked.is_deep))
    yield Subject(LINEAGE, "", _lineage(asked.version))
    seen: Counter[str] = Counter()
    for reference in references_of(lineage_fields(asked.version)):
        name = subject_of(reference, seen[reference.field])
        seen[reference.field] += 1
        yield Subject(name, reference.text, _referenced(blobs, reach, asked, reference))


def lineage_fields(version: ModelVersion) -> dict[str, object]:
    """The five fields as they were fingerprinted; nothing for a version without them."""
    if version.lineage_canonical is None:
        return {}
    try:
        return dict(as_object(parse_strict(version.lineage_canonical), "lineage"))
    except AppError:
        return {}


def files_finding(blobs: BlobStore, files: Sequence[ManifestEntry], *, deep: bool) -> Finding:
    """Whether every file is in the store in its size; `deep` reads each and compares its digest."""
    if not files:
        return Finding(Status.UNSUPPORTED, message="The version has no files.")
    missing: list[str] = []
    corrupt: list[str] = []
    for sha256, entry in {file.sha256: file for file in files}.items():
        try:
            size = blobs.stat(sha256)
            state = blobs.verify(sha256) if deep and size is not None else "ok"
        except (AppError, OSError):
            return Finding(Status.UNKNOWN, message="The store of the files cannot be read now.")
        if size is None or state == "missing":
            missing.append(entry.path)
        elif size != entry.size_bytes or state == "corrupt":
            corrupt.append(entry.path)
    level = "rehashed" if deep else "exists"
    for status, paths, words in (
        (Status.CORRUPT, corrupt, "damaged"),
        (Status.MISSING, missing, "missing"),
    ):
        if paths:
            shown = ", ".join(repr(path[:200]) for path in paths[:_SHOWN])
            return Finding(status, level, f"{len(paths)} of {len(files)} files {words}: {shown}.")
    return Finding(Status.OK, level, f"{len(files)} files are there.")


def _lineage(version: ModelVersion) -> Finding:
    if version.fingerprint is None:
        return Finding(Status.UNSUPPORTED, message="The version was recorded without lineage.")
    fields = lineage_fields(version)
    try:
        again = fingerprint(fields)
    except AppError:
        return Finding(Status.CORRUPT, message="The stored lineage cannot be read.")
    if (again.hex, again.canonical) != (version.fingerprint, version.lineage_canonical):
        return Finding(Status.CORRUPT, message="The fingerprint is not that of the stored lineage.")
    return Finding(Status.OK, "recomputed", "The fingerprint comes out again.")


def _referenced(
    blobs: BlobStore, reach: Reach, asked: Examination, reference: Reference
) -> Finding:
    if reference.kind not in {ReferenceKind.SHA256, ReferenceKind.MODEL}:
        return look_up(reach, asked.sources, reference, deep=asked.is_deep)
    found, files = asked.here(reference)
    if found.status is not Status.OK or not files:
        return found
    return files_finding(blobs, files, deep=asked.is_deep)


def folder_with_digest(files: Sequence[ManifestEntry], digest: str) -> Sequence[ManifestEntry]:
    """The files below the folder of a run that has this artifact digest; none when no folder has."""
    if not files:
        return ()
    folders = {""}
    for file in files:
        parts = file.path.split("/")[:-1]
        folders.update("/".join(parts[:depth]) + "/" for depth in range(1, len(parts) + 1))
    for folder in sorted(folders):
        inside = [
            ManifestEntry(file.path.removeprefix(folder), file.size_bytes, file.sha256)
            for file in files
            if file.path.startswith(folder)
        ]
        if artifact_digest(inside) == digest:
            return inside
    return ()
