"""`assay models`: registered models and their versions, from registration to serving."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from assay.cli.aliases import alias, clear, delete, history, quarantine, unalias
from assay.cli.download import download as fetch
from assay.cli.lookup import (
    ModelReference,
    collect,
    parse_reference,
    run_id_of,
    version_of,
    version_path,
)
from assay.cli.options import DEFAULTS, Limit, Options
from assay.cli.output import note, print_facts, print_json, print_table, say, score, size, when
from assay.cli.verify import verify_copy, verify_stored
from assay.cli.version_files import manifest_of
from assay.domain.errors import InvalidArgument
from assay.sdk.client import file_path, url_path

if TYPE_CHECKING:
    from assay.sdk.client import Client

app = App(name="models")
for _verb in (history, alias, unalias, quarantine, clear, delete):
    app.command(_verb)

_VERSIONS_MAX = 10_000
_JUDGED_MAX = 50
_DIGEST_SHOWN = 12


@app.command
def register(
    name: str,
    /,
    *,
    run: str,
    path: str = "",
    lineage: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    description: str = "",
    tag: Annotated[tuple[str, ...], Parameter(metavar="KEY=VALUE")] = (),
    options: Options = DEFAULTS,
) -> None:
    """Register a folder of a run as the next version: its files and its lineage are frozen.

    Args:
        name: The registered model; made if there is none of that name.
        run: The run's id, or the start of it.
        path: Folder or file of the run. Default: all of its files.
        lineage: JSON file with data_version, code_commit, config, base_model and seed. Default:
            what the run declared and logged.
        description: A description.
        tag: A tag of the version; repeatable.
    """
    client = options.client()
    body: dict[str, Any] = {
        "run_id": run_id_of(client, run),
        "artifact_path": path,
        "description": description,
        "tags": _tags(tag),
    }
    made = client.request(
        "POST",
        url_path("models", name, "versions"),
        content=_with_lineage(body, lineage),
        headers={"Content-Type": "application/json"},
    ).json
    if options.json:
        print_json(made)
        return
    say(f"Registered {name} version {made['version']} ({size(made['size_bytes'])}).")
    print_facts({"fingerprint": made["fingerprint"], "artifact": made["artifact_digest"]})
    if not made["is_verifiable"]:
        note("It is unverifiable: without closed lineage it can never hold a protected alias.")


@app.command(name="list")
def list_models(
    *,
    filter_text: Annotated[str, Parameter(name="--filter", metavar="FILTER")] = "",
    limit: Limit = 100,
    options: Options = DEFAULTS,
) -> None:
    """List registered models with their aliases.

    Args:
        filter_text: Such as "name LIKE 'support-%'".
        limit: At most so many.
    """
    client = options.client()

    def page(max_results: int, token: str | None) -> dict[str, Any]:
        return dict(
            client.get("/models", filter=filter_text, max_results=max_results, page_token=token)
        )

    found, is_more = collect(page, "models", limit)
    if options.json:
        print_json({"models": found, "more": is_more})
        return
    print_table(
        ["model", "versions", "aliases", "updated", "description"],
        [
            [
                row["name"],
                row["last_version"],
                [f"{a['alias']} → {a['version']}" for a in row["aliases"] if a["version"]],
                when(row["updated_at_ms"]),
                row["description"],
            ]
            for row in found
        ],
        empty="No models yet. Register one with `assay models register NAME --run RUN --path FOLDER`.",
        numeric=("versions",),
    )
    if is_more:
        note(f"There are more than {limit}; see them with --limit.")


@app.command
def show(model: str, /, *, options: Options = DEFAULTS) -> None:
    """Show a model with all its versions, or one version in full.

    With --json a model carries every version with fingerprint, lineage, aliases and verdicts.

    Args:
        model: NAME, NAME/VERSION or NAME@ALIAS.
    """
    client = options.client()
    reference = parse_reference(model)
    if reference.version is not None or reference.alias is not None:
        _show_version(client, reference, options)
        return
    found = client.get(url_path("models", reference.name))
    versions, is_more = _versions(client, reference.name, _VERSIONS_MAX)
    if options.json:
        full = [client.get(version_path(reference.name, row["version"])) for row in versions]
        print_json({**found, "versions": full, "more": is_more})
        return
    print_facts(
        {
            "model": found["name"],
            "workspace": found["workspace"],
            "description": found["description"] or None,
            "aliases": [_alias_text(alias) for alias in found["aliases"] if alias["version"]],
            "created": when(found["created_at_ms"]),
        }
    )
    say("")
    _print_versions(client, reference.name, versions)


@app.command
def versions(name: str, /, *, limit: Limit = 100, options: Options = DEFAULTS) -> None:
    """List the versions of a model, newest first.

    Args:
        name: The registered model.
        limit: At most so many.
    """
    client = options.client()
    found, is_more = _versions(client, name, limit)
    if options.json:
        print_json({"model": name, "versions": found, "more": is_more})
        return
    _print_versions(client, name, found)
    if is_more:
        note(f"There are more than {limit}; see them with --limit.")


@app.command
def download(
    model: str,
    folder: Path | None = None,
    /,
    *,
    force: bool = False,
    verify_key: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    options: Options = DEFAULTS,
) -> None:
    """Fetch a version's frozen files and verify every digest.

    What is there and right is not fetched again, so that a broken download goes on where it
    stopped. Nothing is ever written outside the folder.

    Args:
        model: NAME@ALIAS or NAME/VERSION.
        folder: Folder to write to. Default: one called like the model.
        force: Replace files that differ.
        verify_key: Demand that the files were signed with this public key, too.
    """
    client = options.client()
    reference = parse_reference(model)
    number = version_of(client, reference)
    digest, entries = manifest_of(client, reference.name, number)
    address = _address(reference.name, number)
    place = folder or Path(reference.name)
    result = fetch(client, entries, address, place, force=force)
    if verify_key is not None:
        from assay.cli.model_signing import verify_folder

        kept = client.get(version_path(reference.name, number) + "/signatures")["signatures"]
        verify_folder(place, verify_key, [row["bundle"] for row in kept])
    if options.json:
        print_json(
            {
                "model": reference.name,
                "version": number,
                "artifact_digest": digest,
                **result.as_json(),
            }
        )
        return
    say(f"{reference.name} version {number}: {result.sentence()}")


@app.command
def verify(model: str, folder: Path | None = None, /, *, options: Options = DEFAULTS) -> int:
    """Check digests: of a downloaded copy, or without a folder of the bytes that the server holds.

    Exits with 1 when a file is missing or differs.

    Args:
        model: NAME@ALIAS or NAME/VERSION.
        folder: The folder that `download` wrote to.
    """
    client = options.client()
    reference = parse_reference(model)
    number = version_of(client, reference)
    digest, entries = manifest_of(client, reference.name, number)
    subject = {"model": reference.name, "version": number, "artifact_digest": digest}
    if folder is not None:
        return verify_copy(entries, folder).show(options, subject)
    address = _address(reference.name, number)
    return verify_stored(client, entries, address).show(options, subject)


def _show_version(client: Client, reference: ModelReference, options: Options) -> None:
    number = version_of(client, reference)
    found = client.get(version_path(reference.name, number))
    if options.json:
        print_json(found)
        return
    print_facts(
        {
            "model": found["model"],
            "version": found["version"],
            "state": found["state"]
            + (f" ({found['state_reason']})" if found["state_reason"] else ""),
            "aliases": found["aliases"],
            "run": found["run_id"],
            "path": found["artifact_path"],
            "artifact": found["artifact_digest"],
            "size": size(found["size_bytes"]),
            "fingerprint": found["fingerprint"],
            "lineage": found["lineage_canonical"],
            "registered": f"{when(found['created_at_ms'])} by {found['created_by']}",
            "description": found["description"] or None,
            **{f"tag {key}": value for key, value in sorted(found["tags"].items())},
        }
    )
    say("")
    print_table(
        ["gate", "verdict", "score", "items", "given", "by", "reasons"],
        [
            [
                f"{given['gate']} v{given['gate_version']}",
                given["outcome"],
                score(given["score"]),
                given["items"],
                when(given["created_at_ms"]),
                given["runner"],
                given["reasons"],
            ]
            for given in found["verdicts"] or ()
        ],
        empty=f"No verdict yet. `assay promote {found['model']} {number}` queues its exam.",
        numeric=("score", "items"),
    )


def _print_versions(client: Client, name: str, found: list[dict[str, Any]]) -> None:
    """Versions with the newest verdict of each; asked for one by one, so for the newest only."""
    rows = []
    for place, row in enumerate(found):
        given = []
        if place < _JUDGED_MAX:
            given = client.get(version_path(name, row["version"]) + "/verdicts")["verdicts"]
        newest = given[0] if given else None
        rows.append(
            [
                row["version"],
                row["aliases"],
                row["state"] if row["is_verifiable"] else f"{row['state']}, unverifiable",
                newest and f"{newest['outcome']} ({newest['gate']} v{newest['gate_version']})",
                newest and score(newest["score"]),
                (row["fingerprint"] or "-")[:_DIGEST_SHOWN],
                size(row["size_bytes"]),
                when(row["created_at_ms"]),
                row["created_by"],
            ]
        )
    columns = [
        "version",
        "aliases",
        "state",
        "verdict",
        "score",
        "fingerprint",
        "size",
        "registered",
        "by",
    ]
    print_table(
        columns,
        rows,
        empty=f"No versions. Register one with `assay models register {name} --run RUN`.",
        numeric=("version", "score", "size"),
    )


def _versions(client: Client, name: str, limit: int) -> tuple[list[dict[str, Any]], bool]:
    address = url_path("models", name, "versions")

    def page(max_results: int, token: str | None) -> dict[str, Any]:
        return dict(client.get(address, max_results=max_results, page_token=token))

    return collect(page, "versions", limit)


def _address(name: str, version: int) -> Callable[[str], str]:
    base = version_path(name, version) + "/files"
    return lambda path: f"{base}/{file_path(path)}"


def _alias_text(alias: dict[str, Any]) -> str:
    protected = ", protected" if alias["is_protected"] else ""
    return f"{alias['alias']} → {alias['version']} (revision {alias['revision']}{protected})"


def _tags(given: tuple[str, ...]) -> dict[str, str]:
    tags = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InvalidArgument(f"--tag is KEY=VALUE, not {text!r}.")
        tags[key] = value
    return tags


def _with_lineage(body: dict[str, Any], lineage: Path | None) -> bytes:
    """The request's text. The lineage goes in as it was written: 3.0 and 3 are different lineages."""
    text = json.dumps(body)
    if lineage is None:
        return text.encode()
    try:
        record = lineage.read_text(encoding="utf-8")
        json.loads(record)
    except OSError as error:
        raise InvalidArgument(f"Cannot read {lineage}: {error.strerror}.") from None
    except ValueError:
        raise InvalidArgument(f"{lineage} is not JSON.") from None
    return f'{text[:-1]}, "lineage": {record}}}'.encode()
