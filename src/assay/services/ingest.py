"""The hot path: batches of metric points from many requests, made durable by one thread in groups.

A request awaits its batch, or another short write that shares the group. The thread takes all that
has come, writes it in one transaction and then tells everyone: the more requests there are, the more
of them share a commit.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import structlog

from assay.domain.errors import AppError, Internal, Unavailable
from assay.domain.ids import parse_run_id
from assay.domain.metric import MetricPoint
from assay.domain.names import check_metric_key
from assay.services.batch import Batch, Columns
from assay.services.compaction import Compaction
from assay.services.context import Context
from assay.services.health import Health
from assay.services.ingest_group import Refused, Written, write_group
from assay.services.ingest_queue import Entry, IngestQueue, Item, Job
from assay.services.live import Live
from assay.services.platform import Platform
from assay.storage.database import Transaction
from assay.storage.metrics import should_retry

T = TypeVar("T")

PATIENCE_S: Final = 20.0
"""How long a batch waits for room in the queue before it is refused."""

MAX_KNOWN_KEYS: Final = 50_000
_JOB_BYTES: Final = 4_096
_ATTEMPTS: Final = 5
_log = structlog.get_logger("assay.ingest")


class Ingest:
    """Takes batches and makes them durable. `start()` it before use; `close()` writes what is left."""

    def __init__(
        self,
        platform: Platform,
        live: Live | None = None,
        compaction: Compaction | None = None,
        health: Health | None = None,
        *,
        queue: IngestQueue | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._platform = platform
        self._live = live or Live()
        self._compaction = compaction
        self._health = health
        self._queue = queue or IngestQueue()
        self._patience_s = patience_s
        # Ids of keys that are surely committed: the id of a key that was rolled back may go to another.
        self._known_keys: dict[str, int] = {}
        self._thread: threading.Thread | None = None
        self._backoff = threading.Event()

    def start(self) -> None:
        """Start the writing thread."""
        self._thread = threading.Thread(target=self._run, name="assay-ingest", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Refuse new batches, write those that were taken, and stop. Again is fine."""
        self._queue.close()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def load(self) -> tuple[int, int]:
        """How many batches wait to be written, and their points."""
        return self._queue.load()

    async def submit(
        self,
        context: Context,
        run_id: str,
        points: Columns | Sequence[MetricPoint] = (),
        *,
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        writer: str | None = None,
        sequence: int | None = None,
        name: str | None = None,
    ) -> None:
        """Return when all of the batch is durable; raise when none of it is.

        A batch whose (writer, sequence) was here before changes nothing. Raises InvalidArgument and
        LimitExceeded for what is malformed, NotFound, PermissionDenied, FailedPrecondition for a
        deleted run, Unavailable when the server is stopping or the queue stays full.
        """
        batch = Batch(_columns(points), params or {}, tags or {}, writer, sequence, name)
        item = self._item(context, run_id, batch)
        future = item.future = asyncio.get_running_loop().create_future()
        if not self._queue.put(item):
            await self._wait_for_room(item, future)
        await future

    async def write(self, act: Callable[[Transaction], T]) -> T:
        """Do a short write in the transaction of the next group; its answer once that is durable.

        Raises what `act` raises, then nothing of it is left. Raises Unavailable as `submit` does.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        job = Job(act, _JOB_BYTES, future)
        if not self._queue.put(job):
            await self._wait_for_room(job, future)
        return await future

    async def submit_columns(
        self,
        context: Context,
        run_id: str,
        keys: Sequence[str],
        key_index: Sequence[int] | None,
        steps: Sequence[int],
        timestamps_ms: Sequence[int],
        values: Sequence[float | str],
        *,
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        name: str | None = None,
    ) -> None:
        """As `submit`, for points in columns. Without `key_index`, `keys` has one for each point."""
        points = Columns.of(keys, steps, timestamps_ms, values, key_index=key_index)
        await self.submit(context, run_id, points, params=params, tags=tags, name=name)

    def submit_sync(
        self,
        context: Context,
        run_id: str,
        points: Columns | Sequence[MetricPoint] = (),
        *,
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        writer: str | None = None,
        sequence: int | None = None,
    ) -> None:
        """As `submit`, for a thread that may block."""
        batch = Batch(_columns(points), params or {}, tags or {}, writer, sequence)
        item = self._item(context, run_id, batch)
        done = item.done = threading.Event()
        if (
            not self._queue.put(item)
            and not done.wait(self._patience_s)
            and self._queue.withdraw(item)
        ):
            raise _full()
        done.wait()
        if item.error is not None:
            raise item.error

    def _item(self, context: Context, run_id: str, batch: Batch) -> Item:
        parse_run_id(run_id)
        batch.check()
        keys = batch.columns.keys
        for key in set(keys) - self._known_keys.keys():
            try:
                check_metric_key(key)
            except AppError:
                check_metric_key(key, f"points[{list(keys).index(key)}].key")
        return Item(context, run_id, batch, batch.size_bytes())

    async def _wait_for_room(self, item: Entry, future: asyncio.Future[Any]) -> None:
        try:
            done, _ = await asyncio.wait({future}, timeout=self._patience_s)
        except asyncio.CancelledError:
            self._queue.withdraw(item)
            raise
        if not done and self._queue.withdraw(item):
            raise _full()

    def _run(self) -> None:
        while group := self._queue.take():
            outcomes = self._store(group)
            _tell(group, outcomes)

    def _store(self, group: Sequence[Entry]) -> Sequence[AppError | None]:
        """Write a group; if that fails as a whole for one batch's sake, write them one by one."""
        error: AppError = Internal("The group was not written.")
        for attempt in range(_ATTEMPTS):
            try:
                return self._write(group)
            except AppError as refusal:
                error = refusal
                if not should_retry(refusal):
                    break
                # Nobody sets it: two servers that collided must not collide again in step.
                self._backoff.wait(0.005 * attempt)
            except Exception:  # noqa: BLE001 -- one bad batch must not end the thread that writes all
                _log.exception("a group of batches could not be written", batches=len(group))
                error = Internal("The batch could not be written; the server's log has the detail.")
                break
        if len(group) == 1 or isinstance(error, Unavailable):
            return [error] * len(group)
        return [outcome for item in group for outcome in self._store([item])]

    def _write(self, group: Sequence[Entry]) -> Sequence[AppError | None]:
        try:
            written = self._write_once(group, is_careful=False)
        except Refused as refusal:
            if len(group) == 1:
                return [refusal.error]
            written = self._write_once(group, is_careful=True)
        try:
            self._remember(written.new_keys)
            self._announce(written)
        except Exception:  # noqa: BLE001 -- the batches are durable, whatever happens here
            _log.exception("what was written could not be announced", batches=len(group))
        return written.outcomes

    def _write_once(self, group: Sequence[Entry], *, is_careful: bool) -> Written:
        with self._platform.database.write() as tx:
            return write_group(tx, group, self._known_keys, is_careful=is_careful)

    def _remember(self, new_keys: Mapping[str, int]) -> None:
        if len(self._known_keys) + len(new_keys) > MAX_KNOWN_KEYS:
            self._known_keys = {}
        if len(new_keys) <= MAX_KNOWN_KEYS:
            # Replaced, not changed: requests look into it from another thread.
            self._known_keys = {**self._known_keys, **new_keys} if new_keys else self._known_keys

    def _announce(self, written: Written) -> None:
        runs = {run.run_pk: run for run in written.runs}
        for run_pk in self._live.watched(runs):
            points, is_whole = runs[run_pk].live()
            self._live.publish(run_pk, points, is_whole=is_whole)
        if self._compaction is not None:
            for run in written.runs:
                self._compaction.note(run.run_pk, len(run.keys))
        if self._health is not None:
            for run in written.runs:
                self._health.note(run.run_pk, run.keys)


def _columns(points: Columns | Sequence[MetricPoint]) -> Columns:
    return points if isinstance(points, Columns) else Columns.of_points(points)


def _full() -> Unavailable:
    return Unavailable(
        f"More metric points are waiting than the server can write; nothing was written within"
        f" {PATIENCE_S:.0f} s. Try again later."
    )


_News: TypeAlias = tuple[asyncio.Future[Any], Any, AppError | None]


def _tell(group: Iterable[Entry], outcomes: Iterable[AppError | None]) -> None:
    """Wake whoever waits: one call into each event loop for the whole group."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_News]] = {}
    for item, outcome in zip(group, outcomes, strict=True):
        item.error = outcome
        if item.future is not None:
            news = by_loop.setdefault(item.future.get_loop(), [])
            news.append((item.future, item.answer, outcome))
        if item.done is not None:
            item.done.set()
    for loop, news in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, news)
        except RuntimeError:
            _log.info("an event loop ended before its batches did", batches=len(news))


def _resolve(news: Sequence[_News]) -> None:
    for future, answer, outcome in news:
        if future.done():
            continue
        if outcome is None:
            future.set_result(answer)
        else:
            future.set_exception(outcome)
