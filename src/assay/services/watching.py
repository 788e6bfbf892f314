"""Watching a run: what is written here as it happens, what other servers write once a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Final, Protocol, TypeVar

import anyio.to_thread

from assay.services.context import Context
from assay.services.live import LivePoint, News, Subscription
from assay.services.metrics import Metrics

COALESCE_S: Final = 0.1
HEARTBEAT_S: Final = 15.0
POLL_S: Final = 1.0
MAX_WATCH_S: Final = 900.0
"""After so long a watch ends and the watcher comes back, with a credential that is looked at anew."""

T = TypeVar("T")


class Others(Protocol[T]):
    """What other servers wrote, which no hub of this process hears of."""

    def due_in_s(self) -> float:
        """When to look next."""
        ...

    async def add_to(self, news: News[T]) -> News[T]:
        """These news, and what others wrote where it is time to look."""
        ...


async def watch(
    metrics: Metrics,
    context: Context,
    run_id: str,
    *,
    heartbeat_s: float = HEARTBEAT_S,
    max_watch_s: float = MAX_WATCH_S,
) -> AsyncIterator[News[LivePoint]]:
    """News of a run, at most ten times a second; news without points says that all is well.

    Raises NotFound or PermissionDenied before the first news. Ends when the server stops.
    """
    run_pk = await anyio.to_thread.run_sync(partial(metrics.locate, context, run_id))
    subscription = metrics.live.subscribe(run_pk)
    try:
        remote = _Remote(metrics, run_pk) if metrics.has_other_servers else None
        if remote is not None:
            await remote.changes()
        async for news in follow(subscription, heartbeat_s, max_watch_s, remote):
            yield news
    finally:
        subscription.close()


async def follow(
    subscription: Subscription[T],
    heartbeat_s: float,
    max_watch_s: float,
    others: Others[T] | None = None,
) -> AsyncIterator[News[T]]:
    """What a subscription is told, at most ten times a second; first and at each heartbeat nothing."""
    now_s = asyncio.get_running_loop().time
    nothing: News[T] = News((), is_whole=True)
    end_s, spoken_s = now_s() + max_watch_s, now_s()
    yield nothing
    while now_s() < end_s and not subscription.is_closed:
        waits_s = [heartbeat_s, end_s - now_s()]
        if others is not None:
            waits_s.append(others.due_in_s())
        if await subscription.wait(max(0.0, min(waits_s))):
            # What comes close together travels together.
            await asyncio.sleep(COALESCE_S)
        news = subscription.take()
        if others is not None:
            news = await others.add_to(news)
        is_worth_telling = bool(news.items) or not news.is_whole
        if is_worth_telling or now_s() - spoken_s >= heartbeat_s:
            spoken_s = now_s()
            yield news if is_worth_telling else nothing


class _Remote:
    """What other servers wrote, seen by the last point of each series."""

    def __init__(self, metrics: Metrics, run_pk: int) -> None:
        self._metrics = metrics
        self._run_pk = run_pk
        self._seen: dict[str, tuple[int, int]] = {}
        self._now_s = asyncio.get_running_loop().time
        self._polled_s = self._now_s()

    def due_in_s(self) -> float:
        """When to look next."""
        return self._polled_s + POLL_S - self._now_s()

    async def add_to(self, news: News[LivePoint]) -> News[LivePoint]:
        """News with the last points that others wrote; what they wrote before those is not known."""
        self.note(news.items)
        if self.due_in_s() > 0:
            return news
        self._polled_s = self._now_s()
        points = await self.changes()
        return News((*news.items, *points), is_whole=False) if points else news

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
