"""Who holds the key, what the server can, and whose names stand for what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from assay.domain.access import Action, Role, is_allowed
from assay.domain.errors import NotFound
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
        "teams": {"edges": [{"node": {"id": node_id("Entity", e), "name": e}} for e in entities]},
    }


def _server_info(_: Any, __: Ask, ___: Arguments) -> dict[str, Any]:
    return {
        "cliVersionInfo": {"min_cli_version": "0.16.0", "max_cli_version": "99.0.0"},
        "latestLocalVersionInfo": None,
        "features": [{"name": name, "isEnabled": True} for name in FEATURES],
    }


def _api_keys(node: Mapping[str, Any], ask: Ask, _: Arguments) -> dict[str, Any]:
    """The caller's tokens, by that beginning of each which is no secret."""
    if node.get("username") != ask.context.actor.name:
        return {"edges": []}
    own = ask.services.auth.own_tokens(ask.context)
    named = [(token.token_id, f"assay_{token.token_id}", token.description) for token in own]
    return {
        "edges": [
            {"node": {"id": node_id("ApiKey", key), "name": name, "description": said}}
            for key, name, said in named
        ]
    }


def _entity(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any] | None:
    name = arguments.get("name") or default_entity(ask)
    try:
        return entity_of(ask.services.workspaces.get(ask.context, name).name)
    except NotFound:
        # GraphQL is loaded when its first client comes, and the file stream needs this module sooner.
        from assay.faces.wandb.executor import selected  # noqa: PLC0415

        if "available" not in selected(ask.info):
            raise
        # Whoever asks whether a name can still be had needs an answer about it, be it nobody's.
        return {**entity_of(name), "organization": None, "available": True}


def _members(node: Mapping[str, Any], ask: Ask, _: Arguments) -> list[dict[str, Any]]:
    """Who has a role in a workspace, for whoever may know; else the caller alone."""
    if node["available"]:
        return []
    caller = user_of(ask)
    people = {caller["username"]: ("USER", bool(caller["admin"]))}
    if is_allowed(ask.context.actor, Action.ACCESS_READ, None):
        for principal in ask.services.auth.list_principals(ask.context):
            roles = {role for place, role in principal.grants if place in (node["name"], "*")}
            if roles and not principal.disabled:
                kind = "USER" if principal.kind == "user" else "SERVICE"
                people[principal.name] = (kind, Role.ADMIN.value in roles)
    ask.spend(len(people))
    return [
        {
            "id": node_id("User", name),
            "admin": is_admin,
            "pending": False,
            "email": f"{name}@assay.invalid",
            "username": name,
            "name": name,
            "photoUrl": None,
            "accountType": kind,
            "apiKey": None,
        }
        for name, (kind, is_admin) in sorted(people.items())
    ]


def entity_of(workspace: str) -> dict[str, Any]:
    """A workspace as an entity: a team in an organisation of its own."""
    return {
        "id": node_id("Entity", workspace),
        "name": workspace,
        "isTeam": True,
        "available": False,
        "photoUrl": None,
        "readOnly": False,
        "readOnlyAdmin": False,
        "privateOnly": True,
        "storageBytes": 0,
        "codeSavingEnabled": True,
        "defaultAccess": "PRIVATE",
        "isPaid": False,
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
    "User": {"apiKeys": _api_keys},
    "Entity": {"members": _members},
}
