"""Where a version's files come from: a run, a logged model or a collection; frozen as a manifest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from assay.domain.artifact import ManifestEntry, manifest
from assay.domain.collection import VersionState
from assay.domain.errors import FailedPrecondition, InvalidArgument, LimitExceeded, NotFound
from assay.domain.names import check_artifact_path
from assay.domain.tracking import FileEntry, Lifecycle, LoggedModel, Run
from assay.services.context import Context
from assay.storage import (
    collection_files,
    collection_versions,
    logged_models,
    runs,
    sources,
)
from assay.storage.database import Transaction
from assay.storage.files import MODEL_FILES, RUN_FILES

MAX_FILES = 100_000
_SHOWN_FOLDERS = 20


@dataclass(frozen=True, slots=True)
class Source:
    """What a registration names, as it is at this moment. `files` may be empty."""

    run: Run | None
    logged_model: LoggedModel | None
    artifact_path: str | None
    files: tuple[ManifestEntry, ...]


def read_source(
    tx: Transaction,
    context: Context,
    *,
    run_id: str | None,
    artifact_path: str | None,
    logged_model_id: str | None,
    collection_version: str | None = None,
) -> Source:
    """The files below `artifact_path` of the run ('' for all), of the logged model or of the version.

    A run's logged model also answers to its name in place of a folder. Raises NotFound for a run or
    logged model that is not in the request's workspace, FailedPrecondition for a deleted one.
    """
    if collection_version is not None:
        return _of_collection(tx, context, collection_version)
    model = None if logged_model_id is None else _get_logged_model(tx, context, logged_model_id)
    if model is not None and run_id is not None and model.run_id != run_id:
        raise InvalidArgument(
            f"Logged model {logged_model_id!r} is not of run {run_id!r}.", field="run_id"
        )
    owner = run_id if model is None else model.run_id
    run = None if owner is None else _get_run(tx, context, owner)
    files: tuple[ManifestEntry, ...] = ()
    if model is None and run is not None and artifact_path is not None:
        check_artifact_path(artifact_path, "artifact_path", allow_root=True)
        files = _run_files(tx, run, artifact_path)
        if not files and artifact_path:
            named = sources.find_logged_model_named(tx, run.pk, artifact_path)
            model = None if named is None else _get_logged_model(tx, context, named)
    if model is not None:
        files = _frozen(MODEL_FILES.walk(tx, model.pk, ""), "")
        artifact_path = ""
    return Source(run, model, artifact_path if files else None, files)


def _of_collection(tx: Transaction, context: Context, version_id: str) -> Source:
    """The files of a committed collection version, and the run that made it while that is in use."""
    version = collection_versions.find_version(tx, version_id)
    if (
        version is None
        or version.state is not VersionState.COMMITTED
        or version.collection.workspace != context.workspace
    ):
        raise NotFound(
            f"Collection version {version_id[:100]!r} does not exist.", field="collection_version"
        )
    files = collection_files.list_files(tx, version.pk)
    elsewhere = next((file.path for file in files if file.reference is not None), None)
    if elsewhere is not None:
        raise FailedPrecondition(
            f"{version.label} only refers to {elsewhere!r}; a model version holds all of its bytes.",
            field="collection_version",
        )
    entries = (
        FileEntry(f.path, is_folder=False, size_bytes=f.size_bytes, sha256=f.sha256) for f in files
    )
    run = None if version.run_id is None else _get_run(tx, context, version.run_id)
    frozen = _frozen(entries, "")
    return Source(run, None, "" if frozen else None, frozen)


def no_files(tx: Transaction, source: Source, wanted: str | None) -> FailedPrecondition:
    """The refusal of a source without files, with the folders that the run does have."""
    if source.run is None:
        return FailedPrecondition(
            "There are no files to register: name a run and the folder of it that holds them, or "
            "a logged model.",
            field="artifact_path",
            folders=[],
        )
    folders = sources.list_folders(tx, source.run.pk, _SHOWN_FOLDERS)
    listed = ", ".join(repr(folder) for folder in folders) or "none"
    place = "the source" if wanted is None else f"{wanted!r}"
    run_id = source.run.run_id
    is_bare = wanted == "" and not folders
    return FailedPrecondition(
        f"There are no files to register: run {run_id!r} has none. Log some to it first."
        if is_bare
        else f"There are no files to register: {place} is not a folder with files of run {run_id!r}. "
        f"Its folders: {listed}.",
        field="artifact_path",
        folders=folders,
    )


def _run_files(tx: Transaction, run: Run, path: str) -> tuple[ManifestEntry, ...]:
    below = RUN_FILES.walk(tx, run.pk, path)
    if below or not path:
        return _frozen(below, path)
    file = RUN_FILES.find(tx, run.pk, path)
    return () if file is None else _frozen([file], path.rpartition("/")[0])


def _frozen(files: Iterable[FileEntry], folder: str) -> tuple[ManifestEntry, ...]:
    start = len(folder) + 1 if folder else 0
    entries = manifest(
        ManifestEntry(file.path[start:], file.size_bytes, file.sha256)
        for file in files
        if file.size_bytes is not None and file.sha256 is not None
    )
    if len(entries) > MAX_FILES:
        raise LimitExceeded(
            f"A model version has at most {MAX_FILES} files; this folder has {len(entries)}.",
            field="artifact_path",
        )
    return entries


def _get_run(tx: Transaction, context: Context, run_id: str) -> Run:
    run = runs.find_run(tx, run_id)
    if run is None or run.workspace != context.workspace:
        raise NotFound(f"Run {run_id[:300]!r} does not exist.", field="run_id")
    if run.lifecycle is not Lifecycle.ACTIVE:
        raise FailedPrecondition(f"Run {run_id!r} must be in the 'active' state.", field="run_id")
    return run


def _get_logged_model(tx: Transaction, context: Context, model_id: str) -> LoggedModel:
    model = logged_models.find_model(tx, model_id)
    if model is None or model.workspace != context.workspace:
        raise NotFound(f"Logged model {model_id[:300]!r} does not exist.", field="model_id")
    if model.lifecycle is not Lifecycle.ACTIVE:
        raise FailedPrecondition(f"Logged model {model_id!r} was deleted.", field="model_id")
    return model
