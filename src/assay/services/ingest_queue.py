"""The bounded queue between requests and the one thread that writes for them."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from assay.domain.errors import AppError, Unavailable
from assay.services.batch import Batch
from assay.services.context import Context
from assay.storage.database import Transaction

MAX_QUEUED_POINTS: Final = 1_000_000
MAX_QUEUED_BYTES: Final = 64 * 1024 * 1024
MAX_GROUP_ITEMS: Final = 1024
MAX_GROUP_POINTS: Final = 100_000


@dataclass(slots=True, eq=False)
class Item:
    """A batch on its way to the database, and who waits for it."""

    context: Context
    run_id: str
    batch: Batch
    size_bytes: int
    future: asyncio.Future[None] | None = None
    done: threading.Event | None = None
    error: AppError | None = field(default=None)
    answer: None = None

    @property
    def points(self) -> int:
        """How many points the batch holds."""
        return self.batch.columns.count


@dataclass(slots=True, eq=False)
class Job:
    """A short write of another kind that shares the commits of the batches, and who waits for it.

    `answer` is what `act` answered, which holds once the commit does.
    """

    act: Callable[[Transaction], Any]
    size_bytes: int
    future: asyncio.Future[Any]
    done: None = None
    error: AppError | None = None
    answer: Any = None

    @property
    def points(self) -> int:
        """A job counts like a point."""
        return 1


Entry: TypeAlias = Item | Job
"""What waits in the queue."""


class IngestQueue:
    """First in, first out. What exceeds the bounds waits before the queue, in order.

    A single batch is never larger than an empty queue takes.
    """

    def __init__(
        self, *, max_points: int = MAX_QUEUED_POINTS, max_bytes: int = MAX_QUEUED_BYTES
    ) -> None:
        self._max_points = max_points
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._filled = threading.Condition(self._lock)
        self._queued: deque[Entry] = deque()
        self._waiting: deque[Entry] = deque()
        self._points = 0
        self._bytes = 0
        self._closed = False

    def put(self, item: Entry) -> bool:
        """Queue the item; False when it has to wait for room. Raises Unavailable once closed."""
        with self._lock:
            if self._closed:
                msg = "The server is stopping and takes no more writes; nothing was written."
                raise Unavailable(msg)
            if self._waiting or not self._has_room(item):
                self._waiting.append(item)
                return False
            self._append(item)
            self._filled.notify()
            return True

    def withdraw(self, item: Entry) -> bool:
        """Take back an item that still waits for room; False when it is in the queue or beyond."""
        with self._lock:
            if item not in self._waiting:
                return False
            self._waiting.remove(item)
            return True

    def take(self) -> Sequence[Entry]:
        """The next group, waiting for one; empty once the queue is closed and drained."""
        with self._lock:
            while not self._queued:
                if self._closed:
                    return ()
                self._filled.wait()
            group: list[Entry] = []
            points = 0
            while self._queued and len(group) < MAX_GROUP_ITEMS:
                points += self._queued[0].points
                if group and points > MAX_GROUP_POINTS:
                    break
                group.append(self._queued.popleft())
            self._release(group)
            return group

    def close(self) -> None:
        """Take no more items. What is queued or waits is still handed out."""
        with self._lock:
            self._closed = True
            self._filled.notify_all()

    def load(self) -> tuple[int, int]:
        """How many entries wait to be written, and their points."""
        with self._lock:
            late = sum(item.points for item in self._waiting)
            return len(self._queued) + len(self._waiting), self._points + late

    def is_empty(self) -> bool:
        """Whether nothing waits to be written."""
        return not self._queued

    def _has_room(self, item: Entry) -> bool:
        if not self._queued:
            return True
        return (
            self._points + item.points <= self._max_points
            and self._bytes + item.size_bytes <= self._max_bytes
        )

    def _append(self, item: Entry) -> None:
        self._queued.append(item)
        self._points += item.points
        self._bytes += item.size_bytes

    def _release(self, group: Iterable[Entry]) -> None:
        for item in group:
            self._points -= item.points
            self._bytes -= item.size_bytes
        while self._waiting and self._has_room(self._waiting[0]):
            self._append(self._waiting.popleft())
