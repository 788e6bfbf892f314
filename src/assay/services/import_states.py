"""What a verification compares of runs: many at once, for a few statements each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from assay.domain.access import Action, is_allowed
from assay.domain.errors import LimitExceeded, NotFound
from assay.domain.metric import MAX_STEP, MIN_STEP
from assay.domain.tracking import WholeRun
from assay.series.blocks import Tail
from assay.series.codec import decode_chunk
from assay.series.points import Points, merge_sorted
from assay.services.context import Context
from assay.services.metrics import MAX_SERIES_POINTS
from assay.services.platform import Platform
from assay.storage import metric_series, runs
from assay.storage.database import Transaction
from assay.storage.files import RUN_FILES
from assay.storage.whole_runs import load_runs, load_whole_runs

MAX_RUNS: Final = 100
"""How many runs one question is about at most."""


@dataclass(frozen=True, slots=True)
class SeriesDigest:
    """A series as it is kept: its number of points, and SHA-256 over its columns.

    Steps and timestamps as int64, values as float64 (every NaN the same), little-endian, one column
    after the other, by step, timestamp and value.
    """

    key: str
    points: int
    sha256: str


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A run in any lifecycle, a digest of each of its series, and the digest of each of its files."""

    run: WholeRun
    series: Sequence[SeriesDigest]
    files: Mapping[str, str]


class ImportStates:
    """Reads back what has arrived."""

    def __init__(self, platform: Platform) -> None:
        self._database = platform.database

    def kept_runs(self, context: Context, run_ids: Sequence[str]) -> tuple[KeptRun, ...]:
        """Those of the runs, `MAX_RUNS` at most, that exist and may be read, in the order asked."""
        if len(run_ids) > MAX_RUNS:
            msg = f"A question is about at most {MAX_RUNS} runs."
            raise LimitExceeded(msg, field="run_ids", limit=MAX_RUNS)
        with self._database.read() as tx:
            found = runs.find_handles(tx, list(dict.fromkeys(run_ids)))
            pks = [
                found[run_id].pk
                for run_id in dict.fromkeys(run_ids)
                if run_id in found
                and is_allowed(context.actor, Action.TRACKING_READ, found[run_id].workspace)
            ]
            whole = load_whole_runs(tx, load_runs(tx, pks))
            return tuple(_kept(tx, run) for run in whole)

    def kept_run(self, context: Context, run_id: str) -> KeptRun:
        """The run. Raises NotFound."""
        found = self.kept_runs(context, [run_id])
        if not found:
            raise NotFound(f"Run {run_id[:300]!r} does not exist.", field="run_id")
        return found[0]


def _kept(tx: Transaction, whole: WholeRun) -> KeptRun:
    files = RUN_FILES.walk(tx, whole.run.pk, "")
    return KeptRun(
        whole,
        tuple(_digest(key, points) for key, points in _series(tx, whole.run.pk)),
        {file.path: file.sha256 for file in files if file.sha256 is not None},
    )


def _series(tx: Transaction, run_pk: int) -> Iterator[tuple[str, Points]]:
    """Every series of a run by key, one at a time; the tail is decoded once."""
    found = metric_series.summaries_of(tx, run_pk)
    if not found:
        return
    tail = Tail(metric_series.tail_payloads(tx, run_pk))
    chunks = metric_series.chunk_rows(tx, run_pk, [stored.key_id for stored in found])
    for stored in found:
        payloads = []
        if stored.key_id in chunks:
            if sum(chunk.points for chunk in chunks[stored.key_id]) > MAX_SERIES_POINTS:
                msg = f"The series {stored.key!r} is too long to be compared."
                raise LimitExceeded(msg, field="run_id", limit=MAX_SERIES_POINTS)
            payloads = metric_series.chunk_payloads(tx, run_pk, stored.key_id, MIN_STEP, MAX_STEP)
        yield stored.key, merge_sorted([*map(decode_chunk, payloads), tail.of_key(stored.key_id)])


def _digest(key: str, points: Points) -> SeriesDigest:
    steps, timestamps_ms, values = points
    hasher = hashlib.sha256(steps.astype("<i8").tobytes())
    hasher.update(timestamps_ms.astype("<i8").tobytes())
    hasher.update(np.where(np.isnan(values), np.nan, values).astype("<f8").tobytes())
    return SeriesDigest(key, len(steps), hasher.hexdigest())
