"""`assay serve`: the application behind uvicorn, one process."""

from __future__ import annotations

import errno
import gc
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import uvicorn

from assay.domain.errors import Unavailable
from assay.server.app import App
from assay.server.http import Protocol
from assay.server.logging import configure
from assay.server.memory import return_large_blocks
from assay.server.settings import Settings

GRACE_S = 10

_HINTS = {
    errno.EADDRINUSE: ("port", "Is a server running there? Try --port."),
    errno.EACCES: ("port", "This user may not take that port. Try --port with one from 1024 on."),
}
_HINT_OTHERWISE = ("host", "--host is an address or a name of this machine.")


class _Server(uvicorn.Server):
    """Tells when it listens, and when it is about to wait for its last connections."""

    def __init__(
        self, config: uvicorn.Config, on_ready: Callable[[], None], on_stop: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._on_stop = on_stop

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM as the wish to stop, which is fulfilled: the process ends with 0."""
        with suppress(KeyboardInterrupt), super().capture_signals():
            try:
                yield
            finally:
                # uvicorn would raise them again, and end the process as if it had been killed.
                self._captured_signals.clear()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say so, then let the connections end."""
        self._on_stop()
        await super().shutdown(sockets)


def serve(settings: Settings, *, log_level: str = "info") -> None:
    """Serve until SIGINT or SIGTERM, then drain and close. Raises an AppError if it cannot start."""
    configure(level=log_level)
    return_large_blocks()
    app = App(settings)
    listener = _bind(settings.host, settings.port)
    try:
        app.start()
        app.services.platform.database.reserve()
        # What is there now stays until the end: the collector need not walk through it again, which
        # takes longer than answering a page of 1,000 runs.
        gc.collect()
        gc.freeze()
        gc.enable()
        config = uvicorn.Config(
            app,
            http=Protocol,
            log_config=None,
            access_log=False,
            # Nothing here depends on the address of the client, which is all that they would change.
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=GRACE_S,
            timeout_keep_alive=75,
            h11_max_incomplete_event_size=64 * 1024,
        )
        # Whoever watches a run would keep the connection open for as long as the server lets it.
        on_stop = app.services.live.close
        _Server(config, lambda: _announce(settings, listener), on_stop).run([listener])
    finally:
        app.close()
        listener.close()


def _bind(host: str, port: int) -> socket.socket:
    # Bound before anything is opened: a taken port is the commonest fault and should leave no trace.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip("[]"), port))
        listener.set_inheritable(True)
    except OSError as error:
        listener.close()
        field, hint = _HINTS.get(error.errno or 0, _HINT_OTHERWISE)
        msg = f"Cannot listen on {host}:{port}: {error.strerror}. {hint}"
        raise Unavailable(msg, field=field) from error
    return listener


def _announce(settings: Settings, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    mode = "accounts" if settings.auth else "local mode, everyone on this machine is the owner"
    sys.stdout.write(f"Assay is ready at http://{host}:{port} ({mode}; data in {settings.data})\n")
    sys.stdout.flush()
