"""Anchors: checkpoints kept where the server's owner cannot quietly change them.

A folder on another machine's disk, a git repository, or a bucket. Every checkpoint is a file of its own
that is never written twice. Only the standard library is needed, and `obstore` for buckets.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from assay.domain.checkpoint import (
    MAX_NOTE_BYTES,
    Checkpoint,
    Note,
    VerifierKey,
    parse_key,
    parse_note,
)
from assay.domain.errors import AppError, DataCorrupted, FailedPrecondition, NotFound, Unavailable

KEYS_FILE: Final = "keys.txt"
MAX_ANCHORS: Final = 1_000_000
_GIT_TIMEOUT_S: Final = 60.0
_FILE: Final = re.compile(r"checkpoint-(?P<size>\d{12,19})-[0-9a-f]{12}\.txt")
_BUCKETS: Final = ("s3://", "gs://", "az://", "file://")


class Anchor(NamedTuple):
    """A checkpoint that was kept elsewhere, and under which name."""

    name: str
    note: Note


class AnchorSink(Protocol):
    """Where anchors are kept."""

    place: str

    @property
    def identity(self) -> str:
        """The same for every spelling of the place, wherever the program was started."""

    def put(self, note: str, keys: Sequence[str]) -> str:
        """Keep a checkpoint and the public keys of who signs; answers its name. Again is fine."""

    def texts(self) -> Iterator[tuple[str, str]]:
        """Every file that was ever kept, with its name."""


def misnamed(anchor: Anchor) -> str | None:
    """Why a file is not the anchor that it was kept as, None if it is: each is named by its content."""
    if anchor.name.rpartition("/")[2] == _name_of(anchor.note.checkpoint):
        return None
    return f"{anchor.name}: it holds another checkpoint than it was kept for: it was replaced"


def lost(place: str, wanted: Collection[int], found: Collection[Anchor]) -> list[str]:
    """What a place keeps no more of the checkpoints of these sizes that were kept there."""
    there = {anchor.note.checkpoint.size for anchor in found}
    return [
        f"{place}: the checkpoint of {size} events was kept there and is gone: anchors were cut back"
        for size in wanted
        if size not in there
    ]


def open_sink(place: str) -> AnchorSink:
    """The sink of `s3://…`, `gs://…`, `az://…`, `file://…`, `git:FOLDER`, or of a folder.

    A folder that is a git repository is taken as one. Nothing is written yet.
    """
    if place.startswith(_BUCKETS):
        return BucketSink(place)
    if place.startswith("git:"):
        return GitSink(Path(place.removeprefix("git:")))
    folder = Path(place)
    return GitSink(folder) if (folder / ".git").exists() else FolderSink(folder)


def read_anchors(sink: AnchorSink) -> tuple[list[Anchor], list[VerifierKey]]:
    """What a sink keeps: anchors by size, and the public keys beside them.

    Raises DataCorrupted for a file that is no checkpoint, NotFound where none is kept.
    """
    anchors: list[Anchor] = []
    keys: list[VerifierKey] = []
    for name, text in sink.texts():
        if name.rpartition("/")[2] == KEYS_FILE:
            keys += [parse_key(line) for line in text.splitlines() if line.strip()]
            continue
        try:
            anchors.append(Anchor(name, parse_note(text)))
        except AppError as fault:
            raise DataCorrupted(f"{sink.place}: {name}: {fault.message}") from None
        if len(anchors) > MAX_ANCHORS:
            raise FailedPrecondition(f"{sink.place} keeps more than {MAX_ANCHORS} anchors.")
    if not anchors:
        raise NotFound(f"There are no anchors in {sink.place}.", field="anchors")
    return sorted(anchors, key=lambda anchor: anchor.note.checkpoint.size), keys


class FolderSink:
    """A folder: one file for each checkpoint, made once and never written again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = str(folder)

    @property
    def identity(self) -> str:
        """The folder's full path."""
        return str(self.folder.resolve())

    def put(self, note: str, keys: Sequence[str]) -> str:
        """Keep a checkpoint."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            name = _name(note)
            _write_once(self.folder / name, note)
            path = self.folder / KEYS_FILE
            known = path.read_text("utf-8") if path.exists() else ""
            for key in keys:
                if key not in known.splitlines():
                    with path.open("a", encoding="utf-8") as file:
                        file.write(key + "\n")
        except OSError as error:
            raise Unavailable(f"Cannot write to {self.place}: {error.strerror}.") from error
        return name

    def texts(self) -> Iterator[tuple[str, str]]:
        """Every file."""
        if not self.folder.is_dir():
            raise NotFound(f"There is no folder {self.folder}.", field="anchors")
        for path in sorted(self.folder.iterdir()):
            if _is_ours(path.name) and path.is_file():
                yield path.name, _read(path)


class GitSink(FolderSink):
    """A git repository: one commit for each checkpoint, pushed if it has somewhere to go."""

    def put(self, note: str, keys: Sequence[str]) -> str:
        """Keep a checkpoint, commit it, and push it where a remote is set."""
        if not (self.folder / ".git").exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            self._git("init", "--quiet")
        name = super().put(note, keys)
        self._git("add", "--", name, KEYS_FILE)
        if self._git("status", "--porcelain", "--", name, KEYS_FILE):
            self._git(
                "-c", "user.name=assay", "-c", "user.email=assay@localhost",
                "commit", "--quiet", "--no-verify", "--no-gpg-sign",
                "-m", f"anchor: {name.removesuffix('.txt')}", "--", name, KEYS_FILE,
            )  # fmt: skip
        remote = self._remote()
        if remote is not None:
            # Under the branch's own name: a repository that was just made has no upstream yet.
            self._git("push", "--quiet", remote, "HEAD")
        return name

    def _remote(self) -> str | None:
        """`origin`, or the only other remote; None when there is nowhere to push to."""
        known = self._git("remote").split()
        return "origin" if "origin" in known else next(iter(known), None)

    def texts(self) -> Iterator[tuple[str, str]]:
        """Every file that any commit of any branch has brought, also if a later one took it away."""
        if not (self.folder / ".git").exists():
            raise NotFound(f"{self.folder} is not a git repository.", field="anchors")
        listing = self._git(
            "log", "--all", "--reverse", "--diff-filter=AM", "--name-only", "--format=%x00%H"
        )
        for commit in listing.split("\0")[1:]:
            sha, *names = commit.split()
            for name in names:
                if _is_ours(name):
                    yield f"{sha[:12]}/{name}", self._git("show", f"{sha}:{name}")

    def _git(self, *words: str) -> str:
        environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        try:
            done = subprocess.run(
                ["git", "-C", str(self.folder), *words],
                check=True,
                capture_output=True,
                encoding="utf-8",
                timeout=_GIT_TIMEOUT_S,
                env=environment,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.SubprocessError, UnicodeDecodeError) as error:
            said = getattr(error, "stderr", None) or str(error)
            raise Unavailable(
                f"git {words[0]} in {self.place} failed: {said.strip()[:500]}"
            ) from error
        return done.stdout


class BucketSink:
    """A bucket, or a `file://` folder that is spoken to as one."""

    def __init__(self, url: str) -> None:
        self.place = url
        try:
            import obstore  # noqa: PLC0415 - an extra, for buckets alone
            from obstore.store import from_url  # noqa: PLC0415
        except ModuleNotFoundError:
            raise FailedPrecondition(
                "Buckets need the library obstore: pip install 'assay[s3]'."
            ) from None
        self._obstore: Any = obstore
        if url.startswith("file://"):
            Path(url.removeprefix("file://")).mkdir(parents=True, exist_ok=True)
        self._store: Any = from_url(url)

    @property
    def identity(self) -> str:
        """The address without a slash at its end."""
        return self.place.rstrip("/")

    def put(self, note: str, keys: Sequence[str]) -> str:
        """Keep a checkpoint; an object that is there stays as it is."""
        name = _name(note)
        try:
            with suppress(self._obstore.exceptions.AlreadyExistsError):
                self._obstore.put(self._store, name, note.encode(), mode="create")
            known = self._find(KEYS_FILE) or ""
            missing = [key for key in keys if key not in known.splitlines()]
            if missing:
                text = known + "".join(f"{key}\n" for key in missing)
                self._obstore.put(self._store, KEYS_FILE, text.encode())
        except self._obstore.exceptions.BaseError as error:
            raise Unavailable(f"Cannot write to {self.place}: {error!s:.300}") from error
        return name

    def texts(self) -> Iterator[tuple[str, str]]:
        """Every object."""
        try:
            for page in self._obstore.list(self._store):
                for found in page:
                    if _is_ours(str(found["path"])):
                        yield str(found["path"]), self._find(str(found["path"])) or ""
        except self._obstore.exceptions.BaseError as error:
            raise Unavailable(f"Cannot read {self.place}: {error!s:.300}") from error

    def _find(self, name: str) -> str | None:
        try:
            content = bytes(self._obstore.get(self._store, name).bytes())
        except (FileNotFoundError, self._obstore.exceptions.NotFoundError):
            return None
        return _decode(content, name)


def _name(note: str) -> str:
    return _name_of(parse_note(note).checkpoint)


def _name_of(checkpoint: Checkpoint) -> str:
    return f"checkpoint-{checkpoint.size:012d}-{checkpoint.root.hex()[:12]}.txt"


def _is_ours(name: str) -> bool:
    return name == KEYS_FILE or _FILE.fullmatch(name) is not None


def _write_once(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        if _read(path) != text:
            # Another server's signature under the same tree says the same.
            parse_note(_read(path))


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return _decode(file.read(MAX_NOTE_BYTES * 128), path.name)


def _decode(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise DataCorrupted(f"{name} is not text.") from None
