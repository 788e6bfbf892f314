"""`assay collections`: named lines of artifact versions, listed, shown, fetched and added to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from assay.cli.artifacts import local_files
from assay.cli.download import download as fetch
from assay.cli.download import entries_of
from assay.cli.lookup import run_id_of
from assay.cli.options import DEFAULTS, Options
from assay.cli.output import plural, print_json, print_table, say, size
from assay.cli.progress import transfer
from assay.domain.errors import InvalidArgument
from assay.sdk.client import Client, file_path, url_path

app = App(name="collections")

_PAGE = 1_000


@app.command(name="list")
def list_collections(
    *,
    experiment: str | None = None,
    registry: str | None = None,
    type: str | None = None,  # noqa: A002 - the flag's name
    options: Options = DEFAULTS,
) -> None:
    """List collections by name.

    Args:
        experiment: Those of one experiment, by id. Default: of the whole workspace.
        registry: Those of one registry.
        type: Those of one type, such as dataset or model.
    """
    asked = {"experiment_id": experiment, "registry": registry, "type": type}
    found = list(_pages(options.client(), "/collections", "collections", **asked))
    if options.json:
        print_json({"collections": found})
        return
    print_table(
        ["name", "type", "kind", "in"],
        [[row["name"], row["type"], row["kind"], _place(row)] for row in found],
        empty="No collections yet. Make one with `assay collections put NAME FILE --type dataset`.",
    )


@app.command
def show(
    name: str,
    /,
    *,
    experiment: str = "0",
    registry: str | None = None,
    options: Options = DEFAULTS,
) -> None:
    """Show the versions of a collection, newest first; `NAME:v3` or `NAME:alias` shows one with its files.

    Args:
        name: The collection, or one version of it.
        experiment: The experiment that it is in, by id. Default: the first one.
        registry: The registry that it is in, instead.
    """
    client, place = options.client(), _asked(experiment, registry)
    bare, _, reference = name.partition(":")
    if reference:
        _show_version(client, _version(client, bare, reference, place), options)
        return
    address = f"{url_path('collections', bare)}/versions"
    found = list(_pages(client, address, "versions", **place))
    if options.json:
        print_json({"versions": found})
        return
    print_table(
        ["version", "aliases", "files", "size", "run", "digest"],
        [
            [
                row["version"],
                ", ".join(row["aliases"]),
                row["file_count"],
                size(row["size_bytes"]),
                (row["run_id"] or "")[:12],
                row["digest"][:12],
            ]
            for row in found
        ],
        empty=f"{bare} has no versions.",
        numeric=("files", "size"),
    )


@app.command
def download(
    name: str,
    /,
    *,
    to: Annotated[Path, Parameter(metavar="FOLDER")] = Path(),
    force: bool = False,
    experiment: str = "0",
    registry: str | None = None,
    options: Options = DEFAULTS,
) -> None:
    """Fetch every file of a version and verify its digest. References are not followed.

    Args:
        name: The version: `NAME:v3`, `NAME:alias`, or `NAME` for the latest.
        to: Folder to write to. Default: the current one.
        force: Replace files that differ.
        experiment: The experiment that the collection is in, by id. Default: the first one.
        registry: The registry that it is in, instead.
    """
    client = options.client()
    bare, _, reference = name.partition(":")
    found = _version(client, bare, reference or "latest", _asked(experiment, registry))
    base = url_path("collection-versions", found["version_id"], "files")
    files = [row for row in _pages(client, base, "files") if row["sha256"] is not None]
    result = fetch(
        client, entries_of(files), lambda path: f"{base}/{file_path(path)}", to, force=force
    )
    if options.json:
        print_json({"version": found["version"], **result.as_json()})
    else:
        say(result.sentence())


@app.command
def put(
    name: str,
    source: Path,
    /,
    *,
    type: str,  # noqa: A002 - the flag's name
    alias: tuple[str, ...] = (),
    description: str = "",
    metadata: str = "{}",
    run: str | None = None,
    experiment: str = "0",
    options: Options = DEFAULTS,
) -> None:
    """Send a file or folder as the next version. Content that is there already is no new version.

    Args:
        name: The collection; it is made if need be.
        source: File or folder on this machine.
        type: What it holds, such as dataset or model. A collection keeps its type.
        alias: A name for the version; may be given several times. `latest` always is.
        description: What there is to say of it.
        metadata: A JSON object.
        run: The run that made it, by id or the start of it.
        experiment: The experiment of the collection, by id. Default: the first one.
    """
    client = options.client()
    files = local_files(source, "")
    draft = {
        "name": name,
        "type": type,
        "aliases": list(alias),
        "description": description,
        "metadata": metadata,
        "experiment_id": experiment,
        "run_id": None if run is None else run_id_of(client, run),
    }
    made = client.post("/collection-versions", draft)
    address = url_path("collection-versions", made["version_id"])
    total_bytes = sum(file.stat().st_size for file in files.values())
    with transfer(total_bytes, "Sending") as for_file:
        for path, file in files.items():
            client.upload(f"{address}/files/{file_path(path)}", file, for_file(path))
    done = client.post(f"{address}/commit")
    if options.json:
        print_json(done)
    elif done["version_id"] == made["version_id"]:
        say(f"{name}:{done['version']} holds {plural(len(files), 'file')} ({size(total_bytes)}).")
    else:
        say(f"{name}:{done['version']} has this content already.")


def _show_version(client: Client, found: dict[str, Any], options: Options) -> None:
    base = url_path("collection-versions", found["version_id"])
    files = list(_pages(client, f"{base}/files", "files"))
    uses = client.get(f"{base}/uses")["uses"]
    if options.json:
        print_json({**found, "files": files, "uses": uses})
        return
    name = found["collection"]["name"]
    aliases = ", ".join(found["aliases"]) or "no alias"
    say(f"{name}:{found['version']} ({found['collection']['type']}, {aliases})")
    say(f"digest sha256:{found['digest']}")
    if json.loads(found["metadata"]):
        say(f"metadata {found['metadata']}")
    for use in uses:
        word = "made by" if use["direction"] == "output" else "read by"
        say(f"{word} run {use['run_id']}")
    print_table(
        ["path", "size", "sha256"],
        [
            [row["path"], size(row["size_bytes"]), row["sha256"] or row["reference"]]
            for row in files
        ],
        empty="No files.",
        numeric=("size",),
    )


def _version(client: Client, name: str, reference: str, place: dict[str, Any]) -> dict[str, Any]:
    address = url_path("collections", name, "versions", reference)
    found: dict[str, Any] = client.get(address, **place)
    return found


def _asked(experiment: str, registry: str | None) -> dict[str, Any]:
    if registry is not None:
        return {"registry": registry}
    if not experiment:
        raise InvalidArgument("--experiment takes an id.", field="experiment")
    return {"experiment_id": experiment}


def _pages(client: Client, address: str, key: str, **asked: Any) -> Iterator[dict[str, Any]]:
    token: str | None = None
    while True:
        page = client.get(address, max_results=_PAGE, page_token=token, **asked)
        yield from page[key]
        token = page["next_page_token"]
        if token is None:
            return


def _place(row: dict[str, Any]) -> str:
    if row["registry"] is not None:
        return f"registry {row['registry']}"
    return f"experiment {row['experiment_id']}"
