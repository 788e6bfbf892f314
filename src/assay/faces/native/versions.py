"""Routes of model versions: registration, manifest, files, verdicts, quarantine."""

from __future__ import annotations

from functools import partial

import anyio.to_thread
import msgspec
from starlette.responses import Response

from assay.domain.access import Action
from assay.domain.ids import parse_digest
from assay.domain.tracking import FileEntry
from assay.faces.endpoint import JSON_BODY, NO_BODY, SMALL_BODY, Call, Endpoint
from assay.faces.files import Pieces, file_response
from assay.faces.native.dialect import nothing, raw_text
from assay.faces.native.registry_types import (
    FileAnswer,
    VerdictAnswer,
    VersionAnswer,
    file_answer,
    verdict_answer,
    version_answer,
)


class VersionRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What to register: a folder of a run, or a logged model.

    `lineage` is the object of the five fields; without it, it is what the run declared and logged.
    """

    run_id: str | None = None
    artifact_path: str | None = None
    logged_model_id: str | None = None
    source: str = ""
    lineage: msgspec.Raw = msgspec.field(default_factory=nothing)
    description: str = ""
    tags: dict[str, str] = {}
    create_model: bool = True


class VersionPatch(msgspec.Struct, forbid_unknown_fields=True):
    """What may change about a version: never its files or its lineage."""

    description: str | None = None
    tags: dict[str, str] = {}
    delete_tags: list[str] = []


class ReasonRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Why."""

    reason: str


class VersionQuery(msgspec.Struct, forbid_unknown_fields=True):
    """A search of versions in the grammar of searches; `lineage_fp` finds those of one fingerprint."""

    filter: str = ""
    lineage_fp: str | None = None
    order_by: list[str] = []
    max_results: int = 100
    page_token: str | None = None


class Versions(msgspec.Struct):
    """One page of versions."""

    versions: list[VersionAnswer]
    next_page_token: str | None


class Manifest(msgspec.Struct):
    """The frozen files; `artifact_digest` is the digest of this list."""

    artifact_digest: str | None
    files: list[FileAnswer]


class Verdicts(msgspec.Struct):
    """Every verdict on a version, oldest first."""

    verdicts: list[VerdictAnswer]


def register(call: Call, body: VersionRequest) -> VersionAnswer:
    """Freeze files and lineage as the next version."""
    made = call.services.registration.register(
        call.context,
        call.path["name"],
        run_id=body.run_id,
        artifact_path=body.artifact_path,
        logged_model_id=body.logged_model_id,
        source=body.source,
        lineage=raw_text(body.lineage),
        description=body.description,
        tags=body.tags,
        create_model=body.create_model,
    )
    return version_answer(made)


def search_versions(call: Call) -> Versions:
    """The versions of one model."""
    query, name = call.query(VersionQuery), call.path["name"]
    call.services.registry.get_model(call.context, name)
    page = call.services.versions.search_versions(
        call.context,
        model=name,
        filter=query.filter,
        order_by=query.order_by or ["version_number DESC"],
        max_results=query.max_results,
        page_token=query.page_token,
    )
    return Versions([version_answer(version) for version in page.items], page.next_token)


def find_versions(call: Call) -> Versions:
    """Versions across models."""
    query = call.query(VersionQuery)
    page = call.services.versions.search_versions(
        call.context,
        filter=_filter(query),
        order_by=query.order_by,
        max_results=query.max_results,
        page_token=query.page_token,
    )
    return Versions([version_answer(version) for version in page.items], page.next_token)


def get_version(call: Call) -> VersionAnswer:
    """One version with its verdicts."""
    versions, (name, number) = call.services.versions, _named(call)
    found = versions.get_version(call.context, name, number)
    return version_answer(found, versions.verdicts(call.context, name, number))


def change_version(call: Call, body: VersionPatch) -> VersionAnswer:
    """Describe or tag."""
    versions, (name, number) = call.services.versions, _named(call)
    if body.description is not None:
        versions.update_version(call.context, name, number, description=body.description)
    if body.tags:
        versions.set_version_tags(call.context, name, number, body.tags)
    for key in body.delete_tags:
        versions.delete_version_tag(call.context, name, number, key)
    return version_answer(versions.get_version(call.context, name, number))


def delete_version(call: Call) -> None:
    """Leave a tombstone; refused while an alias or the rollback chain needs the version."""
    call.services.versions.delete_version(call.context, *_named(call))


def get_manifest(call: Call) -> Manifest:
    """The frozen files."""
    versions, (name, number) = call.services.versions, _named(call)
    found = versions.get_version(call.context, name, number)
    files = versions.manifest(call.context, name, number)
    return Manifest(found.artifact_digest, [file_answer(entry) for entry in files])


def get_verdicts(call: Call) -> Verdicts:
    """All verdicts."""
    given = call.services.versions.verdicts(call.context, *_named(call))
    return Verdicts([verdict_answer(verdict) for verdict in given])


