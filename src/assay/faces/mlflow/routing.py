"""How this face writes its endpoint records: handlers take the call and the message, whatever the method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from assay.domain.access import Action
from assay.faces.endpoint import JSON_BODY, NO_BODY, Call, Endpoint
from assay.faces.mlflow.wire import Message

V2: Final = "/api/2.0/mlflow"
V3: Final = "/api/3.0/mlflow"
AJAX_V2: Final = "/ajax-api/2.0/mlflow"
AJAX_V3: Final = "/ajax-api/3.0/mlflow"

Handler: TypeAlias = Callable[..., Any]


class Nothing(Message):
    """A message without fields."""


def get(
    path: str,
    summary: str,
    permission: Action,
    handler: Handler,
    query: type[Message],
    *,
    root: str = V2,
) -> Endpoint:
    """A read: `handler(call, message)` with the message from the query parameters."""

    def handle(call: Call) -> Any:
        return handler(call, call.query(query))

    return Endpoint(
        method="GET",
        path=root + path,
        name=_name("GET", root + path),
        summary=summary,
        permission=permission,
        body_limit=NO_BODY,
        query=query,
        handler=handle,
    )


def send(
    method: str,
    path: str,
    summary: str,
    permission: Action,
    handler: Handler,
    request: type[Message],
    *,
    root: str = V2,
    body_limit: int = JSON_BODY,
) -> Endpoint:
    """A call with a body: `handler(call, message)`."""
    return Endpoint(
        method=method,
        path=root + path,
        name=_name(method, root + path),
        summary=summary,
        permission=permission,
        body_limit=body_limit,
        request=request,
        handler=handler,
    )


def post(
    path: str,
    summary: str,
    permission: Action,
    handler: Handler,
    request: type[Message],
    *,
    root: str = V2,
    body_limit: int = JSON_BODY,
) -> Endpoint:
    """`send` by POST."""
    return send(
        "POST", path, summary, permission, handler, request, root=root, body_limit=body_limit
    )


def _name(method: str, path: str) -> str:
    return f"mlflow.{method.lower()}{path}"
