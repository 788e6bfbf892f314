"""Files of runs: addresses to put and get them, listings, and the routes behind the addresses."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import anyio.to_thread
from starlette.responses import Response

from assay.domain.access import Action
from assay.domain.errors import LimitExceeded
from assay.domain.tracking import FileEntry
from assay.faces.endpoint import FILE_BODY, NO_BODY, Call, Endpoint
from assay.faces.files import file_response, media_type_of, stream_upload
from assay.faces.wandb.addresses import redeem, signed_url
from assay.faces.wandb.ask import Arguments, Ask, Resolvers
from assay.faces.wandb.projects import connection, page_size, page_start
from assay.faces.wandb.run_nodes import RunNode, find_run, run_id_of
from assay.faces.wandb.values import moment, node_id, read_node_id
from assay.services.artifacts import RunOwner, check_path

PUT: Final = "run-put"
GET: Final = "run-get"
MAX_FILES: Final = 10_000


@dataclass(frozen=True, slots=True)
class FileNode:
    """A file of a run, there or yet to come."""

    node: RunNode
    path: str
    entry: FileEntry | None

    @property
    def name(self) -> str:
        """Its path."""
        return self.path


def upload_url(ask: Ask, node: RunNode, path: str) -> str:
    """Where the client may put a file."""
    return signed_url(
        ask.call, PUT, Action.TRACKING_WRITE, node.run.workspace, node.run.run_id, path, name=path
    )


def download_url(ask: Ask, node: RunNode, path: str) -> str:
    """Where the client may get a file."""
    return signed_url(
        ask.call, GET, Action.TRACKING_READ, node.run.workspace, node.run.run_id, path, name=path
    )


def plain_path(name: str) -> str:
    """The path that a client means by a name such as `./x`. Raises InvalidArgument for one outside."""
    return check_path(posixpath.normpath(name) if name.startswith("./") else name)


def _create(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    given = arguments["input"]
    node = find_run(ask, given["entityName"], given["projectName"], given["runName"])
    ask.context.require_object(Action.TRACKING_WRITE, node.run.workspace, "The run")
    names = given["files"]
    if len(names) > MAX_FILES:
        raise LimitExceeded(f"A request names at most {MAX_FILES} files.", limit=MAX_FILES)
    files = [
        {
            "id": node_id("File", node.run.run_id, name),
            "name": name,
            "uploadUrl": upload_url(ask, node, plain_path(name)),
            "uploadHeaders": [],
        }
        for name in names
    ]
    return {"runID": run_id_of(node), "uploadHeaders": [], "files": files}


def _mark(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    given = arguments["input"]
    find_run(ask, given.get("entityName"), given.get("projectName"), given.get("runName"))
    return {"success": True}


def _delete(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    for identifier in arguments["input"]["files"][:1_000]:
        run_id, path = read_node_id("File", identifier, "files")
        ask.services.artifacts.delete(ask.context, RunOwner(run_id), path)
    return {"success": True}


def _files(node: RunNode, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    names = arguments.get("names")
    if names and arguments.get("upload"):
        ask.context.require_object(Action.TRACKING_WRITE, node.run.workspace, "The run")
        wanted = [FileNode(node, plain_path(name), None) for name in names[:MAX_FILES]]
        return connection(wanted, 0, has_next=False, total=len(wanted))
    entries = _walk(node, ask)
    if names:
        chosen = {posixpath.normpath(name) for name in names}
        entries = [entry for entry in entries if entry.path in chosen]
    if arguments.get("pattern"):
        like = _like(arguments["pattern"])
        entries = [entry for entry in entries if like.fullmatch(entry.path)]
    start, size = page_start(arguments.get("after")), page_size(arguments.get("first"))
    ask.spend(size)
    part = [FileNode(node, entry.path, entry) for entry in entries[start : start + size]]
    return connection(part, start, has_next=len(entries) > start + size, total=len(entries))


def _walk(node: RunNode, ask: Ask) -> list[FileEntry]:
    key = ("files", node.run.run_id)
    if key not in ask.memory:
        ask.memory[key] = ask.services.artifacts.walk(ask.context, RunOwner(node.run.run_id))
    return list(ask.memory[key])


def _like(pattern: str) -> re.Pattern[str]:
    """SQL's LIKE, as the client sends it. Linear: a star never stands beside a star."""
    glob = re.sub(r"\*+", "*", pattern[:1_000].replace("[", "[[]").replace("%", "*"))
    return re.compile(fnmatch.translate(glob.replace("_", "?")), re.DOTALL)


