"""Addresses that the client is given: absolute, signed and short-lived where they carry bytes."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from assay.domain.access import Action, Actor, ActorKind, Role
from assay.faces.addresses import base_url
from assay.faces.endpoint import Call
from assay.services.address_tokens import Claims
from assay.services.context import Context

UPLOAD_LIFE_MS: Final = 6 * 3600 * 1000
DOWNLOAD_LIFE_MS: Final = 3600 * 1000


def signed_url(
    call: Call, purpose: str, action: Action, workspace: str, *parts: str, name: str = ""
) -> str:
    """An address at which whoever holds it may do `action` to one object, for a while.

    It leads to `/storage/<purpose>/<token>/<name>`; `redeem` there gives `parts` back. The name is
    for people and for the client's file names alone.
    """
    life_ms = DOWNLOAD_LIFE_MS if action in _READS else UPLOAD_LIFE_MS
    claims = Claims(
        purpose=purpose,
        action=action.value,
        workspace=workspace,
        actor=call.context.actor.name,
        expires_at_ms=call.context.now_ms + life_ms,
        parts=parts,
    )
    token = call.services.address_tokens.sign(claims)
    leaf = quote(name.rpartition("/")[2] or "file", safe="")
    return f"{base_url(call.request)}/storage/{purpose}/{token}/{leaf}"


def redeem(call: Call, purpose: str, action: Action) -> tuple[Context, tuple[str, ...]]:
    """What the address in `call.path["token"]` allows: a context that may do just that, and its parts.

    Raises PermissionDenied for a token that is altered, expired or for something else.
    """
    claims = call.services.address_tokens.open(
        call.path["token"], purpose, action.value, call.context.now_ms
    )
    actor = Actor(
        kind=ActorKind.SERVICE,
        name=claims.actor,
        roles={claims.workspace: frozenset({Role.CONTRIBUTOR})},
        actions=frozenset({action}),
    )
    if action in _READS:
        # Whoever has the address may read, so a page elsewhere that has it may too.
        call.headers["access-control-allow-origin"] = "*"
    context = Context(actor, claims.workspace, call.context.request_id, call.context.now_ms)
    return context, tuple(claims.parts)


_READS: Final = frozenset({Action.TRACKING_READ, Action.REGISTRY_READ})
