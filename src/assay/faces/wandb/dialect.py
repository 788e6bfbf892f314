"""How the W&B face reads requests and writes answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from assay.domain.errors import AppError, InvalidArgument
from assay.domain.tracking import DEFAULT_WORKSPACE
from assay.faces.body import require_json
from assay.faces.endpoint import Endpoint
from assay.faces.wandb.errors import body_of, headers_of, status_of

_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class RawBody:
    """A body as it came; whoever handles it unpacks it, away from the event loop."""

    data: bytes
    encoding: str


class WandbDialect:
    """The `Dialect` of the W&B face."""

    def workspace(self, request: Request) -> str:
        """None is named outside paths and variables; resolvers name the entity themselves."""
        del request
        return DEFAULT_WORKSPACE

    def check_body(self, request: Request, endpoint: Endpoint) -> None:
        """A body is JSON and says so."""
        del endpoint
        require_json(request)

    def body(self, raw: bytes, request: Request, endpoint: Endpoint) -> Any:
        """The body unread: it may be packed."""
        del endpoint
        return RawBody(raw, request.headers.get("content-encoding", "").strip().lower())

    def query(self, request: Request, endpoint: Endpoint) -> Any:
        """No endpoint of this face declares a query type."""
        del request
        raise InvalidArgument(f"{endpoint.name} takes no query.", field="query")

    def answer(self, value: Any, status: int, headers: Mapping[str, str]) -> Response:
        """JSON; nothing to say is an empty object."""
        return json_response({} if value is None else value, status, headers)

    def error(self, error: AppError, request_id: str) -> Response:
        """A refusal in this face's words."""
        del request_id
        return json_response(body_of(error), status_of(error), headers_of(error))


def json_response(value: Any, status: int, headers: Mapping[str, str]) -> Response:
    """A JSON answer that nobody caches or sniffs."""
    return Response(
        _ENCODER.encode(value),
        status,
        {
            "content-type": "application/json",
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
            **headers,
        },
    )
