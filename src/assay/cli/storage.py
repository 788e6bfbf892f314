"""`assay storage`: what the server keeps, what waits, and what takes most of the room."""

from __future__ import annotations

from typing import Any

from assay.cli.options import DEFAULTS, Options
from assay.cli.output import note, plural, print_facts, print_json, print_table, size, when

_ENGINES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def storage(*, options: Options = DEFAULTS) -> None:
    """Show what the server keeps and where, what waits to be written, and the largest experiments.

    For admins and auditors. Files, points and runs are counted in the background: their numbers are
    as old as they say.
    """
    found = options.client().get("/storage")
    if options.json:
        print_json(found)
        return
    database, store, count = found["database"], found["blob_store"], found["count"]
    engine = _ENGINES.get(database["engine"], database["engine"])
    free = store["free_bytes"]
    print_facts(
        {
            "server": f"Assay {found['server_version']}",
            "database": f"{engine}, {size(database['size_bytes'])}, schema {database['schema']}",
            "files": _files(store["kind"], count)
            + ("" if free is None else f"; {size(free)} free"),
            "points": _points(count),
            "runs": "-" if count is None else f"{count['runs']:,}",
            "waiting": _waiting(found["backlogs"]),
            "counted": "not yet" if count is None else when(count["counted_at_ms"]),
        }
    )
    if count is None:
        note("The first count is under way; ask again in a moment.")
        return
    if count["largest"]:
        print_table(
            ["experiment", "workspace", "files", "points", "runs"],
            [_row(each) for each in count["largest"]],
            empty="",
            numeric=["files", "points", "runs"],
        )


def _files(kind: str, count: dict[str, Any] | None) -> str:
    if count is None:
        return kind
    blobs = count["blobs"]
    return f"{kind}, {size(blobs['size_bytes'])} in {plural(blobs['count'], 'file')}"


def _points(count: dict[str, Any] | None) -> str:
    if count is None:
        return "-"
    packed, raw = count["chunks"]["points"], count["tail"]["points"]
    return f"{packed + raw:,} ({raw:,} of them not packed yet)"


def _waiting(backlogs: dict[str, Any]) -> str:
    parts = [
        (backlogs["ingest_batches"], "batch to be written", "batches to be written"),
        (backlogs["unpacked_runs"], "run to be packed", "runs to be packed"),
        (backlogs["webhook_deliveries"], "notice for webhooks", "notices for webhooks"),
    ]
    told = [f"{number:,} {one if number == 1 else many}" for number, one, many in parts if number]
    return ", ".join(told) or "nothing"


def _row(each: dict[str, Any]) -> list[Any]:
    return [
        each["name"],
        each["workspace"],
        size(each["artifact_bytes"]),
        f"{each['points']:,}",
        f"{each['runs']:,}",
    ]
