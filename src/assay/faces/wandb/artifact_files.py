"""Bytes of artifacts: signed addresses, and the routes behind them."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Final
from urllib.parse import unquote

import anyio.to_thread
from starlette.responses import Response

from assay.domain.access import Action
from assay.domain.collection import CollectionFile, CollectionVersion
from assay.domain.errors import NotFound
from assay.faces.endpoint import FILE_BODY, MIB, NO_BODY, Call, Endpoint
from assay.faces.files import file_response, media_type_of, stream_upload
from assay.faces.wandb.addresses import redeem, signed_url
from assay.faces.wandb.artifact_manifest import entries_of, write_manifest
from assay.faces.wandb.artifact_nodes import artifact_id, read_artifact_id
from assay.faces.wandb.ask import Ask
from assay.faces.wandb.values import moment, node_id
from assay.services.collection_manifests import MAX_MANIFEST_BYTES
from assay.services.context import Context

PUT: Final = "artifact-put"
GET: Final = "wandb_artifacts"
"""In addresses of downloads: the client tells files of artifacts from manifests by it."""

MANIFEST_PUT: Final = "manifest-put"
MANIFEST_GET: Final = "manifest-get"
_PAGE: Final = 10_000
_MD5: Final = re.compile(r"[0-9a-f]{32}")


def upload_url(ask: Ask, version: CollectionVersion, path: str, md5: str) -> str:
    """Where a file of a draft may be put, with exactly these bytes."""
    workspace = version.collection.workspace
    return signed_url(
        ask.call, PUT, Action.TRACKING_WRITE, workspace, version.version_id, path, md5, name=path
    )


def download_url(ask: Ask, version: CollectionVersion, path: str) -> str:
    """Where a file of a version may be got."""
    workspace = version.collection.workspace
    return signed_url(
        ask.call, GET, Action.TRACKING_READ, workspace, version.version_id, path, name=path
    )


def manifest_upload_url(ask: Ask, workspace: str, manifest_id: str, md5: str) -> str:
    """Where the bytes of a manifest may be put."""
    return signed_url(
        ask.call,
        MANIFEST_PUT,
        Action.TRACKING_WRITE,
        workspace,
        manifest_id,
        md5,
        name="wandb_manifest.json",
    )


def manifest_url(ask: Ask, version: CollectionVersion) -> str:
    """Where the manifest of a version may be got."""
    return signed_url(
        ask.call,
        MANIFEST_GET,
        Action.TRACKING_READ,
        version.collection.workspace,
        version.version_id,
        name="wandb_manifest.json",
    )


def storage_path(version_id: str, path: str) -> str:
    """Where the client thinks that a file is kept. It leads nowhere: bytes have signed addresses."""
    return f"{GET}/{version_id}/{path}"


def file_node(ask: Ask, version: CollectionVersion, file: CollectionFile) -> dict[str, Any]:
    """A file as the client sees it; a reference has the address that it refers to."""
    has_bytes = file.sha256 is not None
    url = download_url(ask, version, file.path) if has_bytes else file.reference
    return {
        "__typename": "File",
        "id": node_id("File", version.version_id, file.path),
        "name": file.path,
        "displayName": file.path,
        "url": url,
        "directUrl": url,
        "sizeBytes": file.size_bytes or 0,
        "storagePath": storage_path(version.version_id, file.path),
        "mimetype": media_type_of(file.path),
        "updatedAt": moment(version.committed_at_ms or version.created_at_ms),
        "md5": file.client_digest,
        "digest": file.client_digest,
    }


async def put_file(call: Call) -> Response:
    """Take a file of a draft; its MD5 must be the one that was announced."""
    context, parts = redeem(call, PUT, Action.TRACKING_WRITE)
    version_id, path, md5 = parts
    begin = call.services.collections.drafts.begin_upload
    entry = await stream_upload(call, partial(begin, context, version_id, path, expected_md5=md5))
    return Response(status_code=200, headers={"etag": f'"{entry.sha256}"'})


async def get_file(call: Call) -> Response:
    """A file, whole or in part."""
    context, (version_id, path) = redeem(call, GET, Action.TRACKING_READ)
    return await _download(call, context, version_id, path)


async def put_manifest(call: Call) -> Response:
    """Take the bytes of a manifest."""
    context, (manifest_id, md5) = redeem(call, MANIFEST_PUT, Action.TRACKING_WRITE)
    begin = call.services.collections.manifests.begin_upload
    await stream_upload(call, partial(begin, context, manifest_id, expected_md5=md5 or None))
    return Response(status_code=200)


async def get_manifest(call: Call) -> Response:
    """The manifest of a version: the bytes that came, or one made of its files."""
    context, (version_id,) = redeem(call, MANIFEST_GET, Action.TRACKING_READ)
    data = await anyio.to_thread.run_sync(manifest_bytes, call, context, version_id)
    return Response(data, media_type="application/json")


def manifest_bytes(call: Call, context: Context, version_id: str) -> bytes:
    """The manifest that stands for the whole content of a version."""
    parts = call.services.collections
    version = parts.reads.get(context, version_id)
    whole = [
        manifest
        for manifest in parts.manifests.list(context, version_id)
        if manifest.kind == "full" and manifest.sha256 is not None
    ]
    if whole:
        return parts.manifests.read(whole[-1])
    files: list[CollectionFile] = []
    token: str | None = None
    while True:
        page = parts.reads.list_files(context, version_id, max_results=_PAGE, page_token=token)
        files.extend(page.items)
        token = page.next_token
        if token is None:
            return write_manifest(entries_of(artifact_id(version), files))


async def get_by_address(call: Call) -> Response:
    """A file by the address that older clients make up themselves; the key decides who may."""
    identifier, path = _read_address(call.path["rest"].split("/"))
    return await _download(call, call.context, identifier, path)


def _read_address(parts: list[str]) -> tuple[str, str]:
    """Version and path of `{region}/{entity}/{project}/{collection}/[{id}/]{birth id}/{md5}/{path}`."""
    for place in range(4, min(len(parts) - 1, 8)):
        if _MD5.fullmatch(parts[place]) is None or place + 1 == len(parts):
            continue
        # Of the artifact that is read and the one that the file was born in, the first counts.
        identifier = unquote(parts[4 if place > 5 else place - 1])
        return read_artifact_id(identifier, "path"), unquote("/".join(parts[place + 1 :]))
    raise NotFound("There is no such file.", field="path")


async def _download(call: Call, context: Context, version_id: str, path: str) -> Response:
    opened = await anyio.to_thread.run_sync(
        call.services.collections.reads.open_file, context, version_id, path
    )
    return await file_response(call, opened.entry, opened.read)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="PUT",
        path=f"/storage/{PUT}/{{token}}/{{name}}",
        name="wandb.put_artifact_file",
        summary="Take a file of an artifact at a signed address",
        permission=Action.PUBLIC,
        body_limit=FILE_BODY,
        handler=put_file,
    ),
    Endpoint(
        method="GET",
        path=f"/storage/{GET}/{{token}}/{{name}}",
        name="wandb.get_artifact_file",
        summary="A file of an artifact at a signed address",
        permission=Action.PUBLIC,
        body_limit=NO_BODY,
        handler=get_file,
    ),
    Endpoint(
        method="PUT",
        path=f"/storage/{MANIFEST_PUT}/{{token}}/{{name}}",
        name="wandb.put_manifest",
        summary="Take the manifest of an artifact at a signed address",
        permission=Action.PUBLIC,
        body_limit=min(MAX_MANIFEST_BYTES, 256 * MIB),
        handler=put_manifest,
    ),
    Endpoint(
        method="GET",
        path=f"/storage/{MANIFEST_GET}/{{token}}/{{name}}",
        name="wandb.get_manifest",
        summary="The manifest of an artifact at a signed address",
        permission=Action.PUBLIC,
        body_limit=NO_BODY,
        handler=get_manifest,
    ),
    Endpoint(
        method="GET",
        path="/artifactsV2/{rest:path}",
        name="wandb.get_artifact_by_address",
        summary="A file of an artifact by the address that clients make up",
        permission=Action.IDENTIFY,
        body_limit=NO_BODY,
        handler=get_by_address,
    ),
)
