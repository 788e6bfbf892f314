"""Reading artifacts, collections, their files and the runs that made and used them."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from typing import Any, Final

from assay.domain.collection import (
    Collection,
    CollectionVersion,
    Direction,
    Membership,
    VersionState,
)
from assay.domain.errors import InvalidArgument, NotFound
from assay.faces.wandb.artifact_files import file_node, manifest_url
from assay.faces.wandb.artifact_nodes import (
    ALGORITHM,
    FOREVER,
    ArtifactNode,
    MembershipNode,
    RunCreator,
    TypeNode,
    alias_node,
    alias_nodes,
    artifact_id,
    collection_by_id,
    collection_id,
    collection_node,
    collection_of,
    context_in,
    project_of_collection,
    read_artifact_id,
    split_name,
    tag_node,
)
from assay.faces.wandb.ask import Arguments, Ask, Resolvers
from assay.faces.wandb.projects import ProjectNode, connection, page_size, page_start
from assay.faces.wandb.registries import home_of, types_of
from assay.faces.wandb.run_nodes import RunNode, node_of
from assay.faces.wandb.short_lists import matches, ordered_collections, record_of
from assay.faces.wandb.values import moment, node_id, read_object
from assay.services.collection_reads import Home

MAX_FILE_PAGE: Final = 5_000
_FILES_PER_OBJECT: Final = 50
_ALL: Final = 1_000
_ORDERS: Final = frozenset(
    {"version_index", "versionIndex", "created_at", "createdAt", "commited_at", "committed_at"}
)


def _artifact(_: Any, ask: Ask, arguments: Arguments) -> ArtifactNode:
    return find_artifact(ask, arguments["id"])


def find_artifact(ask: Ask, identifier: str, field: str = "id") -> ArtifactNode:
    """The version with an id that this face gave out. Raises NotFound."""
    version_id = read_artifact_id(identifier, field)
    return ArtifactNode(ask.services.collections.reads.get(ask.context, version_id))


def _collection_by_id(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    return collection_node(collection_by_id(ask, arguments["id"]))


def _client_id(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any] | None:
    found = ask.services.collections.reads.find_by_client_id(ask.context, arguments["clientID"])
    return None if found is None else {"serverID": artifact_id(found)}


def _membership(node: ProjectNode, ask: Ask, arguments: Arguments) -> MembershipNode:
    name, reference = split_name(arguments["name"])
    context, home = context_in(ask, node), home_of(node.experiment)
    return MembershipNode(ask.services.collections.reads.resolve(context, home, name, reference))


def _artifact_named(node: ProjectNode, ask: Ask, arguments: Arguments) -> ArtifactNode:
    return ArtifactNode(_membership(node, ask, arguments).member.version)


def _collection_named(node: ProjectNode, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    return collection_node(collection_of(ask, node, arguments["name"]))


def _collections(node: ProjectNode, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    return collection_page(ask, node, None, arguments)


def collection_page(
    ask: Ask, node: ProjectNode, type_name: str | None, arguments: Arguments
) -> dict[str, Any]:
    """A page of a project's collections, by name."""
    reads, home = ask.services.collections.reads, home_of(node.experiment)
    context = context_in(ask, node)
    start, size = page_start(arguments.get("after")), page_size(arguments.get("first"))
    filters, order = read_object(arguments.get("filters"), "filters"), arguments.get("order")
    is_whole = bool(filters or order)
    found: list[Collection] = []
    token: str | None = None
    while is_whole or len(found) <= start + size:
        page = reads.list_collections(
            context, home, type=type_name, max_results=_ALL, page_token=token
        )
        found.extend(page.items)
        token = page.next_token
        if token is None:
            break
    ask.spend(len(found))
    if is_whole:
        held = [one for one in found if matches(filters, record_of(one))]
        found = ordered_collections(held, order)
        total = len(found)
    else:
        total = reads.count_collections(context, home, type=type_name)
    shown = [collection_node(one) for one in found[start : start + size]]
    return connection(shown, start, has_next=len(found) > start + size, total=total)


def _type(node: ProjectNode, ask: Ask, arguments: Arguments) -> TypeNode | None:
    name = arguments["name"]
    home = home_of(node.experiment)
    known = ask.services.collections.reads.list_types(context_in(ask, node), home)
    return TypeNode(node, name) if name in known else None


