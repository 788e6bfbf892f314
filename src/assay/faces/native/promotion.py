"""Routes of aliases, promotion and rollback. A protected alias moves by promotion and rollback only."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from assay.domain.access import Action
from assay.faces.endpoint import NO_BODY, SMALL_BODY, Call, Endpoint
from assay.faces.native.registry_types import (
    AliasAnswer,
    FileAnswer,
    MoveAnswer,
    VersionAnswer,
    alias_answer,
    file_answer,
    move_answer,
    version_answer,
)


class AliasRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The version that an alias is to name; a protected alias is promoted through its gate."""

    version: int
    expected_revision: int | None = None
    reason: str = ""


class PromoteRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The challenger of a protected alias."""

    version: int
    alias: str = "production"
    expected_revision: int | None = None
    reason: str = ""


class RollbackRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The alias that returns to its holder before."""

    alias: str = "production"
    expected_revision: int | None = None
    reason: str = ""


class RemovalQuery(msgspec.Struct, forbid_unknown_fields=True):
    """With `expected_revision`, removal is refused if the alias has moved."""

    expected_revision: int | None = None
    reason: str = ""


class HistoryQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Moves after a revision."""

    after_revision: int = 0
    max_results: int = 1_000


class Aliases(msgspec.Struct):
    """Every alias of a model."""

    aliases: list[AliasAnswer]


class ResolvedAnswer(msgspec.Struct):
    """What an alias names at this moment: version, bytes and revision, for whoever serves it."""

    model: str
    alias: str
    revision: int
    version: VersionAnswer
    files: list[FileAnswer]


class Moved(msgspec.Struct):
    """The move that was made; None when the alias stood there already."""

    move: MoveAnswer | None


class History(msgspec.Struct):
    """Moves of an alias, oldest first."""

    moves: list[MoveAnswer]


def list_aliases(call: Call) -> Aliases:
    """All aliases of a model."""
    held = call.services.aliases.list_aliases(call.context, call.path["name"])
    return Aliases([alias_answer(alias) for alias in held])


def resolve(call: Call) -> ResolvedAnswer | Response:
    """The version that an alias names, its manifest and revision; 304 while If-None-Match holds."""
    name, alias = call.path["name"], call.path["alias"]
    found = call.services.aliases.resolve(call.context, name, alias)
    etag = f'"{found.etag}"'
    if etag in _etags(call.request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers={"etag": etag})
    call.headers["etag"] = etag
    call.headers["cache-control"] = "private, no-cache"
    return ResolvedAnswer(
        model=found.version.model,
        alias=found.alias,
        revision=found.revision,
        version=version_answer(found.version),
        files=[file_answer(entry) for entry in found.files],
    )


def set_alias(call: Call, body: AliasRequest) -> Moved:
    """Let an alias name a version."""
    move = call.services.aliases.set_alias(
        call.context,
        call.path["name"],
        call.path["alias"],
        body.version,
        expected_revision=body.expected_revision,
        reason=body.reason,
    )
    return Moved(None if move is None else move_answer(move))


def remove_alias(call: Call) -> Moved:
    """Remove an alias; a protected one that is held stays."""
    query = call.query(RemovalQuery)
    move = call.services.aliases.remove_alias(
        call.context,
        call.path["name"],
        call.path["alias"],
        expected_revision=query.expected_revision,
        reason=query.reason,
    )
    return Moved(None if move is None else move_answer(move))


def alias_history(call: Call) -> History:
    """How an alias has moved."""
    query = call.query(HistoryQuery)
    moves = call.services.aliases.alias_history(
        call.context,
        call.path["name"],
        call.path["alias"],
        after_revision=query.after_revision,
        max_results=query.max_results,
    )
    return History([move_answer(move) for move in moves])


def preview(call: Call, body: PromoteRequest) -> dict[str, Any]:
    """What a promotion would decide now, with gate, both scores and reasons; nothing is written."""
    proposal = call.services.promotion.preview(
        call.context, call.path["name"], body.version, body.alias
    )
    return dict(proposal.as_record())


def promote(call: Call, body: PromoteRequest) -> MoveAnswer:
    """Move a protected alias if the current gate allows it."""
    move = call.services.promotion.promote(
        call.context,
        call.path["name"],
        body.version,
        body.alias,
        expected_revision=body.expected_revision,
        reason=body.reason,
    )
    return move_answer(move)


def rollback(call: Call, body: RollbackRequest) -> MoveAnswer:
    """Return to the champion before and quarantine the version that is left."""
    move = call.services.promotion.rollback(
        call.context,
        call.path["name"],
        body.alias,
        expected_revision=body.expected_revision,
        reason=body.reason,
    )
    return move_answer(move)


def _etags(header: str) -> set[str]:
    return {part.strip().removeprefix("W/") for part in header.split(",")}


_MODEL = "/api/v1/models/{name}"
_ALIAS = "/api/v1/models/{name}/aliases/{alias}"

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=f"{_MODEL}/aliases",
        name="aliases.list",
        summary="The aliases of a model",
        permission=Action.REGISTRY_READ,
        body_limit=NO_BODY,
        handler=list_aliases,
        response=Aliases,
    ),
    Endpoint(
        method="GET",
        path=_ALIAS,
        name="aliases.resolve",
        summary="What an alias names now: version, manifest, revision, ETag",
        permission=Action.REGISTRY_READ,
        body_limit=NO_BODY,
        handler=resolve,
        response=ResolvedAnswer,
    ),
    Endpoint(
        method="PUT",
        path=_ALIAS,
        name="aliases.set",
        summary="Let an alias name a version; a protected one goes through the gate",
        permission=Action.ALIAS_WRITE,
        body_limit=SMALL_BODY,
        handler=set_alias,
        request=AliasRequest,
        response=Moved,
    ),
    Endpoint(
        method="DELETE",
        path=_ALIAS,
        name="aliases.remove",
        summary="Remove an alias; a protected one that is held stays",
        permission=Action.ALIAS_WRITE,
        body_limit=NO_BODY,
        handler=remove_alias,
        query=RemovalQuery,
        response=Moved,
    ),
    Endpoint(
        method="GET",
        path=f"{_ALIAS}/history",
        name="aliases.history",
        summary="How an alias has moved, with the decisions",
        permission=Action.REGISTRY_READ,
        body_limit=NO_BODY,
        handler=alias_history,
        query=HistoryQuery,
        response=History,
    ),
    Endpoint(
        method="POST",
        path=f"{_MODEL}/promotion-preview",
        name="promotion.preview",
        summary="What a promotion would decide now, without doing it",
        permission=Action.REGISTRY_READ,
        body_limit=SMALL_BODY,
        handler=preview,
        request=PromoteRequest,
    ),
    Endpoint(
        method="POST",
        path=f"{_MODEL}/promote",
        name="promotion.promote",
        summary="Move a protected alias, if its gate allows it",
        permission=Action.PROMOTE,
        body_limit=SMALL_BODY,
        handler=promote,
        request=PromoteRequest,
        response=MoveAnswer,
    ),
    Endpoint(
        method="POST",
        path=f"{_MODEL}/rollback",
        name="promotion.rollback",
        summary="Return a protected alias to its holder before",
        permission=Action.PROMOTE,
        body_limit=SMALL_BODY,
        handler=rollback,
        request=RollbackRequest,
        response=MoveAnswer,
    ),
)
