"""`assay login`, `logout` and `whoami`: which credential goes to which server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from assay.cli.options import DEFAULTS, Options
from assay.cli.output import note, print_facts, print_json, say
from assay.domain.errors import FailedPrecondition, InvalidArgument


def login(
    *,
    token_file: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    options: Options = DEFAULTS,
) -> None:
    """Check a token with the server and keep it for later commands.

    The token is asked for, or read from standard input when that is not a terminal. It is kept in
    a file that only you can read, one per server; ASSAY_TOKEN wins over it.

    Args:
        token_file: Read the token from this file instead (such as the server's admin.token).
    """
    from assay.sdk.credentials import save_token
    from assay.sdk.settings import check_token, url_of

    url = url_of(options.url)
    given = _read_token(url, token_file)
    if not given.strip():
        msg = "No token was given: type it, pipe it in, or name its file with --token-file."
        raise InvalidArgument(msg, field="token")
    token = check_token(given)
    found = options.connect(token).get("/whoami")
    if not found["token_id"]:
        msg = f"{url} did not look at the token, as it runs without accounts; no login is needed there."
        raise FailedPrecondition(msg)
    path = save_token(url, token)
    if options.json:
        print_json({"url": url, "file": str(path), **found})
        return
    say(f"Logged in to {url} as {found['name']} ({_roles(found)}).")
    note(f"The token is kept in {path}.")


def logout(*, options: Options = DEFAULTS) -> None:
    """Forget the token that `assay login` has kept for a server."""
    from assay.sdk.credentials import forget_token
    from assay.sdk.settings import url_of

    url = url_of(options.url)
    forgotten = forget_token(url)
    if options.json:
        print_json({"url": url, "forgotten": forgotten})
    else:
        say(f"Logged out of {url}." if forgotten else f"There was no token for {url}.")


def whoami(*, options: Options = DEFAULTS) -> None:
    """Show who the server takes you for, and what you may do there."""
    client = options.client()
    found = client.get("/whoami")
    if options.json:
        print_json({"url": client.url, **found})
        return
    print_facts(
        {
            "server": client.url,
            "name": found["name"],
            "kind": found["kind"],
            "roles": _roles(found),
            "workspace": found["workspace"],
            "may": found["actions"],
        }
    )


def _roles(found: dict[str, Any]) -> str:
    held = [
        f"{', '.join(roles)} in {'all workspaces' if place == '*' else repr(place)}"
        for place, roles in sorted(found["roles"].items())
    ]
    return "; ".join(held) or "no roles"


def _read_token(url: str, token_file: Path | None) -> str:
    if token_file is not None:
        try:
            return token_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise InvalidArgument(f"Cannot read {token_file}: {reason}.") from None
    if sys.stdin.isatty():
        from getpass import getpass

        return getpass(f"Token for {url}: ")
    return sys.stdin.readline()
