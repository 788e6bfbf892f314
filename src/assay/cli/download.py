"""Fetching a tree of files into a folder: every digest verified, nothing outside the folder touched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.cli.output import plural, size
from assay.cli.progress import transfer
from assay.domain.artifact import ManifestEntry, check_entry, manifest
from assay.domain.errors import AppError, DataCorrupted, FailedPrecondition
from assay.sdk.transfer import file_digest

if TYPE_CHECKING:
    from assay.sdk.client import Client

_NAMED = 5


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What a download did: files fetched, files that were there and right already, bytes fetched."""

    folder: Path
    fetched: int
    kept: int
    size_bytes: int

    def as_json(self) -> dict[str, Any]:
        """The same for --json."""
        return {
            "folder": str(self.folder),
            "fetched": self.fetched,
            "kept": self.kept,
            "size_bytes": self.size_bytes,
        }

    def sentence(self) -> str:
        """The same for people."""
        kept = f", {self.kept} already there" if self.kept else ""
        return (
            f"{plural(self.fetched, 'file')} ({size(self.size_bytes)}) fetched into {self.folder}"
            f"{kept}; every SHA-256 is right."
        )


def entries_of(listed: Sequence[dict[str, Any]]) -> tuple[ManifestEntry, ...]:
    """The files that a server lists, checked again: it is not believed where to write.

    Raises DataCorrupted for a path that leads elsewhere, or a size or digest that is none.
    """
    try:
        return manifest(
            check_entry(entry.get("path"), entry.get("size_bytes"), entry.get("sha256"))
            for entry in listed
        )
    except AppError as fault:
        raise DataCorrupted(
            f"The server lists a file that is refused here: {fault.message}"
        ) from None


def download(
    client: Client,
    entries: Sequence[ManifestEntry],
    address: Callable[[str], str],
    folder: Path,
    *,
    force: bool,
) -> Downloaded:
    """Fetch `entries` below `folder`; `address` turns a path into the API path of its bytes.

    Files that are there and right are kept, so that a broken download goes on where it stopped.
    Raises FailedPrecondition before anything is fetched when a different file is in the way and
    `force` is not given, or when a link would lead out of the folder.
    """
    wanted = [entry for entry in entries if not _is_there(_place(folder, entry.path), entry)]
    if not force:
        _refuse_differing(folder, wanted)
    with transfer(sum(entry.size_bytes for entry in wanted), "Fetching") as for_file:
        for entry in wanted:
            client.stream_download(
                address(entry.path), _place(folder, entry.path), entry.sha256, for_file(entry.path)
            )
    if not entries:
        folder.mkdir(parents=True, exist_ok=True)
    fetched_bytes = sum(entry.size_bytes for entry in wanted)
    return Downloaded(folder, len(wanted), len(entries) - len(wanted), fetched_bytes)


def _place(folder: Path, path: str) -> Path:
    """Where a file goes; refused when a link inside the folder leads out of it."""
    root = folder.resolve()
    place = root.joinpath(*path.split("/"))
    if not place.parent.resolve().is_relative_to(root):
        raise FailedPrecondition(
            f"{place.parent} is a link that leads out of {folder}; nothing was fetched."
        )
    return place


def _is_there(place: Path, entry: ManifestEntry) -> bool:
    if place.is_symlink() or not place.is_file() or place.stat().st_size != entry.size_bytes:
        return False
    return file_digest(place) == entry.sha256


def _refuse_differing(folder: Path, wanted: Sequence[ManifestEntry]) -> None:
    differing = [
        entry.path
        for entry in wanted
        if (place := _place(folder, entry.path)).exists() or place.is_symlink()
    ]
    if not differing:
        return
    more = f" and {len(differing) - _NAMED} more" if len(differing) > _NAMED else ""
    raise FailedPrecondition(
        f"{folder} holds other files under these names: {', '.join(differing[:_NAMED])}{more}. "
        "Choose an empty folder, or pass --force to replace them."
    )
