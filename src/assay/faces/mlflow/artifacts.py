"""MLflow's artifact proxy: files of runs and logged models, and the frozen files of versions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

import anyio.to_thread
from starlette.responses import Response

from assay.domain.access import Action
from assay.domain.errors import FailedPrecondition, InvalidArgument, LimitExceeded, NotFound
from assay.domain.tracking import FileEntry
from assay.faces.endpoint import FILE_BODY, MIB, NO_BODY, Call, Endpoint
from assay.faces.files import file_response, stream_upload
from assay.faces.mlflow.dialect import json_response
from assay.faces.mlflow.errors import NOT_IMPLEMENTED
from assay.faces.mlflow.locations import Locations
from assay.faces.mlflow.roots import (
    ModelPlace,
    Place,
    RunPlace,
    VersionPlace,
    find_place,
    model_root,
    relative_path,
    run_root,
    safe_path,
)
from assay.faces.mlflow.routing import AJAX_V2, V2, Nothing, get, post, send
from assay.faces.mlflow.version_sources import check_root
from assay.faces.mlflow.views import Json, file_views, present
from assay.faces.mlflow.wire import Message, Required
from assay.services.artifacts import ModelOwner, Owner, RunOwner

PROXY: Final = "/api/2.0/mlflow-artifacts"
AJAX_PROXY: Final = "/ajax-api/2.0/mlflow-artifacts"
UPLOAD_LIMIT: Final = 10 * MIB

# Clients compare the beginnings of these with their own words, and then send the file in one piece.
_NO_UPLOAD: Final = "Multipart upload is not supported for the current artifact repository"
_NO_DOWNLOAD: Final = "Multipart download is not supported for the current artifact repository"
_NO_PRESIGNING: Final = "Presigned URLs are not supported: files go through this server."


class ListProxy(Message):
    """GET mlflow-artifacts/artifacts."""

    path: str = ""


class ListRun(Message):
    """artifacts/list."""

    run_id: Required
    path: str = ""


class ListModel(Message):
    """logged-models/{model_id}/artifacts/directories."""

    artifact_directory_path: str = ""


class RunFile(Message):
    """get-artifact and upload-artifact."""

    run_id: Required
    path: Required


class UploadedFile(Message):
    """upload-artifact: what is missing is told in MLflow's words."""

    run_uuid: str = ""
    run_id: str = ""
    path: str = ""


class VersionFile(Message):
    """model-versions/get-artifact."""

    name: Required
    version: Required
    path: Required


class ModelFile(Message):
    """logged-models/{model_id}/artifacts/files."""

    artifact_file_path: Required


