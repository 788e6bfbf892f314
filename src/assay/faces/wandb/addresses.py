"""Addresses that the client is given: absolute, signed and short-lived where they carry bytes."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from starlette.requests import Request

from assay.domain.access import Action, Actor, ActorKind, Role
from assay.faces.endpoint import Call
from assay.services.context import Context
from assay.services.signatures import Claims

UPLOAD_LIFE_MS: Final = 6 * 3600 * 1000
DOWNLOAD_LIFE_MS: Final = 3600 * 1000
_HOST: Final = re.compile(
    r"[A-Za-z0-9.\-_]{1,253}(:[0-9]{1,5})?|\[[0-9a-fA-F:.]{2,45}\](:[0-9]{1,5})?"
)
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~\-]{1,64}){0,8}")


def base_url(request: Request) -> str:
    """This server's address as the client knows it, without a slash at the end.

    A proxy in front tells scheme, name and path by `X-Forwarded-Proto`, `-Host` and `-Prefix`.
    """
    headers = request.headers
    scheme = headers.get("x-forwarded-proto", request.scope.get("scheme", "http"))
    scheme = scheme.split(",")[0].strip().lower()
    if scheme not in ("http", "https"):
        scheme = "http"
    host = headers.get("x-forwarded-host", headers.get("host", "127.0.0.1")).split(",")[0].strip()
    if _HOST.fullmatch(host) is None:
        host = headers.get("host", "127.0.0.1")
    prefix = headers.get("x-forwarded-prefix", "").split(",")[0].strip().rstrip("/")
    if _PREFIX.fullmatch(prefix) is None:
        prefix = ""
    return f"{scheme}://{host}{prefix}"


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
    token = call.services.signatures.sign(claims)
    leaf = quote(name.rpartition("/")[2] or "file", safe="")
    return f"{base_url(call.request)}/storage/{purpose}/{token}/{leaf}"


def redeem(call: Call, purpose: str, action: Action) -> tuple[Context, tuple[str, ...]]:
    """What the address in `call.path["token"]` allows: a context that may do just that, and its parts.

    Raises PermissionDenied for a token that is altered, expired or for something else.
    """
    claims = call.services.signatures.open(
        call.path["token"], purpose, action.value, call.context.now_ms
    )
    actor = Actor(
        kind=ActorKind.SERVICE,
        name=claims.actor,
        roles={claims.workspace: frozenset({Role.CONTRIBUTOR})},
        actions=frozenset({action}),
    )
    context = Context(actor, claims.workspace, call.context.request_id, call.context.now_ms)
    return context, tuple(claims.parts)


_READS: Final = frozenset({Action.TRACKING_READ, Action.REGISTRY_READ})
