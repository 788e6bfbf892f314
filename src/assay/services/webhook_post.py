"""Sending one notice: resolve, check every address, connect to just those, post, look at the status.

What the receiver answers is neither followed nor read. A receiver is given seconds, not minutes.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import httpx2

from assay.domain.errors import InvalidArgument
from assay.domain.webhook_target import (
    PUBLIC_ONLY,
    AllowedHosts,
    Target,
    choose_addresses,
    parse_target,
)

TIMEOUT_S: Final = 10.0
"""For connecting to all addresses, sending and the first line of the answer together."""

MAX_TRIED: Final = 3

Resolver = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True, slots=True)
class PostResult:
    """How it went: the status that was answered, or why there is none, in words without secrets."""

    status: int | None
    error: str = ""

    @property
    def is_delivered(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300


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
        try:
            # One limit for all: a receiver that drips a byte now and then would outlive any other.
            async with asyncio.timeout(self._timeout_s):
                return await self._first_that_connects(target, addresses, headers, body)
        except TimeoutError:
            return PostResult(None, f"No answer within {self._timeout_s:g} seconds.")

    async def _first_that_connects(
        self, target: Target, addresses: Sequence[str], headers: Mapping[str, str], body: bytes
    ) -> PostResult:
        result = PostResult(None, "No connection.")
        async with self._transport() as transport:
            for address in addresses[:MAX_TRIED]:
                try:
                    return await _post(transport, target, address, headers, body)
                except httpx2.ConnectError as error:
                    result = PostResult(None, _no_connection(error))
                except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                    return PostResult(None, f"The exchange broke off ({type(error).__name__}).")
        return result

    def _transport(self) -> httpx2.AsyncHTTPTransport:
        if self._trust is None:
            self._trust = ssl.create_default_context()
        # Below the client: no proxy of the environment, no redirect, no line in the log with the URL.
        return httpx2.AsyncHTTPTransport(verify=self._trust, trust_env=False)


async def _post(
    transport: httpx2.AsyncHTTPTransport,
    target: Target,
    address: str,
    headers: Mapping[str, str],
    body: bytes,
) -> PostResult:
    place = f"[{address}]" if ":" in address else address
    request = httpx2.Request(
        "POST",
        f"{target.scheme}://{place}:{target.port}{target.path}",
        content=body,
        headers={"User-Agent": "assay-webhooks", **headers, "Host": target.authority},
        # The certificate must be that of the name, not of the address.
        extensions={"sni_hostname": target.host},
    )
    response = await transport.handle_async_request(request)
    try:
        status = response.status_code
    finally:
        await response.aclose()
    if 200 <= status < 300:
        return PostResult(status)
    kind = "a redirect, which is not followed" if 300 <= status < 400 else "a refusal"
    return PostResult(status, f"The receiver answered {status}, {kind}.")


def _no_connection(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "No connection: the receiver's certificate or TLS is not acceptable."
        cause = cause.__cause__ or cause.__context__
    return "No connection."
