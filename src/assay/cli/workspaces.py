"""`assay workspaces`: teams' spaces and what each demands of its registry."""

from __future__ import annotations

import json
from pathlib import Path
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
            "strict references": found["policy"]["strict_refs"],
            "closure at promotion": found["policy"]["closure_at_promotion"],
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
    strict_refs: Literal["off", "warn", "require", "inherit"] | None = None,
    closure_at_promotion: Literal["off", "warn", "require", "inherit"] | None = None,
    reason: str = "",
    options: Options = DEFAULTS,
) -> None:
    """Change what a workspace demands of its registry. The change is an event of the ledger.

    Args:
        name: The workspace.
        lineage: What a new model version needs; inherit goes back to the server's policy.
        protect: Aliases that only a promotion moves, comma-separated; or 'none', or 'inherit'.
        strict_refs: What becomes of references that can move (a branch, a bucket without a version):
            require refuses the registration, warn shows them with the version's closure.
        closure_at_promotion: Whether all that a version was made from is looked up before it is
            promoted, and has to be there (require).
        reason: Why; the ledger keeps it. Needed to protect an alias that somebody holds unexamined.
    """
    if lineage is protect is strict_refs is closure_at_promotion is None:
        raise InvalidArgument(
            "Say what to change: --lineage, --protect, --strict-refs or --closure-at-promotion."
        )
    wanted: list[str] | str | None = protect
    if protect is not None and protect != "inherit":
        words = [word.strip() for word in protect.split(",") if word.strip()]
        wanted = [] if words == ["none"] else words
    changed = options.client().patch(
        url_path("workspaces", name),
        {
            "lineage": lineage,
            "protected": wanted,
            "strict_refs": strict_refs,
            "closure_at_promotion": closure_at_promotion,
            "reason": reason,
        },
    )
    protected = ", ".join(changed["policy"]["protected"]) or "none"
    _tell(
        changed,
        options,
        f"Workspace {name!r}: lineage {changed['policy']['lineage']}, protected aliases {protected}, "
        f"strict references {changed['policy']['strict_refs']}, "
        f"closure at promotion {changed['policy']['closure_at_promotion']}.",
    )


@app.command
def mapping(
    name: str,
    /,
    *,
    ignore: Annotated[str | None, Parameter(metavar="PARAMS")] = None,
    file: Path | None = None,
    reset: bool = False,
    options: Options = DEFAULTS,
) -> None:
    """Show or change which params and tags carry which lineage field.

    Args:
        name: The workspace.
        ignore: Params that say nothing about a training (run_name,output_dir), comma-separated: they
            stay out of the config, so that equal trainings have one fingerprint.
        file: A JSON object with the members to change.
        reset: Go back to the usual mapping.
    """
    client, path = options.client(), url_path("workspaces", name, "lineage-mapping")
    found = client.get(path)
    if reset or file is not None or ignore is not None:
        wanted: dict[str, Any] | None = None
        if not reset:
            wanted = dict(found["lineage_mapping"])
            wanted |= {} if file is None else dict(json.loads(file.read_text(encoding="utf-8")))
            if ignore is not None:
                wanted["ignore"] = [word.strip() for word in ignore.split(",") if word.strip()]
        found = client.request("PUT", path, json={"lineage_mapping": wanted}).json
    if options.json:
        print_json(found)
    else:
        print_facts(found["lineage_mapping"])


@app.command
def sources(name: str, /, *, options: Options = DEFAULTS) -> None:
    """List the sources that are asked about the references of a workspace.

    Args:
        name: The workspace.
    """
    found = options.client().get(url_path("workspaces", name, "sources"))["sources"]
    if options.json:
        print_json({"sources": found})
        return
    columns = ["name", "kind", "location", "remote", "credentials"]
    print_table(
        columns,
        [[row[column] for column in columns] for row in found],
        empty="No source. Add one with `assay workspaces add-source`.",
    )


@app.command
def add_source(
    name: str,
    source: str,
    /,
    *,
    kind: Literal["git", "dvc", "lakefs", "hf", "s3", "file"],
    location: str,
    remote: str = "",
    credentials: str = "",
    options: Options = DEFAULTS,
) -> None:
    """Let the server ask a source about references, or change that source.

    Args:
        name: The workspace.
        source: What to call it.
        kind: The kind of reference that it answers.
        location: https:// address, or a folder below one of the server's --source-root.
        remote: Where DVC keeps the data: a folder, or s3://bucket/prefix.
        credentials: Variable of the server (ASSAY_SOURCE_…) that holds user:password, key:secret or
            a token. Never the secret itself.
    """
    made = options.client().request(
        "PUT",
        url_path("workspaces", name, "sources", source),
        json={"kind": kind, "location": location, "remote": remote, "credentials": credentials},
    )
    if options.json:
        print_json(made.json)
    else:
        say(f"References of kind {kind} in {name!r} are looked up at {location}.")


@app.command
def remove_source(name: str, source: str, /, *, options: Options = DEFAULTS) -> None:
    """Ask a source no more.

    Args:
        name: The workspace.
        source: Its name.
    """
    options.client().request("DELETE", url_path("workspaces", name, "sources", source))
    say(f"Source {source!r} of {name!r} is not asked any more.")


def _tell(workspace: dict[str, Any], options: Options, sentence: str) -> None:
    if options.json:
        print_json(workspace)
    else:
        say(sentence)
