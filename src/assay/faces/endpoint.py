"""One record per route. A route without a permission, a body limit and a summary cannot be written down."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.requests import Request

from assay.domain.access import Action
from assay.services.context import Context

if TYPE_CHECKING:
    from assay.services.assembly import Services

KIB = 1024
MIB = 1024 * KIB
NO_BODY = 0
SMALL_BODY = 256 * KIB
JSON_BODY = 4 * MIB
BATCH_BODY = 64 * MIB
FILE_BODY = 1024 * 1024 * MIB
"""An artifact's bytes: they stream to the blob store, so only the disk bounds them."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A route: what it is called, who may call it, what comes in and what goes out.

    `handler` is `handler(call)`, or `handler(call, body)` where `request` names a body type. A plain
    function runs in the bounded thread pool, a coroutine function on the event loop (it must not block).
    It answers a value of type `response`, or a Starlette response.
    """

    method: str
    path: str
    name: str
    summary: str
    permission: Action
    body_limit: int
    handler: Callable[..., Any]
    request: type | None = None
    query: type | None = None
    response: Any = None
    status: int = 200


@dataclass(slots=True)
class Call:
    """One request on its way to a handler."""

    endpoint: Endpoint
    request: Request
    context: Context
    services: Services
    path: Mapping[str, str]
    stream: Callable[[], AsyncIterator[bytes]]
    """The body in pieces, bounded by the endpoint's limit; for handlers without a `request` type."""
    headers: dict[str, str] = field(default_factory=dict)
    """Headers to add to the answer."""
    status: int | None = None
    """Set to answer another status than the endpoint's (201 for created, 304, …)."""
    parsed_query: Any = None

    def query(self, kind: type[T]) -> T:
        """The query parameters as the type that the endpoint declares."""
        if not isinstance(self.parsed_query, kind):
            msg = f"{self.endpoint.name} declares no query of type {kind.__name__}"
            raise TypeError(msg)
        return self.parsed_query
