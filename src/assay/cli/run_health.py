"""`assay runs health`: what detectors found in a run."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from assay.cli.lookup import run_id_of
from assay.cli.options import DEFAULTS, Options
from assay.cli.output import note, print_json, print_table, when
from assay.sdk.client import url_path


def health(
    run: str,
    /,
    *,
    examine: Annotated[bool, Parameter(negative="")] = False,
    options: Options = DEFAULTS,
) -> None:
    """Show what RL health detectors found in a run's metrics.

    They compare what was logged with limits; they predict nothing and change nothing.

    Args:
        run: The run's id, or the start of it.
        examine: Examine the run now instead of showing what the server saw last.
    """
    client = options.client()
    path = url_path("runs", run_id_of(client, run), "health")
    found = client.post(path) if examine else client.get(path)
    if options.json:
        print_json(found)
        return
    print_table(
        ["finding", "metric", "steps", "since", "state", "what was seen"],
        [_row(finding) for finding in found["findings"]],
        empty=_nothing(found["examined_keys"]),
    )
    if found["findings"]:
        note("Thresholds are set per workspace: PUT /api/v1/workspaces/<name>/health-thresholds.")


def _row(finding: dict[str, Any]) -> list[Any]:
    return [
        finding["detector"],
        finding["key"],
        f"{finding['first_step']} to {finding['last_step']}",
        when(finding["found_at_ms"]),
        "stands" if finding["cleared_at_ms"] is None else "cleared",
        finding["message"],
    ]


def _nothing(examined: list[str]) -> str:
    if not examined:
        return "This run has no metrics that a detector knows (reward, kl, entropy, loss, …)."
    return f"Nothing found in {len(examined)} metrics: {', '.join(examined[:8])}."
