"""How much is kept, counted in the background, seldom, and in small steps.

Nobody who asks pays for the counting: the last result is shown with its age, and a new count begins
when that one is old. The longer a count took, the longer it stands.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Final, TypeVar

import structlog

from assay.domain.errors import AppError
from assay.services.platform import Platform
from assay.storage import census
from assay.storage.census import Amount, NamedExperiment

KEPT_S: Final = 10.0
"""A count stands for so long, or for `COST_FACTOR` times what it took if that is longer."""

COST_FACTOR: Final = 100.0
PATIENCE_S: Final = 1.0
"""So long the first who asks waits; later ones get the last count at once."""

LARGEST: Final = 10
_STEP_IDS: Final = {
    "chunks": 20_000,
    "tail": 20_000,
    "runs": 2_000,
    "models": 2_000,
    "collections": 5_000,
}
_REST_S: Final = 0.002
_FIRST_DIGITS: Final = "0123456789abcdefg"
_log = structlog.get_logger("assay.census")

T = TypeVar("T")


class _Stopping(Exception):
    """The server stops; the count is given up."""


@dataclass(frozen=True, slots=True)
class ExperimentSize:
    """What an experiment holds: its runs, the bytes of its artifacts and the points logged in it."""

    where: NamedExperiment
    runs: int
    artifact_bytes: int
    points: int


@dataclass(frozen=True, slots=True)
class Count:
    """How much was kept at a moment. `largest`: the experiments with most bytes or most points."""

    counted_at_ms: int
    took_ms: int
    runs: int
    blobs: Amount
    chunks: Amount
    tail: Amount
    largest: tuple[ExperimentSize, ...]


class Census:
    """Counts in a thread that lives as long as a count. `close()` gives up the one at hand."""

    def __init__(
        self, platform: Platform, *, kept_s: float = KEPT_S, patience_s: float = PATIENCE_S
    ) -> None:
        self._platform = platform
        self._kept_s = kept_s
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._latest: Count | None = None
        self._good_until_s = 0.0

    @property
    def is_counting(self) -> bool:
        """Whether a newer count is under way."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    def latest(self) -> Count | None:
        """The last count; begins a new one when it is old. None: the first one takes longer."""
        with self._lock:
            is_old = self._latest is None or time.monotonic() >= self._good_until_s
            if is_old and not self.is_counting and not self._stop.is_set():
                self._thread = threading.Thread(target=self._run, name="assay-census", daemon=True)
                self._thread.start()
            thread = self._thread
        if self._latest is None and thread is not None:
            thread.join(self._patience_s)
        return self._latest

    def close(self) -> None:
        """Give up the count at hand and begin no other. Again is fine."""
        with self._lock:
            self._stop.set()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        started_s = time.monotonic()
        try:
            self._latest = self._count(started_s)
        except _Stopping:
            return
        except AppError as error:
            _log.warning("what is kept could not be counted", error=str(error))
        took_s = time.monotonic() - started_s
        self._good_until_s = time.monotonic() + max(self._kept_s, COST_FACTOR * took_s)

    def _count(self, started_s: float) -> Count:
        blobs = _sum(
            self._step(census.blob_amount, start, end) for start, end in pairwise(_FIRST_DIGITS)
        )
        chunks = _sum(self._walk("chunks", partial(census.point_amount, name="chunks")))
        tail = _sum(self._walk("tail", partial(census.point_amount, name="tail")))
        runs = _tally(self._walk("runs", census.runs_by_experiment))
        points = _tally(self._walk("runs", census.points_by_experiment))
        sizes = _tally(self._walk("runs", census.run_bytes_by_experiment))
        sizes.update(_tally(self._walk("models", census.model_bytes_by_experiment)))
        sizes.update(_tally(self._walk("collections", census.collection_bytes_by_experiment)))
        largest = {pk for pk, _ in (*sizes.most_common(LARGEST), *points.most_common(LARGEST))}
        names = self._step(census.name_experiments, sorted(largest))
        return Count(
            counted_at_ms=self._platform.now_ms(),
            took_ms=round((time.monotonic() - started_s) * 1_000),
            runs=runs.total(),
            blobs=blobs,
            chunks=chunks,
            tail=tail,
            largest=tuple(
                ExperimentSize(names[pk], runs[pk], sizes[pk], points[pk])
                for pk in sorted(names, key=lambda pk: (-sizes[pk], -points[pk], pk))
            ),
        )

    def _walk(self, name: str, count: Callable[..., T]) -> Iterator[T]:
        """What `count` finds in each range of ids of a table, from the first to the last."""
        last = self._step(census.last_id, name)
        size = _STEP_IDS[name]
        for after in range(0, last, size):
            yield self._step(count, after=after, last=min(after + size, last))

    def _step(self, count: Callable[..., T], *arguments: object, **named: object) -> T:
        """One read, and a rest after it in which others have the database and the processor."""
        if self._stop.is_set():
            raise _Stopping
        with self._platform.database.read() as tx:
            found = count(tx, *arguments, **named)
        self._stop.wait(_REST_S)
        return found


def _sum(amounts: Iterable[Amount]) -> Amount:
    counts, totals = zip(Amount(0, 0), *amounts, strict=True)
    return Amount(sum(counts), sum(totals))


def _tally(parts: Iterable[Mapping[int, int]]) -> Counter[int]:
    found = Counter[int]()
    for part in parts:
        found.update(part)
    return found