def _types(node: ProjectNode, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    home = home_of(node.experiment)
    held = ask.services.collections.reads.list_types(context_in(ask, node), home)
    known = sorted({*held, *(types_of(node.experiment) or ())})
    start, size = page_start(arguments.get("after")), page_size(arguments.get("first"))
    shown = [TypeNode(node, name) for name in known[start : start + size]]
    return connection(shown, start, has_next=len(known) > start + size)


def _collection_of_type(node: TypeNode, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    found = collection_of(ask, node.project, arguments["name"])
    if found.type != node.name:
        raise NotFound(f"There is no {node.name} {found.name!r}.", field="name")
    return collection_node(found)


def _members(collection: Collection, ask: Ask, wanted: int) -> list[Membership]:
    """The newest members, more than `wanted` of them where there are more; the newest first."""
    found: list[Membership] = []
    token: str | None = None
    while len(found) <= wanted:
        page = ask.services.collections.reads.list_versions(
            ask.context, collection, max_results=_ALL, page_token=token
        )
        found.extend(page.items)
        token = page.next_token
        if token is None:
            break
    ask.spend(len(found))
    return found


def _is_oldest_first(order: Any) -> bool:
    """Whether versions are wanted in the order in which they came. Indexes only grow."""
    if order is None:
        return False
    sign, name = ("-", order[1:]) if order.startswith("-") else ("+", order.removeprefix("+"))
    if name not in _ORDERS:
        raise InvalidArgument(f"Versions have no order {order[:100]!r}.", field="order")
    return sign == "+"


def _versions(
    node: dict[str, Any], ask: Ask, arguments: Arguments, show: Callable[[Membership], Any]
) -> dict[str, Any]:
    collection = node["collection"]
    start = page_start(arguments.get("after"))
    end = start + page_size(arguments.get("first"))
    total = ask.services.collections.reads.count_versions(ask.context, collection)
    if _is_oldest_first(arguments.get("order")):
        found = _members(collection, ask, total)[::-1]
    else:
        found = _members(collection, ask, end)
    shown = found[start:end]
    page = connection([show(one) for one in shown], start, has_next=len(found) > end, total=total)
    for edge, member in zip(page["edges"], shown, strict=True):
        edge["version"] = f"v{member.version_index}"
    return page


def _collection_artifacts(node: dict[str, Any], ask: Ask, arguments: Arguments) -> dict[str, Any]:
    return _versions(node, ask, arguments, lambda one: ArtifactNode(one.version))


def _collection_members(node: dict[str, Any], ask: Ask, arguments: Arguments) -> dict[str, Any]:
    return _versions(node, ask, arguments, MembershipNode)


def _collection_member(node: dict[str, Any], ask: Ask, arguments: Arguments) -> MembershipNode:
    collection: Collection = node["collection"]
    home = Home(collection.experiment_id, collection.registry)
    return MembershipNode(
        ask.services.collections.reads.resolve(
            ask.context.within(collection.workspace),
            home,
            collection.name,
            arguments["aliasName"],
        )
    )


def _collection_aliases(node: dict[str, Any], ask: Ask, _: Arguments) -> dict[str, Any]:
    collection: Collection = node["collection"]
    found = ask.services.collections.reads.aliases_of(ask.context, collection)
    return connection([alias_node(collection, one) for one in found], 0, has_next=False)


def _latest(node: dict[str, Any], ask: Ask, _: Arguments) -> ArtifactNode | None:
    collection: Collection = node["collection"]
    page = ask.services.collections.reads.list_versions(ask.context, collection, max_results=1)
    return ArtifactNode(page.items[0].version) if page.items else None


def _artifact_aliases(node: ArtifactNode, ask: Ask, _: Arguments) -> list[dict[str, Any]]:
    if node.version.state is not VersionState.COMMITTED:
        return []
    found = ask.services.collections.reads.memberships_of(ask.context, node.version.version_id)
    return [alias for member in found for alias in alias_nodes(member)]


def _nothing() -> dict[str, Any]:
    """What a draft has to show."""
    return connection([], 0, has_next=False, total=0)


def _artifact_members(node: ArtifactNode, ask: Ask, _: Arguments) -> dict[str, Any]:
    if node.version.state is not VersionState.COMMITTED:
        return _nothing()
    found = ask.services.collections.reads.memberships_of(ask.context, node.version.version_id)
    return connection([MembershipNode(one) for one in found], 0, has_next=False, total=len(found))


def _manifest(node: ArtifactNode, ask: Ask, _: Arguments) -> dict[str, Any] | None:
    version = node.version
    if version.state is not VersionState.COMMITTED:
        return None
    url = manifest_url(ask, version)
    return {
        "id": node_id("ArtifactManifest", version.version_id),
        "file": {
            "id": node_id("File", version.version_id, "wandb_manifest.json"),
            "name": "wandb_manifest.json",
            "displayName": "wandb_manifest.json",
            "directUrl": url,
            "url": url,
        },
    }


def _created_by(node: ArtifactNode, ask: Ask, _: Arguments) -> Any:
    if node.version.run_id is None:
        name = node.version.created_by
        return {
            "__typename": "User",
            "id": node_id("User", name),
            "name": name,
            "username": name,
        }
    run = _run(ask, node.version.run_id)
    return None if run is None else RunCreator(run.known, run.project_name)


def _used_by(node: ArtifactNode, ask: Ask, _: Arguments) -> dict[str, Any]:
    if node.version.state is not VersionState.COMMITTED:
        return _nothing()
    uses = ask.services.collections.reads.uses_of_version(
        ask.context, node.version.version_id, Direction.INPUT
    )
    ask.spend(len(uses))
    found = [run for use in uses if (run := _run(ask, use.run_id)) is not None]
    return connection(found, 0, has_next=False, total=len(found))


def _run(ask: Ask, run_id: str) -> RunNode | None:
    try:
        return node_of(ask, ask.services.clients.runs.get(ask.context, run_id))
    except NotFound:
        return None


def _files(version: CollectionVersion, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    """What a version holds. References are among it: the client fetches only what is listed."""
    if version.state is not VersionState.COMMITTED:
        return _nothing()
    reads = ask.services.collections.reads
    names, pattern = arguments.get("names"), arguments.get("pattern")
    start, size = page_start(arguments.get("after")), arguments.get("first") or 50
    size = min(max(size, 1), MAX_FILE_PAGE)
    if names is not None:
        there = reads.files_at(ask.context, version.version_id, names[:MAX_FILE_PAGE])
        listed = [there[name] for name in names if name in there]
    else:
        listed = []
        token: str | None = None
        while len(listed) <= start + size:
            page = reads.list_files(
                ask.context, version.version_id, max_results=10_000, page_token=token
            )
            listed.extend(page.items)
            token = page.next_token
            if token is None:
                break
    held = listed
    if pattern:
        plain = pattern.replace("%", "*").replace("_", "?")
        held = [file for file in held if fnmatch.fnmatchcase(file.path, plain)]
    shown = held[start : start + size]
    ask.spend(1 + len(shown) // _FILES_PER_OBJECT)
    return connection(
        [file_node(ask, version, file) for file in shown],
        start,
        has_next=len(held) > start + size,
        total=version.file_count if names is None and not pattern else len(held),
    )


def _entries_files(node: ArtifactNode, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    entries = arguments.get("entries") or []
    names = [
        str(entry.get("name") or entry.get("path") or "")
        for entry in entries
        if isinstance(entry, dict)
    ]
    return _files(node.version, ask, {"names": names, "first": MAX_FILE_PAGE})


def _run_artifacts(direction: Direction) -> Callable[[RunNode, Ask, Arguments], dict[str, Any]]:
    def resolve(node: RunNode, ask: Ask, arguments: Arguments) -> dict[str, Any]:
        start, size = page_start(arguments.get("after")), page_size(arguments.get("first"))
        uses = ask.services.collections.reads.uses_of_run(ask.context, node.run.run_id, direction)
        kept = [use for use in uses if use.version.state is VersionState.COMMITTED]
        shown = kept[start : start + size]
        ask.spend(len(shown))
        return connection(
            [ArtifactNode(use.version) for use in shown],
            start,
            has_next=len(kept) > start + size,
            total=len(kept),
        )

    return resolve


_COLLECTION_FIELDS: Final = {
    "project": lambda node, ask, _: project_of_collection(ask, node["collection"]),
    "defaultArtifactType": lambda node, ask, _: TypeNode(
        project_of_collection(ask, node["collection"]), node["collection"].type
    ),
    "aliases": _collection_aliases,
    "artifacts": _collection_artifacts,
    "artifactMembership": _collection_member,
    "artifactMemberships": _collection_members,
}

RESOLVERS: Final[Resolvers] = {
    "Query": {
        "artifact": _artifact,
        "artifactCollection": _collection_by_id,
        "clientIDMapping": _client_id,
    },
    "Project": {
        "artifact": _artifact_named,
        "artifactCollection": _collection_named,
        "artifactCollectionMembership": _membership,
        "artifactCollections": _collections,
        "artifactType": _type,
        "artifactTypes": _types,
    },
    "Run": {
        "inputArtifacts": _run_artifacts(Direction.INPUT),
        "outputArtifacts": _run_artifacts(Direction.OUTPUT),
    },
    "ArtifactType": {
        "id": lambda node, _, __: node_id(
            "ArtifactType", node.project.experiment.experiment_id, node.name
        ),
        "createdAt": lambda node, _, __: moment(node.project.experiment.created_at_ms),
        "artifactCollection": _collection_of_type,
        "artifactCollections": lambda node, ask, arguments: collection_page(
            ask, node.project, node.name, arguments
        ),
    },
    "ArtifactSequence": {
        **_COLLECTION_FIELDS,
        "latestArtifact": _latest,
        "digestAlgorithm": lambda _, __, ___: ALGORITHM,
    },
    "ArtifactPortfolio": _COLLECTION_FIELDS,
    "ArtifactCollectionMembership": {
        "id": lambda node, _, __: node_id(
            "Membership", collection_id(node.member.collection), node.member.version.version_id
        ),
        "versionIndex": lambda node, _, __: node.member.version_index,
        "createdAt": lambda node, _, __: moment(node.member.created_at_ms),
        "aliases": lambda node, _, __: alias_nodes(node.member),
        "artifactCollection": lambda node, _, __: collection_node(node.member.collection),
        "artifact": lambda node, _, __: ArtifactNode(node.member.version),
        "files": lambda node, ask, arguments: _files(node.member.version, ask, arguments),
    },
    "Artifact": {
        "id": lambda node, _, __: artifact_id(node.version),
        "artifactSequence": lambda node, _, __: collection_node(node.version.collection),
        "versionIndex": lambda node, _, __: node.version.version_index,
        "artifactType": lambda node, ask, _: TypeNode(
            project_of_collection(ask, node.version.collection), node.version.collection.type
        ),
        "description": lambda node, _, __: node.version.description or None,
        "metadata": lambda node, _, __: node.version.metadata,
        "ttlDurationSeconds": lambda node, _, __: node.version.ttl_s or FOREVER,
        "ttlIsInherited": lambda node, _, __: node.version.ttl_s is None,
        "tags": lambda node, _, __: [tag_node(tag) for tag in node.version.tags],
        "historyStep": lambda node, _, __: node.version.step,
        "state": lambda node, _, __: node.version.state.value.upper(),
        "size": lambda node, _, __: node.version.size_bytes,
        "digest": lambda node, _, __: node.version.client_digest or node.version.digest or "",
        "digestAlgorithm": lambda _, __, ___: ALGORITHM,
        "commitHash": lambda node, _, __: (node.version.digest or "")[:20] or None,
        "fileCount": lambda node, _, __: node.version.file_count,
        "createdAt": lambda node, _, __: moment(node.version.created_at_ms),
        "updatedAt": lambda node, _, __: moment(node.version.updated_at_ms),
        "aliases": _artifact_aliases,
        "currentManifest": _manifest,
        "createdBy": _created_by,
        "usedBy": _used_by,
        "artifactMemberships": _artifact_members,
        "files": lambda node, ask, arguments: _files(node.version, ask, arguments),
        "filesByManifestEntries": _entries_files,
    },
}
