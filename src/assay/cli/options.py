"""What every command that speaks to a server takes: where it is, the workspace, and how to answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

if TYPE_CHECKING:
    from assay.sdk.client import Client

TIMEOUT_S = 30.0
RETRIES = 2


def _at_least_one(_type: object, value: int) -> None:
    if value < 1:
        msg = f"must be at least 1, not {value}."
        raise ValueError(msg)


Limit = Annotated[int, Parameter(metavar="N", validator=_at_least_one)]

_opened: ContextVar[ExitStack] = ContextVar("opened")
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
        return self.connect(None)

    def connect(
        self, token: str | None, *, timeout_s: float = TIMEOUT_S, retries: int = RETRIES
    ) -> Client:
        """A connection with this credential; None as for `client`. It ends with the command."""
        from assay.sdk.client import Client

        made = Client(self.url, token, self.workspace, timeout_s=timeout_s, retries=retries)
        stack = _opened.get(None)
        if stack is not None:
            stack.callback(made.close)
        return made


DEFAULTS = Options()


@contextmanager
def closing_connections() -> Iterator[None]:
    """Close, at the end of the block, the connections that were made in it."""
    with ExitStack() as stack:
        before = _opened.set(stack)
        try:
            yield
        finally:
            _opened.reset(before)
