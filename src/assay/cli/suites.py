"""`assay suites`: frozen exams."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts import App

from assay.cli.lookup import collect
from assay.cli.options import DEFAULTS, Limit, Options
from assay.cli.output import note, print_facts, print_json, print_table, say, when
from assay.cli.progress import transfer
from assay.sdk.client import url_path
from assay.sdk.transfer import DIGEST_HEADER, pieces_of

if TYPE_CHECKING:
    from assay.bundles.suite_folder import SuiteFolder
    from assay.sdk.client import Client

app = App(name="suites")


@app.command(name="list")
def list_suites(*, limit: Limit = 100, options: Options = DEFAULTS) -> None:
    """List the eval suites of the workspace.

    Args:
        limit: At most so many.
    """
    client = options.client()

    def page(max_results: int, token: str | None) -> dict[str, Any]:
        return dict(client.get("/suites", max_results=max_results, page_token=token))

    found, is_more = collect(page, "suites", limit)
    if options.json:
        print_json({"suites": found, "more": is_more})
        return
    print_table(
        ["suite", "fingerprint", "items", "created", "by"],
        [
            [
                row["name"],
                row["fingerprint"],
                row["item_count"],
                when(row["created_at_ms"]),
                row["created_by"],
            ]
            for row in found
        ],
        empty="No suites yet. Store one with `assay gates create NAME --suite FOLDER`.",
        numeric=("items",),
    )
    if is_more:
        note(f"There are more than {limit}; see them with --limit.")


@app.command
def show(name: str, /, *, options: Options = DEFAULTS) -> None:
    """Show a suite. Its items are handed to gate runners only.

    Args:
        name: Its fingerprint, or its name for the newest of that name.
    """
    found = options.client().get(url_path("suites", name))
    if options.json:
        print_json(found)
        return
    print_facts(
        {
            "suite": found["name"],
            "fingerprint": found["fingerprint"],
            "items": found["item_count"],
            "bundle": found["bundle_sha256"],
            "created": f"{when(found['created_at_ms'])} by {found['created_by']}",
        }
    )


@app.command
def create(folder: Path, /, *, options: Options = DEFAULTS) -> None:
    """Pack and store a suite folder, without a gate.

    Args:
        folder: Folder with suite.toml, items.jsonl and scorer.py.
    """
    from assay.bundles.suite_folder import read_suite_folder

    made = upload_suite(options.client(), read_suite_folder(folder))
    if options.json:
        print_json(made)
    else:
        say(f"Suite {made['name']!r} with {made['item_count']} items: {made['fingerprint']}")


@app.command
def fingerprint(folder: Path, /, *, options: Options = DEFAULTS) -> None:
    """Compute the fingerprint of a suite folder on this machine, without a server.

    Args:
        folder: Folder with suite.toml, items.jsonl and scorer.py.
    """
    from assay.bundles.suite_folder import read_suite_folder

    read = read_suite_folder(folder)
    if options.json:
        items = read.suite.item_count()
        print_json({"name": read.name, "fingerprint": read.fingerprint, "item_count": items})
    else:
        say(read.fingerprint)


def upload_suite(client: Client, folder: SuiteFolder) -> dict[str, Any]:
    """Pack the folder and store it; answers the suite that the server made of the bytes.

    Raises DataCorrupted when the server came to another fingerprint than this machine.
    """
    from assay.bundles.archive import pack
    from assay.domain.errors import DataCorrupted

    with tempfile.TemporaryDirectory(prefix="assay-suite-") as place:
        archive = Path(place, "bundle.tar")
        with archive.open("xb") as file:
            digest = pack(folder, file)
        size_bytes = archive.stat().st_size
        with transfer(size_bytes, "Sending") as for_file:
            on_progress = for_file(folder.name)
            made = client.request(
                "POST",
                "/suites",
                content=lambda: pieces_of(archive, size_bytes, on_progress),
                headers={
                    "Content-Type": "application/x-tar",
                    "Content-Length": str(size_bytes),
                    DIGEST_HEADER: digest,
                },
                idempotent=True,
            ).json
    if made["fingerprint"] != folder.fingerprint:
        raise DataCorrupted(
            f"The server reads the suite as {made['fingerprint']}, this machine as "
            f"{folder.fingerprint}: they do not run the same version of Assay."
        )
    return dict(made)
