"""`assay workspaces`: teams' spaces and what each demands of its registry."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from assay.cli.options import DEFAULTS, Options
from assay.cli.output import print_facts, print_json, print_table, say, when
from assay.domain.errors import InvalidArgument
from assay.sdk.client import url_path

app = App(name="workspaces")


@app.command(name="list")
def list_workspaces(*, options: Options = DEFAULTS) -> None:
    """List the workspaces that you may read."""
    found = options.client().get("/workspaces")["workspaces"]
    if options.json:
        print_json({"workspaces": found})
        return
    print_table(
        ["workspace", "lineage", "protected aliases", "created", "description"],
        [
            [
                row["name"],
                row["policy"]["lineage"],
                row["policy"]["protected"],
                when(row["created_at_ms"]),
                row["description"],
            ]
            for row in found
        ],
        empty="No workspace that you may read. An admin grants roles with `assay access grant`.",
    )


@app.command
def create(name: str, /, *, description: str = "", options: Options = DEFAULTS) -> None:
    """Make a workspace, under the server's policy.

    Args:
        name: 2 to 63 lower-case letters, digits and inner hyphens.
        description: What it is for.
    """
    made = options.client().post("/workspaces", {"name": name, "description": description})
    _tell(
        made, options, f"Made workspace {name!r}; work in it with --workspace or ASSAY_WORKSPACE."
    )


@app.command
def show(name: str, /, *, options: Options = DEFAULTS) -> None:
    """Show a workspace and its policy.

    Args:
        name: The workspace.
    """
    found = options.client().get(url_path("workspaces", name))
    if options.json:
        print_json(found)
        return
    print_facts(
        {
            "workspace": found["name"],
            "description": found["description"] or None,
            "lineage": found["policy"]["lineage"],
            "protected": found["policy"]["protected"],
            "created": when(found["created_at_ms"]),
        }
    )


@app.command
def policy(
    name: str,
    /,
    *,
    lineage: Literal["required", "recorded", "inherit"] | None = None,
    protect: Annotated[str | None, Parameter(metavar="ALIASES")] = None,
    options: Options = DEFAULTS,
) -> None:
    """Change what a workspace demands of its registry. The change is an event of the ledger.

    Args:
        name: The workspace.
        lineage: What a new model version needs; inherit goes back to the server's policy.
        protect: Aliases that only a promotion moves, comma-separated; or 'none', or 'inherit'.
    """
    if lineage is None and protect is None:
        raise InvalidArgument("Say what to change: --lineage, --protect or both.")
    wanted: list[str] | str | None = protect
    if protect is not None and protect != "inherit":
        words = [word.strip() for word in protect.split(",") if word.strip()]
        wanted = [] if words == ["none"] else words
    changed = options.client().patch(
        url_path("workspaces", name), {"lineage": lineage, "protected": wanted}
    )
    protected = ", ".join(changed["policy"]["protected"]) or "none"
    _tell(
        changed,
        options,
        f"Workspace {name!r}: lineage {changed['policy']['lineage']}, protected aliases {protected}.",
    )


def _tell(workspace: dict[str, Any], options: Options, sentence: str) -> None:
    if options.json:
        print_json(workspace)
    else:
        say(sentence)
