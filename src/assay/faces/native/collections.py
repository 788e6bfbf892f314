"""Routes of collections: made, filled and committed; listed, read and linked to runs."""

from __future__ import annotations

from functools import partial

import anyio.to_thread
from starlette.responses import Response

from assay.domain.access import Action
from assay.domain.collection import (
    LATEST,
    CollectionFile,
    Direction,
    NewVersion,
    VersionState,
)
from assay.faces.endpoint import FILE_BODY, JSON_BODY, NO_BODY, SMALL_BODY, Call, Endpoint
from assay.faces.files import file_response, stream_upload
from assay.faces.native.collection_types import (
    ClientQuery,
    CollectionAnswer,
    CollectionFileAnswer,
    CollectionFilePage,
    CollectionPage,
    CollectionsQuery,
    DeleteQuery,
    DraftRequest,
    FilesQuery,
    LinkRequest,
    PlaceQuery,
    ReferencesRequest,
    UseRequest,
    UsesAnswer,
    VersionAnswer,
    VersionChange,
    VersionPage,
    collection_answer,
    member_answer,
    use_answer,
    version_answer,
)
from assay.services.collection_reads import Home


def list_collections(call: Call) -> CollectionPage:
    """A page of collections."""
    query = call.query(CollectionsQuery)
    home = None
    if query.registry is not None or query.experiment_id is not None:
        home = Home(query.experiment_id, query.registry)
    page = call.services.collections.reads.list_collections(
        call.context,
        home,
        type=query.type,
        kind=query.kind,
        max_results=query.max_results,
        page_token=query.page_token,
    )
    return CollectionPage([collection_answer(found) for found in page.items], page.next_token)


def get_collection(call: Call) -> CollectionAnswer:
    """One collection."""
    reads = call.services.collections.reads
    return collection_answer(reads.get_collection(call.context, _home(call), call.path["name"]))


def list_versions(call: Call) -> VersionPage:
    """A page of its versions, newest first."""
    query, reads = call.query(PlaceQuery), call.services.collections.reads
    found = reads.get_collection(call.context, _home(call), call.path["name"])
    page = reads.list_versions(
        call.context, found, max_results=query.max_results, page_token=query.page_token
    )
    return VersionPage([member_answer(one) for one in page.items], page.next_token)


def resolve_version(call: Call) -> VersionAnswer:
    """What `v3` or an alias names."""
    reads = call.services.collections.reads
    name, reference = call.path["name"], call.path["reference"]
    return member_answer(reads.resolve(call.context, _home(call), name, reference))


def begin_version(call: Call, body: DraftRequest) -> VersionAnswer:
    """Begin a draft."""
    new = NewVersion(
        name=body.name,
        type=body.type,
        aliases=(LATEST, *body.aliases),
        tags=tuple(body.tags),
        description=body.description,
        metadata=body.metadata,
        ttl_s=body.ttl_s,
        run_id=body.run_id,
        step=body.step,
    )
    drafts = call.services.collections.drafts
    return version_answer(drafts.begin(call.context, body.experiment_id, new))


def find_versions(call: Call) -> VersionPage:
    """The version that a client made under an id of its own, or none."""
    reads = call.services.collections.reads
    found = reads.find_by_client_id(call.context, call.query(ClientQuery).client_id)
    return VersionPage([] if found is None else [version_answer(found)], None)


def get_version(call: Call) -> VersionAnswer:
    """One version or draft by id."""
    reads = call.services.collections.reads
    return version_answer(reads.get(call.context, call.path["version_id"]))


def list_memberships(call: Call) -> VersionPage:
    """Where a version stands."""
    reads = call.services.collections.reads
    found = reads.memberships_of(call.context, call.path["version_id"])
    return VersionPage([member_answer(one) for one in found], None)


async def write_file(call: Call) -> CollectionFileAnswer:
    """Put a file into a draft."""
    begin = call.services.collections.drafts.begin_upload
    version_id, path = call.path["version_id"], call.path["path"]
    entry = await stream_upload(call, partial(begin, call.context, version_id, path))
    call.headers["etag"] = f'"{entry.sha256}"'
    return CollectionFileAnswer(entry.path, entry.size_bytes, entry.sha256, None)


