"""What was just written, for whoever watches a run: in this process, after the commit, bounded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from assay.domain.errors import Unavailable

MAX_SUBSCRIPTIONS: Final = 512
MAX_PENDING_POINTS: Final = 2_000


class LivePoint(NamedTuple):
    """A point as it is shown to watchers."""

    key: str
    value: float
    step: int
    timestamp_ms: int


class News(NamedTuple):
    """The points since the last news, oldest first; `is_whole` is False when some were left out."""

    points: tuple[LivePoint, ...]
    is_whole: bool


class Subscription:
    """One watcher of one run. Written to by any thread, read on the event loop that made it.

    Keeps `MAX_PENDING_POINTS` at most: beyond, the oldest are dropped and the next news says so.
    """

    def __init__(self, hub: Live, run_pk: int) -> None:
        self.run_pk = run_pk
        self._hub = hub
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._lock = threading.Lock()
        self._pending: list[LivePoint] = []
        self._is_whole = True
        self._is_signalled = False
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Whether no news will come any more."""
        return self._is_closed

    async def wait(self, seconds: float) -> bool:
        """Wait for news or the end, at most so long; False when neither came."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True

    def take(self) -> News:
        """What came since the last time."""
        self._wake.clear()
        with self._lock:
            news = News(tuple(self._pending), self._is_whole)
            self._pending = []
            self._is_whole = True
            self._is_signalled = False
        if self._is_closed:
            self._wake.set()
        return news

    def offer(self, points: Sequence[LivePoint], *, is_whole: bool) -> None:
        """Add news; called by the writer, so it never waits."""
        with self._lock:
            self._pending.extend(points)
            excess = len(self._pending) - MAX_PENDING_POINTS
            if excess > 0:
                del self._pending[:excess]
            self._is_whole = self._is_whole and is_whole and excess <= 0
            must_signal = not self._is_signalled
            self._is_signalled = True
        if must_signal:
            self._signal()

    def end(self) -> None:
        """Say that nothing more will come."""
        self._is_closed = True
        self._signal()

    def close(self) -> None:
        """Stop watching."""
        self._hub.remove(self)

    def _signal(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._wake.set)
        except RuntimeError:
            # The loop is gone, and with it whoever was watching.
            self._hub.remove(self)


class Live:
    """The watchers of this process, by run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_run: dict[int, tuple[Subscription, ...]] = {}
        self._count = 0
        self._is_closed = False

    def subscribe(self, run_pk: int) -> Subscription:
        """Watch a run, from the running event loop. Raises Unavailable for too many watchers."""
        subscription = Subscription(self, run_pk)
        with self._lock:
            if self._is_closed or self._count >= MAX_SUBSCRIPTIONS:
                msg = "The server cannot take another watcher now; close some live pages or retry."
                raise Unavailable(msg)
            self._by_run[run_pk] = (*self._by_run.get(run_pk, ()), subscription)
            self._count += 1
        return subscription

    def remove(self, subscription: Subscription) -> None:
        """Forget a watcher; again is fine."""
        with self._lock:
            present = self._by_run.get(subscription.run_pk, ())
            left = tuple(other for other in present if other is not subscription)
            self._count -= len(present) - len(left)
            if left:
                self._by_run[subscription.run_pk] = left
            else:
                self._by_run.pop(subscription.run_pk, None)

    def watched(self, run_pks: Iterable[int]) -> list[int]:
        """Those of the runs that somebody watches."""
        by_run = self._by_run
        return [run_pk for run_pk in run_pks if run_pk in by_run]

    def publish(self, run_pk: int, points: Sequence[LivePoint], *, is_whole: bool = True) -> None:
        """Tell the watchers of a run what is durable now."""
        for subscription in self._by_run.get(run_pk, ()):
            subscription.offer(points, is_whole=is_whole)

    def close(self) -> None:
        """End every watch."""
        with self._lock:
            self._is_closed = True
            everyone = [watcher for group in self._by_run.values() for watcher in group]
        for subscription in everyone:
            subscription.end()
