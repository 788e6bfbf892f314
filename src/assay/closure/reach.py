"""What the server may reach when it looks something up: hosts, folders, time, and its own work folder."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assay.domain.closure import Source, check_source
from assay.domain.webhook_target import PUBLIC_ONLY, AllowedHosts, choose_addresses, parse_target

TIMEOUT_S = 60.0


def resolve(host: str, port: int) -> Sequence[str]:
    """Every address that the system's resolver knows for a name. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class Reach:
    """`roots` are the folders in which sources may lie; `work` is for mirrors (None: there are none).

    `timeout_s` bounds one look at one source. `secret` reads a credential by its variable's name.
    """

    hosts: AllowedHosts = PUBLIC_ONLY
    roots: tuple[Path, ...] = ()
    work: Path | None = None
    timeout_s: float = TIMEOUT_S
    secret: Callable[[str], str | None] = field(default=os.environ.get)
    resolver: Callable[[str, int], Sequence[str]] = resolve

    def check(self, source: Source) -> Source:
        """The source, or InvalidArgument for one that this server would never ask."""
        return check_source(source, self.hosts, self.root_texts())

    def root_texts(self) -> tuple[str, ...]:
        """The allowed folders as they are really called."""
        return tuple(os.path.realpath(root) for root in self.roots)

    def folder(self, place: str) -> Path:
        """The folder or file, links followed. Raises PermissionError outside the allowed folders."""
        real = Path(os.path.realpath(place))
        if not any(real.is_relative_to(root) for root in self.root_texts()):
            msg = "it is not below a folder that the server was started with"
            raise PermissionError(msg)
        return real

    def addresses(self, url: str) -> tuple[str, int, tuple[str, ...]]:
        """(host, port, the addresses to connect to). Raises InvalidArgument or OSError."""
        target = parse_target(url, self.hosts, "location")
        found = self.resolver(target.host, target.port)
        return target.host, target.port, choose_addresses(target, found, self.hosts)

    def credential(self, source: Source) -> str:
        """The secret that a source names; empty where it names none. Raises LookupError if unset."""
        if not source.credentials:
            return ""
        value = self.secret(source.credentials)
        if not value:
            raise LookupError(source.credentials)
        return value
