"""`assay serve`."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

from assay.domain.errors import FailedPrecondition
from assay.domain.webhook_target import parse_allowed_hosts

_PROXY = Group("Behind a proxy", sort_key=1)
_OUTSIDE = Group("What it may reach", sort_key=2)


def serve(  # noqa: PLR0913 - every flag of the command is a parameter
    *,
    host: Annotated[str, Parameter(metavar="ADDRESS")] = "127.0.0.1",
    port: Annotated[int, Parameter(metavar="N")] = 7475,
    data: Annotated[Path, Parameter(metavar="DIR")] = Path("assay-data"),
    database: Annotated[str | None, Parameter(metavar="PLACE")] = None,
    blobs: Annotated[str | None, Parameter(metavar="DIR")] = None,
    auth: bool = False,
    lineage: Literal["required", "recorded"] = "required",
    protect: Annotated[str, Parameter(metavar="ALIASES")] = "production,champion",
    external_url: Annotated[
        str, Parameter(metavar="URL", env_var="ASSAY_EXTERNAL_URL", group=_PROXY)
    ] = "",
    allow_host: Annotated[tuple[str, ...], Parameter(metavar="NAME", group=_PROXY)] = (),
    webhook_hosts: Annotated[str, Parameter(metavar="HOSTS", group=_OUTSIDE)] = "",
    source_root: Annotated[tuple[Path, ...], Parameter(metavar="DIR", group=_OUTSIDE)] = (),
    closure_every: Annotated[float, Parameter(metavar="HOURS", group=_OUTSIDE)] = 24.0,
    anchor_to: Annotated[str | None, Parameter(metavar="PLACE", group=_OUTSIDE)] = None,
    log_level: Literal["debug", "info", "warning", "error"] = "info",
) -> None:
    """Start the server.

    Args:
        host: Address to listen on. Anything but loopback needs --auth.
        port: Port to listen on; 0 takes a free one.
        data: Folder for the database, artifacts and first credentials; made if it is missing.
        database: SQLite path or postgresql://user:password@host/name. Default: a file in --data.
        blobs: Folder for artifact bytes. Default: a folder in --data.
        auth: Ask for credentials. The first admin's token is written to admin.token in --data.
        lineage: What a new model version needs: all five lineage fields (required), or none
            (recorded: it is marked unverifiable and can never hold a protected alias).
        protect: Aliases that move only through the gate, comma-separated, or 'none'.
        external_url: Address by which clients reach this server through a proxy, path included.
            Default: the one that they used, as a proxy on this machine reports it.
        allow_host: Another Host name that this server answers to (behind a proxy); repeatable.
        webhook_hosts: Receivers of webhooks that may have a private address: HOST or HOST:PORT,
            comma-separated. All others must be public. Sources of lineage may be there too.
        source_root: Folder below which repositories and data may be looked up; repeatable.
        closure_every: Hours between two looks at what a protected version was made from; 0: never.
        anchor_to: Where the ledger's checkpoints are kept too: a folder, git:FOLDER or a bucket.
        log_level: What is logged to standard error.
    """
    run, settings_of = _load()
    settings = settings_of.Settings(
        host=host,
        port=port,
        data=data,
        database=database,
        blobs=blobs,
        auth=auth,
        policy=settings_of.parse_policy(lineage, protect),
        external_url=settings_of.parse_external_url(external_url),
        allowed_hosts=allow_host,
        webhook_hosts=parse_allowed_hosts(webhook_hosts),
        source_roots=source_root,
        closure_every_hours=closure_every,
        anchor_to=anchor_to,
    )
    run.serve(settings, log_level=log_level)


def _load() -> tuple[Any, Any]:
    """The modules that run a server and read its settings; FailedPrecondition where they are not."""
    # What is imported stays: looking through it again and again is an eighth of the start.
    gc.disable()
    try:
        from assay.server import run, settings
    except ModuleNotFoundError as error:
        raise FailedPrecondition(
            f"This installation is the client only ({error.name} is missing): "
            "pip install 'assay[server]'."
        ) from None
    return run, settings
