"""`assay tokens`: credentials of principals."""

from __future__ import annotations

import re
import time
from typing import Annotated

from cyclopts import App, Parameter

from assay.cli.options import DEFAULTS, Options
from assay.cli.output import note, print_json, print_table, say, when
from assay.domain.errors import InvalidArgument
from assay.sdk.client import url_path

app = App(name="tokens")

_DURATION = re.compile(r"(?P<count>[1-9][0-9]{0,4})(?P<unit>[mhdw])")
_UNIT_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


@app.command
def create(
    principal: str,
    /,
    *,
    description: str = "",
    expires_in: Annotated[str | None, Parameter(metavar="DURATION")] = None,
    action: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    options: Options = DEFAULTS,
) -> None:
    """Make a token for a principal and print it, this once.

    Only the token goes to standard output, so that it can be piped into a file or a secret store.

    Args:
        principal: Name of the user, service or gate runner (see `assay access list`).
        description: What the token is for.
        expires_in: How long it lasts, such as 12h, 30d or 8w. Default: until it is revoked.
        action: Restrict it to this action, such as tracking.write; repeatable. Default: all that
            the principal's roles allow.
    """
    ends = None if expires_in is None else int(time.time() * 1000) + _milliseconds(expires_in)
    made = options.client().post(
        "/tokens",
        {
            "principal": principal,
            "description": description,
            "actions": list(action) or None,
            "expires_at_ms": ends,
        },
    )
    if options.json:
        print_json(made)
        return
    note(f"Token {made['token_id']} of {principal}; it cannot be shown again.")
    say(made["token"])


@app.command(name="list")
def list_tokens(
    *, all_tokens: Annotated[bool, Parameter(name="--all")] = False, options: Options = DEFAULTS
) -> None:
    """List tokens, without their secrets.

    Args:
        all_tokens: Show expired and revoked tokens as well.
    """
    found = options.client().get("/tokens")["tokens"]
    now_ms = int(time.time() * 1000)
    shown = [token for token in found if all_tokens or _state(token, now_ms) == "active"]
    if options.json:
        print_json({"tokens": shown})
        return
    print_table(
        ["token", "principal", "state", "created", "expires", "last used", "description"],
        [
            [
                token["token_id"],
                token["principal"],
                _state(token, now_ms),
                when(token["created_at_ms"]),
                when(token["expires_at_ms"]),
                when(token["last_used_at_ms"]),
                token["description"],
            ]
            for token in shown
        ],
        empty="No tokens. Make one with `assay tokens create PRINCIPAL`.",
    )


@app.command
def revoke(token_id: str, /, *, options: Options = DEFAULTS) -> None:
    """Revoke a token from the next request on.

    Args:
        token_id: The token's id, as `assay tokens list` shows it (not its secret).
    """
    options.client().delete(url_path("tokens", token_id))
    if options.json:
        print_json({"token_id": token_id, "revoked": True})
    else:
        say(f"Token {token_id} is revoked.")


def _state(token: dict[str, int | None], now_ms: int) -> str:
    if token["revoked_at_ms"] is not None:
        return "revoked"
    expires = token["expires_at_ms"]
    return "expired" if expires is not None and expires <= now_ms else "active"


def _milliseconds(text: str) -> int:
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise InvalidArgument(
            f"--expires-in is a number with m, h, d or w, such as 30d; not {text!r}."
        )
    return int(match["count"]) * _UNIT_MS[match["unit"]]
