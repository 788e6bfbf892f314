"""What was just written, for whoever watches: in this process, after the commit, bounded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from assay.domain.errors import Unavailable

MAX_SUBSCRIPTIONS: Final = 512
MAX_PENDING_POINTS: Final = 2_000

T = TypeVar("T")


class LivePoint(NamedTuple):
    """A point as it is shown to watchers."""

    key: str
    value: float
    step: int
    timestamp_ms: int


class News(NamedTuple, Generic[T]):
    """What came since the last news, oldest first; `is_whole` is False when some was left out."""

    items: tuple[T, ...]
    is_whole: bool


class Subscription(Generic[T]):
    """One watcher of one thing. Written to by any thread, read on the event loop that made it.

    Keeps `MAX_PENDING_POINTS` at most: beyond, the oldest are dropped and the next news says so.
    """

    def __init__(self, hub: Hub[T], pk: int) -> None:
        self.pk = pk
        self._hub = hub
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._lock = threading.Lock()
        self._pending: list[T] = []
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

    def take(self) -> News[T]:
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

    def offer(self, items: Sequence[T], *, is_whole: bool) -> None:
        """Add news; called by the writer, so it never waits."""
        with self._lock:
            self._pending.extend(items)
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


class Hub(Generic[T]):
    """The watchers of this process, by the key of what they watch."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_pk: dict[int, tuple[Subscription[T], ...]] = {}
        self._count = 0
        self._is_closed = False

    def subscribe(self, pk: int) -> Subscription[T]:
        """Watch, from the running event loop. Raises Unavailable for too many watchers."""
        subscription = Subscription(self, pk)
        with self._lock:
            if self._is_closed or self._count >= MAX_SUBSCRIPTIONS:
                msg = "The server cannot take another watcher now; close some live pages or retry."
                raise Unavailable(msg)
            self._by_pk[pk] = (*self._by_pk.get(pk, ()), subscription)
            self._count += 1
        return subscription

    def remove(self, subscription: Subscription[T]) -> None:
        """Forget a watcher; again is fine."""
        with self._lock:
            present = self._by_pk.get(subscription.pk, ())
            left = tuple(other for other in present if other is not subscription)
            self._count -= len(present) - len(left)
            if left:
                self._by_pk[subscription.pk] = left
            else:
                self._by_pk.pop(subscription.pk, None)

    def watched(self, pks: Iterable[int]) -> list[int]:
        """Those that somebody watches."""
        by_pk = self._by_pk
        return [pk for pk in pks if pk in by_pk]

    def watched_pks(self) -> list[int]:
        """Everything that somebody watches."""
        return list(self._by_pk)

    def publish(self, pk: int, items: Sequence[T], *, is_whole: bool = True) -> None:
        """Tell the watchers what is durable now."""
        for subscription in self._by_pk.get(pk, ()):
            subscription.offer(items, is_whole=is_whole)

    def close(self) -> None:
        """End every watch."""
        with self._lock:
            self._is_closed = True
            everyone = [watcher for group in self._by_pk.values() for watcher in group]
        for subscription in everyone:
            subscription.end()


class Live(Hub[LivePoint]):
    """Who watches the points of which run."""
