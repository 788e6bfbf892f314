"""The history of a run as rows, one for each step: what was logged together, read together.

Numbers come from the series and everything else from the step records, so the history of a run reads
the same whichever client wrote it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from assay.domain.access import Action
from assay.domain.errors import DataCorrupted, FailedPrecondition, NotFound
from assay.domain.metric import MAX_STEP, MIN_STEP
from assay.domain.tracking import Lifecycle, StepRecord
from assay.series.blocks import Tail, decode_rows
from assay.series.codec import decode_chunk
from assay.series.points import Points, merge_sorted
from assay.services.batch import MAX_POINTS, Batch, Columns
from assay.services.client_runs import ALERT_KEY
from assay.services.context import Context
from assay.services.ingest import Ingest
from assay.services.ingest_group import write_group
from assay.services.ingest_queue import Item
from assay.services.platform import Platform
from assay.services.runs import get_run, open_run
from assay.storage import metric_series, runs, step_records, wandb
from assay.storage.database import Transaction

SYSTEM_PREFIX: Final = "system/"
"""Series of the machine, not of the training; their steps count samples."""

CONSOLE_KEY: Final = "system/console"
"""Step records of what a run printed: one for each line, by line number."""

RESERVED_KEYS: Final = (CONSOLE_KEY, ALERT_KEY)

RUNTIME_KEY: Final = "_runtime"
MAX_ROWS: Final = 100_000
MAX_RECORDS: Final = 200_000
_EXACT: Final = 2**53
_FEW_SERIES: Final = 50
_FEW_KEYS: Final = 500
"""So many keys are asked for by name; of more, all are looked through."""

Steps = npt.NDArray[np.int64]


class Window(NamedTuple):
    """Steps from `first` to `last`, both included."""

    first: int = MIN_STEP
    last: int = MAX_STEP


class Table(NamedTuple):
    """The numbers of a run as columns over one list of steps; NaN stands beside a mask for gaps."""

    steps: Steps
    timestamps_ms: Steps
    columns: Mapping[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]]


class ClientHistory:
    """Reads rows; cuts a history off; lets one run inherit another's."""

    def __init__(self, platform: Platform, ingest: Ingest) -> None:
        self._platform = platform
        self._ingest = ingest

    def rows(
        self,
        context: Context,
        run_id: str,
        *,
        window: Window = Window(),  # noqa: B008 - immutable
        keys: Sequence[str] | None = None,
        samples: int | None = None,
        at_most: int = MAX_ROWS,
    ) -> list[dict[str, Any]]:
        """Rows by step. With `keys`, those that have all of them, and nothing else of them.

        With `samples`, at most so many, evenly spaced, the first and the last included. Every row has `_step`.
        """
        with self._platform.database.read() as tx:
            run = get_run(tx, context, Action.TRACKING_READ, run_id)
            shape = _shape(tx, run.pk)
            nested = shape.get("nested", {})
            wanted = None if keys is None else [key for key in keys if key not in _ADDED]
            series = _read(tx, run.pk, window, wanted, is_system=False)
            for key in shape.get("summary", ()):
                series.pop(key, None)
            records = self._records(tx, run.pk, window, wanted)
        rows = _by_step(series, records, nested, None if keys is None else set(keys))
        if keys is not None:
            needed = [key for key in keys if key not in _ADDED]
            rows = [row for row in rows if all(key in row for key in needed)]
        return _sampled(rows, samples)[:at_most]

    def last_row(self, context: Context, run_id: str) -> dict[str, Any]:
        """The row of the greatest step; nothing of a run without any."""
        with self._platform.database.read() as tx:
            run = get_run(tx, context, Action.TRACKING_READ, run_id)
            ends = [
                stored.summary.last_step
                for stored in metric_series.summaries_of(tx, run.pk)
                if not stored.key.startswith(SYSTEM_PREFIX)
            ]
        if not ends:
            return {}
        rows = self.rows(context, run_id, window=Window(max(ends), max(ends)))
        return rows[-1] if rows else {}

    def events(self, context: Context, run_id: str, samples: int | None) -> list[dict[str, Any]]:
        """What the machine reported, by sample, under the client's names."""
        with self._platform.database.read() as tx:
            run = get_run(tx, context, Action.TRACKING_READ, run_id)
            series = _read(tx, run.pk, Window(), None, is_system=True)
        rows = _by_step(series, [], {}, None)
        for row in rows:
            del row["_step"]
            for key in [key for key in row if key.startswith(SYSTEM_PREFIX)]:
                bare = key.removeprefix(SYSTEM_PREFIX)
                row[bare if bare.startswith("_") else f"system.{bare}"] = row.pop(key)
        return _sampled(rows, samples)

    def table(self, context: Context, run_id: str, window: Window = Window()) -> Table:  # noqa: B008
        """All numbers of a run as columns."""
        with self._platform.database.read() as tx:
            run = get_run(tx, context, Action.TRACKING_READ, run_id)
            series = _read(tx, run.pk, window, None, is_system=False)
            for key in _shape(tx, run.pk).get("summary", ()):
                series.pop(key, None)
        steps = _union(series.values())
        timestamps = np.zeros(len(steps), np.int64)
        columns = {}
        for key, points in series.items():
            places = np.searchsorted(steps, points.steps)
            values = np.zeros(len(steps), np.float64)
            there = np.zeros(len(steps), np.bool_)
            values[places], there[places] = points.values, True
            np.maximum.at(timestamps, places, points.timestamps_ms)
            columns[key] = (values, there)
        return Table(steps, timestamps, columns)

    def console(self, context: Context, run_id: str, start: int, count: int) -> list[str]:
        """What a run printed: JSON texts of lines, the writers one after the other."""
        with self._platform.database.read() as tx:
            run = get_run(tx, context, Action.TRACKING_READ, run_id)
            found = wandb.records_of_key(tx, run.pk, CONSOLE_KEY, start, count)
        return [self._payload(record) for record in found]

    def cut(self, context: Context, run_id: str, last_step: int) -> int:
        """Forget what a run logged after a step; the number of steps that are left.

        What the machine reported and what was printed stay.
        """
        with self._platform.database.write() as tx:
            run = runs.lock_run(tx, open_run_id(tx, context, run_id))
            assert run is not None
            metric_series.lock_series(tx, run.pk)
            kept = _read(tx, run.pk, Window(last=last_step), None, is_system=False, whole=True)
            left = len(_union(kept.values()))
            kept = {**kept, **_read(tx, run.pk, Window(), None, is_system=True, whole=True)}
            wandb.delete_series(tx, run.pk)
            for columns in _batches(kept):
                item = Item(context, run_id, Batch(columns), 0)
                outcome = write_group(tx, [item], {}, is_careful=True).outcomes[0]
                if outcome is not None:
                    raise outcome
            wandb.delete_records_after(tx, run.pk, last_step, RESERVED_KEYS)
        return left

    def inherit(self, context: Context, source_id: str, target_id: str, last_step: int) -> int:
        """Give a run what another logged up to a step; the number of steps. Again changes nothing."""
        window = Window(last=last_step)
        with self._platform.database.read() as tx:
            source = get_run(tx, context, Action.TRACKING_READ, source_id)
            series = _read(tx, source.pk, window, None, is_system=False, whole=True)
            records = wandb.records_between(
                tx, source.pk, window.first, window.last, RESERVED_KEYS, MAX_RECORDS
            )
        for columns in _batches(series):
            self._ingest.submit_sync(context, target_id, columns)
        with self._platform.database.write() as tx:
            step_records.set_records(tx, open_run(tx, context, target_id).pk, records)
        return len(_union(series.values()))

    def _records(
        self, tx: Transaction, run_pk: int, window: Window, wanted: Sequence[str] | None
    ) -> list[tuple[StepRecord, str]]:
        found = wandb.records_between(
            tx, run_pk, window.first, window.last, RESERVED_KEYS, MAX_RECORDS
        )
        heads = None if wanted is None else set(wanted)
        return [
            (record, self._payload(record))
            for record in found
            if heads is None or record.key in heads
        ]

    def _payload(self, record: StepRecord) -> str:
        if record.payload is not None:
            return record.payload
        assert record.sha256 is not None
        try:
            download = self._platform.blobs.open(record.sha256)
        except NotFound as error:
            raise DataCorrupted(f"The bytes of record {record.key[:100]!r} are missing.") from error
        try:
            return b"".join(download).decode("utf-8", "replace")
        finally:
            download.close()


