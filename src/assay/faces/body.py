"""Reading a request's body: bounded, of the right content type, nothing decoded twice."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request

from assay.domain.errors import InvalidArgument, LimitExceeded


def check_length(request: Request, limit: int) -> None:
    """Refuse by the announced length before a byte is read. Raises LimitExceeded, InvalidArgument."""
    announced = request.headers.get("content-length")
    if announced is None:
        return
    if not announced.isascii() or not announced.isdigit():
        msg = "The Content-Length header is not a number."
        raise InvalidArgument(msg, field="Content-Length")
    if int(announced) > limit:
        raise _too_large(limit)


async def stream_body(request: Request, limit: int) -> AsyncIterator[bytes]:
    """The body in pieces; raises LimitExceeded as soon as it is longer than `limit` bytes."""
    check_length(request, limit)
    seen = 0
    async for chunk in request.stream():
        seen += len(chunk)
        if seen > limit:
            raise _too_large(limit)
        if chunk:
            yield chunk


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body, at most `limit` bytes."""
    check_length(request, limit)
    pieces: list[bytes] = []
    seen = 0
    # Without a generator around the generator: this is in the way of every metric.
    async for chunk in request.stream():
        seen += len(chunk)
        if seen > limit:
            raise _too_large(limit)
        if chunk:
            pieces.append(chunk)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def require_json(request: Request) -> None:
    """Refuse a body that is not declared as JSON: a web page elsewhere can send text/plain unasked."""
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("application/json"):
        msg = f"Send the body as 'Content-Type: application/json' (got {kind[:100]!r})."
        raise InvalidArgument(msg, field="Content-Type")


def _too_large(limit: int) -> LimitExceeded:
    return LimitExceeded(
        f"The body is larger than this route's limit of {limit} bytes.", limit=limit
    )