def quarantine(call: Call, body: ReasonRequest) -> VersionAnswer:
    """Bar the version from promotion."""
    found = call.services.versions.quarantine(call.context, *_named(call), body.reason)
    return version_answer(found)


def clear(call: Call, body: ReasonRequest) -> VersionAnswer:
    """Lift the quarantine."""
    return version_answer(call.services.versions.clear(call.context, *_named(call), body.reason))


async def download(call: Call) -> Response:
    """A frozen file, streamed, with Range and ETag."""
    name, number = _named(call)
    find = partial(call.services.versions.find_file, call.context, name, number, call.path["path"])
    entry = await anyio.to_thread.run_sync(find)

    def opener(start: int, length: int | None) -> Pieces:
        _, pieces = call.services.versions.open_file(
            call.context, name, number, entry.path, start=start, length=length
        )
        return pieces

    shown = FileEntry(entry.path, is_folder=False, size_bytes=entry.size_bytes, sha256=entry.sha256)
    return await file_response(call, shown, opener)


def _filter(query: VersionQuery, *clauses: str) -> str:
    given = [*clauses, query.filter]
    if query.lineage_fp is not None:
        given.append(f"fingerprint = '{parse_digest(query.lineage_fp, 'lineage_fp')}'")
    return " AND ".join(clause for clause in given if clause)


def _named(call: Call) -> tuple[str, str]:
    return call.path["name"], call.path["version"]


_MODEL = "/api/v1/models/{name}"
_VERSION = "/api/v1/models/{name}/versions/{version}"

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/v1/versions",
        name="versions.find",
        summary="Search versions across models",
        permission=Action.REGISTRY_READ,
        body_limit=NO_BODY,
        handler=find_versions,
        query=VersionQuery,
        response=Versions,
    ),
    Endpoint(
        method="GET",
        path=f"{_MODEL}/versions",
        name="versions.search",
        summary="The versions of a model, newest first",
        permission=Action.REGISTRY_READ,
        body_limit=NO_BODY,
        handler=search_versions,
        query=VersionQuery,
        response=Versions,
    ),
    Endpoint(
        method="POST",
        path=f"{_MODEL}/versions",
        name="versions.register",
        summary="Register a version: freeze its files and its lineage",
        permission=Action.REGISTRY_WRITE,
        body_limit=JSON_BODY,
        handler=register,
        request=VersionRequest,
        response=VersionAnswer,
        status=201,
    ),
    Endpoint(
        method="GET",
        path=_VERSION,
        name="versions.get",
        summary="One version with its verdicts",
        permission=Action.REGISTRY_READ,
        body_limit=NO_BODY,
        handler=get_version,
        response=VersionAnswer,
    ),
    Endpoint(
        method="PATCH",
        path=_VERSION,
        name="versions.update",
        summary="Describe or tag a version; files and lineage never change",
        permission=Action.REGISTRY_WRITE,
        body_limit=SMALL_BODY,
        handler=change_version,
        request=VersionPatch,
        response=VersionAnswer,
    ),
    Endpoint(
        method="DELETE",
        path=_VERSION,
        name="versions.delete",
        summary="Delete a version that no alias and no rollback needs",
        permission=Action.REGISTRY_DELETE,
        body_limit=NO_BODY,
        handler=delete_version,
    ),
    Endpoint(
        method="GET",
        path=f"{_VERSION}/manifest",
        name="versions.manifest",
        summary="The frozen files of a version",
        permission=Action.REGISTRY_READ,
        body_limit=NO_BODY,
        handler=get_manifest,
        response=Manifest,
    ),
    Endpoint(
        method="GET",
        path=f"{_VERSION}/verdicts",
        name="versions.verdicts",
        summary="Every verdict on a version",
        permission=Action.REGISTRY_READ,
        body_limit=NO_BODY,
        handler=get_verdicts,
        response=Verdicts,
    ),
    Endpoint(
        method="POST",
        path=f"{_VERSION}/quarantine",
        name="versions.quarantine",
        summary="Bar a version from promotion, with a reason",
        permission=Action.PROMOTE,
        body_limit=SMALL_BODY,
        handler=quarantine,
        request=ReasonRequest,
        response=VersionAnswer,
    ),
    Endpoint(
        method="POST",
        path=f"{_VERSION}/clear",
        name="versions.clear",
        summary="Lift a quarantine, with a reason",
        permission=Action.PROMOTE,
        body_limit=SMALL_BODY,
        handler=clear,
        request=ReasonRequest,
        response=VersionAnswer,
    ),
    Endpoint(
        method="GET",
        path=_VERSION + "/files/{path:path}",
        name="versions.download",
        summary="A frozen file of a version",
        permission=Action.REGISTRY_READ,
        body_limit=NO_BODY,
        handler=download,
    ),
)
