"""`assay audit closure`: whether all that champions were made from is still there."""

from __future__ import annotations

from typing import Any

from assay.cli.options import DEFAULTS, Options
from assay.cli.output import complain, print_json, print_table, say
from assay.domain.closure import Status, describe, exit_code
from assay.domain.errors import AppError, InvalidArgument
from assay.sdk.client import Client, url_path
from assay.sdk.errors import ApiError

UNASKED = 3
_TIMEOUT_S = 3_600.0


def closure(
    model: str | None = None,
    /,
    *,
    deep: bool = False,
    options: Options = DEFAULTS,
) -> int:
    """Look whether all that champions were made from is still there: files, data, code, base model.

    Without MODEL, every version that holds a protected alias. The server asks the sources that its
    workspace names; none of them is changed.

    Exits with 0 when all is there, 1 when something is missing, damaged or about to go, 2 when
    something is not known, and 3 when the server could not be asked.

    Args:
        model: One model (its versions that hold protected aliases), or MODEL@ALIAS, or MODEL/VERSION.
        deep: Read every byte and compare digests again.
    """
    client = options.connect(None, timeout_s=_TIMEOUT_S)
    try:
        wanted = _wanted(client, model)
        found = [
            client.post(url_path("models", name, "versions", number, "closure"), {"deep": deep})
            for name, number in wanted
        ]
    except (AppError, ApiError) as error:
        complain(error)
        return UNASKED
    statuses = [Status(check["status"]) for version in found for check in version["checks"]]
    code = exit_code(statuses)
    if options.json:
        print_json({"versions": found, "exit_code": code})
    else:
        _show(found, statuses)
    return code


def _wanted(client: Client, model: str | None) -> list[tuple[str, str]]:
    if model is not None and "@" in model:
        name, _, alias = model.partition("@")
        held = client.get(url_path("models", name))["aliases"]
        numbers = [row["version"] for row in held if row["alias"] == alias]
        if not numbers:
            raise InvalidArgument(f"{name!r} has no alias {alias!r}.", field="model")
        return [(name, str(numbers[0]))]
    if model is not None and "/" in model:
        name, _, version = model.partition("/")
        return [(name, version)]
    watched = client.get("/closure")["versions"]
    return [(row["model"], str(row["version"])) for row in watched if model in {None, row["model"]}]


def _show(found: list[dict[str, Any]], statuses: list[Status]) -> None:
    print_table(
        ["version", "what", "status", "level", "says"],
        [
            [
                f"{version['model']}/{version['version']}",
                check["subject"],
                check["status"],
                check["level"],
                check["message"],
            ]
            for version in found
            for check in version["checks"]
        ],
        empty="No version holds a protected alias. Name one: assay audit closure MODEL/VERSION.",
    )
    if statuses:
        say(describe({status: statuses.count(status) for status in Status}) + ".")
