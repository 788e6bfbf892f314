"""MLflow's views of metric series: pages of a history, histories in bulk, samples for charts."""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec
from msgspec import field

from assay.domain.access import Action
from assay.domain.errors import InvalidArgument, NotFound
from assay.faces.endpoint import Call, Endpoint
from assay.faces.mlflow.dialect import json_response
from assay.faces.mlflow.routing import AJAX_V2, V2, get
from assay.faces.mlflow.views import number
from assay.faces.mlflow.wire import Int32, Message, Required, invalid, missing

MAX_RUNS: Final = 100
MAX_BULK: Final = 25_000
MAX_SAMPLES: Final = 2_500
MAX_PAGE: Final = 100_000
_BULK: Final = "GetMetricHistoryBulk request"
_ENCODER: Final = msgspec.json.Encoder()


class Point(msgspec.Struct, gc=False, omit_defaults=True):
    """A point in an answer. A struct, since a page has many of them."""

    key: str
    value: float | str
    timestamp: int
    step: int
    run_id: str = ""


class History(msgspec.Struct, omit_defaults=True):
    """Points in an answer."""

    metrics: list[Point] = []
    next_page_token: str = ""


class GetHistory(Message):
    """metrics/get-history."""

    run_id: Required
    metric_key: Required
    max_results: Int32 | None = None
    page_token: str = ""


class GetHistoryBulk(Message):
    """metrics/get-history-bulk."""

    run_id: list[str] = field(default_factory=list)
    metric_key: str | None = None
    max_results: Int32 = MAX_BULK


class GetHistoryBulkInterval(Message):
    """metrics/get-history-bulk-interval."""

    metric_key: Required
    run_ids: list[str] = field(default_factory=list)
    start_step: Int32 | None = None
    end_step: Int32 | None = None
    max_results: Int32 = MAX_SAMPLES


def history(call: Call, message: GetHistory) -> Any:
    """A page of a metric by (timestamp, step, value); nothing for an unknown run or key."""
    most = message.max_results
    if most is not None and most <= 0:
        raise invalid("max_results", most, "It must be a positive integer.")
    try:
        page = call.services.metrics.history_page(
            call.context,
            message.run_id,
            message.metric_key,
            max_results=None if most is None else min(most, MAX_PAGE),
            page_token=message.page_token or None,
        )
    except NotFound:
        return History()
    return History(_points(message.metric_key, page.points), page.next_token or "")


def history_bulk(call: Call, message: GetHistoryBulk) -> Any:
    """The beginnings of one metric's histories in several runs, as the page of runs asks for them."""
    if not message.run_id:
        raise InvalidArgument(f"{_BULK} must specify at least one run_id.", field="run_id")
    if len(message.run_id) > MAX_RUNS:
        msg = f"{_BULK} cannot specify more than {MAX_RUNS} run_ids; it has {len(message.run_id)}."
        raise InvalidArgument(msg, field="run_id")
    if message.metric_key is None:
        raise InvalidArgument(f"{_BULK} must specify a metric_key.", field="metric_key")
    left = min(max(message.max_results, 0), MAX_BULK)
    found: list[Point] = []
    for run_id in sorted(set(message.run_id)):
        if left == 0:
            break
        try:
            page = call.services.metrics.history_page(
                call.context, run_id, message.metric_key, max_results=left
            )
        except NotFound:
            continue
        points = _points(message.metric_key, page.points, run_id)
        found += points
        left -= len(points)
    return json_response(_ENCODER.encode({"metrics": found}), 200, {})


def history_interval(call: Call, message: GetHistoryBulkInterval) -> Any:
    """Evenly spaced points of one metric in several runs, first and last included."""
    if not message.run_ids:
        raise missing("run_ids")
    if len(message.run_ids) > MAX_RUNS:
        msg = (
            f"GetMetricHistoryBulkInterval request must specify at most {MAX_RUNS} run_ids. "
            f"Received {len(message.run_ids)} run_ids."
        )
        raise InvalidArgument(msg, field="run_ids")
    if not 1 <= message.max_results <= MAX_SAMPLES:
        hint = f"max_results must be between 1 and {MAX_SAMPLES}."
        raise invalid("max_results", message.max_results, hint)
    start, end = message.start_step, message.end_step
    if (start is None) != (end is None):
        msg = "If either start step or end step are specified, both must be specified."
        raise InvalidArgument(msg, field="start_step" if start is None else "end_step")
    if start is not None and end is not None and start > end:
        msg = f"end_step must be greater than start_step. Found start_step={start} and end_step={end}."
        raise InvalidArgument(msg, field="end_step")
    found: list[Point] = []
    for run_id in dict.fromkeys(message.run_ids):
        try:
            samples = call.services.metrics.samples(
                call.context,
                [run_id],
                [message.metric_key],
                message.max_results,
                start_step=start,
                end_step=end,
            )
        except NotFound:
            continue
        for sample in samples:
            found += _points(message.metric_key, sample.points, run_id)
    return History(found)


def _points(key: str, points: Any, run_id: str = "") -> list[Point]:
    steps, timestamps_ms, values = (column.tolist() for column in points)
    if not all(map(math.isfinite, values)):
        values = map(number, values)
    return [
        Point(key, value, timestamp_ms, step, run_id)
        for step, timestamp_ms, value in zip(steps, timestamps_ms, values, strict=True)
    ]


_READ: Final = Action.TRACKING_READ

ENDPOINTS: tuple[Endpoint, ...] = (
    get("/metrics/get-history", "A page of a metric", _READ, history, GetHistory),
    get(
        "/metrics/get-history-bulk-interval",
        "Samples of a metric in several runs",
        _READ,
        history_interval,
        GetHistoryBulkInterval,
    ),
)
BULK_ENDPOINTS: tuple[Endpoint, ...] = tuple(
    get(
        "/metrics/get-history-bulk",
        "A metric of several runs",
        _READ,
        history_bulk,
        GetHistoryBulk,
        root=root,
    )
    for root in (AJAX_V2, V2)
)
