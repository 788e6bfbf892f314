"""Registries: linking into them, and finding what they hold.

A model that is linked into a registry becomes a model version under the workspace's lineage policy; an
alias there is the registry's, and a protected one is asked for by promotion. What is refused comes back
as the error of the mutation, in the words of the rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from assay.domain.collection import Collection, CollectionKind
from assay.domain.errors import InvalidArgument
from assay.faces.wandb.artifact_nodes import (
    MembershipNode,
    collection_by_id,
    collection_node,
    read_artifact_id,
)
from assay.faces.wandb.artifact_writes import alias_names, find_linked
from assay.faces.wandb.ask import Arguments, Ask, Resolvers
from assay.faces.wandb.projects import (
    ProjectNode,
    connection,
    find_project,
    page_size,
    page_start,
)
from assay.faces.wandb.registries import REGISTRY_PREFIX, home_of, registry_of, types_of
from assay.faces.wandb.short_lists import matches, ordered, ordered_collections, record_of
from assay.faces.wandb.values import moment, read_object
from assay.faces.wandb.viewer import entity_of, user_of
from assay.services.collection_reads import Home
from assay.services.context import Context

_MAX_COLLECTIONS: Final = 1_000
_MAX_VERSIONS: Final = 1_000


def _link(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    given = arguments["input"]
    version_id = find_linked(ask, given)
    if given.get("artifactPortfolioID"):
        portfolio = collection_by_id(ask, given["artifactPortfolioID"], "artifactPortfolioID")
        workspace, name = portfolio.workspace, portfolio.name
        home = Home(portfolio.experiment_id, portfolio.registry)
    else:
        name = given.get("artifactPortfolioName") or ""
        project = _target(ask, given)
        workspace, home = project.workspace, home_of(project.experiment)
        _refuse_type(ask, project, version_id)
    member = ask.services.collections.links.link(
        ask.context.within(workspace),
        version_id,
        home,
        name,
        aliases=alias_names(given.get("aliases")),
    )
    return {"versionIndex": member.version_index, "artifactMembership": MembershipNode(member)}


def _target(ask: Ask, given: Mapping[str, Any]) -> ProjectNode:
    """The project that is linked into, made if it is one of runs that does not exist yet."""
    entity, name = given.get("entityName"), given.get("projectName")
    if registry_of(name) is None and name:
        context = ask.context.within(entity or ask.context.workspace)
        return ProjectNode(ask.services.experiments.ensure(context, name))
    return find_project(ask, entity, name)


def _refuse_type(ask: Ask, project: ProjectNode, version_id: str) -> None:
    """A registry that names its types takes no others."""
    types = types_of(project.experiment)
    if types is None or registry_of(project.name) is None:
        return
    kind = ask.services.collections.reads.get(ask.context, version_id).collection.type
    if kind not in types:
        raise InvalidArgument(
            f"{project.name!r} takes artifacts of the types {', '.join(types) or '(none yet)'}; "
            f"this one is of {kind!r}.",
            field="artifactID",
        )


def _unlink(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    given = arguments["input"]
    portfolio = collection_by_id(ask, given["artifactPortfolioID"], "artifactPortfolioID")
    version_id = read_artifact_id(given["artifactID"])
    ask.services.collections.links.unlink(ask.context, portfolio, version_id)
    return {"success": True}


def _organization(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    name = arguments["name"]
    workspace = ask.services.workspaces.get(ask.context, name)
    found: dict[str, Any] = entity_of(workspace.name)["organization"]
    return found


def _entity_project(node: Mapping[str, Any], ask: Ask, arguments: Arguments) -> ProjectNode | None:
    """The project; None for a registry that nobody has made or linked into, so that it can be made."""
    registry = registry_of(arguments.get("name"))
    if registry is not None and registry not in _known(ask, ask.context.within(node["name"])):
        return None
    return find_project(ask, node["name"], arguments.get("name"))


def _known(ask: Ask, context: Context) -> set[str]:
    """The registries of a workspace: those that were made, and those that are linked into."""
    made: set[str] = set()
    token: str | None = None
    while len(made) < _MAX_COLLECTIONS:
        page = ask.services.experiments.search(
            context,
            filter=f"name LIKE '{REGISTRY_PREFIX}%'",
            max_results=_MAX_COLLECTIONS,
            page_token=token,
        )
        made |= {each.name.removeprefix(REGISTRY_PREFIX) for each in page.items}
        token = page.next_token
        if token is None:
            break
    ask.spend(len(made))
    return {*made, *ask.services.collections.reads.list_registries(context)}


def _members(_: Any, ask: Ask, __: Arguments) -> list[dict[str, Any]]:
    """Whom the caller can name as a member: himself. Roles are those of the workspace."""
    return [{**user_of(ask), "role": {"name": "member"}}]


def _entity_projects(node: Mapping[str, Any], ask: Ask, arguments: Arguments) -> dict[str, Any]:
    registries = _registries(ask, node["name"], arguments.get("filters"))
    registries = ordered(
        registries,
        arguments.get("order"),
        lambda one: one.name,
        lambda one: one.experiment.created_at_ms,
        lambda one: one.experiment.updated_at_ms,
    )
    start, size = page_start(arguments.get("after")), page_size(arguments.get("first"))
    shown = registries[start : start + size]
    return connection(shown, start, has_next=len(registries) > start + size)


def _registries(ask: Ask, workspace: str, filters: str | None) -> list[ProjectNode]:
    known = _known(ask, ask.context.within(workspace))
    wanted = read_object(filters, "filters")
    return [
        find_project(ask, workspace, f"{REGISTRY_PREFIX}{name}")
        for name in sorted(known)
        if matches(wanted, {"name": f"wandb-registry-{name}", "bare": name})
    ]


def _found_collections(ask: Ask, workspace: str, arguments: Arguments) -> list[Collection]:
    wanted = read_object(arguments.get("collectionFilters") or arguments.get("filters"), "filters")
    found: list[Collection] = []
    context = ask.context.within(workspace)
    for node in _registries(ask, workspace, arguments.get("projectFilters")):
        page = ask.services.collections.reads.list_collections(
            context,
            home_of(node.experiment),
            kind=CollectionKind.PORTFOLIO,
            max_results=_MAX_COLLECTIONS,
        )
        ask.spend(len(page.items))
        found.extend(one for one in page.items if matches(wanted, record_of(one)))
    return ordered_collections(found, arguments.get("order"))


def _entity_collections(node: Mapping[str, Any], ask: Ask, arguments: Arguments) -> dict[str, Any]:
    found = _found_collections(ask, node["name"], {**arguments, "collectionFilters": None})
    start, size = page_start(arguments.get("after")), page_size(arguments.get("first"))
    shown = [collection_node(one) for one in found[start : start + size]]
    return connection(shown, start, has_next=len(found) > start + size, total=len(found))


def _entity_members(node: Mapping[str, Any], ask: Ask, arguments: Arguments) -> dict[str, Any]:
    given = {**arguments, "filters": None, "order": None}
    wanted = read_object(arguments.get("filters"), "filters")
    members: list[MembershipNode] = []
    for collection in _found_collections(ask, node["name"], given):
        page = ask.services.collections.reads.list_versions(
            ask.context, collection, max_results=_MAX_VERSIONS
        )
        ask.spend(len(page.items))
        members += [
            MembershipNode(one)
            for one in page.items
            if matches(
                wanted,
                {
                    "version": f"v{one.version_index}",
                    "alias": [*one.aliases, f"v{one.version_index}"],
                    "tag": list(one.version.tags),
                },
            )
        ]
    start, size = page_start(arguments.get("after")), page_size(arguments.get("first"))
    shown = members[start : start + size]
    return connection(shown, start, has_next=len(members) > start + size, total=len(members))


RESOLVERS: Final[Resolvers] = {
    "Query": {"organization": _organization},
    "Mutation": {"linkArtifact": _link, "unlinkArtifact": _unlink},
    "Organization": {"advancedRegistryFeatures": lambda _, __, ___: {"advancedSearch": False}},
    "Entity": {
        "entityType": lambda _, __, ___: "organization",
        "project": _entity_project,
        "projects": _entity_projects,
        "artifactCollections": _entity_collections,
        "artifactMemberships": _entity_members,
    },
    "Project": {
        "updatedAt": lambda node, _, __: moment(node.experiment.updated_at_ms),
        "allowAllArtifactTypesInRegistry": lambda node, _, __: types_of(node.experiment) is None,
        "members": _members,
        "teamMembers": lambda _, __, ___: [],
    },
}
