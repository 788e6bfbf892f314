"""Artifact manifests: the files of a version, and the one digest that stands for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from assay.domain.canonical import JsonValue, canonical_text, sha256_hex
from assay.domain.errors import InvalidArgument
from assay.domain.ids import parse_digest
from assay.domain.names import check_artifact_path

MAX_SIZE_BYTES: Final = 2**63 - 1


@dataclass(frozen=True, slots=True, order=True)
class ManifestEntry:
    """A file: its path in the artifact, its size and the SHA-256 of its bytes (lower-case hex)."""

    path: str
    size_bytes: int
    sha256: str


def check_entry(path: object, size_bytes: object, sha256: object) -> ManifestEntry:
    """A legal entry, or InvalidArgument naming `path`, `size_bytes` or `sha256`."""
    is_size = isinstance(size_bytes, int) and not isinstance(size_bytes, bool)
    if not isinstance(size_bytes, int) or not is_size or not 0 <= size_bytes <= MAX_SIZE_BYTES:
        raise InvalidArgument("size_bytes must be a whole number from 0.", field="size_bytes")
    return ManifestEntry(check_artifact_path(path), size_bytes, parse_digest(sha256, "sha256"))


def manifest(entries: Iterable[ManifestEntry]) -> tuple[ManifestEntry, ...]:
    """The entries by path; InvalidArgument when a path occurs twice or is also a folder."""
    ordered = tuple(sorted(entries))
    files = {entry.path for entry in ordered}
    if len(files) != len(ordered):
        twice = next(b.path for a, b in pairwise(ordered) if a.path == b.path)
        raise InvalidArgument(f"The file {twice!r} occurs twice in the manifest.", field="path")
    for path in files:
        parts = path.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if folder in files:
                raise InvalidArgument(f"{folder!r} is a file and a folder at once.", field="path")
    return ordered


def manifest_text(entries: Iterable[ManifestEntry]) -> str:
    """The canonical JSON of a manifest: a list of {path, sha256, size_bytes}, by path."""
    listed: list[Mapping[str, JsonValue]] = [
        {"path": entry.path, "sha256": entry.sha256, "size_bytes": entry.size_bytes}
        for entry in manifest(entries)
    ]
    return canonical_text(listed, max_bytes=None)


def artifact_digest(entries: Iterable[ManifestEntry]) -> str:
    """SHA-256 of `manifest_text`: equal exactly when paths, sizes and bytes are."""
    return sha256_hex(manifest_text(entries))


def total_bytes(entries: Iterable[ManifestEntry]) -> int:
    """The size of all files together."""
    return sum(entry.size_bytes for entry in entries)
