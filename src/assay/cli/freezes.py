"""`assay freezes`: times in which nothing is promoted."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter

from assay.cli.lookup import collect
from assay.cli.options import DEFAULTS, Limit, Options
from assay.cli.output import note, print_json, print_table, say, when
from assay.cli.utc_times import parse_utc
from assay.sdk.client import url_path

app = App(name="freezes")


@app.command
def create(
    *,
    start: Annotated[str, Parameter(name="--from", metavar="UTC")],
    until: Annotated[str, Parameter(metavar="UTC")],
    reason: Annotated[str, Parameter(metavar="TEXT")],
    alias: str | None = None,
    options: Options = DEFAULTS,
) -> None:
    """Hold every promotion from one moment until before another. Rolling back stays possible.

    Args:
        start: The first moment, such as 2026-12-24T00:00Z.
        until: The moment at which it is over.
        reason: Why; whoever is held is told.
        alias: This protected alias only. Default: all of the workspace.
    """
    body = {
        "starts_at_ms": parse_utc(start, "--from"),
        "ends_at_ms": parse_utc(until, "--until"),
        "reason": reason,
        "alias": alias,
    }
    made = options.client().post("/freezes", body)
    if options.json:
        print_json(made)
        return
    what = "Every protected alias" if alias is None else repr(alias)
    say(f"{what} is frozen from {start} until {until} ({made['freeze_id']}).")


@app.command(name="list")
def list_freezes(*, limit: Limit = 100, options: Options = DEFAULTS) -> None:
    """List the freeze windows, past and lifted ones included.

    Args:
        limit: At most so many.
    """
    client = options.client()

    def page(max_results: int, token: str | None) -> dict[str, Any]:
        return dict(client.get("/freezes", max_results=max_results, page_token=token))

    found, is_more = collect(page, "freezes", limit)
    if options.json:
        print_json({"freezes": found, "more": is_more})
        return
    print_table(
        ("freeze", "alias", "from", "until", "reason", "by", "lifted by"),
        [
            (
                window["freeze_id"],
                window["alias"] or "all",
                when(window["starts_at_ms"]),
                when(window["ends_at_ms"]),
                window["reason"],
                window["created_by"],
                window["lifted_by"],
            )
            for window in found
        ],
        empty="Nothing was ever frozen here: `assay freezes create`.",
    )
    if is_more:
        note(f"There are more than {limit}; see them with --limit.")


@app.command
def lift(
    freeze_id: str,
    /,
    *,
    reason: Annotated[str, Parameter(metavar="TEXT")] = "",
    options: Options = DEFAULTS,
) -> None:
    """End a freeze before its time.

    Args:
        freeze_id: The freeze.
        reason: Why; kept in the ledger.
    """
    lifted = options.client().post(url_path("freezes", freeze_id, "lift"), {"reason": reason})
    if options.json:
        print_json(lifted)
    else:
        say(f"Lifted: {lifted['freeze_id']}.")
