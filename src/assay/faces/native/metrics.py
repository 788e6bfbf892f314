"""Routes that read metric series: summaries, histories, buckets for charts, live events."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Final, Literal

import msgspec
from starlette.responses import Response, StreamingResponse

from assay.domain.access import Action
from assay.domain.errors import LimitExceeded
from assay.faces.endpoint import NO_BODY, SMALL_BODY, Call, Endpoint
from assay.faces.native.dialect import number
from assay.services.live import LivePoint, News
from assay.services.metrics import Points, SeriesBuckets
from assay.services.watching import watch

MAX_JSON_POINTS: Final = 1_000_000
WIRE: Final = "application/vnd.assay.columns"

Number = float | str
"""A value, or one of the words NaN, Infinity, -Infinity."""


class MetricAnswer(msgspec.Struct):
    """A series of a run: its last point, its extremes, its number of points."""

    key: str
    value: Number
    step: int
    timestamp_ms: int
    count: int
    min_value: Number | None
    min_step: int | None
    max_value: Number | None
    max_step: int | None


class MetricsAnswer(msgspec.Struct):
    """Every series of a run, by key."""

    metrics: list[MetricAnswer]


class MetricsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`exact=true`: counts that retries left in doubt are taken by reading the series."""

    exact: bool = False


class HistoryQuery(msgspec.Struct, forbid_unknown_fields=True):
    """A series, or the part from `start_step` to `end_step`, both included."""

    key: str
    start_step: int | None = None
    end_step: int | None = None
    format: Literal["json", "binary"] = "json"


class HistoryAnswer(msgspec.Struct):
    """A series in columns, by step, then timestamp, then value."""

    run_id: str
    key: str
    steps: list[int]
    timestamps_ms: list[int]
    values: list[Number]


class BucketsRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Series of several runs, each in at most `buckets` rows."""

    run_ids: list[str]
    keys: list[str]
    buckets: int = 320
    start_step: int | None = None
    end_step: int | None = None
    axis: Literal["step", "time"] = "step"


class BucketsOfSeries(msgspec.Struct):
    """One row a bucket, in columns. Extremes and means leave NaN out."""

    run_id: str
    key: str
    first_steps: list[int]
    last_steps: list[int]
    first_timestamps_ms: list[int]
    last_timestamps_ms: list[int]
    counts: list[int]
    minima: list[Number]
    maxima: list[Number]
    means: list[Number]
    lasts: list[Number]


class BucketsAnswer(msgspec.Struct):
    """The series that have points."""

    series: list[BucketsOfSeries]


def list_metrics(call: Call) -> MetricsAnswer:
    """Every series of a run."""
    query = call.query(MetricsQuery)
    found = call.services.metrics.keys(call.context, call.path["run_id"], is_exact=query.exact)
    return MetricsAnswer(
        [
            MetricAnswer(
                key=metric.key,
                value=number(metric.value),
                step=metric.step,
                timestamp_ms=metric.timestamp_ms,
                count=metric.count,
                min_value=None if metric.min_value is None else number(metric.min_value),
                min_step=metric.min_step,
                max_value=None if metric.max_value is None else number(metric.max_value),
                max_step=metric.max_step,
            )
            for metric in found
        ]
    )


def read_history(call: Call) -> HistoryAnswer | Response:
    """A series, in JSON or in binary columns that a browser maps without decoding."""
    query = call.query(HistoryQuery)
    metrics, run_id = call.services.metrics, call.path["run_id"]
    if query.format == "binary":
        wire = metrics.history_wire(
            call.context, run_id, query.key, start_step=query.start_step, end_step=query.end_step
        )
        return Response(wire, media_type=WIRE, headers={"cache-control": "no-store"})
    points = metrics.history(
        call.context, run_id, query.key, start_step=query.start_step, end_step=query.end_step
    )
    if points.row_count > MAX_JSON_POINTS:
        raise LimitExceeded(
            f"The answer would hold {points.row_count} points, more than {MAX_JSON_POINTS}; use"
            " format=binary, a range of steps, or buckets.",
            field="format",
            limit=MAX_JSON_POINTS,
        )
    return _history(run_id, query.key, points)


def read_buckets(call: Call, body: BucketsRequest) -> BucketsAnswer:
    """Series thinned for a chart."""
    found = call.services.metrics.buckets(
        call.context,
        body.run_ids,
        body.keys,
        body.buckets,
        start_step=body.start_step,
        end_step=body.end_step,
        axis=body.axis,
    )
    return BucketsAnswer([_buckets(series) for series in found])


async def stream_events(call: Call) -> Response:
    """Points as they are written, as server-sent events.

    `points` carries `[key, value, step, timestamp_ms]` rows; `gap` says that there were more, to be
    read from the history.
    """
    news = watch(call.services.metrics, call.context, call.path["run_id"])
    # Refusals come before the first byte of the stream, as answers of their own.
    first = await anext(news)
    return StreamingResponse(
        _events(first, news),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _events(
    first: News[LivePoint], rest: AsyncIterator[News[LivePoint]]
) -> AsyncIterator[bytes]:
    yield b"retry: 2000\n\n"
    yield _event(first)
    async for news in rest:
        yield _event(news)


def _event(news: News[LivePoint]) -> bytes:
    if not news.items:
        return b": still here\n\n"
    rows = [[p.key, number(p.value), p.step, p.timestamp_ms] for p in news.items]
    text = b"event: points\ndata: " + msgspec.json.encode({"points": rows}) + b"\n\n"
    return text if news.is_whole else text + b"event: gap\ndata: {}\n\n"


def _history(run_id: str, key: str, points: Points) -> HistoryAnswer:
    steps, timestamps_ms, values = points
    return HistoryAnswer(
        run_id, key, steps.tolist(), timestamps_ms.tolist(), _numbers(values.tolist())
    )


def _buckets(series: SeriesBuckets) -> BucketsOfSeries:
    found = series.buckets
    return BucketsOfSeries(
        run_id=series.run_id,
        key=series.key,
        first_steps=found.first_steps.tolist(),
        last_steps=found.last_steps.tolist(),
        first_timestamps_ms=found.first_timestamps_ms.tolist(),
        last_timestamps_ms=found.last_timestamps_ms.tolist(),
        counts=found.counts.tolist(),
        minima=_numbers(found.minima.tolist()),
        maxima=_numbers(found.maxima.tolist()),
        means=_numbers(found.means.tolist()),
        lasts=_numbers(found.lasts.tolist()),
    )


def _numbers(values: list[float]) -> list[Number]:
    # A sum is finite when all values are; when it is not, each is looked at.
    if math.isfinite(sum(values)):
        return [*values]
    return [number(value) for value in values]


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/runs/{run_id}/metrics",
        name="runs.metrics",
        summary="Every metric of a run with its last value, extremes and number of points",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=list_metrics,
        query=MetricsQuery,
        response=MetricsAnswer,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/runs/{run_id}/history",
        name="runs.history",
        summary="Every point of a metric, in JSON or binary columns",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=read_history,
        query=HistoryQuery,
        response=HistoryAnswer,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/runs/buckets",
        name="runs.buckets",
        summary="Metrics of several runs, thinned for a chart",
        permission=Action.TRACKING_READ,
        body_limit=SMALL_BODY,
        handler=read_buckets,
        request=BucketsRequest,
        response=BucketsAnswer,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/runs/{run_id}/events",
        name="runs.events",
        summary="Points of a run as they are written, as server-sent events",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=stream_events,
    ),
)
