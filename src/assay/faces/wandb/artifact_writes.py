"""Making and changing artifacts: drafts, manifests, files, the commit, and what is said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from assay.domain.access import Action
from assay.domain.collection import (
    LATEST,
    Collection,
    CollectionFile,
    CollectionKind,
    CollectionVersion,
    NewVersion,
    VersionState,
    version_index,
)
from assay.domain.errors import InvalidArgument, LimitExceeded, NotFound
from assay.faces.wandb.artifact_files import (
    manifest_bytes,
    manifest_upload_url,
    storage_path,
    upload_url,
)
from assay.faces.wandb.artifact_manifest import (
    files_of,
    manifest_digest,
    md5_of,
    read_manifest,
    refuse_region,
    write_manifest,
)
from assay.faces.wandb.artifact_nodes import (
    ArtifactNode,
    collection_by_id,
    collection_node,
    collection_of,
    read_artifact_id,
    tag_node,
)
from assay.faces.wandb.ask import Arguments, Ask, Resolvers
from assay.faces.wandb.projects import context_of, find_project
from assay.faces.wandb.registries import registry_of
from assay.faces.wandb.run_nodes import find_run
from assay.faces.wandb.values import node_id, read_node_id

MANIFEST: Final = "ArtifactManifest"
MAX_FILES: Final = 10_000


def _create(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    given = arguments["input"]
    context = context_of(ask, given.get("entityName"))
    project = given["projectName"]
    if registry_of(project) is not None:
        raise InvalidArgument(
            "Artifacts are logged to a project and linked into a registry.", field="projectName"
        )
    refuse_region(given.get("storageRegion"))
    experiment = ask.services.experiments.ensure(context, project)
    run_id = None
    if given.get("runName"):
        run_id = find_run(ask, context.workspace, project, given["runName"]).run.run_id
    names = given.get("artifactCollectionNames") or [given.get("artifactCollectionName") or ""]
    distributed, client_id = given.get("distributedID"), given.get("clientID")
    if distributed:
        client_id = f"{experiment.experiment_id}/{names[0]}/{distributed}"[:250]
        known = ask.services.collections.reads.find_by_client_id(context, client_id)
        if known is not None and known.state is VersionState.PENDING:
            return {"artifact": ArtifactNode(known)}
    new = NewVersion(
        name=names[0],
        type=given["artifactTypeName"],
        aliases=_aliases(given.get("aliases")),
        tags=_tag_names(given.get("tags")),
        description=given.get("description") or "",
        metadata=given.get("metadata") or "{}",
        ttl_s=_ttl(given.get("ttlDurationSeconds")),
        client_digest=None if distributed else given["digest"],
        client_id=client_id,
        run_id=run_id,
        step=given.get("historyStep"),
    )
    made = ask.services.collections.drafts.begin(
        context, experiment.experiment_id, new, drop_protected=True
    )
    return {"artifact": ArtifactNode(made)}


def _create_manifest(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    given = arguments["input"]
    version_id = read_artifact_id(given["artifactID"])
    base = given.get("baseArtifactID")
    manifest = ask.services.collections.manifests.announce(
        ask.context,
        version_id,
        str(given.get("type") or "FULL").lower(),
        given.get("digest") or "",
        base_version_id=None if not base else read_artifact_id(base, "baseArtifactID"),
    )
    version = ask.services.collections.reads.get(ask.context, version_id)
    return _manifest_answer(ask, version, manifest.manifest_id, manifest.digest)


def _update_manifest(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    given = arguments["input"]
    (manifest_id,) = read_node_id(MANIFEST, given["artifactManifestID"], "artifactManifestID")[:1]
    manifests = ask.services.collections.manifests
    manifest = manifests.update(ask.context, manifest_id, given.get("digest") or "")
    _, version = manifests.get(ask.context, manifest_id)
    return _manifest_answer(ask, version, manifest.manifest_id, manifest.digest)


def _manifest_answer(
    ask: Ask, version: CollectionVersion, manifest_id: str, digest: str
) -> dict[str, Any]:
    workspace = version.collection.workspace
    ask.context.require(Action.TRACKING_WRITE, workspace)
    return {
        "artifactManifest": {
            "id": node_id(MANIFEST, manifest_id),
            "file": {
                "id": node_id("File", manifest_id, "wandb_manifest.json"),
                "name": "wandb_manifest.json",
                "uploadUrl": manifest_upload_url(ask, workspace, manifest_id, digest),
                "uploadHeaders": [],
            },
        }
    }


def _create_files(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    specs = arguments["input"]["artifactFiles"]
    if len(specs) > MAX_FILES:
        raise LimitExceeded(f"A request names at most {MAX_FILES} files.", limit=MAX_FILES)
    by_artifact: dict[str, list[tuple[int, str, str]]] = {}
    for place, spec in enumerate(specs):
        digest = spec.get("md5") or spec.get("digest")
        if not digest:
            raise InvalidArgument(f"File {spec['name'][:200]!r} has no MD5.", field="md5")
        by_artifact.setdefault(spec["artifactID"], []).append((place, spec["name"], digest))
    answers: list[dict[str, Any]] = [{}] * len(specs)
    for identifier, wanted in by_artifact.items():
        version_id = read_artifact_id(identifier)
        stored = ask.services.collections.drafts.announce(
            ask.context, version_id, [(name, digest) for _, name, digest in wanted]
        )
        version = ask.services.collections.reads.get(ask.context, version_id)
        for (place, name, digest), is_here in zip(wanted, stored, strict=True):
            answers[place] = {
                "id": node_id("File", version_id, name),
                "name": name,
                "displayName": name,
                "storagePath": storage_path(version_id, name),
                "uploadUrl": None if is_here else upload_url(ask, version, name, digest),
                "uploadHeaders": [],
                "uploadMultipartUrls": None,
                "artifact": ArtifactNode(version),
            }
    edges = [{"node": node, "cursor": str(place)} for place, node in enumerate(answers, start=1)]
    page = {"endCursor": str(len(edges)) if edges else None, "hasNextPage": False}
    return {"files": {"edges": edges, "pageInfo": page, "totalCount": len(edges)}}


def _commit(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    version_id = read_artifact_id(arguments["input"]["artifactID"])
    version = ask.services.collections.reads.get(ask.context, version_id)
    if version.state is VersionState.COMMITTED:
        return {"artifact": ArtifactNode(version)}
    contents, is_whole = _contents(ask, version_id)
    drafts = ask.services.collections.drafts
    if contents is None:
        return {"artifact": ArtifactNode(drafts.commit(ask.context, version_id))}
    if not is_whole:
        _keep_whole(ask, version_id, write_manifest(contents))
    listed: Sequence[CollectionFile] = files_of(contents)
    done = drafts.commit(
        ask.context, version_id, contents=listed, client_digest=manifest_digest(contents)
    )
    return {"artifact": ArtifactNode(done)}


def _contents(ask: Ask, version_id: str) -> tuple[dict[str, dict[str, Any]] | None, bool]:
    """All entries that the manifests of a draft add up to, and whether one manifest says it all."""
    manifests = ask.services.collections.manifests
    sent = [one for one in manifests.list(ask.context, version_id) if one.sha256 is not None]
    if not sent:
        return None, True
    full = [one for one in sent if one.kind == "full"]
    if full:
        return read_manifest(manifests.read(full[-1])), True
    contents: dict[str, dict[str, Any]] = {}
    for manifest in sent:
        base = manifests.base_of(ask.context, manifest)
        if base is not None and base.state is VersionState.COMMITTED:
            raw = manifest_bytes(ask.call, ask.context, base.version_id)
            contents = {**read_manifest(raw), **contents}
        contents.update(read_manifest(manifests.read(manifest)))
    return contents, False


def _keep_whole(ask: Ask, version_id: str, data: bytes) -> None:
    manifests = ask.services.collections.manifests
    place = manifests.announce(ask.context, version_id, "full", md5_of(data))
    with manifests.begin_upload(ask.context, place.manifest_id) as upload:
        upload.write(data)
        upload.finish()


def _use(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    given = arguments["input"]
    node = find_run(ask, given.get("entityName"), given["projectName"], given["runName"])
    version = ask.services.collections.edits.use(
        ask.context,
        read_artifact_id(given["artifactID"]),
        node.run.run_id,
        used_as=given.get("usedAs") or "",
    )
    return {"artifact": ArtifactNode(version)}


def _update(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    given = arguments["input"]
    edits, version_id = ask.services.collections.edits, read_artifact_id(given["artifactID"])
    before = ask.services.collections.reads.get(ask.context, version_id)
    tags = None
    if given.get("tagsToAdd") or given.get("tagsToDelete"):
        gone = set(_tag_names(given.get("tagsToDelete")))
        tags = sorted((set(before.tags) | set(_tag_names(given.get("tagsToAdd")))) - gone)
    ttl = given.get("ttlDurationSeconds")
    version = edits.update_version(
        ask.context,
        version_id,
        description=given.get("description"),
        metadata=given.get("metadata"),
        tags=tags,
        ttl_s=_ttl(ttl),
        clear_ttl=ttl is not None and ttl <= 0,
    )
    if given.get("aliases") is not None:
        version = _set_aliases(ask, version, set(_aliases(given["aliases"])))
    return {"artifact": ArtifactNode(version)}


def _set_aliases(ask: Ask, version: CollectionVersion, wanted: set[str]) -> CollectionVersion:
    """What clients of 2023 send: all aliases of a version at once."""
    edits = ask.services.collections.edits
    for alias in sorted(set(version.aliases) - wanted - {LATEST}):
        version = edits.delete_alias(ask.context, version.version_id, alias)
    for alias in sorted(wanted - set(version.aliases)):
        version = edits.add_alias(ask.context, version.version_id, alias)
    return version


def _delete(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    given = arguments["input"]
    version_id = read_artifact_id(given["artifactID"])
    version = ask.services.collections.reads.get(ask.context, version_id)
    ask.services.collections.edits.delete_version(
        ask.context, version_id, drop_aliases=bool(given.get("deleteAliases"))
    )
    return {"artifact": ArtifactNode(version)}


def _add_aliases(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    parts, given = ask.services.collections, arguments["input"]
    version_id = read_artifact_id(given["artifactID"])
    for wanted in given["aliases"]:
        home, alias = _place_of(ask, wanted), wanted["alias"]
        if home.kind is CollectionKind.SEQUENCE:
            parts.edits.add_alias(ask.context, version_id, alias)
        else:
            parts.links.add_alias(ask.context, home, version_id, alias)
    return {"success": True}


def _delete_aliases(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    parts, given = ask.services.collections, arguments["input"]
    version_id = read_artifact_id(given["artifactID"])
    for wanted in given["aliases"]:
        home, alias = _place_of(ask, wanted), wanted["alias"]
        if home.kind is CollectionKind.SEQUENCE:
            parts.edits.delete_alias(ask.context, version_id, alias)
        else:
            parts.links.delete_alias(ask.context, home, version_id, alias)
    return {"success": True}


def _place_of(ask: Ask, wanted: Mapping[str, Any]) -> Collection:
    project = find_project(ask, wanted.get("entityName"), wanted["projectName"])
    return collection_of(ask, project, wanted["artifactCollectionName"])


def _delete_sequence(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    return _delete_collection(ask, arguments["input"]["artifactSequenceID"])


def _delete_portfolio(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    return _delete_collection(ask, arguments["input"]["artifactPortfolioID"])


def _delete_collection(ask: Ask, identifier: str) -> dict[str, Any]:
    found = collection_by_id(ask, identifier)
    ask.services.collections.edits.delete_collection(ask.context, found)
    return {"artifactCollection": {**collection_node(found), "state": "DELETED"}}


def _update_sequence(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    return _update_collection(ask, arguments["input"], "artifactSequenceID")


def _update_portfolio(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    return _update_collection(ask, arguments["input"], "artifactPortfolioID")


def _update_collection(ask: Ask, given: Mapping[str, Any], field: str) -> dict[str, Any]:
    found = collection_by_id(ask, given[field], field)
    changed = ask.services.collections.edits.update_collection(
        ask.context, found, name=given.get("name"), description=given.get("description")
    )
    return {"artifactCollection": collection_node(changed)}


def _move_sequence(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    given = arguments["input"]
    found = collection_by_id(ask, given["artifactSequenceID"], "artifactSequenceID")
    changed = ask.services.collections.edits.change_type(
        ask.context, found, given["destinationArtifactTypeName"]
    )
    return {"artifactCollection": collection_node(changed)}


def _add_collection_tags(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    given = arguments["input"]
    found, named = _place_of(ask, given), _tag_names(given["tags"])
    ask.services.collections.edits.update_collection(
        ask.context, found, tags=sorted({*found.tags, *named})
    )
    return {"tags": [tag_node(tag) for tag in named]}


def _delete_collection_tags(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    given = arguments["input"]
    found = _place_of(ask, given)
    left = sorted(set(found.tags) - set(_tag_names(given["tags"])))
    ask.services.collections.edits.update_collection(ask.context, found, tags=left)
    return {"success": True}


def find_linked(ask: Ask, given: Mapping[str, Any]) -> str:
    """The version that a link is about, by its id or by the client's own. Raises NotFound."""
    if given.get("artifactID"):
        return read_artifact_id(given["artifactID"])
    client_id = given.get("clientID")
    found = (
        None
        if not client_id
        else ask.services.collections.reads.find_by_client_id(ask.context, client_id)
    )
    if found is None:
        raise NotFound("The artifact does not exist.", field="artifactID")
    return found.version_id


