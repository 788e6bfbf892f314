"""One transaction of the ingest thread: many batches checked, and those that may be, written."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np

from assay.domain.access import Action
from assay.domain.errors import AppError, FailedPrecondition, NotFound
from assay.domain.metric import MetricPoint, summarise
from assay.series.codec import encode_tail
from assay.series.points import FloatColumn, IntegerColumn
from assay.series.summaries import SeriesPoints, Summaries, summarised
from assay.services.batch import Batch
from assay.services.ingest_queue import Entry, Item, Job
from assay.services.live import LivePoint
from assay.storage import metrics, params, tags
from assay.storage.database import Transaction
from assay.storage.metrics import SummaryRow, TailRow, WritableRun
from assay.storage.runs import rename_run

T = TypeVar("T")

MAX_LIVE_POINTS: Final = 500
"""A commit that brings more points for a run shows watchers the latest of each series only."""

_FEW_POINTS: Final = 24
_KEY_BITS: Final = 32
_KEY_MASK: Final = (1 << _KEY_BITS) - 1


class RunPoints(NamedTuple):
    """The points that a group brought for one run, in order of arrival, and its latest by series."""

    run_pk: int
    keys: Sequence[str]
    steps: Sequence[int] | IntegerColumn
    timestamps_ms: Sequence[int] | IntegerColumn
    values: Sequence[float] | FloatColumn

    def live(self) -> tuple[list[LivePoint], bool]:
        """What watchers are shown of it, and whether that is all."""
        rows = range(len(self.keys))
        shown: Sequence[int] = rows
        if len(rows) > MAX_LIVE_POINTS:
            shown = sorted(dict(zip(self.keys, rows, strict=True)).values())[-MAX_LIVE_POINTS:]
        points = [
            LivePoint(
                self.keys[row],
                float(self.values[row]),
                int(self.steps[row]),
                int(self.timestamps_ms[row]),
            )
            for row in shown
        ]
        return points, len(shown) == len(rows)


@dataclass(slots=True)
class Written:
    """What became of each batch (None: all of it is written), and what to remember after the commit."""

    outcomes: list[AppError | None]
    runs: list[RunPoints]
    new_keys: dict[str, int]


class Refused(Exception):
    """A batch or job was refused after it may have written something: the transaction is given up."""

    def __init__(self, error: AppError) -> None:
        super().__init__(str(error))
        self.error = error


def write_group(
    tx: Transaction, items: Sequence[Entry], known_keys: Mapping[str, int], *, is_careful: bool
) -> Written:
    """Write the batches and jobs of a group, leaving out those that are refused.

    Without care, raises Refused for the first that is refused after a write; then the transaction
    is given up. With care each has a savepoint, which costs all of them for the sake of few.
    """
    outcomes: list[AppError | None] = [None] * len(items)
    wanted = {item.run_id for item in items if isinstance(item, Item)}
    runs = metrics.find_writable_runs(tx, wanted) if wanted else {}
    admitted: set[tuple[int, str]] = set()
    parts: dict[int, list[Item]] = {}
    for position, item in enumerate(items):
        try:
            if isinstance(item, Job):
                item.answer = _done(tx, item.act, is_careful)
                continue
            run = _admit(item, runs.get(item.run_id), admitted)
            if _apply(tx, run.pk, item.batch, is_careful) and item.points:
                parts.setdefault(run.pk, []).append(item)
        except AppError as error:
            outcomes[position] = error
    written = Written(outcomes, [], {})
    if parts:
        _write_points(tx, parts, known_keys, written)
    return written


def _admit(item: Item, run: WritableRun | None, admitted: set[tuple[int, str]]) -> WritableRun:
    what = f"Run {item.run_id[:300]!r}"
    if run is None:
        raise NotFound(f"{what} does not exist.", field="run_id")
    pair = (id(item.context.actor), run.workspace)
    if pair not in admitted:
        item.context.require_object(Action.TRACKING_WRITE, run.workspace, what)
        admitted.add(pair)
    if not (run.is_active and run.is_experiment_active):
        which = f"{what} is" if run.is_experiment_active else f"The experiment of {what} is"
        raise FailedPrecondition(
            f"{which} deleted; it must be in the 'active' state to be written to. Restore it first."
        )
    return run


def _apply(tx: Transaction, run_pk: int, batch: Batch, is_careful: bool) -> bool:  # noqa: FBT001
    """Write what is not points; False for a batch that was here before. Refused: nothing is left."""
    if not batch.params:
        return _advance(tx, run_pk, batch) and _set_labels(tx, run_pk, batch)

    def act(tx: Transaction) -> bool:
        if not _advance(tx, run_pk, batch):
            return False
        params.add_params(tx, run_pk, batch.params)
        return _set_labels(tx, run_pk, batch)

    return _done(tx, act, is_careful)


def _done(tx: Transaction, act: Callable[[Transaction], T], is_careful: bool) -> T:  # noqa: FBT001
    """What `act` answers. When it refuses, nothing of it is left, or without care of anything."""
    if not is_careful:
        try:
            return act(tx)
        except AppError as error:
            raise Refused(error) from error
    tx.driver_run("SAVEPOINT entry")
    try:
        answer = act(tx)
    except AppError:
        tx.driver_run("ROLLBACK TO SAVEPOINT entry")
        tx.driver_run("RELEASE SAVEPOINT entry")
        raise
    tx.driver_run("RELEASE SAVEPOINT entry")
    return answer


def _advance(tx: Transaction, run_pk: int, batch: Batch) -> bool:
    if batch.writer is None or batch.sequence is None:
        return True
    return metrics.advance_writer(tx, run_pk, batch.writer, batch.sequence)


def _set_labels(tx: Transaction, run_pk: int, batch: Batch) -> bool:
    if batch.tags:
        tags.set_tags(tx, run_pk, batch.tags)
    if batch.name is not None:
        rename_run(tx, run_pk, batch.name)
    return True


def _write_points(
    tx: Transaction,
    parts: Mapping[int, Sequence[Item]],
    known_keys: Mapping[str, int],
    written: Written,
) -> None:
    if sum(item.points for items in parts.values() for item in items) <= _FEW_POINTS:
        _write_few_points(tx, parts, known_keys, written)
        return
    run_pks = sorted(parts)
    keys = [_joined_keys(parts[run_pk]) for run_pk in run_pks]
    columns = [item.batch.columns for run_pk in run_pks for item in parts[run_pk]]
    steps = np.frombuffer(b"".join([part.steps for part in columns]), np.int64)
    timestamps_ms = np.frombuffer(b"".join([part.timestamps_ms for part in columns]), np.int64)
    values = np.frombuffer(b"".join([part.values for part in columns]), np.float64)
    key_ids = np.array(_key_ids(tx, keys, known_keys, written), np.uint32)
    ends = np.cumsum([len(part) for part in keys]).tolist()
    tails = []
    for run_pk, run_keys, end in zip(run_pks, keys, ends, strict=True):
        rows = slice(end - len(run_keys), end)
        run = RunPoints(run_pk, run_keys, steps[rows], timestamps_ms[rows], values[rows])
        payload = encode_tail(key_ids[rows], run.steps, run.timestamps_ms, run.values)
        tails.append(TailRow(run_pk, len(run_keys), payload))
        written.runs.append(run)
    metrics.append_tail(tx, tails)
    series = key_ids.astype(np.int64)
    if len(keys) > 1:
        lengths = [len(part) for part in keys]
        series += np.repeat(np.arange(len(keys)), lengths) << _KEY_BITS
    found = summarised(SeriesPoints(series, steps, timestamps_ms, values))
    metrics.merge_summaries(tx, _summary_rows(found, run_pks))


def _write_few_points(
    tx: Transaction,
    parts: Mapping[int, Sequence[Item]],
    known_keys: Mapping[str, int],
    written: Written,
) -> None:
    """The same, point by point: with some dozens of them that is quicker than in columns."""
    run_pks = sorted(parts)
    keys = [_joined_keys(parts[run_pk]) for run_pk in run_pks]
    key_ids = iter(_key_ids(tx, keys, known_keys, written))
    tails: list[TailRow] = []
    rows: list[SummaryRow] = []
    for run_pk, run_keys in zip(run_pks, keys, strict=True):
        run = _unpacked(run_pk, run_keys, parts[run_pk])
        ids = list(islice(key_ids, len(run_keys)))
        payload = encode_tail(ids, run.steps, run.timestamps_ms, run.values)
        tails.append(TailRow(run_pk, len(ids), payload))
        written.runs.append(run)
        rows += _few_summary_rows(run, ids)
    metrics.append_tail(tx, tails)
    metrics.merge_summaries(tx, rows)


def _few_summary_rows(run: RunPoints, key_ids: Sequence[int]) -> list[SummaryRow]:
    if len(set(key_ids)) == len(key_ids):
        alone = zip(key_ids, run.steps, run.timestamps_ms, run.values, strict=True)
        return [metrics.point_row(run.run_pk, *point) for point in alone]
    series: dict[int, list[MetricPoint]] = {}
    points = map(MetricPoint, run.keys, run.values, run.timestamps_ms, run.steps)
    for key_id, point in zip(key_ids, points, strict=True):
        series.setdefault(key_id, []).append(point)
    return [
        metrics.summary_row(run.run_pk, key_id, summarise(some)) for key_id, some in series.items()
    ]


def _unpacked(run_pk: int, keys: Sequence[str], items: Sequence[Item]) -> RunPoints:
    steps, timestamps_ms, values = array("q"), array("q"), array("d")
    for item in items:
        steps.frombytes(item.batch.columns.steps)
        timestamps_ms.frombytes(item.batch.columns.timestamps_ms)
        values.frombytes(item.batch.columns.values)
    return RunPoints(run_pk, keys, steps, timestamps_ms, values)


def _joined_keys(items: Sequence[Item]) -> Sequence[str]:
    if len(items) == 1:
        return items[0].batch.columns.keys
    return list(chain.from_iterable(item.batch.columns.keys for item in items))


def _key_ids(
    tx: Transaction,
    keys: Sequence[Sequence[str]],
    known_keys: Mapping[str, int],
    written: Written,
) -> list[int]:
    wanted = set(keys[0]).union(*keys[1:])
    missing = wanted - known_keys.keys()
    if missing:
        written.new_keys = metrics.intern_keys(tx, missing)
        known_keys = {key: known_keys[key] for key in wanted - missing} | written.new_keys
    return list(map(known_keys.__getitem__, chain.from_iterable(keys)))


def _summary_rows(found: Summaries, run_pks: Sequence[int]) -> list[SummaryRow]:
    """Lay summaries out for `metrics.merge_summaries`."""
    ordinals = (found.series >> _KEY_BITS).tolist()
    first_steps, first_timestamps_ms = (
        found.first_steps.tolist(),
        found.first_timestamps_ms.tolist(),
    )
    return list(
        zip(
            [run_pks[ordinal] for ordinal in ordinals],
            (found.series & _KEY_MASK).tolist(),
            found.counts.tolist(),
            [1] * len(ordinals),
            found.last_steps.tolist(),
            found.last_timestamps_ms.tolist(),
            _stored(found.last_values),
            _stored(found.minima),
            _stored(found.min_steps, found.minima),
            _stored(found.maxima),
            _stored(found.max_steps, found.maxima),
            first_steps,
            first_timestamps_ms,
            first_steps,
            first_timestamps_ms,
            strict=True,
        )
    )


def _stored(
    column: FloatColumn | IntegerColumn, depends_on: FloatColumn | None = None
) -> list[Any]:
    """A column with None where it, or the one it depends on, is NaN."""
    is_absent = np.isnan(column if depends_on is None else depends_on)
    rows: list[Any] = column.tolist()
    for position in np.flatnonzero(is_absent).tolist():
        rows[position] = None
    return rows
