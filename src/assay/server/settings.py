"""What a server can be told, from defaults, environment and flags, parsed once."""

from __future__ import annotations

import ipaddress
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from assay.domain.errors import InvalidArgument
from assay.domain.names import check_protected
from assay.domain.tracking import LineagePolicy, Policy
from assay.domain.webhook_target import PUBLIC_ONLY, AllowedHosts

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 7475
DEFAULT_DATA = Path("assay-data")
_URL_PATH: Final = re.compile(r"(/[A-Za-z0-9._~\-]{1,64}){0,8}")
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9._\-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")
_SCHEMES: Final = frozenset({"sqlite", "postgresql", "postgres", "postgresql+psycopg"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one server. `database` and `blobs` default to places inside `data`."""

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    data: Path = DEFAULT_DATA
    database: str | None = None
    blobs: str | None = None
    auth: bool = False
    policy: Policy = field(default_factory=Policy)
    allowed_hosts: tuple[str, ...] = ()
    webhook_hosts: AllowedHosts = PUBLIC_ONLY
    anchor_to: str | None = None
    source_roots: tuple[Path, ...] = ()
    closure_every_hours: float = 24.0
    external_url: str | None = None

    def check(self) -> None:
        """Refuse what is unsafe or impossible, before anything is opened. Raises InvalidArgument."""
        if not 0 <= self.port <= 65535:
            msg = f"--port is a number from 0 to 65535, not {self.port}."
            raise InvalidArgument(msg, field="port")
        if not self.auth and not is_loopback(self.host):
            msg = (
                f"--host {self.host} can be reached from other machines, where everyone would be owner. "
                "Add --auth to ask for credentials, or leave --host at 127.0.0.1."
            )
            raise InvalidArgument(msg, field="host")
        if not 0 <= self.closure_every_hours < math.inf:
            msg = f"--closure-every is a number of hours, or 0 for never, not {self.closure_every_hours}."
            raise InvalidArgument(msg, field="closure_every")
        for name in self.allowed_hosts:
            if _HOST_NAME.fullmatch(name) is None:
                msg = f"--allow-host is a name such as assay.example, without port or path, not {name[:100]!r}."
                raise InvalidArgument(msg, field="allow_host")
        self._check_places()

    def _check_places(self) -> None:
        scheme, is_address, _ = (self.database or "").partition("://")
        if is_address and scheme not in _SCHEMES:
            msg = f"--database is a file or postgresql://user@host/name; {scheme}:// is neither."
            raise InvalidArgument(msg, field="database")
        if self.data.exists() and not self.data.is_dir():
            raise InvalidArgument(f"--data is a folder, and {self.data} is a file.", field="data")
        for root in self.source_roots:
            if not root.is_dir():
                msg = f"--source-root is a folder that exists, and {root} is none."
                raise InvalidArgument(msg, field="source_root")

    def database_url(self) -> str:
        """The database to open."""
        return self.database or f"sqlite:///{self.data / 'assay.db'}"

    def blob_place(self) -> str:
        """The folder that artifact bytes go to."""
        return self.blobs or str(self.data / "blobs")


def parse_external_url(text: str) -> str | None:
    """The address of `--external-url` without a slash at the end; None for an empty text."""
    if not text:
        return None
    msg = f"--external-url is an address such as https://assay.example or https://example/assay, not {text[:100]!r}."
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidArgument(msg, field="external_url") from None
    path = parts.path.rstrip("/")
    has_more = bool(parts.query or parts.fragment or "@" in parts.netloc or "\\" in text)
    if (
        parts.scheme not in {"http", "https"}
        or not host
        or has_more
        or not _URL_PATH.fullmatch(path)
    ):
        raise InvalidArgument(msg, field="external_url")
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}{'' if port is None else f':{port}'}{path}"


def is_loopback(host: str) -> bool:
    """Whether a bind address can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def parse_policy(lineage: str, protect: str) -> Policy:
    """The policy of `--lineage` and `--protect` (a comma-separated list, or `none`)."""
    try:
        demanded = LineagePolicy(lineage)
    except ValueError:
        msg = f"--lineage is 'required' or 'recorded', not {lineage!r}."
        raise InvalidArgument(msg, field="lineage") from None
    if protect.strip() == "none":
        return Policy(lineage=demanded, protected=frozenset())
    aliases = [part.strip() for part in protect.split(",") if part.strip()]
    if not aliases:
        msg = "--protect is a list of aliases such as 'production,champion', or 'none'."
        raise InvalidArgument(msg, field="protect")
    check_protected(aliases, "--protect")
    return Policy(lineage=demanded, protected=frozenset(aliases))
