"""Comparing bytes with the digests that they should have: a folder's, or the server's own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.cli.output import note, plural, print_json, say
from assay.cli.progress import transfer
from assay.domain.artifact import ManifestEntry
from assay.domain.errors import DataCorrupted, FailedPrecondition
from assay.sdk.errors import ApiError
from assay.sdk.transfer import file_digest

if TYPE_CHECKING:
    from assay.cli.options import Options
    from assay.sdk.client import Client


@dataclass(frozen=True, slots=True)
class Verified:
    """How files compare: right ones are counted, the others named."""

    right: int
    missing: tuple[str, ...]
    differing: tuple[str, ...]

    def show(self, options: Options, subject: dict[str, Any]) -> int:
        """Tell, and answer the exit code: 1 when something is missing or differs."""
        is_right = not self.missing and not self.differing
        if options.json:
            print_json(
                {
                    **subject,
                    "intact": is_right,
                    "right": self.right,
                    "missing": list(self.missing),
                    "differing": list(self.differing),
                }
            )
        else:
            for path in self.missing:
                note(f"missing    {path}")
            for path in self.differing:
                note(f"differing  {path}")
            wrong = len(self.missing) + len(self.differing)
            say(f"{plural(self.right, 'file')} right, {wrong} wrong.")
        return 0 if is_right else 1


def verify_copy(entries: Sequence[ManifestEntry], folder: Path) -> Verified:
    """Compare a folder on this machine; files that are not in the list do not matter."""
    if not folder.is_dir():
        raise FailedPrecondition(f"{folder} is not a folder.")
    missing, differing = [], []
    for entry in entries:
        place = folder.joinpath(*entry.path.split("/"))
        if not place.is_file():
            missing.append(entry.path)
        elif place.stat().st_size != entry.size_bytes or file_digest(place) != entry.sha256:
            differing.append(entry.path)
    return _verified(entries, missing, differing)


def verify_stored(
    client: Client, entries: Sequence[ManifestEntry], address: Callable[[str], str]
) -> Verified:
    """Read every file from the server and compare; one file at a time is kept on disk."""
    missing, differing = [], []
    with (
        tempfile.TemporaryDirectory(prefix="assay-verify-") as folder,
        transfer(sum(entry.size_bytes for entry in entries), "Reading") as for_file,
    ):
        place = Path(folder, "file")
        for entry in entries:
            try:
                client.stream_download(
                    address(entry.path), place, entry.sha256, for_file(entry.path)
                )
            except DataCorrupted:
                differing.append(entry.path)
            except ApiError as error:
                if error.code not in {"not_found", "data_corrupted"}:
                    raise
                missing.append(entry.path)
    return _verified(entries, missing, differing)


def _verified(
    entries: Sequence[ManifestEntry], missing: list[str], differing: list[str]
) -> Verified:
    right = len(entries) - len(missing) - len(differing)
    return Verified(right, tuple(missing), tuple(differing))