def alias_names(aliases: Sequence[Mapping[str, Any]] | None) -> tuple[str, ...]:
    """The aliases of an input, without those that are numbers of versions."""
    return _aliases(aliases)


def _aliases(aliases: Sequence[Mapping[str, Any]] | None) -> tuple[str, ...]:
    names = (str(entry["alias"]) for entry in aliases or ())
    return tuple(sorted({name for name in names if version_index(name) is None}))


def _tag_names(tags: Any) -> tuple[str, ...]:
    if not isinstance(tags, list):
        return ()
    names = (tag.get("tagName") if isinstance(tag, Mapping) else tag for tag in tags)
    return tuple(sorted({str(name) for name in names if name}))


def _ttl(seconds: int | None) -> int | None:
    return seconds if seconds is not None and seconds > 0 else None


RESOLVERS: Final[Resolvers] = {
    "Mutation": {
        "createArtifact": _create,
        "createArtifactManifest": _create_manifest,
        "updateArtifactManifest": _update_manifest,
        "createArtifactFiles": _create_files,
        "commitArtifact": _commit,
        "useArtifact": _use,
        "updateArtifact": _update,
        "deleteArtifact": _delete,
        "addAliases": _add_aliases,
        "deleteAliases": _delete_aliases,
        "deleteArtifactSequence": _delete_sequence,
        "deleteArtifactPortfolio": _delete_portfolio,
        "updateArtifactSequence": _update_sequence,
        "moveArtifactSequence": _move_sequence,
        "updateArtifactPortfolio": _update_portfolio,
        "createArtifactCollectionTagAssignments": _add_collection_tags,
        "deleteArtifactCollectionTagAssignments": _delete_collection_tags,
    }
}
