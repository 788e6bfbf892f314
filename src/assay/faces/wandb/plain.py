"""Small addresses outside GraphQL: readiness by the names that W&B's tools use."""

from __future__ import annotations

from typing import Final

from starlette.responses import PlainTextResponse

from assay.domain.access import Action
from assay.faces.endpoint import NO_BODY, Call, Endpoint


def ready(call: Call) -> PlainTextResponse:
    """200 when the database answers."""
    with call.services.platform.database.read() as tx:
        tx.driver("SELECT 1")
    return PlainTextResponse("OK")


ENDPOINTS: Final = tuple(
    Endpoint(
        method="GET",
        path=path,
        name=f"wandb{path.replace('/', '.')}",
        summary="200 when the server is ready",
        permission=Action.PUBLIC,
        body_limit=NO_BODY,
        handler=ready,
    )
    for path in ("/ready", "/healthz")
)