_ADDED: Final = frozenset({"_step", "_timestamp"})


def open_run_id(tx: Transaction, context: Context, run_id: str) -> str:
    """The same id, of an active run that the caller may write to."""
    run = get_run(tx, context, Action.TRACKING_WRITE, run_id)
    if run.lifecycle is not Lifecycle.ACTIVE:
        raise FailedPrecondition(f"Run {run_id!r} is deleted. Restore it first.", field="run_id")
    return run.run_id


def plain_number(value: float) -> float | int:
    """A whole number as an integer where a double holds it exactly."""
    if value.is_integer() and -_EXACT < value < _EXACT:
        return int(value)
    return value


def _shape(tx: Transaction, run_pk: int) -> Mapping[str, Any]:
    """Which keys stand for members of objects, and which no row has."""
    said = wandb.find_by_pk(tx, run_pk)
    shape: Mapping[str, Any] = {} if said is None else json.loads(said.shape)
    return shape


def _read(
    tx: Transaction,
    run_pk: int,
    window: Window,
    wanted: Sequence[str] | None,
    *,
    is_system: bool,
    whole: bool = False,
) -> dict[str, Points]:
    """The series of a run by key; one point for each step, the latest, unless `whole`."""
    names = None if wanted is None else {*wanted, RUNTIME_KEY}
    few = () if names is None or len(names) > _FEW_KEYS else names
    listed = [
        stored
        for stored in metric_series.summaries_of(tx, run_pk, few)
        if stored.key.startswith(SYSTEM_PREFIX) is is_system
        and (names is None or stored.key in names)
        and stored.summary.last_step >= window.first
    ]
    points_of = _pieces(tx, run_pk, window, is_whole_run=len(listed) > _FEW_SERIES)
    found = {}
    for stored in listed:
        points = points_of(stored.key_id)
        inside = (points.steps >= window.first) & (points.steps <= window.last)
        if not inside.all():
            points = points.rows(inside)
        is_repeated = points.steps[1:] == points.steps[:-1]
        if not whole and is_repeated.any():
            points = points.rows(np.append(~is_repeated, [True]))
        if points.row_count:
            found[stored.key] = points
    return found


