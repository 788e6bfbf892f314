"""Who holds the key, what the server can, and whose names stand for what."""

from __future__ import annotations

from typing import Any, Final

from assay.domain.tracking import DEFAULT_WORKSPACE
from assay.faces.wandb.ask import Arguments, Ask, Resolvers
from assay.faces.wandb.features import FEATURES
from assay.faces.wandb.values import node_id


def default_entity(ask: Ask) -> str:
    """The workspace that stands for an entity that was not named: the first that the key can see."""
    names = [workspace.name for workspace in ask.services.workspaces.list(ask.context)]
    if DEFAULT_WORKSPACE in names or not names:
        return DEFAULT_WORKSPACE
    return names[0]


def _viewer(_: Any, ask: Ask, __: Arguments) -> dict[str, Any]:
    return user_of(ask)


def user_of(ask: Ask) -> dict[str, Any]:
    """The key's holder as the client wants to see it."""
    name = ask.context.actor.name
    entities = [workspace.name for workspace in ask.services.workspaces.list(ask.context)]
    return {
        "id": node_id("User", name),
        "name": name,
        "username": name,
        "email": f"{name}@assay.invalid",
        "entity": default_entity(ask),
        "admin": False,
        "flags": "{}",
        "deletedAt": None,
        "apiKeys": {"edges": []},
        "teams": {"edges": [{"node": {"id": node_id("Entity", e), "name": e}} for e in entities]},
    }


def _server_info(_: Any, __: Ask, ___: Arguments) -> dict[str, Any]:
    return {
        "cliVersionInfo": {"min_cli_version": "0.16.0", "max_cli_version": "99.0.0"},
        "latestLocalVersionInfo": None,
        "features": [{"name": name, "isEnabled": True} for name in FEATURES],
    }


def _entity(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any] | None:
    name = arguments.get("name") or default_entity(ask)
    return entity_of(ask.services.workspaces.get(ask.context, name).name)


def entity_of(workspace: str) -> dict[str, Any]:
    """A workspace as an entity: a team in an organisation of its own."""
    return {
        "id": node_id("Entity", workspace),
        "name": workspace,
        "isTeam": True,
        "organization": {
            "id": node_id("Organization", workspace),
            "name": workspace,
            "coreWeaveOrganizationId": None,
            "orgEntity": {"id": node_id("Entity", workspace), "name": workspace},
        },
        "user": None,
    }


RESOLVERS: Final[Resolvers] = {
    "Query": {"viewer": _viewer, "serverInfo": _server_info, "entity": _entity},
}
