"""Artifacts: the files of runs and of logged models, streamed in and out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeAlias

from assay.blobs.store import BlobStore, Download, Upload
from assay.domain.access import Action
from assay.domain.errors import DataCorrupted, FailedPrecondition, InvalidArgument, NotFound
from assay.domain.ids import parse_digest, parse_model_id, parse_run_id
from assay.domain.names import check_artifact_path
from assay.domain.tracking import FileEntry, Lifecycle
from assay.services.context import Context
from assay.services.platform import Platform
from assay.storage import logged_models, runs
from assay.storage.database import Transaction
from assay.storage.files import MODEL_FILES, RUN_FILES, FileTree, one_level
from assay.storage.logged_models import ModelHandle
from assay.storage.runs import RunHandle

MAX_PATH_BYTES: Final = 2_048
"""Of a path in UTF-8: both databases keep paths of this size in their indexes."""


@dataclass(frozen=True, slots=True)
class RunOwner:
    """The files of a run."""

    run_id: str


@dataclass(frozen=True, slots=True)
class ModelOwner:
    """The files of a logged model."""

    model_id: str


Owner: TypeAlias = RunOwner | ModelOwner


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that may be read: `read(start, length)` begins a download (length None: to the end)."""

    entry: FileEntry
    read: Callable[[int, int | None], Download]


class ArtifactUpload:
    """A file on its way in. Nothing of it is visible, or stays, unless `finish` returns.

    As a context manager it aborts on leaving, unless finished. One thread at a time may use it.
    """

    def __init__(self, upload: Upload, place: Callable[[str, int], FileEntry]) -> None:
        self._upload = upload
        self._place = place

    @property
    def size_bytes(self) -> int:
        """How many bytes were written so far."""
        return self._upload.size_bytes

    def write(self, piece: bytes | bytearray | memoryview) -> None:
        """Append bytes. Raises Unavailable when they cannot be kept."""
        self._upload.write(piece)

    def finish(self, expected_sha256: str | None = None) -> FileEntry:
        """Make the bytes durable and put them at their path.

        Raises InvalidArgument when they are not those expected; then nothing has changed.
        """
        if expected_sha256 is not None:
            parse_digest(expected_sha256, "sha256")
        blob = self._upload.commit(expected_sha256)
        return self._place(blob.sha256, blob.size_bytes)

    def abort(self) -> None:
        """Drop what was written. Does nothing once finished."""
        self._upload.abort()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abort()


