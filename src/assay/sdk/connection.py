"""A server, who we are to it, and the workspace that we speak about."""

from __future__ import annotations

from dataclasses import dataclass, field

from assay.sdk.credentials import find_token
from assay.sdk.settings import token_of, url_of, workspace_of


@dataclass(frozen=True, slots=True)
class Connection:
    """Address, credential and workspace. The credential does not show when this is printed."""

    url: str
    token: str | None = field(repr=False)
    workspace: str


def connection(
    url: str | None = None, token: str | None = None, workspace: str | None = None
) -> Connection:
    """The connection to use: arguments, then the environment, then what `assay login` has kept.

    Raises InvalidArgument for an address, credential or workspace that cannot be one.
    """
    address = url_of(url)
    return Connection(address, token_of(token) or find_token(address), workspace_of(workspace))
