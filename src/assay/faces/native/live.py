"""The streams of pages: points of several runs, and which runs of an experiment changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import msgspec
from starlette.responses import Response, StreamingResponse

from assay.domain.access import Action
from assay.faces.endpoint import NO_BODY, Call, Endpoint
from assay.faces.native.dialect import number
from assay.services.live import LivePoint, News
from assay.services.watching_many import watch_many
from assay.services.watching_runs import watch_runs

_STILL_HERE: Final = b": still here\n\n"


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
    return _streaming(_events(news))


async def stream_runs(call: Call) -> Response:
    """Which runs of an experiment are new or were changed, as server-sent events.

    `runs` carries `run_ids`; `gap` says that there were more, so that the list is to be read anew.
    """
    news = watch_runs(call.services.run_news, call.context, call.path["experiment_id"])
    await anext(news)
    return _streaming(_run_events(news))


def _streaming(events: AsyncIterator[bytes]) -> Response:
    return StreamingResponse(
        events,
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _run_events(news: AsyncIterator[News[str]]) -> AsyncIterator[bytes]:
    yield b"retry: 2000\n\n"
    # What was changed before this moment may have been missed, what comes after it will not be.
    yield _STILL_HERE
    async for each in news:
        text = _named("runs", {"run_ids": each.items}) if each.items else b""
        yield (text + (b"" if each.is_whole else _named("gap", {}))) or _STILL_HERE


async def _events(news: AsyncIterator[tuple[str, News[LivePoint]]]) -> AsyncIterator[bytes]:
    yield b"retry: 2000\n\n"
    async for run_id, each in news:
        yield _event(run_id, each)


def _event(run_id: str, news: News[LivePoint]) -> bytes:
    if not news.items:
        return _STILL_HERE
    rows = [[p.key, number(p.value), p.step, p.timestamp_ms] for p in news.items]
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
    Endpoint(
        method="GET",
        path="/api/v1/experiments/{experiment_id}/live",
        name="experiments.live",
        summary="Which runs of an experiment are new or were changed, as server-sent events",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=stream_runs,
    ),
)
