"""The stream of a page that shows several runs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from starlette.responses import Response, StreamingResponse

from assay.domain.access import Action
from assay.faces.endpoint import NO_BODY, Call, Endpoint
from assay.faces.native.dialect import number
from assay.services.live import News
from assay.services.watching_many import watch_many


class LiveQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Whose points; at most fifty runs."""

    run_id: list[str]


async def stream_live(call: Call) -> Response:
    """Points of several runs as they are written, as server-sent events.

    `points` carries `run_id` and rows of `[key, value, step, timestamp_ms]`; `gap` names a run of
    which there were more, to be read from the history.
    """
    news = watch_many(call.services.metrics, call.context, call.query(LiveQuery).run_id)
    # Refusals come before the first byte of the stream, as answers of their own.
    await anext(news)
    return StreamingResponse(
        _events(news),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _events(news: AsyncIterator[tuple[str, News]]) -> AsyncIterator[bytes]:
    yield b"retry: 2000\n\n"
    async for run_id, each in news:
        yield _event(run_id, each)


def _event(run_id: str, news: News) -> bytes:
    if not news.points:
        return b": still here\n\n"
    rows = [[p.key, number(p.value), p.step, p.timestamp_ms] for p in news.points]
    text = _named("points", {"run_id": run_id, "points": rows})
    return text if news.is_whole else text + _named("gap", {"run_id": run_id})


def _named(event: str, data: object) -> bytes:
    return f"event: {event}\ndata: ".encode() + msgspec.json.encode(data) + b"\n\n"


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/v1/live",
        name="live",
        summary="Points of several runs as they are written, as server-sent events",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=stream_live,
        query=LiveQuery,
    ),
)
