"""What every command that speaks to a server takes: where it is, the workspace, and how to answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

if TYPE_CHECKING:
    from assay.sdk.client import Client

_GROUP = Group("Connection and output", sort_key=99)


@Parameter(name="*", group=_GROUP)
@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The flags that commands share.

    Attributes:
        url: Address of the server. Default: ASSAY_URL, else http://127.0.0.1:7475.
        workspace: Workspace to work in. Default: ASSAY_WORKSPACE, else 'default'.
        json: Print one JSON document instead of a table.
    """

    url: Annotated[str | None, Parameter(metavar="URL")] = None
    workspace: Annotated[str | None, Parameter(metavar="NAME")] = None
    json: bool = False

    def client(self) -> Client:
        """A connection as whoever ASSAY_TOKEN or `assay login` says we are."""
        from assay.sdk.client import Client

        return Client(self.url, None, self.workspace)


DEFAULTS = Options()
