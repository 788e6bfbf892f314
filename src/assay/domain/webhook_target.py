"""Where a webhook may go: which URLs are legal, and which addresses a name may resolve to.

A receiver is on the public internet, or it was named by whoever started the server. Names are
resolved elsewhere; here is decided what the answer is worth.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from assay.domain.errors import InvalidArgument

MAX_URL: Final = 2_048
MAX_HOST: Final = 253
MAX_ADDRESSES: Final = 64

_PORTS: Final = {"http": 80, "https": 443}
_PRINTABLE: Final = re.compile(r"[!-~]+")
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LOCAL_NAMES: Final = ("localhost", "local", "internal", "localdomain", "home.arpa", "onion")
_GLOBAL_IPV6: Final = IPv6Network("2000::/3")
_SPECIAL: Final = (
    # Set aside for protocols, relays and documents; older tables of the standard library lack some.
    ip_network("192.0.0.0/24"),
    ip_network("192.88.99.0/24"),
    IPv6Network("3fff::/20"),
    # They carry an IPv4 address inside, which the network would unpack and go to.
    IPv6Network("64:ff9b::/96"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("2002::/16"),
    IPv6Network("2001::/23"),
    IPv6Network("::ffff:0:0:0/96"),
    IPv6Network("::/96"),
)


@dataclass(frozen=True, slots=True)
class Target:
    """A receiver: `host` in lower case without brackets, `path` with its query as it was written."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The text of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """Receivers that may be private, since the server's owner named them: (host, port or None for all)."""

    entries: frozenset[tuple[str, int | None]] = field(default_factory=frozenset)

    def has(self, host: str, port: int) -> bool:
        """Whether this very host, as it is written in the URL, was named."""
        return (host, port) in self.entries or (host, None) in self.entries


PUBLIC_ONLY: Final = AllowedHosts()


def parse_allowed_hosts(text: str) -> AllowedHosts:
    """The hosts of a list `HOST[:PORT],…`; an IPv6 address stands in brackets. Empty: none."""
    entries = set()
    for part in (part.strip() for part in text.split(",")):
        if not part:
            continue
        try:
            split = urlsplit(f"//{part}")
            host, port = split.hostname, split.port
        except ValueError:
            host = port = None
        if not host or port == 0 or any(mark in part for mark in "/?#@\\"):
            msg = f"A webhook host is written HOST or HOST:PORT, not {part[:300]!r}."
            raise InvalidArgument(msg, field="webhook_hosts")
        entries.add((host, port))
    return AllowedHosts(frozenset(entries))


def parse_target(url: str, allowed: AllowedHosts = PUBLIC_ONLY, where: str = "url") -> Target:
    """The receiver that a URL names. Raises InvalidArgument on `where` for one that may not be.

    A host that is an address must be public here and now; what a name resolves to is checked by
    `choose_addresses` each time that something is sent.
    """
    if len(url) > MAX_URL or _PRINTABLE.fullmatch(url) is None or "\\" in url:
        raise _refusal(where, f"must be 1 to {MAX_URL} printable ASCII characters")
    try:
        split = urlsplit(url)
        host, port = split.hostname, split.port
    except ValueError:
        raise _refusal(where, "is not a URL") from None
    if split.scheme not in _PORTS or not url.lower().startswith(f"{split.scheme}://"):
        raise _refusal(where, "must start with https:// or http://")
    if split.username is not None or split.password is not None or "@" in split.netloc:
        raise _refusal(where, "must not hold a user or password; give the webhook a secret instead")
    if "#" in url:
        raise _refusal(where, "must not hold a fragment")
    if not host:
        raise _refusal(where, "must name a host")
    if port == 0:
        raise _refusal(where, "must have a port from 1 to 65535")
    target = Target(
        scheme=split.scheme,
        host=host,
        port=_PORTS[split.scheme] if port is None else port,
        path=(split.path or "/") + (f"?{split.query}" if split.query else ""),
    )
    _check_host(target, allowed, where)
    return target


def choose_addresses(
    target: Target, found: Sequence[str], allowed: AllowedHosts = PUBLIC_ONLY
) -> tuple[str, ...]:
    """The addresses to connect to, of those that the host resolved to just now, IPv4 first.

    Raises InvalidArgument if any of them is not public: a name with one foot inside is not sent to.
    """
    if not found or len(found) > MAX_ADDRESSES:
        raise InvalidArgument("The receiver's name does not resolve to usable addresses.")
    addresses = [_address(text) for text in found]
    if not allowed.has(target.host, target.port):
        for address in addresses:
            if address is None or not is_public(address):
                raise InvalidArgument(
                    "The receiver's name resolves to an address that is not public."
                )
    usable = [address for address in addresses if address is not None]
    return tuple(str(address) for address in sorted(usable, key=lambda found: found.version))


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one machine on the public internet, in its plain spelling."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None or address.scope_id is not None:
            return False
        if address not in _GLOBAL_IPV6:
            return False
    if any(address.version == net.version and address in net for net in _SPECIAL):
        return False
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_unspecified
    )


def _check_host(target: Target, allowed: AllowedHosts, where: str) -> None:
    host = target.host
    if allowed.has(host, target.port):
        return
    address = _address(host)
    if address is not None:
        if not is_public(address):
            raise _refusal(where, f"names {host}, which is not a public address")
        return
    labels = host.removesuffix(".").split(".")
    if _NUMERIC.fullmatch(labels[-1]) is not None or ":" in host:
        raise _refusal(where, "must write an address in its plain form")
    is_name = len(host) <= MAX_HOST and all(_LABEL.fullmatch(label) for label in labels)
    if not is_name:
        raise _refusal(where, "must name a legal host")
    name = ".".join(labels)
    if len(labels) == 1 or any(name == last or name.endswith(f".{last}") for last in _LOCAL_NAMES):
        raise _refusal(
            where, f"names {name[:100]!r}, a host of a local network; the server must allow it"
        )


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _refusal(where: str, why: str) -> InvalidArgument:
    return InvalidArgument(f"{where} {why}.", field=where)
