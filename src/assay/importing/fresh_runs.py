"""Runs that are not in Assay yet, many in one request: a round trip for each would be the cost.

Whatever does not fit, or is refused, is left to the way that every run can go, one by one; there
the refusal is told.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from assay.importing.history import Run
from assay.importing.points import Series
from assay.importing.tally import Report
from assay.sdk.client import Client

MAX_RUNS: Final = 50
MAX_POINTS: Final = 20_000
"""Of one request. A run with more has its points sent in compact batches of its own."""

MAX_CHARACTERS: Final = 2_000_000

Placed: TypeAlias = tuple[Run, str]
"""A run and the id of its experiment here."""

_encoder = msgspec.json.Encoder()


def send_fresh_runs(client: Client, placed: Sequence[Placed], report: Report) -> None:
    """Send runs with their points in as few requests as they fit into."""
    for group in _groups(placed):
        body = _encoder.encode({"runs": [_with_series(run, home) for run, home in group]})
        arrived = client.request(
            "POST",
            "/import/runs",
            content=body,
            headers={"Content-Type": "application/json"},
            idempotent=True,
        ).json["run_ids"]
        counts = {run.run_id: _points(run) for run, _ in group}
        report.note_sent(points=sum(counts[run_id] for run_id in arrived), size_bytes=len(body))


def new_run(run: Run, experiment_id: str) -> dict[str, Any]:
    """A run as a request makes it, without its points."""
    return {
        "run_id": run.run_id,
        "experiment_id": experiment_id,
        "name": run.name,
        "user_name": run.user_name,
        "status": run.status,
        "started_at_ms": run.started_at_ms,
        "ended_at_ms": run.ended_at_ms,
        "params": dict(run.params),
        "tags": dict(run.tags),
    }


def spelled(value: float) -> float | str:
    """A value as JSON can say it."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _groups(placed: Iterable[Placed]) -> Iterator[list[Placed]]:
    group: list[Placed] = []
    points = characters = 0
    for run, home in placed:
        size, text = _points(run), _characters(run)
        if text > MAX_CHARACTERS:
            continue
        is_full = points + size > MAX_POINTS or characters + text > MAX_CHARACTERS
        if group and (is_full or len(group) == MAX_RUNS):
            yield group
            group, points, characters = [], 0, 0
        group.append((run, home))
        points += size
        characters += text
    if group:
        yield group


def _with_series(run: Run, experiment_id: str) -> dict[str, Any]:
    body = new_run(run, experiment_id)
    if run.series and _points(run):
        body["series"] = {key: _columns(series) for key, series in run.series.items()}
    return body


def _columns(series: Series) -> dict[str, Any]:
    return {
        "steps": series.steps.tolist(),
        "timestamps_ms": series.timestamps_ms.tolist(),
        "values": [spelled(value) for value in series.values],
    }


def _points(run: Run) -> int:
    """How many points of a run go along: none of one that has too many."""
    total = sum(series.count for series in run.series.values())
    return total if total <= MAX_POINTS else 0


def _characters(run: Run) -> int:
    return sum(_length(values) for values in (run.params, run.tags)) + sum(map(len, run.series))


def _length(values: Mapping[str, str]) -> int:
    return sum(len(key) + len(value) for key, value in values.items())
