"""From an HTTP request to a handler and back: routing, identity, permission, body, errors.

Default deny lives here: a path without an Endpoint is answered 404, and an Endpoint is entered only by
an actor who holds its permission somewhere. Services then check the workspace of the object itself.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import anyio.to_thread
import structlog
from anyio import CapacityLimiter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from assay.domain.access import Action, Actor, ActorKind, allowed_actions
from assay.domain.errors import AppError, Internal, NotFound, PermissionDenied, Unauthenticated
from assay.faces.body import check_length, read_body, stream_body
from assay.faces.endpoint import Call, Endpoint
from assay.faces.request import FaceRequest
from assay.services.context import Context

if TYPE_CHECKING:
    from assay.services.assembly import Services

MAX_THREADS = 40
RECORDED_DENIALS = frozenset(
    {
        Action.ACCESS_WRITE,
        Action.ALIAS_WRITE,
        Action.GATE_RUN,
        Action.GATE_WRITE,
        Action.PROMOTE,
        Action.REGISTRY_DELETE,
        Action.VERDICT_WRITE,
        Action.WORKSPACE_WRITE,
    }
)
"""Refusals of these leave an event in the ledger, once, by whoever was known to try."""

_log = structlog.get_logger("assay.http")


class Dialect(Protocol):
    """How one face speaks: its body and query syntax, its answers and its errors."""

    def workspace(self, request: Request) -> str:
        """The workspace that the request names, or the default one."""
        ...

    def check_body(self, request: Request, endpoint: Endpoint) -> None:
        """Refuse a wrong content type before the body is read."""
        ...

    def body(self, raw: bytes, request: Request, endpoint: Endpoint) -> Any:
        """The body (or whatever stands for it) as the endpoint's request type."""
        ...

    def query(self, request: Request, endpoint: Endpoint) -> Any:
        """The query parameters as the endpoint's query type."""
        ...

    def answer(self, value: Any, status: int, headers: Mapping[str, str]) -> Response:
        """A handler's value as a response."""
        ...

    def error(self, error: AppError, request_id: str) -> Response:
        """A refusal in this face's words."""
        ...


@dataclass(frozen=True, slots=True)
class Face:
    """A dialect and the endpoints that speak it. `prefixes` are the paths that belong to it."""

    name: str
    prefixes: tuple[str, ...]
    dialect: Dialect
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class _Route:
    face: Face
    endpoint: Endpoint
    is_async: bool
    pattern: re.Pattern[str] | None


