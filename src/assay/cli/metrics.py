"""`assay metrics`: the series of a run, looked at or taken elsewhere."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO

from cyclopts import App, Parameter

from assay.cli.lookup import run_id_of
from assay.cli.options import DEFAULTS, Options
from assay.cli.output import note, print_json, print_table
from assay.domain.errors import FailedPrecondition, NotFound
from assay.sdk.client import Client, url_path

app = App(name="metrics")

_POINTS_AT_ONCE = 500_000
_POINTS_SHOWN = 20

Step = Annotated[int | None, Parameter(metavar="STEP")]


@app.command(name="list")
def list_metrics(run: str, /, *, options: Options = DEFAULTS) -> None:
    """List the metrics of a run with last value, extremes and number of points.

    Args:
        run: The run's id, or the start of it.
    """
    client = options.client()
    found = client.get(url_path("runs", run_id_of(client, run), "metrics"))["metrics"]
    if options.json:
        print_json({"metrics": found})
        return
    print_table(
        ["metric", "last", "step", "points", "min", "at", "max", "at "],
        [
            [
                metric["key"],
                metric["value"],
                metric["step"],
                metric["count"],
                metric["min_value"],
                metric["min_step"],
                metric["max_value"],
                metric["max_step"],
            ]
            for metric in found
        ],
        empty="This run has logged no metrics yet.",
        numeric=("last", "step", "points", "min", "at", "max", "at "),
    )


@app.command
def show(
    run: str,
    key: str,
    /,
    *,
    start_step: Step = None,
    end_step: Step = None,
    rows: int = _POINTS_SHOWN,
    options: Options = DEFAULTS,
) -> None:
    """Show a metric's course in a few rows; --json answers every point.

    Args:
        run: The run's id, or the start of it.
        key: The metric.
        start_step: From this step on.
        end_step: Up to this step.
        rows: At most so many rows, each summing up a stretch of steps.
    """
    client = options.client()
    run_id = run_id_of(client, run)
    if options.json:
        points = list(_points(client, run_id, key, start_step, end_step))
        print_json(
            {
                "run_id": run_id,
                "key": key,
                "points": [
                    dict(zip(("step", "timestamp_ms", "value"), p, strict=True)) for p in points
                ],
            }
        )
        return
    series = _buckets(client, run_id, key, rows, start_step, end_step)
    _known(client, run_id, key, found=series is not None)
    columns = ("first_steps", "last_steps", "counts", "minima", "means", "maxima", "lasts")
    print_table(
        ["from step", "to", "points", "min", "mean", "max", "last"],
        [] if series is None else list(zip(*(series[name] for name in columns), strict=True)),
        empty="No points between these steps.",
        numeric=("from step", "to", "points", "min", "mean", "max", "last"),
    )


@app.command
def export(
    run: str,
    /,
    *keys: str,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], metavar="FILE")] = None,
    style: Annotated[Literal["csv", "jsonl"], Parameter(name="--format")] = "csv",
    start_step: Step = None,
    end_step: Step = None,
    options: Options = DEFAULTS,
) -> None:
    """Write every point of a run's metrics as CSV or JSON lines: key, step, timestamp_ms, value.

    Args:
        run: The run's id, or the start of it.
        keys: Metrics. Default: all of them.
        output: File to write, which must not exist yet. Default: standard output.
        style: CSV, or one JSON object a line (as --json also does).
        start_step: From this step on.
        end_step: Up to this step.
    """
    client = options.client()
    run_id = run_id_of(client, run)
    logged = [m["key"] for m in client.get(url_path("runs", run_id, "metrics"))["metrics"]]
    for key in keys:
        if key not in logged:
            raise NotFound(f"Run {run_id} has no metric {key!r}; `assay metrics list` shows them.")
    names = ("key", "step", "timestamp_ms", "value")
    count = 0
    with _opened(output) as file:
        table = csv.writer(file, lineterminator="\n")
        as_json = options.json or style == "jsonl"
        if not as_json:
            table.writerow(names)
        for key in keys or logged:
            for point in _points(client, run_id, key, start_step, end_step):
                row = (key, *point)
                if as_json:
                    line = json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False)
                    file.write(line + "\n")
                else:
                    table.writerow(row)
                count += 1
    if output is not None:
        note(f"{count} points written to {output}.")


def _points(
    client: Client, run_id: str, key: str, start_step: int | None, end_step: int | None
) -> Iterator[tuple[int, int, float | str]]:
    """Every point by step, fetched in stretches that an answer can hold."""
    logged = {m["key"]: m for m in client.get(url_path("runs", run_id, "metrics"))["metrics"]}
    if key not in logged:
        raise NotFound(f"Run {run_id} has no metric {key!r}; `assay metrics list` shows them.")
    stretches: list[tuple[int | None, int | None]] = [(start_step, end_step)]
    wanted = logged[key]["count"] // _POINTS_AT_ONCE
    if wanted:
        series = _buckets(client, run_id, key, 4 * wanted, start_step, end_step)
        stretches = []
        if series is not None:
            stretches = list(zip(series["first_steps"], series["last_steps"], strict=True))
    for first, last in stretches:
        page = client.get(
            url_path("runs", run_id, "history"), key=key, start_step=first, end_step=last
        )
        yield from zip(page["steps"], page["timestamps_ms"], page["values"], strict=True)


def _buckets(
    client: Client,
    run_id: str,
    key: str,
    count: int,
    start_step: int | None,
    end_step: int | None,
) -> dict[str, Sequence[Any]] | None:
    body = {
        "run_ids": [run_id],
        "keys": [key],
        "buckets": count,
        "start_step": start_step,
        "end_step": end_step,
    }
    series = client.post("/runs/buckets", body)["series"]
    return dict(series[0]) if series else None


def _known(client: Client, run_id: str, key: str, *, found: bool) -> None:
    if found:
        return
    logged = client.get(url_path("runs", run_id, "metrics"))["metrics"]
    if key not in {metric["key"] for metric in logged}:
        raise NotFound(f"Run {run_id} has no metric {key!r}; `assay metrics list` shows them.")


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    try:
        file = output.open("x", encoding="utf-8", newline="")
    except FileExistsError:
        raise FailedPrecondition(f"{output} exists already; nothing was written.") from None
    with file:
        yield file
