"""The exchange of one notice by HTTP. Loaded with the first notice: a start need not wait for it."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from typing import Final

import httpx2

from assay.domain.webhook_target import Target
from assay.services.webhook_result import PostResult

MAX_TRIED: Final = 3


async def first_that_connects(
    target: Target,
    addresses: Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    trust: ssl.SSLContext,
) -> PostResult:
    """Post to the first of the addresses, three at most, that takes a connection. Never raises."""
    result = PostResult(None, "No connection.")
    # Below the client: no proxy of the environment, no redirect, no line in the log with the URL.
    async with httpx2.AsyncHTTPTransport(verify=trust, trust_env=False) as transport:
        for address in addresses[:MAX_TRIED]:
            try:
                return await _post(transport, target, address, headers, body)
            except httpx2.ConnectError as error:
                result = PostResult(None, _no_connection(error))
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                return PostResult(None, f"The exchange broke off ({type(error).__name__}).")
    return result


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