class ArtifactRoutes:
    """Handlers of paths that clients build from the roots that they were given."""

    def __init__(self, locations: Locations) -> None:
        self._locations = locations

    async def read(self, call: Call) -> Response:
        """A file, or a range of it."""
        place = await anyio.to_thread.run_sync(self._place, call)
        if isinstance(place, VersionPlace):
            return await version_file(call, place.model, place.version, place.path)
        return await owned_file(call, _owner(place), place.path)

    async def write(self, call: Call) -> Json:
        """Put a file."""
        place = await anyio.to_thread.run_sync(self._place, call)
        if isinstance(place, VersionPlace):
            raise _frozen(place)
        begin = partial(
            call.services.artifacts.begin_upload, call.context, _owner(place), safe_path(place.path)
        )
        entry = await stream_upload(call, begin)
        call.headers["etag"] = f'"{entry.sha256}"'
        return {}

    def delete(self, call: Call, message: Nothing) -> None:
        """Remove a file or folder; one that is not there is fine. A body says nothing."""
        del message
        place = self._place(call)
        if isinstance(place, VersionPlace):
            raise _frozen(place)
        call.services.artifacts.delete(call.context, _owner(place), place.path)

    def list_proxied(self, call: Call, message: ListProxy) -> Json:
        """What a folder holds, by base names; nothing for a folder that belongs to nothing."""
        if not message.path:
            return {}
        try:
            place = find_place(message.path)
            if isinstance(place, VersionPlace):
                files = one_level(_version_files(call, place.model, place.version), place.path)
            else:
                check_root(call, self._locations, place)
                files = call.services.artifacts.list(call.context, _owner(place), place.path)
        except NotFound:
            return {}
        return present(files=file_views(files, base_names=True))

    def list_run(self, call: Call, message: ListRun) -> Json:
        """What a folder of a run holds, by paths below the run's root."""
        run = call.services.runs.get_info(call.context, message.run_id)
        path = relative_path(message.path)
        files = call.services.artifacts.list(call.context, RunOwner(run.run_id), path)
        root = run_root(self._locations.of(call, run.experiment_id), run.run_id)
        return present(root_uri=root, files=file_views(files))

    def list_model(self, call: Call, message: ListModel) -> Json:
        """What a folder of a logged model holds, by paths below its root."""
        model = call.services.logged_models.get(call.context, call.path["model_id"])
        path = relative_path(message.artifact_directory_path)
        files = call.services.artifacts.list(call.context, ModelOwner(model.model_id), path)
        root = model_root(self._locations.of(call, model.experiment_id), model.model_id)
        return present(root_uri=root, files=file_views(files))

    def _place(self, call: Call) -> Place:
        place = find_place(call.path["path"])
        if not isinstance(place, VersionPlace):
            check_root(call, self._locations, place)
        return place

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The records of these handlers."""
        read, write = Action.TRACKING_READ, Action.TRACKING_WRITE
        files = PROXY + "/artifacts/{path:path}"
        return (
            # A version's files are read with the registry's permission, which the service asks for.
            _raw("GET", files, "A file", Action.IDENTIFY, self.read),
            _raw("PUT", files, "Put a file", write, self.write, FILE_BODY),
            send(
                "DELETE",
                "/artifacts/{path:path}",
                "Remove a file or folder",
                Action.TRACKING_DELETE,
                self.delete,
                Nothing,
                root=PROXY,
            ),
            get(
                "/artifacts", "A folder", Action.IDENTIFY, self.list_proxied, ListProxy, root=PROXY
            ),
            get("/artifacts/list", "A folder of a run", read, self.list_run, ListRun),
            get(
                "/logged-models/{model_id}/artifacts/directories",
                "A folder of a logged model",
                read,
                self.list_model,
                ListModel,
            ),
        )


async def get_run_file(call: Call) -> Response:
    """A file of a run, for the page of a run."""
    message = call.query(RunFile)
    path = relative_path(message.path)
    return await owned_file(call, RunOwner(message.run_id), path)


async def get_model_file(call: Call) -> Response:
    """A file of a logged model, for its page."""
    path = relative_path(call.query(ModelFile).artifact_file_path)
    return await owned_file(call, ModelOwner(call.path["model_id"]), path)


async def get_version_file(call: Call) -> Response:
    """A frozen file of a version, for its page."""
    message = call.query(VersionFile)
    return await version_file(call, message.name, message.version, relative_path(message.path))


async def upload(call: Call) -> Json:
    """Put a small file of a run, sent as the body."""
    message = call.query(UploadedFile)
    run_id = message.run_uuid or message.run_id
    if not run_id:
        raise InvalidArgument("Request must specify run_uuid.", field="run_uuid")
    if not message.path:
        raise InvalidArgument("Request must specify path.", field="path")
    path = relative_path(message.path)
    headers = call.request.headers
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        raise InvalidArgument("Request must specify data.", field="data")
    try:
        begin = partial(call.services.artifacts.begin_upload, call.context, RunOwner(run_id), path)
        await stream_upload(call, begin)
    except LimitExceeded:
        msg = f"Artifact size is too large. Max size is {UPLOAD_LIMIT // MIB}MB."
        raise InvalidArgument(msg, field="data") from None
    return {}


async def owned_file(call: Call, owner: Owner, path: str) -> Response:
    """A file of a run or logged model."""
    if not path:
        raise InvalidArgument("Invalid path", field="path")
    opened = await anyio.to_thread.run_sync(call.services.artifacts.open, call.context, owner, path)
    return await file_response(call, opened.entry, opened.read)


async def version_file(call: Call, model: str, version: int | str, path: str) -> Response:
    """A frozen file of a version."""
    if not path:
        raise InvalidArgument("Invalid path", field="path")
    versions = call.services.versions
    found = await anyio.to_thread.run_sync(versions.find_file, call.context, model, version, path)
    entry = FileEntry(found.path, is_folder=False, size_bytes=found.size_bytes, sha256=found.sha256)

    def opener(start: int, length: int | None) -> Any:
        return versions.open_file(call.context, model, version, path, start=start, length=length)[1]

    return await file_response(call, entry, opener)


def one_level(files: Iterable[FileEntry], folder: str) -> tuple[FileEntry, ...]:
    """What stands directly in `folder`, of files listed with all below."""
    start = f"{folder}/" if folder else ""
    folders: set[str] = set()
    found: list[FileEntry] = []
    for file in files:
        if not file.path.startswith(start):
            continue
        name, slash, _ = file.path[len(start) :].partition("/")
        if slash:
            folders.add(start + name)
        else:
            found.append(file)
    return (*(FileEntry(path, is_folder=True) for path in sorted(folders)), *found)


def _version_files(call: Call, model: str, version: int) -> tuple[FileEntry, ...]:
    return tuple(
        FileEntry(entry.path, is_folder=False, size_bytes=entry.size_bytes, sha256=entry.sha256)
        for entry in call.services.versions.manifest(call.context, model, version)
    )


def _owner(place: RunPlace | ModelPlace) -> Owner:
    if isinstance(place, RunPlace):
        return RunOwner(place.run_id)
    return ModelOwner(place.model_id)


def _frozen(place: VersionPlace) -> FailedPrecondition:
    return FailedPrecondition(
        f"The files of version {place.version} of {place.model!r} are frozen: they can be read, "
        "never written or removed.",
        field="path",
    )


def _unsupported(message: str) -> Callable[..., Response]:
    def refuse(*_: object) -> Response:
        content = f'{{"error_code":"{NOT_IMPLEMENTED.error_code}","message":"{message}"}}'
        return json_response(content.encode(), NOT_IMPLEMENTED.status, {})

    return refuse


def _raw(
    method: str,
    path: str,
    summary: str,
    permission: Action,
    handler: Callable[..., Any],
    body_limit: int = NO_BODY,
    query: type[Message] | None = None,
) -> Endpoint:
    return Endpoint(
        method=method,
        path=path,
        name=f"mlflow.{method.lower()}{path}",
        summary=summary,
        permission=permission,
        body_limit=body_limit,
        handler=handler,
        query=query,
    )


_READ: Final = Action.TRACKING_READ
_WRITE: Final = Action.TRACKING_WRITE
_MODEL_FILES: Final = "/logged-models/{model_id}/artifacts/files"
_VERSION_FILE: Final = "/model-versions/get-artifact"

ENDPOINTS: tuple[Endpoint, ...] = (
    _raw("POST", PROXY + "/mpu/create/{path:path}", "No", _WRITE, _unsupported(_NO_UPLOAD), MIB),
    _raw("POST", PROXY + "/mpu/complete/{path:path}", "No", _WRITE, _unsupported(_NO_UPLOAD), MIB),
    _raw("POST", PROXY + "/mpu/abort/{path:path}", "No", _WRITE, _unsupported(_NO_UPLOAD), MIB),
    _raw("GET", PROXY + "/presigned/{path:path}", "No", _READ, _unsupported(_NO_DOWNLOAD)),
    post("/artifacts/presigned-upload-url", "No", _WRITE, _unsupported(_NO_PRESIGNING), Nothing),
    post("/artifacts/presigned-download-url", "No", _READ, _unsupported(_NO_PRESIGNING), Nothing),
)
PAGE_ENDPOINTS: tuple[Endpoint, ...] = (
    _raw("GET", "/get-artifact", "A file of a run", _READ, get_run_file, query=RunFile),
    _raw(
        "GET",
        _VERSION_FILE,
        "A file of a version",
        Action.REGISTRY_READ,
        get_version_file,
        query=VersionFile,
    ),
    _raw("GET", AJAX_V2 + _MODEL_FILES, "A file", _READ, get_model_file, query=ModelFile),
    _raw("GET", V2 + _MODEL_FILES, "A file", _READ, get_model_file, query=ModelFile),
    _raw(
        "POST",
        f"{AJAX_V2}/upload-artifact",
        "Put a file",
        _WRITE,
        upload,
        UPLOAD_LIMIT,
        UploadedFile,
    ),
)
