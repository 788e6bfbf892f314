"""Reading metric series: summaries, whole histories, pages, buckets and samples for charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from assay.domain import paging
from assay.domain.access import Action
from assay.domain.errors import InvalidArgument, LimitExceeded, NotFound
from assay.domain.metric import MAX_STEP, MIN_STEP
from assay.domain.tracking import LatestMetric
from assay.series.blocks import Tail
from assay.series.buckets import Axis, Buckets, bucketed, sample_rows, within_steps
from assay.series.codec import decode_chunk, encode_columns_wire
from assay.series.points import Points, merge_sorted
from assay.services.context import Context
from assay.services.history_pages import HistoryPage, HistoryPages
from assay.services.live import Live, LivePoint
from assay.services.platform import Platform
from assay.storage import metric_series, runs
from assay.storage.database import Transaction
from assay.storage.dialect import Engine
from assay.storage.metric_series import StoredSummary
from assay.storage.metrics import key_ids_of

__all__ = ["Buckets", "HistoryPage", "Metrics", "Points", "SeriesBuckets", "SeriesSample"]

MAX_PAGE: Final = 100_000
MAX_SERIES: Final = 1_000
MAX_SERIES_POINTS: Final = 10_000_000
MAX_BUCKETS: Final = 10_000
MAX_ANSWER_ROWS: Final = 2_000_000
"""Rows of one answer about many series: `buckets` times the number of series stays below it."""


class SeriesBuckets(NamedTuple):
    """One series thinned for a chart."""

    run_id: str
    key: str
    buckets: Buckets


class SeriesSample(NamedTuple):
    """Some of the points of one series."""

    run_id: str
    key: str
    points: Points


class Metrics:
    """What was logged, read back. Every method raises NotFound for a run that is not visible."""

    def __init__(self, platform: Platform, live: Live | None = None) -> None:
        self.live = live or Live()
        self._database = platform.database
        self._pages = HistoryPages()

    @property
    def has_other_servers(self) -> bool:
        """Whether other processes may write to the same database, unseen by `live`."""
        return self._database.engine is Engine.POSTGRESQL

    def locate(self, context: Context, run_id: str) -> int:
        """The database's key of a run that the caller may read."""
        with self._database.read() as tx:
            return _locate(tx, context, run_id)

    def keys(
        self, context: Context, run_id: str, *, is_exact: bool = False
    ) -> tuple[LatestMetric, ...]:
        """Every series of a run, by key. With `is_exact` doubtful counts are taken by reading."""
        with self._database.read() as tx:
            run_pk = _locate(tx, context, run_id)
            found = metric_series.summaries_of(tx, run_pk)
            series = _Series(tx, run_pk) if is_exact else None
            return tuple(_latest(stored, series) for stored in found)

    def latest_points(self, run_pk: int) -> list[LivePoint]:
        """The last point of every series of a run, for watchers; the caller was let in before."""
        with self._database.read() as tx:
            found = metric_series.summaries_of(tx, run_pk)
        return [
            LivePoint(
                stored.key,
                stored.summary.last_value,
                stored.summary.last_step,
                stored.summary.last_timestamp_ms,
            )
            for stored in found
        ]

    def history(
        self,
        context: Context,
        run_id: str,
        key: str,
        *,
        start_step: int | None = None,
        end_step: int | None = None,
    ) -> Points:
        """A series by (step, timestamp, value), each point once; no points for an unknown key.

        `start_step` and `end_step` are both included.
        """
        _check_steps(start_step, end_step)
        with self._database.read() as tx:
            run_pk = _locate(tx, context, run_id)
            key_id = key_ids_of(tx, [key]).get(key)
            return _Series(tx, run_pk).read(key_id, start_step, end_step)

    def history_wire(
        self,
        context: Context,
        run_id: str,
        key: str,
        *,
        start_step: int | None = None,
        end_step: int | None = None,
    ) -> bytes:
        """As `history`, in the binary format of `series.codec.encode_columns_wire`."""
        points = self.history(context, run_id, key, start_step=start_step, end_step=end_step)
        return encode_columns_wire(*points)

    def history_page(
        self,
        context: Context,
        run_id: str,
        key: str,
        *,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> HistoryPage:
        """Part of a series by (timestamp, step, value), from where the token of the last part says.

        A token stays good while points are added: it names the last point, not a number of rows.
        """
        limit = MAX_PAGE if max_results is None else max_results
        if not 1 <= limit <= MAX_PAGE:
            msg = f"max_results must be a number from 1 to {MAX_PAGE}."
            raise InvalidArgument(msg, field="max_results")
        binding = paging.bind(["metric history", run_id, key])
        with self._database.read() as tx:
            run_pk = _locate(tx, context, run_id)
            key_id = key_ids_of(tx, [key]).get(key)
            if key_id is None:
                if page_token:
                    paging.decode(page_token, binding, size=3)
                return HistoryPage(Points.empty(), None)
            _check_size(tx, (run_pk, key_id, MIN_STEP, MAX_STEP))
            return self._pages.page(
                tx, run_pk, key_id, limit=limit, page_token=page_token, binding=binding
            )

    def buckets(
        self,
        context: Context,
        run_ids: Sequence[str],
        keys: Sequence[str],
        buckets: int,
        *,
        start_step: int | None = None,
        end_step: int | None = None,
        axis: Axis = "step",
    ) -> tuple[SeriesBuckets, ...]:
        """Each series in at most `buckets` rows; a series without points is left out."""
        if not 1 <= buckets <= MAX_BUCKETS:
            msg = f"buckets must be a number from 1 to {MAX_BUCKETS}."
            raise InvalidArgument(msg, field="buckets")
        return tuple(
            SeriesBuckets(run_id, key, bucketed(*points, buckets=buckets, axis=axis))
            for run_id, key, points in self._each(
                context, run_ids, keys, (start_step, end_step), buckets
            )
        )

    def samples(
        self,
        context: Context,
        run_ids: Sequence[str],
        keys: Sequence[str],
        limit: int,
        *,
        start_step: int | None = None,
        end_step: int | None = None,
    ) -> tuple[SeriesSample, ...]:
        """Each series in at most `limit` of its points, evenly spaced, the first and last included."""
        return tuple(
            SeriesSample(run_id, key, sample_rows(points, limit))
            for run_id, key, points in self._each(
                context, run_ids, keys, (start_step, end_step), limit
            )
        )

    def _each(
        self,
        context: Context,
        run_ids: Sequence[str],
        keys: Sequence[str],
        steps: tuple[int | None, int | None],
        rows_each: int,
    ) -> list[tuple[str, str, Points]]:
        wanted = len(run_ids) * len(keys)
        if wanted > MAX_SERIES or wanted * rows_each > MAX_ANSWER_ROWS:
            raise LimitExceeded(
                f"An answer holds at most {MAX_SERIES} series and {MAX_ANSWER_ROWS} rows;"
                f" this one would have {wanted} series of {rows_each}.",
                field="run_ids",
                limit=MAX_SERIES,
            )
        _check_steps(*steps)
        found = []
        with self._database.read() as tx:
            key_ids = key_ids_of(tx, list(keys))
            for run_id in run_ids:
                series = _Series(tx, _locate(tx, context, run_id))
                for key in keys:
                    points = series.read(key_ids.get(key), *steps)
                    if points.row_count:
                        found.append((run_id, key, points))
        return found


def _locate(tx: Transaction, context: Context, run_id: str) -> int:
    what = f"Run {run_id[:300]!r}"
    handle = runs.find_handle(tx, run_id)
    if handle is None:
        msg = f"{what} does not exist."
        raise NotFound(msg, field="run_id")
    context.require_object(Action.TRACKING_READ, handle.workspace, what)
    return handle.pk


class _Series:
    """The series of one run, read in one transaction."""

    def __init__(self, tx: Transaction, run_pk: int) -> None:
        self._tx = tx
        self._run_pk = run_pk
        self._tail: Tail | None = None

    def read(
        self, key_id: int | None, start_step: int | None = None, end_step: int | None = None
    ) -> Points:
        """Chunks and tail as one series, within the steps; no points for no key."""
        if key_id is None:
            return Points.empty()
        first = MIN_STEP if start_step is None else start_step
        last = MAX_STEP if end_step is None else end_step
        where = (self._run_pk, key_id, first, last)
        _check_size(self._tx, where)
        chunks = metric_series.chunk_payloads(self._tx, *where)
        if self._tail is None:
            self._tail = Tail(metric_series.tail_payloads(self._tx, self._run_pk))
        points = merge_sorted([*map(decode_chunk, chunks), self._tail.of_key(key_id)])
        return within_steps(points, start_step, end_step)


def _check_size(tx: Transaction, where: tuple[int, int, int, int]) -> None:
    """Raise LimitExceeded for a series that is too long to be read, between those steps."""
    if metric_series.chunk_points(tx, *where) > MAX_SERIES_POINTS:
        raise LimitExceeded(
            f"The series has more than {MAX_SERIES_POINTS} points; ask for a part of it by"
            " start_step and end_step.",
            field="start_step",
            limit=MAX_SERIES_POINTS,
        )


def _latest(stored: StoredSummary, series: _Series | None) -> LatestMetric:
    summary = stored.summary
    count = summary.points
    if series is not None and not summary.is_count_exact:
        count = series.read(stored.key_id).row_count
    return LatestMetric(
        key=stored.key,
        value=summary.last_value,
        timestamp_ms=summary.last_timestamp_ms,
        step=summary.last_step,
        count=count,
        min_value=summary.min_value,
        min_step=summary.min_step,
        max_value=summary.max_value,
        max_step=summary.max_step,
    )


def _check_steps(start_step: int | None, end_step: int | None) -> None:
    for step, field in ((start_step, "start_step"), (end_step, "end_step")):
        if step is not None and not MIN_STEP <= step <= MAX_STEP:
            msg = f"{field} must be a whole number from {MIN_STEP} to {MAX_STEP}."
            raise InvalidArgument(msg, field=field)
