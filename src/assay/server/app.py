"""The ASGI application: services behind faces, with its start and its end."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable
from typing import IO
from urllib.parse import urlsplit

import structlog
from starlette.types import Message, Receive, Scope, Send

from assay.faces.addresses import EXTERNAL_URL
from assay.faces.dispatch import Dispatcher, Face
from assay.faces.identity import LOOPBACK, Identity
from assay.faces.mlflow import routes as mlflow
from assay.faces.native import routes as native
from assay.faces.wandb import routes as wandb
from assay.server import health
from assay.server.bootstrap import open_data, open_services
from assay.server.page import Page
from assay.server.settings import Settings
from assay.services.assembly import Services

_log = structlog.get_logger("assay.server")


class App:
    """One server: `start()`, then serve as an ASGI application, then `close()`."""

    def __init__(self, settings: Settings) -> None:
        settings.check()
        self.settings = settings
        self._lock: IO[str] | None = None
        self._services: Services | None = None
        self._dispatch: Dispatcher | None = None

    @property
    def services(self) -> Services:
        """The services of a started server."""
        if self._services is None:
            msg = "the server has not been started"
            raise RuntimeError(msg)
        return self._services

    def start(self) -> None:
        """Open everything. Raises the error tree's words for what is in the way."""
        self._lock = open_data(self.settings.data)
        try:
            self._services = open_services(self.settings)
            self._services.start()
        except BaseException:
            self.close()
            raise
        self._dispatch = Dispatcher(
            faces(),
            self._services,
            Identity(self._services.auth, self._hosts()),
            request_ids(),
            fallback=Page(),
        )

    def close(self) -> None:
        """Drain what was accepted, stop the threads, close the database, free the data folder."""
        if self._services is not None:
            self._services.close()
            self._services.platform.database.close()
            self._services = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _hosts(self) -> frozenset[str]:
        # With accounts a credential is asked for anyway, and the server may be known by many names.
        if self.settings.auth and not self.settings.allowed_hosts:
            return frozenset()
        named = urlsplit(self.settings.external_url or "").hostname
        own = {f"[{named}]" if ":" in named else named} if named else set()
        return LOOPBACK | own | set(self.settings.allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            assert self._dispatch is not None
            if self.settings.external_url is not None:
                scope["state"] = {
                    **scope.get("state", {}),
                    EXTERNAL_URL: self.settings.external_url,
                }
            await self._dispatch(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        if self._dispatch is None:
            self.start()
        await send({"type": "lifespan.startup.complete"})
        message: Message = await receive()
        assert message["type"] == "lifespan.shutdown"
        self.close()
        await send({"type": "lifespan.shutdown.complete"})


def faces() -> list[Face]:
    """Every face of the server: what is not in here cannot be reached."""
    return [health.face(), native.face(), *mlflow.faces(), *wandb.faces()]


def request_ids() -> Callable[[], str]:
    """Names for requests: unique, short, in order within one server."""
    prefix = secrets.token_hex(4)
    counter = itertools.count(1)
    return lambda: f"{prefix}-{next(counter)}"
