"""A small HTTP/1.1 load generator: prepared requests over kept-alive connections, every answer checked.

It is much lighter than a real client, so that two cores measure the server and not the generator.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import statistics
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast


@dataclass(frozen=True, slots=True)
class Timing:
    """What a series of requests took."""

    requests: int
    seconds: float
    latencies_s: Sequence[float]

    @property
    def per_second(self) -> float:
        """Requests answered per second."""
        return self.requests / self.seconds

    @property
    def median_ms(self) -> float:
        """Median latency."""
        return statistics.median(self.latencies_s) * 1000

    @property
    def p99_ms(self) -> float:
        """99th percentile of the latency."""
        ordered = sorted(self.latencies_s)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000


def request_bytes(method: str, path: str, body: Any = None) -> bytes:
    """A whole HTTP request, ready to be sent."""
    if body is None:
        return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    content = json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


class Connection:
    """One kept-alive connection for requests in sequence."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb", buffering=1 << 20)

    def send(self, request: bytes) -> tuple[int, bytes]:
        """Send and answer (status, body)."""
        self._socket.sendall(request)
        return self._read()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send JSON, answer JSON; anything but 2xx raises."""
        status, content = self.send(request_bytes(method, path, body))
        if not 200 <= status < 300:
            msg = f"{method} {path} answered {status}: {content[:300]!r}"
            raise RuntimeError(msg)
        return json.loads(content) if content else {}

    def _read(self) -> tuple[int, bytes]:
        first = self._file.readline()
        if not first:
            msg = "the server closed the connection"
            raise ConnectionError(msg)
        status = int(first.split(b" ", 2)[1])
        length, chunked = 0, False
        while (line := self._file.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
            elif name.lower() == b"transfer-encoding":
                chunked = b"chunked" in value
        if not chunked:
            return status, self._file.read(length)
        pieces = []
        while size := int(self._file.readline(), 16):
            pieces.append(self._file.read(size))
            self._file.readline()
        self._file.readline()
        return status, b"".join(pieces)

    def close(self) -> None:
        """Close."""
        self._file.close()
        self._socket.close()


def run_one(port: int, requests: Iterator[bytes], seconds: float, limit: int = 10**9) -> Timing:
    """One connection, one request after the other, for a time or a number of requests."""
    connection = Connection(port)
    latencies: list[float] = []
    began = now = time.perf_counter()
    for request in requests:
        status, content = connection.send(request)
        after = time.perf_counter()
        if status != 200:
            msg = f"answered {status}: {content[:300]!r}"
            raise RuntimeError(msg)
        latencies.append(after - now)
        now = after
        if now - began >= seconds or len(latencies) >= limit:
            break
    connection.close()
    return Timing(len(latencies), now - began, latencies)


Script: TypeAlias = Generator[bytes, bytes, None]
"""Yields the requests of one connection, one after the other, and is sent the body of each answer."""


class _Client(asyncio.Protocol):
    """Sends the next request of its script as soon as the last one was answered."""

    def __init__(self, script: Script, done: asyncio.Future[None]) -> None:
        self._script, self._done = script, done
        self._buffer = b""
        self._sent = 0.0
        self.latencies: list[float] = []
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not registered as asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._next(None)

    def _next(self, answer: bytes | None) -> None:
        assert self._transport is not None
        try:
            request = next(self._script) if answer is None else self._script.send(answer)
        except StopIteration:
            self._transport.close()
            if not self._done.done():
                self._done.set_result(None)
            return
        self._sent = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        lower = head.lower()
        at = lower.find(b"content-length:")
        length = int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(body) < length:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self._fail(RuntimeError(f"answered {self._buffer[:300]!r}"))
            return
        self.latencies.append(time.perf_counter() - self._sent)
        self._buffer = b""
        self._next(body)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionError("the server closed the connection"))

    def _fail(self, error: Exception) -> None:
        if not self._done.done():
            self._done.set_exception(error)


def run_many(port: int, connections: int, make: Callable[[int], bytes], seconds: float) -> Timing:
    """Many connections at once for a time; `make(i)` prepares the i-th request."""
    numbers = itertools.count(1)

    def script() -> Script:
        while True:
            yield make(next(numbers))

    return run_scripts(port, [script() for _ in range(connections)], seconds)


def run_scripts(port: int, scripts: Sequence[Script], seconds: float) -> Timing:
    """A connection for each script, all at once, for a time or until they end."""

    async def measure() -> Timing:
        loop = asyncio.get_running_loop()
        clients, ends = [], []
        began = time.perf_counter()
        for script in scripts:
            done: asyncio.Future[None] = loop.create_future()
            client = _Client(_until(script, began + seconds), done)
            await loop.create_connection(lambda client=client: client, "127.0.0.1", port)  # type: ignore[misc]
            clients.append(client)
            ends.append(done)
        await asyncio.gather(*ends)
        taken = time.perf_counter() - began
        latencies = [value for client in clients for value in client.latencies]
        return Timing(len(latencies), taken, latencies)

    import uvloop

    return uvloop.run(asyncio.wait_for(measure(), seconds * 4 + 60))


def _until(script: Script, end_s: float) -> Script:
    request = next(script, None)
    while request is not None and time.perf_counter() < end_s:
        answer = yield request
        try:
            request = script.send(answer)
        except StopIteration:
            return