class Dispatcher:
    """The ASGI application made of all faces.

    `authenticate(request) -> Actor` raises Unauthenticated for a bad credential and answers an anonymous
    actor for none. `request_ids()` names a request.
    """

    def __init__(
        self,
        faces: Sequence[Face],
        services: Services,
        authenticate: Callable[[Request], Actor],
        request_ids: Callable[[], str],
        fallback: Callable[[Scope, Receive, Send], Any] | None = None,
    ) -> None:
        self.faces = tuple(faces)
        self._services = services
        self._authenticate = authenticate
        self._request_ids = request_ids
        self._fallback = fallback
        self._fixed: dict[tuple[str, str], _Route] = {}
        self._patterns: dict[str, list[_Route]] = {}
        self._limiter = CapacityLimiter(MAX_THREADS)
        for face in self.faces:
            for endpoint in face.endpoints:
                self._add(face, endpoint)

    def _add(self, face: Face, endpoint: Endpoint) -> None:
        is_async = inspect.iscoroutinefunction(endpoint.handler)
        if "{" not in endpoint.path:
            key = (endpoint.method, endpoint.path)
            if key in self._fixed:
                msg = f"two endpoints claim {endpoint.method} {endpoint.path}"
                raise ValueError(msg)
            self._fixed[key] = _Route(face, endpoint, is_async, None)
            return
        pattern, _, _ = compile_path(endpoint.path)
        route = _Route(face, endpoint, is_async, pattern)
        self._patterns.setdefault(endpoint.method, []).append(route)

    def find(self, method: str, path: str) -> tuple[_Route, Mapping[str, str]] | None:
        """The route of a request, with its path parameters as text."""
        route = self._fixed.get((method, path))
        if route is not None:
            return route, {}
        for candidate in self._patterns.get(method, ()):
            assert candidate.pattern is not None
            match = candidate.pattern.match(path)
            if match is not None:
                return candidate, match.groupdict()
        return None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        request = FaceRequest(scope, receive)
        request_id = self._request_ids()
        method = "GET" if request.method == "HEAD" else request.method
        found = self.find(method, scope["path"])
        if found is None and scope["path"].startswith("//"):
            # A client's address ended with a slash, and it put a path behind it.
            found = self.find(method, "/" + scope["path"].lstrip("/"))
        if found is None:
            await self._unknown(scope, receive, send, request_id)
            return
        route, path = found
        try:
            response = await self._serve(route, path, request, request_id)
        except ClientDisconnect:
            return
        except AppError as error:
            response = self._refuse(route.face, error, request, request_id)
        except Exception:  # noqa: BLE001 - the outermost wrapper: what escapes is a fault of ours
            _log.exception("unexpected error", request_id=request_id, endpoint=route.endpoint.name)
            msg = f"Internal error. The server's log has the detail under request id {request_id}."
            response = route.face.dialect.error(Internal(msg), request_id)
        response.raw_headers.append((b"x-request-id", request_id.encode()))
        await response(scope, receive, send)

    async def _serve(
        self, route: _Route, path: Mapping[str, str], request: Request, request_id: str
    ) -> Response:
        endpoint, dialect = route.endpoint, route.face.dialect
        context = Context(
            actor=self._authenticate(request),
            workspace=dialect.workspace(request),
            request_id=request_id,
            now_ms=self._services.platform.now_ms(),
            idempotency_key=request.headers.get("idempotency-key"),
        )
        await self._admit(context, endpoint, request)
        check_length(request, endpoint.body_limit)
        call = Call(
            endpoint=endpoint,
            request=request,
            context=context,
            services=self._services,
            path=path,
            stream=partial(stream_body, request, endpoint.body_limit),
        )
        if endpoint.query is not None:
            call.parsed_query = dialect.query(request, endpoint)
        arguments: tuple[Any, ...] = (call,)
        if endpoint.request is not None:
            dialect.check_body(request, endpoint)
            raw = await read_body(request, endpoint.body_limit)
            arguments = (call, dialect.body(raw, request, endpoint))
        if route.is_async:
            return _response(dialect, call, await endpoint.handler(*arguments))
        # Encoded by the same thread: a long page must not hold up the other connections.
        return await anyio.to_thread.run_sync(
            lambda: _response(dialect, call, endpoint.handler(*arguments)), limiter=self._limiter
        )

    async def _admit(self, context: Context, endpoint: Endpoint, request: Request) -> None:
        try:
            admit(context.actor, endpoint)
        except PermissionDenied as refusal:
            if endpoint.permission in RECORDED_DENIALS:
                record = partial(
                    self._services.ledger.record_denied,
                    context,
                    action=endpoint.permission.value,
                    object=f"route:{endpoint.method} {endpoint.path}",
                    workspace=None,
                    details={"path": request.url.path[:500], "reason": refusal.message},
                )
                await anyio.to_thread.run_sync(record, limiter=self._limiter)
            raise

    def _refuse(self, face: Face, error: AppError, request: Request, request_id: str) -> Response:
        if isinstance(error, Internal):
            _log.error(
                "internal error", request_id=request_id, path=request.url.path, error=str(error)
            )
        return face.dialect.error(error, request_id)

    async def _unknown(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        path = scope["path"]
        for face in self.faces:
            if path.startswith(face.prefixes):
                allowed = sorted({m for m in self._methods() if self.find(m, path) is not None})
                msg = (
                    f"{path[:200]} answers {', '.join(allowed)}, not {scope['method']}."
                    if allowed
                    else f"No such endpoint: {scope['method']} {path[:200]}"
                )
                response = face.dialect.error(NotFound(msg, unknown_endpoint=True), request_id)
                response.headers["x-request-id"] = request_id
                await response(scope, receive, send)
                return
        if self._fallback is not None:
            await self._fallback(scope, receive, send)
            return
        await Response("Not found", status_code=404)(scope, receive, send)

    def _methods(self) -> set[str]:
        return {method for method, _ in self._fixed} | set(self._patterns)


def _response(dialect: Dialect, call: Call, value: Any) -> Response:
    if isinstance(value, Response):
        for name, header in call.headers.items():
            value.headers[name] = header
        return value
    return dialect.answer(value, call.status or call.endpoint.status, call.headers)


def admit(actor: Actor, endpoint: Endpoint) -> None:
    """Let the actor in if it holds the endpoint's permission in any workspace; else refuse."""
    for place in (None, *actor.roles):
        if endpoint.permission in allowed_actions(actor, place):
            return
    if actor.kind is ActorKind.ANONYMOUS:
        msg = "This server wants a credential: send 'Authorization: Bearer <token>' (assay login, ASSAY_TOKEN)."
        raise Unauthenticated(msg)
    msg = f"{actor.name!r} may not {endpoint.permission.value} anywhere on this server."
    raise PermissionDenied(msg, action=endpoint.permission.value)


def with_prefix(endpoints: Sequence[Endpoint], old: str, new: str) -> tuple[Endpoint, ...]:
    """The same endpoints under another path prefix (twins of an older or a browser path)."""
    return tuple(
        replace(endpoint, path=new + endpoint.path.removeprefix(old), name=f"{endpoint.name}@{new}")
        for endpoint in endpoints
        if endpoint.path.startswith(old)
    )
