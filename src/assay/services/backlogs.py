"""What has come for each run since its tail was last compacted, and which runs are due.

Finding what is due costs what is due: full tails are a set of their own, the others stand in the
order of their last arrival, and tails too small to bother with rest apart until more comes. Nothing
is done, and nobody wakes, while nothing comes.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MAX_TAIL_ROWS: Final = 256
MAX_TAIL_POINTS: Final = 32_768
"""From so many rows or points on, the tail of a run is compacted."""

IDLE_ROWS: Final = 16
IDLE_POINTS: Final = 1_024
"""So much is enough once nothing has come for a while: the run has probably ended."""

IDLE_S: Final = 30.0
QUIET_WORK: Final = 16_384
"""Ingest is busy when more than so many points, or 64 for each row, came since the last look."""

URGENT_FACTOR: Final = 32
"""While ingest is busy, compaction waits until a tail is so many times over its limit."""

MAX_TRACKED_RUNS: Final = 100_000
_ROW_WORK: Final = 64


@dataclass(slots=True)
class Backlog:
    """Rows and points that came, and the monotonic second of the last."""

    rows: int = 0
    points: int = 0
    at_s: float = 0.0

    def is_over(self, factor: int = 1) -> bool:
        """Whether it is so many times over the limit of a tail."""
        return self.rows > MAX_TAIL_ROWS * factor or self.points > MAX_TAIL_POINTS * factor

    @property
    def is_worth_it(self) -> bool:
        """Whether an idle run's tail of that size is worth compacting."""
        return self.rows >= IDLE_ROWS or self.points >= IDLE_POINTS


class Backlogs:
    """Counts for many threads; one of them asks what is due, and may `wait` until anything can be."""

    def __init__(self, idle_s: float = IDLE_S, max_runs: int = MAX_TRACKED_RUNS) -> None:
        self._idle_s = idle_s
        self._max_runs = max_runs
        self._lock = threading.Lock()
        self._recent: OrderedDict[int, Backlog] = OrderedDict()
        self._resting: dict[int, Backlog] = {}
        self._full: set[int] = set()
        self._noted_work = 0
        self._something = threading.Event()

    def __len__(self) -> int:
        """How many runs are known to have a tail."""
        with self._lock:
            return len(self._recent) + len(self._resting)

    def note(self, run_pk: int, points: int) -> None:
        """Take note of a tail row that was committed."""
        with self._lock:
            self._noted_work += points + _ROW_WORK
            backlog = self._recent.get(run_pk)
            if backlog is None:
                backlog = self._resting.pop(run_pk) if run_pk in self._resting else Backlog()
                self._recent[run_pk] = backlog
            else:
                self._recent.move_to_end(run_pk)
            backlog.rows += 1
            backlog.points += points
            backlog.at_s = time.monotonic()
            if backlog.is_over():
                self._full.add(run_pk)
            if len(self._recent) + len(self._resting) > self._max_runs:
                self._forget_the_smallest()
        if not self._something.is_set():
            self._something.set()

    def recall(self, loads: Iterable[tuple[int, int, int]]) -> None:
        """Take note of (run, rows, points) from before, as if they had just come."""
        now_s = time.monotonic()
        with self._lock:
            for run_pk, rows, points in loads:
                if run_pk in self._recent or run_pk in self._resting:
                    continue
                backlog = Backlog(rows, points, now_s)
                if not backlog.is_worth_it:
                    self._resting[run_pk] = backlog
                    continue
                self._recent[run_pk] = backlog
                if backlog.is_over():
                    self._full.add(run_pk)
            if len(self._recent) + len(self._resting) > self._max_runs:
                self._forget_the_smallest()
        self._something.set()

    def begin(self, run_pk: int, *, is_idle: bool) -> None:
        """The run is about to be compacted: its count starts anew."""
        with self._lock:
            self._recent.pop(run_pk, None)
            self._resting.pop(run_pk, None)
            self._full.discard(run_pk)
            if not is_idle:
                # What is left as blocks now is finished once nothing more comes.
                self._recent[run_pk] = Backlog(IDLE_ROWS, 0, time.monotonic())

    def due(self) -> list[tuple[int, bool]]:
        """Runs to compact now, the fullest first, and whether each is idle."""
        now_s = time.monotonic()
        with self._lock:
            is_quiet = self._noted_work <= QUIET_WORK
            self._noted_work = 0
            factor = 1 if is_quiet else URGENT_FACTOR
            found = [
                (backlog.points + backlog.rows, run_pk, now_s - backlog.at_s >= self._idle_s)
                for run_pk in self._full
                if (backlog := self._recent[run_pk]).is_over(factor)
            ]
            found += self._idle(now_s)
            if not self._recent:
                self._something.clear()
        # A run can be full and idle: once is enough, and idle comes first.
        return list({run_pk: idle for _, run_pk, idle in sorted(found, reverse=True)}.items())

    def wait(self, timeout_s: float | None = None) -> bool:
        """Return True once there is a run that is or will be due, or after `wake`; False in time."""
        return self._something.wait(timeout_s)

    def wake(self) -> None:
        """Let `wait` return."""
        self._something.set()

    def _idle(self, now_s: float) -> list[tuple[int, int, bool]]:
        """Runs for which nothing has come for a while; those with little go to rest."""
        found = []
        small = []
        for run_pk, backlog in self._recent.items():
            if now_s - backlog.at_s < self._idle_s:
                break
            if backlog.is_worth_it:
                found.append((backlog.points + backlog.rows, run_pk, True))
            else:
                small.append(run_pk)
        for run_pk in small:
            self._resting[run_pk] = self._recent.pop(run_pk)
        return found

    def _forget_the_smallest(self) -> None:
        """Make room: what is forgotten is counted again after the next start."""
        each = [*self._recent.items(), *self._resting.items()]
        each.sort(key=lambda pair: pair[1].rows + pair[1].points)
        for run_pk, _ in each[: self._max_runs // 2]:
            self._recent.pop(run_pk, None)
            self._resting.pop(run_pk, None)
            self._full.discard(run_pk)
