"""From a request's headers to an actor, and which Host and Origin may speak to a local server."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.requests import Request

from assay.domain.access import Actor
from assay.domain.errors import PermissionDenied
from assay.services.auth import Auth

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Identity:
    """Answers the actor of a request, after Host and Origin were found to be this server's own.

    A web page elsewhere can make a browser send requests to a loopback server, or resolve its own name
    to 127.0.0.1; neither can make the browser send our Host, or hide the page's Origin.
    """

    def __init__(self, auth: Auth, hosts: Iterable[str]) -> None:
        self._auth = auth
        self._hosts = frozenset(host.lower() for host in hosts)

    def __call__(self, request: Request) -> Actor:
        """Raises PermissionDenied for a foreign Host or Origin, Unauthenticated for a bad credential."""
        headers = request.headers
        if self._hosts:
            self._check_host(headers.get("host", ""))
        origin = headers.get("origin")
        if origin is not None and request.method not in _SAFE:
            self._check_origin(origin, headers.get("host", ""))
        return self._auth.authenticate(headers.get("authorization"))

    def _check_host(self, host: str) -> None:
        name = _host_name(host)
        if name not in self._hosts:
            msg = f"This server answers to {', '.join(sorted(self._hosts))}, not to Host {host[:100]!r}."
            raise PermissionDenied(msg, field="Host")

    def _check_origin(self, origin: str, host: str) -> None:
        parts = urlsplit(origin)
        if parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower():
            return
        msg = f"A page of {origin[:100]!r} may not change anything on this server."
        raise PermissionDenied(msg, field="Origin")


def _host_name(host: str) -> str:
    """The name without port; a trailing dot or user part makes it another name."""
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    return host.rpartition(":")[0].lower() if ":" in host else host.lower()