async def read_file(call: Call) -> Response:
    """A file of a version, whole or in part."""
    opened = await anyio.to_thread.run_sync(
        call.services.collections.reads.open_file,
        call.context,
        call.path["version_id"],
        call.path["path"],
    )
    return await file_response(call, opened.entry, opened.read)


def add_references(call: Call, body: ReferencesRequest) -> VersionAnswer:
    """Let a draft refer to bytes elsewhere."""
    given = [
        CollectionFile(one.path, one.size_bytes, None, one.reference, one.digest)
        for one in body.references
    ]
    version_id = call.path["version_id"]
    call.services.collections.drafts.add_references(call.context, version_id, given)
    return get_version(call)


def commit_version(call: Call) -> VersionAnswer:
    """Commit a draft."""
    drafts = call.services.collections.drafts
    return version_answer(drafts.commit(call.context, call.path["version_id"]))


def list_files(call: Call) -> CollectionFilePage:
    """A page of a version's files."""
    query = call.query(FilesQuery)
    page = call.services.collections.reads.list_files(
        call.context,
        call.path["version_id"],
        max_results=query.max_results,
        page_token=query.page_token,
    )
    listed = [
        CollectionFileAnswer(file.path, file.size_bytes, file.sha256, file.reference)
        for file in page.items
    ]
    return CollectionFilePage(listed, page.next_token)


def change_version(call: Call, body: VersionChange) -> VersionAnswer:
    """Change what is said of a version."""
    edits, version_id = call.services.collections.edits, call.path["version_id"]
    edits.update_version(
        call.context,
        version_id,
        description=body.description,
        metadata=body.metadata,
        tags=body.tags,
        ttl_s=body.ttl_s or None,
        clear_ttl=body.ttl_s == 0,
    )
    for alias in body.remove_aliases:
        edits.delete_alias(call.context, version_id, alias)
    for alias in body.add_aliases:
        edits.add_alias(call.context, version_id, alias)
    return get_version(call)


def delete_version(call: Call) -> None:
    """Delete a version, or drop a draft."""
    parts, version_id = call.services.collections, call.path["version_id"]
    if parts.reads.get(call.context, version_id).state is VersionState.PENDING:
        parts.drafts.discard(call.context, version_id)
        return
    drop = call.query(DeleteQuery).drop_aliases
    parts.edits.delete_version(call.context, version_id, drop_aliases=drop)


def record_use(call: Call, body: UseRequest) -> VersionAnswer:
    """Record an edge of lineage."""
    edits, version_id = call.services.collections.edits, call.path["version_id"]
    if body.direction is Direction.OUTPUT:
        return version_answer(edits.produce(call.context, version_id, body.run_id, step=body.step))
    return version_answer(edits.use(call.context, version_id, body.run_id, used_as=body.used_as))


def version_uses(call: Call) -> UsesAnswer:
    """The runs that a version has to do with."""
    reads = call.services.collections.reads
    found = reads.uses_of_version(call.context, call.path["version_id"])
    return UsesAnswer([use_answer(one) for one in found])


def run_uses(call: Call) -> UsesAnswer:
    """The versions that a run read and made."""
    found = call.services.collections.reads.uses_of_run(call.context, call.path["run_id"])
    return UsesAnswer([use_answer(one) for one in found])


def link_version(call: Call, body: LinkRequest) -> VersionAnswer:
    """Link a version."""
    linked = call.services.collections.links.link(
        call.context,
        call.path["version_id"],
        Home(body.experiment_id, body.registry),
        body.name,
        aliases=body.aliases,
    )
    return member_answer(linked)


def _home(call: Call) -> Home:
    query = call.query(PlaceQuery)
    return Home(None if query.registry is not None else query.experiment_id, query.registry)


