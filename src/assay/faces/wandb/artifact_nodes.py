"""Artifacts, collections and memberships as the client sees them, and how they are found by id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from assay.domain.collection import Collection, CollectionKind, CollectionVersion, Membership
from assay.domain.errors import NotFound
from assay.faces.wandb.ask import Ask
from assay.faces.wandb.projects import ProjectNode
from assay.faces.wandb.registries import home_of, registry_experiment
from assay.faces.wandb.run_nodes import RunNode
from assay.faces.wandb.values import moment, node_id, read_node_id
from assay.services.context import Context

KIND_NAMES: Final = {
    CollectionKind.SEQUENCE: "ArtifactSequence",
    CollectionKind.PORTFOLIO: "ArtifactPortfolio",
}
_PK_DIGITS: Final = 18
COLLECTION: Final = "ArtifactCollection"
ALGORITHM: Final = "MANIFEST_MD5"
FOREVER: Final = -1


@dataclass(frozen=True, slots=True)
class ArtifactNode:
    """A version of a sequence. Other fields have resolvers."""

    version: CollectionVersion


@dataclass(frozen=True, slots=True)
class MembershipNode:
    """A version where it stands."""

    member: Membership


@dataclass(frozen=True, slots=True)
class TypeNode:
    """A type of a project's collections."""

    project: ProjectNode
    name: str


class RunCreator(RunNode):
    """A run in a place where a user could stand too."""

    __typename = "Run"


def artifact_id(version: CollectionVersion) -> str:
    """The id that this face gives out for a version."""
    return node_id("Artifact", version.version_id)


def read_artifact_id(text: str, field: str = "artifactID") -> str:
    """The version that an id means. Raises InvalidArgument."""
    return read_node_id("Artifact", text, field)[0]


def collection_id(collection: Collection) -> str:
    """The id that this face gives out for a collection. It stays when the name changes."""
    return node_id(COLLECTION, str(collection.pk))


def collection_by_id(ask: Ask, text: str, field: str = "id") -> Collection:
    """The collection with an id that this face gave out. Raises NotFound."""
    (key,) = read_node_id(COLLECTION, text, field)[:1]
    if not key.isascii() or not key.isdigit() or len(key) > _PK_DIGITS:
        raise NotFound("The collection does not exist.", field=field)
    return ask.services.collections.reads.get_collection_by_pk(ask.context, int(key))


def collection_of(ask: Ask, project: ProjectNode, name: str) -> Collection:
    """The collection of a project. Raises NotFound."""
    return ask.services.collections.reads.get_collection(
        context_in(ask, project), home_of(project.experiment), name
    )


def context_in(ask: Ask, project: ProjectNode) -> Context:
    """The request in a project's workspace."""
    return ask.context.within(project.workspace)


def collection_node(collection: Collection) -> dict[str, Any]:
    """A collection; its project, versions and aliases have resolvers."""
    return {
        "__typename": KIND_NAMES[collection.kind],
        "collection": collection,
        "id": collection_id(collection),
        "name": collection.name,
        "description": collection.description or None,
        "state": "READY",
        "createdAt": moment(collection.created_at_ms),
        "updatedAt": moment(collection.updated_at_ms),
        "tags": {"edges": [{"node": tag_node(tag), "cursor": tag} for tag in collection.tags]},
    }


def tag_node(tag: str) -> dict[str, str]:
    """A tag."""
    return {"id": node_id("Tag", tag), "name": tag}


def alias_node(collection: Collection, alias: str) -> dict[str, Any]:
    """An alias of a collection."""
    return {
        "id": node_id("ArtifactAlias", collection_id(collection), alias),
        "alias": alias,
        "artifactCollectionName": collection.name,
        "artifactCollection": collection_node(collection),
    }


def alias_nodes(member: Membership) -> list[dict[str, Any]]:
    """The aliases that name a version where it stands, its own number among them."""
    names = [*member.aliases, f"v{member.version_index}"]
    return [alias_node(member.collection, name) for name in names]


def project_of_collection(ask: Ask, collection: Collection) -> ProjectNode:
    """The project that a collection is in."""
    if collection.experiment_id is None:
        registry = collection.registry or ""
        return ProjectNode(registry_experiment(collection.workspace, registry))
    key = ("collection project", collection.experiment_id)
    found = ask.memory.get(key)
    if found is None:
        found = ProjectNode(ask.services.experiments.get(ask.context, collection.experiment_id))
        ask.memory[key] = found
    assert isinstance(found, ProjectNode)
    return found


def split_name(name: str) -> tuple[str, str]:
    """(collection, reference) of `name:alias`; `latest` without a reference."""
    collection, _, reference = name.rpartition("/")[2].partition(":")
    return collection, reference or "latest"
