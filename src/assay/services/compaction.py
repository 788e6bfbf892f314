"""The background step that turns many small tail rows into few large pieces.

What ingest wrote row by row becomes chunks, one long series each, and blocks, many short series
each. Points are never lost or doubled: exactly the rows that were read are deleted, in the
transaction that adds what was made of them; rows that came meanwhile stay for the next time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from assay.domain.errors import AppError, Conflict, DataCorrupted
from assay.series.blocks import MARK, Block, decode_rows, encode_blocks, keys_of
from assay.series.codec import MAX_CHUNK_POINTS, decode_chunk, encode_chunk
from assay.series.placement import Placement, StoredChunk, place
from assay.series.points import Points, merge_sorted
from assay.services.backlogs import IDLE_S, Backlogs
from assay.services.platform import Platform
from assay.storage import metric_series
from assay.storage.database import Database, Transaction
from assay.storage.metric_series import ChunkRow, NewChunk, TailSize
from assay.storage.metrics import TailRow, append_tail, set_exact_counts

MAX_PASS_POINTS: Final = 524_288
FLUSH_POINTS: Final = 262_144
"""From so many points on, short series leave the tail too, so that reading one stays quick."""

CHUNK_POINTS: Final = 4_096
IDLE_CHUNK_POINTS: Final = 64
REFRESH_EVERY_S: Final = 10.0
"""So often, while points come, it is asked whether a table has outgrown what the planner knows."""

KEPT_FREE_PAGES: Final = 2_048
"""Free pages that stay in a SQLite file: the next tail rows go there without growing it."""

_WORTH_JOINING: Final = 2
_PAGES_A_STEP: Final = 256
_POLL_S: Final = 0.5
_BLOCK_JOINS_UP_TO: Final = 2
_WORK_S: Final = 0.002
_REST_S: Final = 0.001
_log = structlog.get_logger("assay.compaction")


class _Stopping(Exception):
    """The server stops; the pass is given up."""


@dataclass(slots=True)
class _Plan:
    """What replaces the tail rows that were read."""

    run_pk: int
    rows: Sequence[TailSize]
    is_whole_tail: bool
    chunks_before: Mapping[int, list[ChunkRow]] = field(default_factory=dict)
    placements: dict[int, Placement] = field(default_factory=dict)
    new_chunks: list[NewChunk] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    exact_counts: dict[int, int] = field(default_factory=dict)


class Compaction:
    """Compacts runs in a thread of its own after `start()`, or one at a time by `compact_run`."""

    def __init__(self, platform: Platform, *, idle_s: float = IDLE_S) -> None:
        self._database = platform.database
        self._backlogs = Backlogs(idle_s)
        self._one_at_a_time = threading.Lock()
        self._stop = threading.Event()
        self._worked_since_s = 0.0
        self._refresh_at_s = 0.0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; it begins with what an earlier process left."""
        self._thread = threading.Thread(target=self._run, name="assay-compaction", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after the transaction at hand. Again is fine."""
        self._stop.set()
        self._backlogs.wake()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def load(self) -> int:
        """How many runs are known to have points that are not packed yet."""
        return len(self._backlogs)

    def note(self, run_pk: int, points: int) -> None:
        """Take note of a tail row that was committed."""
        self._backlogs.note(run_pk, points)

    def compact_run(self, run_pk: int, *, is_idle: bool = False) -> bool:
        """Compact the tail of a run; False when there was nothing to gain, or another was faster.

        With `is_idle` all of it is compacted and short series become chunks too.
        """
        with self._one_at_a_time:
            self._backlogs.begin(run_pk, is_idle=is_idle)
            has_worked = False
            while not self._stop.is_set() and self._pass(run_pk, is_idle=is_idle):
                has_worked = True
                if not is_idle:
                    break
            return has_worked

    def shrink(self, *, keep_pages: int = KEPT_FREE_PAGES) -> None:
        """Give pages that compaction freed back to the disk, in small steps; some stay for reuse."""
        while not self._stop.is_set():
            with self._database.write() as tx:
                given = metric_series.give_back_pages(
                    tx, keep_pages=keep_pages, at_most=_PAGES_A_STEP
                )
            if given == 0:
                return
            self._stop.wait(_REST_S)

    def _run(self) -> None:
        self._recall()
        while not self._stop.is_set():
            self._backlogs.wait()
            # Not at once: what comes together is compacted together.
            self._stop.wait(_POLL_S)
            due = self._backlogs.due()
            for run_pk, is_idle in due:
                if self._stop.is_set():
                    return
                self._attempt(run_pk, is_idle=is_idle)
            if due:
                self._attempt_to_shrink()
            self._attempt_to_refresh()

    def _recall(self) -> None:
        """Count the tails that are there from before, as if they had just come."""
        try:
            with self._database.read() as tx:
                loads = metric_series.tail_loads(tx, MARK)
        except AppError:
            _log.exception("the tails of earlier runs could not be counted")
            return
        self._backlogs.recall(loads)

    def _attempt(self, run_pk: int, *, is_idle: bool) -> None:
        try:
            self.compact_run(run_pk, is_idle=is_idle)
        except AppError as error:
            _log.warning("a run could not be compacted", run_pk=run_pk, error=error.message)
        except Exception:  # noqa: BLE001 -- one bad run must not end the compaction of all others
            _log.exception("a run could not be compacted", run_pk=run_pk)

    def _attempt_to_refresh(self) -> None:
        """Now and then, while points come: what grows is what the planner should know of."""
        if time.monotonic() < self._refresh_at_s:
            return
        self._refresh_at_s = time.monotonic() + REFRESH_EVERY_S
        try:
            self._database.refresh_statistics()
        except AppError as error:
            _log.warning("statistics could not be refreshed", error=error.message)

    def _attempt_to_shrink(self) -> None:
        try:
            self.shrink()
        except AppError as error:
            _log.warning("free pages could not be given back", error=error.message)

    def _pass(self, run_pk: int, *, is_idle: bool) -> bool:
        try:
            plan = self._prepare(run_pk, is_idle=is_idle)
        except _Stopping:
            return False
        if plan is None:
            return False
        try:
            _carry_out(self._database, plan)
        except Conflict:
            return False
        return True

    def _prepare(self, run_pk: int, *, is_idle: bool) -> _Plan | None:
        """Read and compute; nothing is locked meanwhile."""
        with self._database.read() as tx:
            sizes = metric_series.tail_sizes(tx, run_pk)
            rows = _chosen(sizes, is_idle=is_idle)
            is_packed = all(row.mark == MARK for row in rows)
            if is_packed and len(rows) < _WORTH_JOINING:
                return None
            payloads = metric_series.tail_payloads_of(tx, [row.row_id for row in rows])
            plan = _Plan(run_pk, rows, is_whole_tail=len(rows) == len(sizes))
            self._arrange(tx, plan, payloads, is_idle=is_idle)
        if is_packed and len(plan.blocks) == len(rows):
            return None
        return plan

    def _arrange(
        self, tx: Transaction, plan: _Plan, payloads: Sequence[bytes], *, is_idle: bool
    ) -> None:
        series: dict[int, Points] = {}
        for key_id, points in decode_rows(payloads).by_key():
            series[key_id] = merge_sorted([points])
            self._breathe()
        total = sum(points.row_count for points in series.values())
        least = IDLE_CHUNK_POINTS if is_idle else CHUNK_POINTS
        if total >= FLUSH_POINTS:
            least = 1
        plan.chunks_before = metric_series.chunk_rows(tx, plan.run_pk, list(series))
        short = {}
        for key_id, points in series.items():
            if points.row_count < least:
                short[key_id] = points
            else:
                self._place(tx, plan, key_id, points)
            self._breathe()
        plan.blocks = encode_blocks(sorted(short.items()))
        if plan.is_whole_tail:
            plan.exact_counts = _exact_counts(plan, short)

    def _place(self, tx: Transaction, plan: _Plan, key_id: int, points: Points) -> None:
        def load(chunk_id: int) -> Points:
            payload = metric_series.chunk_payload(tx, chunk_id)
            if payload is None:
                msg = "A metric chunk is listed but absent."
                raise DataCorrupted(msg)
            return decode_chunk(payload)

        before = [
            StoredChunk(chunk.chunk_id, chunk.points, chunk.min_step, chunk.max_step)
            for chunk in plan.chunks_before.get(key_id, ())
        ]
        placement = plan.placements[key_id] = place(before, points, load)
        plan.new_chunks += [_new_chunk(key_id, part) for part in placement.added]

    def _breathe(self) -> None:
        """Let other threads run: this one computes without pause, and requests have the right of way.

        Raises _Stopping when the server stops: nothing of the pass is written yet.
        """
        if self._stop.is_set():
            raise _Stopping
        now_s = time.monotonic()
        if self._thread is threading.current_thread() and now_s - self._worked_since_s > _WORK_S:
            self._stop.wait(_REST_S)
            self._worked_since_s = time.monotonic()


def _chosen(sizes: Sequence[TailSize], *, is_idle: bool) -> Sequence[TailSize]:
    """The rows of a pass: all raw ones, and blocks that are not much larger than what came since.

    So a point is rewritten a logarithmic number of times however long the run is.
    """
    chosen = [row for row in sizes if row.mark != MARK]
    blocks = sorted((row for row in sizes if row.mark == MARK), key=lambda row: row.points)
    chosen, points = _within(chosen, MAX_PASS_POINTS)
    for row in blocks:
        is_cheap = is_idle or row.points <= _BLOCK_JOINS_UP_TO * points
        if not is_cheap or (chosen and points + row.points > MAX_PASS_POINTS):
            break
        chosen.append(row)
        points += row.points
    return chosen


def _within(rows: Sequence[TailSize], limit: int) -> tuple[list[TailSize], int]:
    """The first rows that do not exceed a number of points together, at least one; their points."""
    found: list[TailSize] = []
    points = 0
    for row in rows:
        if found and points + row.points > limit:
            break
        found.append(row)
        points += row.points
    return found, points


def _exact_counts(plan: _Plan, short: Mapping[int, Points]) -> dict[int, int]:
    """The number of distinct points of every series where it is known."""
    counts = {key_id: placement.total for key_id, placement in plan.placements.items()}
    for key_id, points in short.items():
        chunks = plan.chunks_before.get(key_id, [])
        if all(chunk.max_step < points.steps[0] for chunk in chunks):
            counts[key_id] = points.row_count + sum(chunk.points for chunk in chunks)
    return counts


def _new_chunk(key_id: int, points: Points) -> NewChunk:
    assert points.row_count <= MAX_CHUNK_POINTS
    chunk = encode_chunk(*points)
    return NewChunk(key_id, chunk.count, chunk.min_step, chunk.max_step, chunk.payload)


def _carry_out(database: Database, plan: _Plan) -> None:
    """Swap the rows for what replaces them. Raises Conflict if anything changed in the meantime."""
    removed = [chunk for placement in plan.placements.values() for chunk in placement.removed]
    with database.write() as tx:
        metric_series.lock_series(tx, plan.run_pk)
        _expect(metric_series.delete_tail(tx, [row.row_id for row in plan.rows]), len(plan.rows))
        now = metric_series.chunk_rows(tx, plan.run_pk, list(plan.placements))
        for key_id in plan.placements:
            _expect(now.get(key_id), plan.chunks_before.get(key_id))
        _expect(metric_series.delete_chunks(tx, removed), len(removed))
        _set_exact_counts(tx, plan)
        metric_series.insert_chunks(tx, plan.run_pk, plan.new_chunks)
        if plan.blocks:
            append_tail(
                tx, [TailRow(plan.run_pk, block.points, block.payload) for block in plan.blocks]
            )


def _set_exact_counts(tx: Transaction, plan: _Plan) -> None:
    if not plan.exact_counts:
        return
    inexact = metric_series.inexact_keys(tx, plan.run_pk)
    counts = {key_id: n for key_id, n in plan.exact_counts.items() if key_id in inexact}
    if not counts:
        return
    # Rows that came after the reading count too: their series stay as they are for now.
    late = [row.row_id for row in metric_series.tail_sizes(tx, plan.run_pk)]
    if late:
        unread = keys_of(metric_series.tail_payloads_of(tx, late))
        counts = {key_id: n for key_id, n in counts.items() if key_id not in unread}
    set_exact_counts(tx, plan.run_pk, counts)


def _expect(
    found: Iterable[ChunkRow] | int | None, wanted: Iterable[ChunkRow] | int | None
) -> None:
    if found != wanted:
        msg = "The series of this run were rearranged at the same time."
        raise Conflict(msg)
