"""Watchers see what is durable, at their own pace and in bounded memory."""

from __future__ import annotations

import asyncio
import threading

import pytest

from assay.domain.errors import Unavailable
from assay.services import live
from assay.services.live import Live, LivePoint, News


def points(count: int, *, start: int = 0) -> list[LivePoint]:
    """Points of one series."""
    return [LivePoint("loss", 0.5, step, 1_000 + step) for step in range(start, start + count)]


def test_a_watcher_gets_what_came_since_the_last_time() -> None:
    """From any thread, in order, of its own run only."""

    async def watch() -> tuple[News[LivePoint], News[LivePoint]]:
        hub = Live()
        subscription = hub.subscribe(1)

        def write() -> None:
            hub.publish(1, points(2))
            hub.publish(2, points(9))

        writer = threading.Thread(target=write)
        writer.start()
        assert await subscription.wait(10)
        writer.join()
        first = subscription.take()
        hub.publish(1, points(1, start=2))
        assert await subscription.wait(10)
        return first, subscription.take()

    first, second = asyncio.run(watch())

    assert first == (tuple(points(2)), True)
    assert second == (tuple(points(1, start=2)), True)


def test_a_slow_watcher_is_told_that_it_missed_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest points are kept, never more than the bound; the next news is whole again."""
    monkeypatch.setattr(live, "MAX_PENDING_POINTS", 5)

    async def watch() -> tuple[News[LivePoint], News[LivePoint]]:
        hub = Live()
        subscription = hub.subscribe(1)
        for start in range(0, 12, 3):
            hub.publish(1, points(3, start=start))
        slow = subscription.take()
        hub.publish(1, points(1))
        return slow, subscription.take()

    slow, after = asyncio.run(watch())

    assert slow == (tuple(points(5, start=7)), False)
    assert after == (tuple(points(1)), True)


def test_what_the_writer_left_out_is_said() -> None:
    """News of which a part was left out is marked."""

    async def watch() -> News[LivePoint]:
        hub = Live()
        subscription = hub.subscribe(1)
        hub.publish(1, points(1), is_whole=False)
        return subscription.take()

    assert asyncio.run(watch()).is_whole is False


def test_waiting_ends_without_news() -> None:
    """A watcher can say that it is still there."""

    async def watch() -> bool:
        return await Live().subscribe(1).wait(0.01)

    assert asyncio.run(watch()) is False


def test_closing_ends_every_watch() -> None:
    """A server that stops lets its watchers go, and takes no new ones."""

    async def watch() -> None:
        hub = Live()
        subscription = hub.subscribe(1)
        hub.close()
        assert await subscription.wait(10)
        assert subscription.is_closed
        with pytest.raises(Unavailable):
            hub.subscribe(1)

    asyncio.run(watch())


def test_watchers_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a limit, and whoever leaves makes room, also when leaving twice."""
    monkeypatch.setattr(live, "MAX_SUBSCRIPTIONS", 2)

    async def watch() -> None:
        hub = Live()
        first, second = hub.subscribe(1), hub.subscribe(1)
        with pytest.raises(Unavailable):
            hub.subscribe(2)
        first.close()
        first.close()
        third = hub.subscribe(2)
        assert hub.watched([1, 2, 3]) == [1, 2]
        second.close()
        third.close()
        assert hub.watched([1, 2, 3]) == []

    asyncio.run(watch())


def test_a_watcher_whose_loop_is_gone_is_forgotten() -> None:
    """The writer does not fail over a client that vanished."""
    hub = Live()

    async def leave() -> None:
        hub.subscribe(1)

    asyncio.run(leave())
    hub.publish(1, points(1))

    assert hub.watched([1]) == []
