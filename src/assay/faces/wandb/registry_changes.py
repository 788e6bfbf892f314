"""Registries made, described, renamed and deleted; which types of artifacts one takes.

A registry that somebody made is kept as an experiment of its workspace under the client's name for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from assay.domain.collection import check_collection_name, check_type
from assay.domain.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from assay.domain.tracking import Experiment
from assay.faces.wandb.ask import Arguments, Ask, Resolvers
from assay.faces.wandb.projects import (
    NOTE_TAG,
    ProjectNode,
    context_of,
    find_project,
    kept_project,
    project_by_id,
)
from assay.faces.wandb.registries import TYPES_TAG, home_of, registry_of, types_of
from assay.services.context import Context

DEFAULT_PROJECT: Final = "uncategorized"
MAX_TYPES: Final = 100


def _upsert(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    given = arguments["input"]
    registry = registry_of(given.get("name"))
    if registry is not None:
        _check_registry(given)
    inserted = False
    if given.get("id"):
        node = project_by_id(ask, given["id"])
        if given.get("name") and given["name"] != node.name:
            node = _renamed(ask, node, given["name"])
    else:
        context = context_of(ask, given.get("entityName"))
        name = given.get("name") or DEFAULT_PROJECT
        inserted = kept_project(ask, context, name) is None
        node = ProjectNode(ask.services.experiments.ensure(context, name))
    tags = _registry_tags(ask, node, given) if registry is not None else {}
    if given.get("description") is not None:
        tags[NOTE_TAG] = given["description"]
    kept = _kept(ask, node)
    for tag, value in tags.items():
        ask.services.experiments.set_tag(ask.context, kept.experiment_id, tag, value)
    if registry is not None:
        node = find_project(ask, node.workspace, node.name)
    return {"project": node, "model": node, "inserted": inserted}


def _check_registry(given: Arguments) -> None:
    """Refuse what a registry here cannot be, rather than to promise it."""
    check_collection_name(given["name"])
    if given.get("access") not in {None, "PRIVATE"}:
        raise InvalidArgument(
            "Whoever can see a workspace can see its registries: visibility is 'organization'.",
            field="access",
        )


def _registry_tags(ask: Ask, node: ProjectNode, given: Mapping[str, Any]) -> dict[str, str]:
    """What is to be kept of the types that a registry takes; they are added to, never taken away."""
    named = {str(each.get("name")) for each in given.get("artifactTypes") or ()}
    takes_all = given.get("allowAllArtifactTypesInRegistry")
    if takes_all and named:
        raise InvalidArgument(
            "A registry takes the types that are named, or all of them.", field="artifactTypes"
        )
    if takes_all:
        return {TYPES_TAG: ""}
    if takes_all is None and not named:
        return {}
    wanted = sorted({*(types_of(_kept(ask, node)) or ()), *(check_type(name) for name in named)})
    if len(wanted) > MAX_TYPES:
        raise InvalidArgument(f"A registry names at most {MAX_TYPES} types.", field="artifactTypes")
    return {TYPES_TAG: json.dumps(wanted)}


def _rename(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    given = arguments["input"]
    node = find_project(ask, given.get("entityName"), given["oldProjectName"])
    return {"project": _renamed(ask, node, given["newProjectName"]), "inserted": False}


def _renamed(ask: Ask, node: ProjectNode, name: str) -> ProjectNode:
    """The project under another name. A registry keeps its own once it holds something."""
    if (registry_of(node.name) is None) is not (registry_of(name) is None):
        raise InvalidArgument("A registry stays one, and a project too.", field="newProjectName")
    context = ask.context.within(node.workspace)
    kept = _kept(ask, node)
    if registry_of(name) is not None:
        check_collection_name(name)
        _refuse_held(ask, context, node, "keeps its name")
        if kept_project(ask, context, name) is not None:
            raise AlreadyExists(f"There is a registry {name!r}.", field="newProjectName")
    ask.services.experiments.update(context, kept.experiment_id, name=name)
    return find_project(ask, node.workspace, name)


def _delete(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    node = project_by_id(ask, arguments["input"]["id"])
    context = ask.context.within(node.workspace)
    kept = _kept(ask, node)
    if registry_of(node.name) is not None:
        _refuse_held(ask, context, node, "stays")
    ask.services.experiments.delete(context, kept.experiment_id)
    return {"success": True}


def _refuse_held(ask: Ask, context: Context, node: ProjectNode, consequence: str) -> None:
    if ask.services.collections.reads.count_collections(context, home_of(node.experiment)):
        raise FailedPrecondition(
            f"{node.name!r} {consequence}: it holds collections, and with them what was promoted.",
            field="name",
        )


def _kept(ask: Ask, node: ProjectNode) -> Experiment:
    """The experiment that is kept for a project. Raises NotFound for a registry that nobody made."""
    if registry_of(node.name) is None:
        return node.experiment
    found = kept_project(ask, ask.context.within(node.workspace), node.name)
    if found is None:
        raise NotFound(f"Nobody has made the registry {node.name!r}.", field="name")
    return found


RESOLVERS: Final[Resolvers] = {
    "Mutation": {"upsertModel": _upsert, "deleteModel": _delete, "renameProject": _rename},
}
