"""The native face on a few services, spoken to in this process without a socket."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import httpx2

from assay.domain.access import LOCAL_OWNER, Actor
from assay.faces.dispatch import Dispatcher, Face
from assay.faces.endpoint import Endpoint
from assay.faces.native.dialect import NativeDialect
from assay.services.platform import Platform


def native_app(
    platform: Platform,
    endpoints: Sequence[Endpoint],
    who: Callable[[], Actor] = lambda: LOCAL_OWNER,
    **services: Any,
) -> Dispatcher:
    """The endpoints as an application; every request comes from `who()`."""
    numbers = itertools.count(1)
    return Dispatcher(
        [Face("native", ("/api/v1/",), NativeDialect(), tuple(endpoints))],
        SimpleNamespace(platform=platform, **services),  # type: ignore[arg-type]
        lambda _request: who(),
        lambda: f"request-{next(numbers)}",
    )


def ask(app: Dispatcher, method: str, path: str, **options: Any) -> httpx2.Response:
    """One request and its whole answer."""

    async def send() -> httpx2.Response:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://assay") as client:
            return await client.request(method, path, **options)

    return asyncio.run(send())


class Stream:
    """An answer that comes piece by piece."""

    def __init__(self) -> None:
        self.status = 0
        self._is_asked = False
        self.headers: dict[str, str] = {}
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._left = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        """What the server hears: an empty body, and then nothing until the client leaves."""
        if not self._is_asked:
            self._is_asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        """What the server says."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            return
        self._pieces.put_nowait(message.get("body", b""))
        if not message.get("more_body"):
            self._pieces.put_nowait(None)

    async def next_piece(self) -> bytes | None:
        """The next bytes; None at the end. Fails rather than waits for ever."""
        async with asyncio.timeout(30):
            return await self._pieces.get()

    def leave(self) -> None:
        """Close the connection as a client does."""
        self._left.set()


@asynccontextmanager
async def opened(app: Dispatcher, path: str) -> AsyncIterator[Stream]:
    """A GET whose answer is read as it comes."""
    stream = Stream()
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"assay")],
        "scheme": "http",
        "server": ("assay", 80),
        "client": ("127.0.0.1", 1),
    }
    serving = asyncio.ensure_future(app(scope, stream.receive, stream.send))  # type: ignore[arg-type]
    try:
        yield stream
    finally:
        stream.leave()
        async with asyncio.timeout(30):
            await serving
