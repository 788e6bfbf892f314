"""`assay break-glass`: an admin and a second person move a protected alias past its gate."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter

from assay.cli.lookup import collect, parse_reference, version_of
from assay.cli.options import DEFAULTS, Limit, Options
from assay.cli.output import note, print_json, print_table, say, when
from assay.sdk.client import url_path

app = App(name="break-glass")


@app.command
def request(
    model: str,
    /,
    *,
    reason: Annotated[str, Parameter(metavar="TEXT")],
    alias: str = "production",
    options: Options = DEFAULTS,
) -> None:
    """Ask, as an admin, that a version takes the alias whatever its gate says. Nothing moves yet.

    A second person, maintainer or admin, confirms within 15 minutes. Files, closed lineage and
    quarantine count as ever. Both steps are in the ledger.

    Args:
        model: NAME/VERSION.
        reason: Why; shown in the alias's history for good.
        alias: The alias.
    """
    client = options.client()
    reference = parse_reference(model)
    body = {
        "model": reference.name,
        "version": version_of(client, reference),
        "alias": alias,
        "reason": reason,
    }
    asked = client.post("/break-glass", body)
    if options.json:
        print_json(asked)
        return
    say(f"Asked: {asked['request_id']}, until {when(asked['expires_at_ms'])}.")
    say(f"A second person: assay break-glass confirm {asked['request_id']}")


@app.command
def confirm(request_id: str, /, *, options: Options = DEFAULTS) -> None:
    """Move the alias, as the second person.

    Args:
        request_id: What the first person was given.
    """
    move = options.client().post(url_path("break-glass", request_id, "confirm"), None)
    if options.json:
        print_json(move)
        return
    say(
        f"GLASS BROKEN: version {move['to_version']} holds {move['alias']!r} "
        f"(revision {move['revision']}, event {move['ledger_seq']})."
    )


@app.command
def cancel(request_id: str, /, *, options: Options = DEFAULTS) -> None:
    """Close a request without moving anything.

    Args:
        request_id: The request.
    """
    asked = options.client().post(url_path("break-glass", request_id, "cancel"), None)
    if options.json:
        print_json(asked)
    else:
        say(f"Cancelled: {asked['request_id']}.")


@app.command(name="list")
def list_requests(*, limit: Limit = 100, options: Options = DEFAULTS) -> None:
    """List the requests of the workspace, closed ones included.

    Args:
        limit: At most so many.
    """
    client = options.client()

    def page(max_results: int, token: str | None) -> dict[str, Any]:
        return dict(client.get("/break-glass", max_results=max_results, page_token=token))

    found, is_more = collect(page, "requests", limit)
    if options.json:
        print_json({"requests": found, "more": is_more})
        return
    print_table(
        ("request", "version", "alias", "state", "asked by", "closed by", "reason"),
        [
            (
                asked["request_id"],
                f"{asked['model']}/{asked['version']}",
                asked["alias"],
                asked["state"],
                asked["requested_by"],
                asked["closed_by"],
                asked["reason"],
            )
            for asked in found
        ],
        empty="Nobody ever asked to break the glass here.",
    )
    if is_more:
        note(f"There are more than {limit}; see them with --limit.")