_NAMED = "/api/v1/collections/{name}"
_VERSION = "/api/v1/collection-versions/{version_id}"

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/v1/collections",
        name="collections.list",
        summary="Collections by name",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=list_collections,
        query=CollectionsQuery,
        response=CollectionPage,
    ),
    Endpoint(
        method="GET",
        path=_NAMED,
        name="collections.get",
        summary="A collection",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=get_collection,
        query=PlaceQuery,
        response=CollectionAnswer,
    ),
    Endpoint(
        method="GET",
        path=f"{_NAMED}/versions",
        name="collections.versions",
        summary="The versions of a collection, newest first",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=list_versions,
        query=PlaceQuery,
        response=VersionPage,
    ),
    Endpoint(
        method="GET",
        path=f"{_NAMED}/versions/{{reference}}",
        name="collections.resolve",
        summary="What `v3` or an alias names in a collection",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=resolve_version,
        query=PlaceQuery,
        response=VersionAnswer,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/collection-versions",
        name="collections.find_versions",
        summary="The version that a client (W&B's, for one) knows under an id of its own, or none",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=find_versions,
        query=ClientQuery,
        response=VersionPage,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/collection-versions",
        name="collections.begin",
        summary="Begin a version: a draft that takes files until it is committed",
        permission=Action.TRACKING_WRITE,
        body_limit=JSON_BODY,
        handler=begin_version,
        request=DraftRequest,
        response=VersionAnswer,
        status=201,
    ),
    Endpoint(
        method="GET",
        path=_VERSION,
        name="collections.get_version",
        summary="A version or draft by id",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=get_version,
        response=VersionAnswer,
    ),
    Endpoint(
        method="GET",
        path=f"{_VERSION}/memberships",
        name="collections.memberships",
        summary="Where a version stands: in its own collection, and in those it was linked to",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=list_memberships,
        response=VersionPage,
    ),
    Endpoint(
        method="PUT",
        path=f"{_VERSION}/files/{{path:path}}",
        name="collections.write_file",
        summary="Put a file into a draft; X-Content-SHA256 is checked if sent",
        permission=Action.TRACKING_WRITE,
        body_limit=FILE_BODY,
        handler=write_file,
        response=CollectionFileAnswer,
    ),
    Endpoint(
        method="GET",
        path=f"{_VERSION}/files/{{path:path}}",
        name="collections.read_file",
        summary="A file of a version, whole or a range of it (HEAD: its size and digest)",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=read_file,
    ),
    Endpoint(
        method="GET",
        path=f"{_VERSION}/files",
        name="collections.list_files",
        summary="The files of a version, by path",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=list_files,
        query=FilesQuery,
        response=CollectionFilePage,
    ),
    Endpoint(
        method="POST",
        path=f"{_VERSION}/references",
        name="collections.add_references",
        summary="Let a draft refer to bytes that are kept elsewhere",
        permission=Action.TRACKING_WRITE,
        body_limit=JSON_BODY,
        handler=add_references,
        request=ReferencesRequest,
        response=VersionAnswer,
    ),
    Endpoint(
        method="POST",
        path=f"{_VERSION}/commit",
        name="collections.commit",
        summary="Commit a draft as the next version; the same content again is one version",
        permission=Action.TRACKING_WRITE,
        body_limit=SMALL_BODY,
        handler=commit_version,
        response=VersionAnswer,
    ),
    Endpoint(
        method="PATCH",
        path=_VERSION,
        name="collections.change_version",
        summary="Change the description, metadata, tags, time to live or aliases of a version",
        permission=Action.TRACKING_WRITE,
        body_limit=JSON_BODY,
        handler=change_version,
        request=VersionChange,
        response=VersionAnswer,
    ),
    Endpoint(
        method="DELETE",
        path=_VERSION,
        name="collections.delete_version",
        summary="Delete a version that nothing names or links, or drop a draft",
        permission=Action.TRACKING_DELETE,
        body_limit=NO_BODY,
        handler=delete_version,
        query=DeleteQuery,
    ),
    Endpoint(
        method="POST",
        path=f"{_VERSION}/uses",
        name="collections.record_use",
        summary="Record that a run read or made a version",
        permission=Action.TRACKING_WRITE,
        body_limit=SMALL_BODY,
        handler=record_use,
        request=UseRequest,
        response=VersionAnswer,
    ),
    Endpoint(
        method="GET",
        path=f"{_VERSION}/uses",
        name="collections.uses",
        summary="The runs that read and made a version",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=version_uses,
        response=UsesAnswer,
    ),
    Endpoint(
        method="POST",
        path=f"{_VERSION}/links",
        name="collections.link",
        summary="Link a version into a portfolio or a registry; there a model is registered",
        permission=Action.TRACKING_WRITE,
        body_limit=SMALL_BODY,
        handler=link_version,
        request=LinkRequest,
        response=VersionAnswer,
        status=201,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/runs/{run_id}/collections",
        name="collections.of_run",
        summary="The collection versions that a run read and made",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=run_uses,
        response=UsesAnswer,
    ),
)