def _size(file: Any, _: Ask, __: Arguments) -> int | None:
    return file.entry.size_bytes if isinstance(file, FileNode) and file.entry else 0


def _url(file: Any, ask: Ask, arguments: Arguments) -> Any:
    if not isinstance(file, FileNode):
        return file.get("url") if isinstance(file, dict) else None
    if arguments.get("upload"):
        ask.context.require_object(Action.TRACKING_WRITE, file.node.run.workspace, "The run")
        return upload_url(ask, file.node, file.path)
    return download_url(ask, file.node, file.path)


async def put(call: Call) -> Response:
    """Put a file of a run, by a signed address."""
    context, (run_id, path) = redeem(call, PUT, Action.TRACKING_WRITE)
    begin = partial(call.services.artifacts.begin_upload, context, RunOwner(run_id), path)
    entry = await stream_upload(call, begin)
    return Response(status_code=200, headers={"etag": f'"{entry.sha256}"'})


async def get(call: Call) -> Response:
    """Get a file of a run, by a signed address."""
    context, (run_id, path) = redeem(call, GET, Action.TRACKING_READ)
    file = await anyio.to_thread.run_sync(
        call.services.artifacts.open, context, RunOwner(run_id), path
    )
    return await file_response(call, file.entry, file.read)


ENDPOINTS: Final = (
    Endpoint(
        method="PUT",
        path="/storage/run-put/{token}/{name}",
        name="wandb.put_run_file",
        summary="Put a file of a run, by a signed address",
        permission=Action.PUBLIC,
        body_limit=FILE_BODY,
        handler=put,
    ),
    Endpoint(
        method="GET",
        path="/storage/run-get/{token}/{name}",
        name="wandb.get_run_file",
        summary="Get a file of a run, by a signed address",
        permission=Action.PUBLIC,
        body_limit=NO_BODY,
        handler=get,
    ),
)


def _member(name: str, default: Any = None) -> Any:
    def read(file: Any, _: Ask, __: Arguments) -> Any:
        return file.get(name, default) if isinstance(file, dict) else default

    return read


def _file_id(file: Any, _: Ask, __: Arguments) -> str:
    if isinstance(file, FileNode):
        return node_id("File", file.node.run.run_id, file.path)
    identifier: str = file["id"]
    return identifier


def _updated(file: Any, _: Ask, __: Arguments) -> str | None:
    if isinstance(file, FileNode):
        run = file.node.run
        return moment(run.ended_at_ms or run.created_at_ms)
    found: str | None = file.get("updatedAt")
    return found


def _mimetype(file: Any, _: Ask, __: Arguments) -> str | None:
    if isinstance(file, FileNode):
        return media_type_of(file.path)
    found: str | None = file.get("mimetype")
    return found


def _upload(file: Any, ask: Ask, _: Arguments) -> Any:
    if isinstance(file, FileNode):
        ask.context.require_object(Action.TRACKING_WRITE, file.node.run.workspace, "The run")
        return upload_url(ask, file.node, file.path)
    return file.get("uploadUrl")


RESOLVERS: Final[Resolvers] = {
    "Mutation": {
        "createRunFiles": _create,
        "markRunFilesUploaded": _mark,
        "deleteFiles": _delete,
    },
    "Run": {"files": _files, "fileCount": lambda node, ask, _: len(_walk(node, ask))},
    "File": {
        "id": _file_id,
        "url": _url,
        "directUrl": lambda file, ask, _: (
            file.get("directUrl") if isinstance(file, dict) else _url(file, ask, {})
        ),
        "uploadUrl": _upload,
        "uploadHeaders": _member("uploadHeaders", []),
        "sizeBytes": lambda file, ask, _: (
            file.get("sizeBytes") if isinstance(file, dict) else _size(file, ask, {})
        ),
        "mimetype": _mimetype,
        "updatedAt": _updated,
        "md5": _member("md5"),
        "digest": _member("digest"),
        "storagePath": _member("storagePath"),
    },
}
