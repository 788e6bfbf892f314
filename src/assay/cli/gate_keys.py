"""`assay gate-keys`, and `assay gates policy`: whose signatures count, and whether they are wanted."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from assay.cli.lookup import collect
from assay.cli.options import DEFAULTS, Limit, Options
from assay.cli.output import note, print_facts, print_json, print_table, say, when
from assay.cli.utc_times import parse_utc
from assay.sdk.client import url_path

app = App(name="gate-keys")


@app.command
def register(
    public_key: str,
    /,
    *,
    runner: str = "gate-runner",
    replaces: Annotated[str | None, Parameter(metavar="KEY-ID")] = None,
    options: Options = DEFAULTS,
) -> None:
    """Register a gate runner's public key for the workspace.

    Args:
        public_key: What `assay gate-runner keygen` printed, 64 hex digits.
        runner: The principal of the gate runner that signs with it.
        replaces: The key that it follows: that one signs nothing more, and what it signed stands.
    """
    body = {"public_key": public_key, "runner": runner, "replaces": replaces}
    _tell(options.client().post("/gate-keys", body), options)


@app.command(name="list")
def list_keys(*, limit: Limit = 100, options: Options = DEFAULTS) -> None:
    """List the keys of the workspace, revoked ones included.

    Args:
        limit: At most so many.
    """
    client = options.client()

    def page(max_results: int, token: str | None) -> dict[str, Any]:
        return dict(client.get("/gate-keys", max_results=max_results, page_token=token))

    found, is_more = collect(page, "keys", limit)
    if options.json:
        print_json({"keys": found, "more": is_more})
        return
    print_table(
        ("key", "runner", "state", "registered", "by"),
        [
            (
                key["key_id"],
                key["runner"],
                key["state"],
                when(key["created_at_ms"]),
                key["created_by"],
            )
            for key in found
        ],
        empty="No key is registered here: `assay gate-runner keygen`, then `assay gate-keys register`.",
    )
    if is_more:
        note(f"There are more than {limit}; see them with --limit.")


@app.command
def retire(key_id: str, /, *, options: Options = DEFAULTS) -> None:
    """Let a key sign nothing more; what it signed stands.

    Args:
        key_id: The key.
    """
    _tell(options.client().post(url_path("gate-keys", key_id, "retire"), None), options)


@app.command
def revoke(
    key_id: str,
    /,
    *,
    since: Annotated[str | None, Parameter(metavar="UTC")] = None,
    reason: Annotated[str, Parameter(metavar="TEXT")] = "",
    options: Options = DEFAULTS,
) -> None:
    """Trust a key no longer: verdicts that it signed since then are void.

    Args:
        key_id: The key.
        since: When it was lost, such as 2026-02-28T12:00Z. Default: now.
        reason: Why; kept in the ledger.
    """
    since_ms = None if since is None else parse_utc(since, "--since")
    body = {"since_ms": since_ms, "reason": reason}
    _tell(options.client().post(url_path("gate-keys", key_id, "revoke"), body), options)


def policy(
    signed_verdicts: Literal["off", "require"] | None = None, /, *, options: Options = DEFAULTS
) -> None:
    """Show whether unsigned verdicts count in the workspace, or decide it.

    Args:
        signed_verdicts: off or require; left out, what is in force is shown.
    """
    client = options.client()
    if signed_verdicts is None:
        found = client.get("/gate-policy")
    else:
        body = {"signed_verdicts": signed_verdicts}
        found = client.put("/gate-policy", body)
    if options.json:
        print_json(found)
    else:
        say(f"signed verdicts: {found['signed_verdicts']}")


def _tell(key: dict[str, Any], options: Options) -> None:
    if options.json:
        print_json(key)
        return
    print_facts(
        {
            "key": key["key_id"],
            "runner": key["runner"],
            "state": key["state"],
            "registered": f"{when(key['created_at_ms'])} by {key['created_by']}",
        }
    )