def _pieces(
    tx: Transaction, run_pk: int, window: Window, *, is_whole_run: bool
) -> Callable[[int], Points]:
    """What gives the points of a series by its key's number.

    For a whole run everything is unpacked once: a block holds many series, and to look for each of
    them in each block takes the square of their number.
    """
    payloads = metric_series.tail_payloads(tx, run_pk)
    if is_whole_run:
        tails = dict(decode_rows(payloads).by_key())
        chunks = metric_series.all_chunk_payloads(tx, run_pk, window.first, window.last)

        def of_run(key_id: int) -> Points:
            decoded = map(decode_chunk, chunks.get(key_id, ()))
            return merge_sorted([*decoded, tails.get(key_id, Points.empty())])

        return of_run
    tail = Tail(payloads)

    def of_key(key_id: int) -> Points:
        found = metric_series.chunk_payloads(tx, run_pk, key_id, window.first, window.last)
        return merge_sorted([*map(decode_chunk, found), tail.of_key(key_id)])

    return of_key


def _union(series: Iterable[Points]) -> Steps:
    columns = [points.steps for points in series]
    return np.unique(np.concatenate(columns)) if columns else np.empty(0, np.int64)


def _by_step(
    series: Mapping[str, Points],
    records: Sequence[tuple[StepRecord, str]],
    nested: Mapping[str, Sequence[str]],
    wanted: set[str] | None,
) -> list[dict[str, Any]]:
    rows: dict[int, dict[str, Any]] = {}
    moments: dict[int, int] = {}
    for key, points in series.items():
        is_wanted = wanted is None or key in wanted
        path = nested.get(key)
        for step, at_ms, value in zip(
            points.steps.tolist(),
            points.timestamps_ms.tolist(),
            points.values.tolist(),
            strict=True,
        ):
            row = rows.setdefault(step, {"_step": step})
            moments[step] = max(at_ms, moments.get(step, 0))
            if is_wanted:
                _place(row, key, path if wanted is None else None, plain_number(value))
    for record, payload in records:
        row = rows.setdefault(record.step, {"_step": record.step})
        moments[record.step] = max(record.timestamp_ms, moments.get(record.step, 0))
        value = payload if record.kind == "text" else json.loads(payload)
        _place(row, record.key, nested.get(record.key) if wanted is None else None, value)
    if wanted is None or "_timestamp" in wanted:
        for step, row in rows.items():
            row["_timestamp"] = moments[step] / 1000
    return [rows[step] for step in sorted(rows)]


def _place(row: dict[str, Any], key: str, path: Sequence[str] | None, value: Any) -> None:
    if path is None:
        row[key] = value
        return
    inner = row
    for part in path[:-1]:
        below = inner.setdefault(part, {})
        if not isinstance(below, dict):
            row[key] = value
            return
        inner = below
    inner[path[-1]] = value


def _sampled(rows: list[dict[str, Any]], samples: int | None) -> list[dict[str, Any]]:
    if samples is None or len(rows) <= samples:
        return rows
    if samples < 2:
        return rows[:1]
    last = len(rows) - 1
    return [rows[place * last // (samples - 1)] for place in range(samples)]


def _batches(series: Mapping[str, Points]) -> Iterable[Columns]:
    for key, points in series.items():
        for start in range(0, points.row_count, MAX_POINTS):
            part = points.rows(slice(start, start + MAX_POINTS))
            yield Columns(
                [key] * part.row_count,
                np.ascontiguousarray(part.steps, np.int64).tobytes(),
                np.ascontiguousarray(part.timestamps_ms, np.int64).tobytes(),
                np.ascontiguousarray(part.values, np.float64).tobytes(),
            )
