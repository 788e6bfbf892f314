"""Routes of principals, roles and tokens, and who the caller is."""

from __future__ import annotations

from importlib.metadata import version

import msgspec

from assay.domain.access import Action, allowed_actions
from assay.faces.endpoint import NO_BODY, SMALL_BODY, Call, Endpoint
from assay.services.auth import PrincipalRow

_VERSION = version("assay")


class PrincipalRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A new principal; `roles` maps workspace (or `*`) to role names."""

    name: str
    kind: str = "user"
    roles: dict[str, list[str]] = {}


class PrincipalAnswer(msgspec.Struct):
    """A principal and what it may do where."""

    name: str
    kind: str
    disabled: bool
    roles: dict[str, list[str]]
    created_by: str
    created_at_ms: int


class Principals(msgspec.Struct):
    """Every principal."""

    principals: list[PrincipalAnswer]


class StateRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Shut a principal out or let it in again."""

    disabled: bool


class RoleRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A role of a principal in a workspace (`*`: all)."""

    principal: str
    role: str
    workspace: str = "default"


class TokenRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A new token; `actions` restricts it, `expires_at_ms` ends it."""

    principal: str
    description: str = ""
    actions: list[str] | None = None
    expires_at_ms: int | None = None


class TokenCreated(msgspec.Struct):
    """The token's text, shown this once."""

    token: str
    token_id: str
    principal: str
    expires_at_ms: int | None


class TokenAnswer(msgspec.Struct):
    """A token without its secret."""

    token_id: str
    principal: str
    description: str
    created_at_ms: int
    expires_at_ms: int | None
    revoked_at_ms: int | None
    last_used_at_ms: int | None


class Tokens(msgspec.Struct):
    """Every token."""

    tokens: list[TokenAnswer]


class Whoami(msgspec.Struct):
    """The caller: its roles, its actions in the request's workspace; and who answers, at what time."""

    name: str
    kind: str
    token_id: str | None
    workspace: str
    roles: dict[str, list[str]]
    actions: list[str]
    server_version: str
    now_ms: int


def create_principal(call: Call, body: PrincipalRequest) -> PrincipalAnswer:
    """Add a user, service or gate runner."""
    row = call.services.auth.create_principal(call.context, body.name, body.kind, body.roles)
    return _principal(row)


def list_principals(call: Call) -> Principals:
    """All principals with their roles."""
    return Principals([_principal(row) for row in call.services.auth.list_principals(call.context)])


def change_principal(call: Call, body: StateRequest) -> None:
    """Disable or enable."""
    call.services.auth.set_disabled(call.context, call.path["name"], disabled=body.disabled)


def grant_role(call: Call, body: RoleRequest) -> None:
    """Grant a role."""
    call.services.auth.grant(call.context, body.principal, body.workspace, body.role)


def revoke_role(call: Call, body: RoleRequest) -> None:
    """Take a role away."""
    call.services.auth.revoke(call.context, body.principal, body.workspace, body.role)


def create_token(call: Call, body: TokenRequest) -> TokenCreated:
    """Make a token."""
    made = call.services.auth.create_token(
        call.context,
        body.principal,
        description=body.description,
        actions=body.actions,
        expires_at_ms=body.expires_at_ms,
    )
    return TokenCreated(made.token, made.token_id, made.principal, made.expires_at_ms)


def list_tokens(call: Call) -> Tokens:
    """All tokens, without secrets."""
    return Tokens(
        [
            TokenAnswer(
                row.token_id,
                row.principal,
                row.description,
                row.created_at_ms,
                row.expires_at_ms,
                row.revoked_at_ms,
                row.last_used_at_ms,
            )
            for row in call.services.auth.list_tokens(call.context)
        ]
    )


def revoke_token(call: Call) -> None:
    """Revoke a token for good."""
    call.services.auth.revoke_token(call.context, call.path["token_id"])


def whoami(call: Call) -> Whoami:
    """Who the server takes the caller for."""
    actor = call.context.actor
    actions = allowed_actions(actor, call.context.workspace)
    return Whoami(
        name=actor.name,
        kind=actor.kind.value,
        token_id=actor.token_id,
        workspace=call.context.workspace,
        roles={place: sorted(role.value for role in held) for place, held in actor.roles.items()},
        actions=sorted(action.value for action in actions),
        server_version=_VERSION,
        now_ms=call.context.now_ms,
    )


def _principal(row: PrincipalRow) -> PrincipalAnswer:
    roles: dict[str, list[str]] = {}
    for workspace, role in row.grants:
        roles.setdefault(workspace, []).append(role)
    return PrincipalAnswer(
        row.name, row.kind, row.disabled, roles, row.created_by, row.created_at_ms
    )


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/whoami",
        name="whoami",
        summary="Who the caller is and what it may do",
        permission=Action.IDENTIFY,
        body_limit=NO_BODY,
        handler=whoami,
        response=Whoami,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/principals",
        name="principals.list",
        summary="All principals with their roles",
        permission=Action.ACCESS_READ,
        body_limit=NO_BODY,
        handler=list_principals,
        response=Principals,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/principals",
        name="principals.create",
        summary="Add a user, service or gate runner",
        permission=Action.ACCESS_WRITE,
        body_limit=SMALL_BODY,
        handler=create_principal,
        request=PrincipalRequest,
        response=PrincipalAnswer,
        status=201,
    ),
    Endpoint(
        method="PATCH",
        path="/api/v1/principals/{name}",
        name="principals.update",
        summary="Disable or enable a principal",
        permission=Action.ACCESS_WRITE,
        body_limit=SMALL_BODY,
        handler=change_principal,
        request=StateRequest,
    ),
    Endpoint(
        method="PUT",
        path="/api/v1/roles",
        name="roles.grant",
        summary="Grant a role in a workspace",
        permission=Action.ACCESS_WRITE,
        body_limit=SMALL_BODY,
        handler=grant_role,
        request=RoleRequest,
    ),
    Endpoint(
        method="DELETE",
        path="/api/v1/roles",
        name="roles.revoke",
        summary="Take a role away",
        permission=Action.ACCESS_WRITE,
        body_limit=SMALL_BODY,
        handler=revoke_role,
        request=RoleRequest,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/tokens",
        name="tokens.list",
        summary="All tokens without their secrets",
        permission=Action.ACCESS_READ,
        body_limit=NO_BODY,
        handler=list_tokens,
        response=Tokens,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/tokens",
        name="tokens.create",
        summary="Make a token; its text is shown this once",
        permission=Action.ACCESS_WRITE,
        body_limit=SMALL_BODY,
        handler=create_token,
        request=TokenRequest,
        response=TokenCreated,
        status=201,
    ),
    Endpoint(
        method="DELETE",
        path="/api/v1/tokens/{token_id}",
        name="tokens.revoke",
        summary="Revoke a token from the next request on",
        permission=Action.ACCESS_WRITE,
        body_limit=NO_BODY,
        handler=revoke_token,
    ),
)
