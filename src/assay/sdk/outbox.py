"""Files on their way to the server: copies, so that the training may overwrite its own at once.

A file counts from the moment its description `<name>.json` is in place, whose bytes `<name>.bytes`
were complete before. Both are deleted when the server has the file.
"""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from assay.sdk.transfer import copy_hashed

_DESCRIPTION: Final = ".json"
_BYTES: Final = ".bytes"
_REFUSED: Final = "refused"


class Described(msgspec.Struct):
    """What a file is called in the run, and what it holds."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that waits; `content` holds its bytes."""

    description: Path
    content: Path
    described: Described


class Outbox:
    """The files of one writer that wait to be sent, oldest first. One thread puts, one takes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._listed: list[Path] = []

    def put(self, source: Path, path: str) -> Described:
        """Copy a file and let it wait under the artifact path. Raises OSError and keeps nothing then."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        content = self.folder / (name + _BYTES)
        fresh = self.folder / f".{name}.new"
        try:
            size_bytes, digest = copy_hashed(source, content)
            described = Described(path, size_bytes, digest)
            fresh.write_bytes(msgspec.json.encode(described))
            fresh.replace(self.folder / (name + _DESCRIPTION))
        except BaseException:
            content.unlink(missing_ok=True)
            fresh.unlink(missing_ok=True)
            raise
        return described

    def oldest(self) -> Waiting | None:
        """What has waited longest, so that a later file of the same path takes its place afterwards."""
        if not self._listed:
            # Listed once for many files: a checkpoint may be a folder of thousands.
            self._listed = sorted(self.folder.glob(f"*{_DESCRIPTION}"), reverse=True)
        if not self._listed:
            return None
        description = self._listed[-1]
        described = msgspec.json.decode(description.read_bytes(), type=Described)
        return Waiting(description, description.with_suffix(_BYTES), described)

    @property
    def size_bytes(self) -> int:
        """How many bytes wait, about: files come and go meanwhile."""
        total = 0
        try:
            with os.scandir(self.folder) as entries:
                for entry in entries:
                    if entry.name.endswith(_BYTES):
                        total += entry.stat().st_size
        except FileNotFoundError:
            pass
        return total

    def remove(self, waiting: Waiting) -> None:
        """Forget a file that the server has."""
        waiting.description.unlink(missing_ok=True)
        waiting.content.unlink(missing_ok=True)
        self._listed.pop()

    def set_aside(self, waiting: Waiting) -> None:
        """Keep a file that the server does not take, out of the way."""
        aside = self.folder / _REFUSED
        aside.mkdir(mode=0o700, exist_ok=True)
        waiting.content.replace(aside / waiting.content.name)
        waiting.description.replace(aside / waiting.description.name)
        self._listed.pop()

    def close(self) -> None:
        """Delete the folder if nothing waits in it; what a killed copy left behind goes with it."""
        if not self.folder.is_dir() or self.oldest() is not None:
            return
        for leftover in self.folder.iterdir():
            if leftover.is_file():
                leftover.unlink()
        if not (self.folder / _REFUSED).exists():
            self.folder.rmdir()
