"""A receiver of webhooks on loopback: keeps what it got, answers what it was told to answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

PATIENCE_S = 30


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: str


class Receiver:
    """Listens while it is a context. `answer` gives the status (and headers) for each request."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[int], tuple[int, dict[str, str]]] = lambda _number: (204, {})
        self._news = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                body = self.rfile.read(length).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                number = receiver._keep(Received(self.path, headers, body))
                status, extra = receiver.answer(number)
                self.send_response(status)
                for name, value in extra.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook?team=a"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def _keep(self, request: Received) -> int:
        with self._news:
            self.received.append(request)
            self._news.notify_all()
            return len(self.received)

    def wait_for(self, count: int) -> list[Received]:
        """What came, once it is so much. Fails rather than waits for ever."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.received) >= count, PATIENCE_S)
            return list(self.received)

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