class Artifacts:
    """Puts, lists, reads and removes files. Paths live in the database, bytes under their digest."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def begin_upload(self, context: Context, owner: Owner, path: str) -> ArtifactUpload:
        """Start to put a file at a path of an active owner; what is there gives way at the end.

        Raises InvalidArgument naming `path` for a path that leads out of the tree in any spelling.
        """
        checked = check_path(path)
        with self._platform.database.read() as tx:
            place = _open_place(tx, context, owner, Action.TRACKING_WRITE)
            _refuse_clash(tx, place, checked)

        def put(sha256: str, size_bytes: int) -> FileEntry:
            return self._put(context, owner, checked, sha256, size_bytes)

        return ArtifactUpload(self._platform.blobs.begin(), put)

    def put_bytes(
        self,
        context: Context,
        owner: Owner,
        path: str,
        data: bytes,
        *,
        expected_sha256: str | None = None,
    ) -> FileEntry:
        """Put a small file."""
        with self.begin_upload(context, owner, path) as upload:
            upload.write(data)
            return upload.finish(expected_sha256)

    def list(self, context: Context, owner: Owner, folder: str = "") -> tuple[FileEntry, ...]:
        """What stands directly in a folder, folders first; nothing where there is no such folder."""
        return one_level(self.walk(context, owner, folder), folder)

    def walk(self, context: Context, owner: Owner, folder: str = "") -> tuple[FileEntry, ...]:
        """Every file below a folder, by path."""
        check_artifact_path(folder, allow_root=True)
        with self._platform.database.read() as tx:
            place = _place(tx, context, owner, Action.TRACKING_READ)
            return place.tree.walk(tx, place.pk, folder)

    def get(self, context: Context, owner: Owner, path: str) -> FileEntry:
        """The file at a path. Raises NotFound, also for a folder."""
        check_artifact_path(path)
        with self._platform.database.read() as tx:
            place = _place(tx, context, owner, Action.TRACKING_READ)
            found = place.tree.find(tx, place.pk, path)
        if found is None:
            raise NotFound(f"{place.what} has no file {path[:200]!r}.", field="path")
        return found

    def open(self, context: Context, owner: Owner, path: str) -> OpenFile:
        """The file at a path, ready to be read whole or in part. Raises NotFound."""
        entry = self.get(context, owner, path)
        return OpenFile(entry, reader(self._platform.blobs, entry))

    def delete(self, context: Context, owner: Owner, path: str) -> int:
        """Remove a file, or a folder with all below it (`""`: everything); how many files went.

        Bytes that a registered version holds stay what they are.
        """
        check_artifact_path(path, allow_root=True)
        with self._platform.database.write() as tx:
            place = _open_place(tx, context, owner, Action.TRACKING_DELETE)
            return place.tree.delete(tx, place.pk, path)

    def _put(
        self, context: Context, owner: Owner, path: str, sha256: str, size_bytes: int
    ) -> FileEntry:
        with self._platform.database.write() as tx:
            # Held, so that of two uploads that cannot both be there one is refused.
            place = _open_place(tx, context, owner, Action.TRACKING_WRITE, hold=True)
            _refuse_clash(tx, place, path)
            place.tree.put(tx, place.pk, path, sha256, size_bytes, context.now_ms)
        return FileEntry(path, is_folder=False, size_bytes=size_bytes, sha256=sha256)


def check_path(path: str) -> str:
    """The same path, if a file may be put there. Raises InvalidArgument naming `path`."""
    check_artifact_path(path)
    if len(path.encode()) > MAX_PATH_BYTES:
        raise InvalidArgument(f"path is longer than {MAX_PATH_BYTES} bytes.", field="path")
    return path


def reader(blobs: BlobStore, entry: FileEntry) -> Callable[[int, int | None], Download]:
    """How to read a file whose row exists. Whole reads are verified against the digest.

    Raises DataCorrupted where its bytes are gone: a row is only written for bytes that are there.
    """
    sha256 = entry.sha256
    if sha256 is None:
        raise InvalidArgument(f"{entry.path[:200]!r} is a folder.", field="path")

    def read(start: int = 0, length: int | None = None) -> Download:
        try:
            return blobs.open(sha256, start, length, verify=start == 0 and length is None)
        except NotFound as error:
            raise DataCorrupted(
                f"The bytes of {entry.path[:200]!r} (sha256 {sha256}) are missing."
            ) from error

    return read


class _Place(NamedTuple):
    """An owner found: its tree, its key there, how to speak of it and whether it is in use."""

    tree: FileTree
    pk: int
    what: str
    lifecycle: Lifecycle


def _place(
    tx: Transaction, context: Context, owner: Owner, action: Action, *, hold: bool = False
) -> _Place:
    handle: RunHandle | ModelHandle | None
    if isinstance(owner, RunOwner):
        tree, field, what = RUN_FILES, "run_id", f"Run {owner.run_id[:100]!r}"
        find_run = runs.lock_handle if hold else runs.find_handle
        handle = find_run(tx, parse_run_id(owner.run_id))
    else:
        tree, field, what = MODEL_FILES, "model_id", f"Logged model {owner.model_id[:100]!r}"
        find_model = logged_models.lock_handle if hold else logged_models.find_handle
        handle = find_model(tx, parse_model_id(owner.model_id))
    if handle is None:
        raise NotFound(f"{what} does not exist.", field=field)
    context.require_object(action, handle.workspace, what)
    return _Place(tree, handle.pk, what, handle.lifecycle)


def _open_place(
    tx: Transaction, context: Context, owner: Owner, action: Action, *, hold: bool = False
) -> _Place:
    place = _place(tx, context, owner, action, hold=hold)
    if place.lifecycle is not Lifecycle.ACTIVE:
        raise FailedPrecondition(
            f"{place.what} must be in the 'active' state; it is deleted. Restore it first."
        )
    return place


def _refuse_clash(tx: Transaction, place: _Place, path: str) -> None:
    clash = place.tree.find_clash(tx, place.pk, path)
    if clash is None:
        return
    if clash.path.startswith(f"{path}/"):
        msg = f"{path!r} is a folder of {place.what}; a file cannot stand at its place."
    else:
        msg = f"{clash.path!r} is a file of {place.what}; it cannot be a folder as well."
    raise FailedPrecondition(msg, field="path")
