"""`assay access`: principals and the roles that they hold."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import App, Parameter

from assay.cli.options import DEFAULTS, Options
from assay.cli.output import print_json, print_table, say, when
from assay.domain.access import Role
from assay.sdk.client import url_path

app = App(name="access")

_EVERYWHERE = "*"
Everywhere = Annotated[bool, Parameter(negative=())]


@app.command(name="list")
def list_principals(*, options: Options = DEFAULTS) -> None:
    """List users, services and gate runners with their roles."""
    found = options.client().get("/principals")["principals"]
    if options.json:
        print_json({"principals": found})
        return
    print_table(
        ["name", "kind", "roles", "state", "created", "by"],
        [
            [
                principal["name"],
                principal["kind"],
                [
                    f"{'/'.join(roles)}@{place}"
                    for place, roles in sorted(principal["roles"].items())
                ],
                "disabled" if principal["disabled"] else "active",
                when(principal["created_at_ms"]),
                principal["created_by"],
            ]
            for principal in found
        ],
        empty="No principals. Add one with `assay access add NAME --role contributor`.",
    )


@app.command
def add(
    name: str,
    /,
    *,
    kind: Literal["user", "service", "gate"] = "user",
    role: Annotated[tuple[Role, ...], Parameter(negative=())] = (),
    everywhere: Everywhere = False,
    options: Options = DEFAULTS,
) -> None:
    """Add a principal; `assay tokens create NAME` then makes its token.

    Args:
        name: Letters, digits, and . _ @ - inside.
        kind: A person, a program, or a gate runner (the only kind that may write verdicts).
        role: A role to hold in the workspace; repeatable.
        everywhere: Hold the roles in all workspaces.
    """
    place = _place(options, everywhere=everywhere)
    made = options.client().post(
        "/principals", {"name": name, "kind": kind, "roles": {place: list(role)} if role else {}}
    )
    if options.json:
        print_json(made)
        return
    held = f" as {', '.join(role)} {_where(place)}" if role else ", without a role yet"
    say(f"Added {kind} {name!r}{held}. Next: assay tokens create {name}")


@app.command
def grant(
    name: str,
    role: Role,
    /,
    *,
    everywhere: Everywhere = False,
    options: Options = DEFAULTS,
) -> None:
    """Grant a role in the workspace.

    Args:
        name: The principal.
        role: The role.
        everywhere: Grant it in all workspaces.
    """
    _change("PUT", name, role, everywhere=everywhere, options=options)


@app.command
def revoke(
    name: str,
    role: Role,
    /,
    *,
    everywhere: Everywhere = False,
    options: Options = DEFAULTS,
) -> None:
    """Take a role in the workspace away.

    Args:
        name: The principal.
        role: The role.
        everywhere: Take away the role that is held over all workspaces.
    """
    _change("DELETE", name, role, everywhere=everywhere, options=options)


@app.command
def disable(name: str, /, *, options: Options = DEFAULTS) -> None:
    """Shut a principal out: none of its tokens works any more.

    Args:
        name: The principal.
    """
    _set_disabled(name, disabled=True, options=options)


@app.command
def enable(name: str, /, *, options: Options = DEFAULTS) -> None:
    """Let a disabled principal in again.

    Args:
        name: The principal.
    """
    _set_disabled(name, disabled=False, options=options)


def _change(method: str, name: str, role: Role, *, everywhere: bool, options: Options) -> None:
    place = _place(options, everywhere=everywhere)
    body = {"principal": name, "role": role.value, "workspace": place}
    options.client().request(method, "/roles", json=body)
    if options.json:
        print_json({**body, "granted": method == "PUT"})
        return
    verb = "now" if method == "PUT" else "no longer"
    say(f"{name!r} is {verb} {role.value} {_where(place)}.")


def _set_disabled(name: str, *, disabled: bool, options: Options) -> None:
    options.client().patch(url_path("principals", name), {"disabled": disabled})
    if options.json:
        print_json({"name": name, "disabled": disabled})
    else:
        say(f"{name!r} is {'shut out' if disabled else 'let in again'}.")


def _place(options: Options, *, everywhere: bool) -> str:
    from assay.sdk.settings import workspace_of

    return _EVERYWHERE if everywhere else workspace_of(options.workspace)


def _where(place: str) -> str:
    return "in all workspaces" if place == _EVERYWHERE else f"in workspace {place!r}"
