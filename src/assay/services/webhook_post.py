"""Sending one notice: resolve, check every address, connect to just those, post, look at the status.

What the receiver answers is neither followed nor read. A receiver is given seconds, not minutes.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from assay.domain.errors import InvalidArgument
from assay.domain.webhook_target import (
    PUBLIC_ONLY,
    AllowedHosts,
    Target,
    choose_addresses,
    parse_target,
)
from assay.services.webhook_result import PostResult

__all__ = ["PostResult", "WebhookPost", "resolve"]

TIMEOUT_S: Final = 10.0
"""For connecting to all addresses, sending and the first line of the answer together."""

Resolver = Callable[[str, int], Sequence[str]]


def resolve(host: str, port: int) -> Sequence[str]:
    """Every address that the system's resolver knows for a name. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class WebhookPost:
    """Posts to public receivers, and to those of `allowed`, which the server's owner named."""

    def __init__(
        self,
        allowed: AllowedHosts = PUBLIC_ONLY,
        *,
        resolver: Resolver = resolve,
        timeout_s: float = TIMEOUT_S,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self.allowed = allowed
        self._resolve = resolver
        self._timeout_s = timeout_s
        self._trust = trust

    def send(self, url: str, headers: Mapping[str, str], body: str) -> PostResult:
        """Post once. Never raises for what a receiver, a name or a network does."""
        try:
            target = parse_target(url, self.allowed)
            found = self._resolve(target.host, target.port)
            addresses = choose_addresses(target, found, self.allowed)
        except InvalidArgument as error:
            return PostResult(None, error.message)
        except (OSError, UnicodeError):
            return PostResult(None, "The receiver's name does not resolve.")
        return asyncio.run(self._within_time(target, addresses, headers, body.encode()))

    async def _within_time(
        self, target: Target, addresses: Sequence[str], headers: Mapping[str, str], body: bytes
    ) -> PostResult:
        # HTTP and the certificates of the system are loaded with the first notice, not at the start.
        from assay.services.webhook_exchange import first_that_connects  # noqa: PLC0415

        if self._trust is None:
            self._trust = ssl.create_default_context()
        try:
            # One limit for all: a receiver that drips a byte now and then would outlive any other.
            async with asyncio.timeout(self._timeout_s):
                return await first_that_connects(target, addresses, headers, body, self._trust)
        except TimeoutError:
            return PostResult(None, f"No answer within {self._timeout_s:g} seconds.")
