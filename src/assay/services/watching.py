"""Watching a run: what is written here as it happens, what other servers write once a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

import anyio.to_thread

from assay.services.context import Context
from assay.services.live import LivePoint, News, Subscription
from assay.services.metrics import Metrics

COALESCE_S: Final = 0.1
HEARTBEAT_S: Final = 15.0
POLL_S: Final = 1.0
MAX_WATCH_S: Final = 900.0
"""After so long a watch ends and the watcher comes back, with a credential that is looked at anew."""

_NOTHING: Final = News((), is_whole=True)


async def watch(
    metrics: Metrics,
    context: Context,
    run_id: str,
    *,
    heartbeat_s: float = HEARTBEAT_S,
    max_watch_s: float = MAX_WATCH_S,
) -> AsyncIterator[News]:
    """News of a run, at most ten times a second; news without points says that all is well.

    Raises NotFound or PermissionDenied before the first news. Ends when the server stops.
    """
    run_pk = await anyio.to_thread.run_sync(partial(metrics.locate, context, run_id))
    subscription = metrics.live.subscribe(run_pk)
    try:
        remote = _Remote(metrics, run_pk) if metrics.has_other_servers else None
        if remote is not None:
            await remote.changes()
        async for news in _news(subscription, remote, heartbeat_s, max_watch_s):
            yield news
    finally:
        subscription.close()


async def _news(
    subscription: Subscription, remote: _Remote | None, heartbeat_s: float, max_watch_s: float
) -> AsyncIterator[News]:
    now_s = asyncio.get_running_loop().time
    end_s, spoken_s, polled_s = now_s() + max_watch_s, now_s(), now_s()
    yield _NOTHING
    while now_s() < end_s and not subscription.is_closed:
        waits_s = [heartbeat_s, end_s - now_s()]
        if remote is not None:
            waits_s.append(polled_s + POLL_S - now_s())
        if await subscription.wait(max(0.0, min(waits_s))):
            # Points that come close together travel together.
            await asyncio.sleep(COALESCE_S)
        news = subscription.take()
        if remote is not None:
            remote.note(news.points)
            if now_s() >= polled_s + POLL_S:
                polled_s = now_s()
                news = _with_more(news, await remote.changes())
        if news.points or now_s() - spoken_s >= heartbeat_s:
            spoken_s = now_s()
            yield news if news.points else _NOTHING


def _with_more(news: News, points: list[LivePoint]) -> News:
    """News with the last points that others wrote; what they wrote before those is not known."""
    return News((*news.points, *points), is_whole=False) if points else news


class _Remote:
    """What other servers wrote, seen by the last point of each series."""

    def __init__(self, metrics: Metrics, run_pk: int) -> None:
        self._metrics = metrics
        self._run_pk = run_pk
        self._seen: dict[str, tuple[int, int]] = {}

    def note(self, points: tuple[LivePoint, ...]) -> None:
        """These points are known."""
        for point in points:
            place = (point.step, point.timestamp_ms)
            self._seen[point.key] = max(place, self._seen.get(point.key, place))

    async def changes(self) -> list[LivePoint]:
        """The last points that are later than all known ones of their series."""
        latest = await anyio.to_thread.run_sync(self._metrics.latest_points, self._run_pk)
        fresh = [
            point
            for point in latest
            if (point.step, point.timestamp_ms) > self._seen.get(point.key, (-(2**64), 0))
        ]
        self.note(tuple(fresh))
        return fresh
