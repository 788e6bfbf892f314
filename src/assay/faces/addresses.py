"""The address of this server as its clients know it."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from starlette.requests import Request

EXTERNAL_URL: Final = "external_url"
"""Where the server's setting stands in the state of a request."""

_HOST: Final = re.compile(
    r"[A-Za-z0-9.\-_]{1,253}(:[0-9]{1,5})?|\[[0-9a-fA-F:.]{2,45}\](:[0-9]{1,5})?"
)
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~\-]{1,64}){0,8}")


def base_url(request: Request) -> str:
    """This server's address as the client knows it, without a slash at the end.

    That is the external address of the settings. Without one it is what the client asked for; a proxy
    on this machine tells scheme, name and path by `X-Forwarded-Proto`, `-Host` and `-Prefix`, and
    nobody else's word is taken for them.
    """
    external = request.scope.get("state", {}).get(EXTERNAL_URL)
    if external is not None:
        return str(external)
    headers = request.headers
    scheme, host, prefix = request.scope.get("scheme", "http"), headers.get("host", ""), ""
    if _is_near(request):
        scheme = _first(headers.get("x-forwarded-proto", "")).lower() or scheme
        host = _first(headers.get("x-forwarded-host", "")) or host
        prefix = _first(headers.get("x-forwarded-prefix", "")).rstrip("/")
    if scheme not in {"http", "https"}:
        scheme = "http"
    if _HOST.fullmatch(host) is None:
        host = headers.get("host", "127.0.0.1")
    if _PREFIX.fullmatch(prefix) is None:
        prefix = ""
    return f"{scheme}://{host}{prefix}"


def _is_near(request: Request) -> bool:
    if request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _first(header: str) -> str:
    return header.split(",", maxsplit=1)[0].strip()
