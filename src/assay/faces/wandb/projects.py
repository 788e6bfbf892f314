"""Projects: experiments of a workspace, by the names that the client has for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from assay.domain.errors import InvalidArgument, NotFound
from assay.domain.tracking import Experiment, Lifecycle
from assay.faces.wandb.ask import Arguments, Ask, Resolvers
from assay.faces.wandb.registries import (
    REGISTRY_MARK,
    REGISTRY_PREFIX,
    registry_experiment,
    registry_of,
)
from assay.faces.wandb.values import moment, node_id, read_node_id
from assay.faces.wandb.viewer import default_entity, entity_of, user_of
from assay.services.context import Context

DEFAULT_PROJECT: Final = "uncategorized"
MAX_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class ProjectNode:
    """An experiment as the client sees it. Other fields have resolvers."""

    experiment: Experiment

    @property
    def name(self) -> str:
        """What the client calls it."""
        return self.experiment.name

    @property
    def workspace(self) -> str:
        """The entity."""
        return self.experiment.workspace


def context_of(ask: Ask, entity: str | None) -> Context:
    """The request in the workspace that an entity names; none names the key's default."""
    return ask.context.within(entity or default_entity(ask))


def find_project(ask: Ask, entity: str | None, name: str | None) -> ProjectNode:
    """The project of that name. Raises NotFound, also for one in the bin."""
    context = context_of(ask, entity)
    registry = registry_of(name)
    if registry is not None:
        workspace = ask.services.workspaces.get(context, context.workspace)
        kept = kept_project(ask, context, f"{REGISTRY_PREFIX}{registry}")
        return ProjectNode(registry_experiment(workspace.name, registry, kept))
    found = ask.services.experiments.get_by_name(context, name or DEFAULT_PROJECT)
    if found.lifecycle is not Lifecycle.ACTIVE:
        raise NotFound(f"Project {found.name[:100]!r} was deleted.", field="project")
    return ProjectNode(found)


def kept_project(ask: Ask, context: Context, name: str) -> Experiment | None:
    """The experiment of that name, unless it is in the bin. A registry that was made has one too."""
    try:
        found = ask.services.experiments.get_by_name(context, name)
    except NotFound:
        return None
    return found if found.lifecycle is Lifecycle.ACTIVE else None


def project_by_id(ask: Ask, identifier: str) -> ProjectNode:
    """The project with an id that this face gave out."""
    *place, experiment_id = read_node_id("Project", identifier)
    if place and experiment_id.startswith(REGISTRY_MARK):
        name = REGISTRY_PREFIX + experiment_id.removeprefix(REGISTRY_MARK)
        return find_project(ask, place[0], name)
    return ProjectNode(ask.services.experiments.get(ask.context, experiment_id))


def page_start(after: str | None) -> int:
    """Where a page begins, from the cursor of its predecessor's last object."""
    if not after:
        return 0
    if not after.isascii() or not after.isdigit() or len(after) > 12:
        raise InvalidArgument("after is not a cursor of this server.", field="after")
    return int(after)


def page_size(first: int | None, default: int = 50) -> int:
    """How many objects a page holds."""
    if first is None:
        return default
    if first < 0:
        raise InvalidArgument("first must not be negative.", field="first")
    return min(first, MAX_PAGE)


def connection(
    items: list[Any], start: int, *, has_next: bool, total: int | None = None
) -> dict[str, Any]:
    """Objects as a page: each with a cursor, since a client without one asks for ever."""
    edges = [
        {"node": item, "cursor": str(place)} for place, item in enumerate(items, start=start + 1)
    ]
    end = str(start + len(items)) if items else (str(start) if start else None)
    page: dict[str, Any] = {
        "edges": edges,
        "pageInfo": {"endCursor": end, "hasNextPage": has_next, "__typename": "PageInfo"},
    }
    if total is not None:
        page["totalCount"] = total
    return page


def _project(_: Any, ask: Ask, arguments: Arguments) -> ProjectNode:
    return find_project(ask, arguments.get("entityName"), arguments.get("name"))


def _models(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    context = context_of(ask, arguments.get("entityName"))
    start, size = page_start(arguments.get("after")), page_size(arguments.get("first"))
    found: list[ProjectNode] = []
    token: str | None = None
    while len(found) <= start + size:
        page = ask.services.experiments.search(
            context, max_results=MAX_PAGE, page_token=token, order_by=["last_update_time DESC"]
        )
        found += [ProjectNode(each) for each in page.items if registry_of(each.name) is None]
        token = page.next_token
        if token is None:
            break
    ask.spend(len(found))
    return connection(found[start : start + size], start, has_next=len(found) > start + size)


NOTE_TAG: Final = "mlflow.note.content"


def project_id(node: ProjectNode) -> str:
    """The id that this face gives out for a project."""
    if registry_of(node.name) is not None:
        return node_id("Project", node.workspace, node.experiment.experiment_id)
    return node_id("Project", node.experiment.experiment_id)


RESOLVERS: Final[Resolvers] = {
    "Query": {"project": _project, "model": _project, "models": _models},
    "Project": {
        "id": lambda node, _, __: project_id(node),
        "internalId": lambda node, _, __: project_id(node),
        "entityName": lambda node, _, __: node.workspace,
        "entity": lambda node, _, __: entity_of(node.workspace),
        "description": lambda node, _, __: node.experiment.tags.get(NOTE_TAG),
        "createdAt": lambda node, _, __: moment(node.experiment.created_at_ms),
        "isBenchmark": lambda _, __, ___: False,
        "readOnly": lambda _, __, ___: False,
        "access": lambda _, __, ___: "PRIVATE",
        "views": lambda _, __, ___: "{}",
        "user": lambda _, ask, __: user_of(ask),
        "allViews": lambda _, __, ___: connection([], 0, has_next=False),
    },
}
