"""Whether the server is ready, in the words that every client understands."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse

from assay.domain.access import Action
from assay.faces.dispatch import Face
from assay.faces.endpoint import NO_BODY, Call, Endpoint
from assay.faces.native.dialect import NativeDialect


def health(call: Call) -> PlainTextResponse:
    """200 `OK` when the database answers."""
    with call.services.platform.database.read() as tx:
        tx.driver("SELECT 1")
    return PlainTextResponse("OK")


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/health",
        name="health",
        summary="200 when the server is ready",
        permission=Action.PUBLIC,
        body_limit=NO_BODY,
        handler=health,
    ),
)


class _HealthDialect(NativeDialect):
    """As the native API; a health check names no workspace."""

    def workspace(self, request: Request) -> str:
        """None is needed."""
        del request
        return ""


def face() -> Face:
    """The face of load balancers and clients that wait for the server."""
    return Face("health", ("/health",), _HealthDialect(), ENDPOINTS)
