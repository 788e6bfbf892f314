"""Routes of files: of runs and of logged models, listed, streamed in and streamed out."""

from __future__ import annotations

from functools import partial

import anyio.to_thread
import msgspec
from starlette.responses import Response

from assay.domain.access import Action
from assay.domain.tracking import FileEntry
from assay.faces.endpoint import FILE_BODY, NO_BODY, Call, Endpoint
from assay.faces.files import file_response, stream_upload
from assay.services.artifacts import ModelOwner, Owner, RunOwner


class FolderQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which folder (empty: the root); `recursive` lists every file below it instead of one level."""

    path: str = ""
    recursive: bool = False


class FileAnswer(msgspec.Struct):
    """A file, or a folder (then without digest and size)."""

    path: str
    is_folder: bool
    size_bytes: int | None
    sha256: str | None


class FilesAnswer(msgspec.Struct):
    """What a folder holds, folders first."""

    files: list[FileAnswer]


class RemovedAnswer(msgspec.Struct):
    """How many files went."""

    deleted: int


def list_files(call: Call) -> FilesAnswer:
    """One level of a folder, or every file below it."""
    query, artifacts = call.query(FolderQuery), call.services.artifacts
    look = artifacts.walk if query.recursive else artifacts.list
    return FilesAnswer([_answer(entry) for entry in look(call.context, _owner(call), query.path)])


async def read_file(call: Call) -> Response:
    """A file, whole or in part."""
    opened = await anyio.to_thread.run_sync(
        call.services.artifacts.open, call.context, _owner(call), call.path["path"]
    )
    return await file_response(call, opened.entry, opened.read)


async def write_file(call: Call) -> FileAnswer:
    """Put a file."""
    begin = call.services.artifacts.begin_upload
    path = call.path["path"]
    entry = await stream_upload(call, partial(begin, call.context, _owner(call), path))
    call.headers["etag"] = f'"{entry.sha256}"'
    return _answer(entry)


def delete_file(call: Call) -> RemovedAnswer:
    """Remove a file or a folder."""
    path = call.path["path"]
    return RemovedAnswer(call.services.artifacts.delete(call.context, _owner(call), path))


def _owner(call: Call) -> Owner:
    run_id = call.path.get("run_id")
    return ModelOwner(call.path["model_id"]) if run_id is None else RunOwner(run_id)


def _answer(entry: FileEntry) -> FileAnswer:
    return FileAnswer(entry.path, entry.is_folder, entry.size_bytes, entry.sha256)


def _endpoints(noun: str, title: str, prefix: str) -> tuple[Endpoint, ...]:
    files = f"{prefix}/files/{{path:path}}"
    return (
        Endpoint(
            method="GET",
            path=f"{prefix}/artifacts",
            name=f"{noun}.list_files",
            summary=f"What a folder of {title} holds",
            permission=Action.TRACKING_READ,
            body_limit=NO_BODY,
            handler=list_files,
            query=FolderQuery,
            response=FilesAnswer,
        ),
        Endpoint(
            method="GET",
            path=files,
            name=f"{noun}.read_file",
            summary=f"A file of {title}, whole or a range of it (HEAD: its size and digest)",
            permission=Action.TRACKING_READ,
            body_limit=NO_BODY,
            handler=read_file,
        ),
        Endpoint(
            method="PUT",
            path=files,
            name=f"{noun}.write_file",
            summary=f"Put a file of {title}; X-Content-SHA256 is checked if sent",
            permission=Action.TRACKING_WRITE,
            body_limit=FILE_BODY,
            handler=write_file,
            response=FileAnswer,
        ),
        Endpoint(
            method="DELETE",
            path=files,
            name=f"{noun}.delete_file",
            summary=f"Remove a file of {title}, or a folder with all below it",
            permission=Action.TRACKING_DELETE,
            body_limit=NO_BODY,
            handler=delete_file,
            response=RemovedAnswer,
        ),
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    *_endpoints("runs", "a run", "/api/v1/runs/{run_id}"),
    *_endpoints("logged_models", "a logged model", "/api/v1/logged-models/{model_id}"),
)
