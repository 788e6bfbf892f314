"""Whole tables of runs as files: CSV, and Parquet where pyarrow is installed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from assay.domain.errors import FailedPrecondition, LimitExceeded
from assay.domain.tracking import View, WholeRun
from assay.services.context import Context
from assay.services.search import Search

MAX_RUNS: Final = 100_000
MAX_CELLS: Final = 20_000_000
"""Runs times columns; a table beyond it is to be filtered first."""
_PAGE: Final = 2_000
_CSV_ROWS: Final = 500

_FIXED: Final = (
    "run_id",
    "name",
    "experiment_id",
    "status",
    "user_name",
    "started_at_ms",
    "ended_at_ms",
)
Row = dict[str, str | int | float | None]


@dataclass(frozen=True, slots=True)
class RunTable:
    """Runs as rows. Columns are the fixed ones, then `metrics.`, `params.` and `tags.` by name."""

    columns: tuple[str, ...]
    rows: Sequence[Row]


def export_runs(
    search: Search,
    context: Context,
    experiment_id: str,
    *,
    filter: str = "",  # noqa: A002 - the word of the search language
    order_by: Sequence[str] = (),
    view: View = View.ACTIVE,
) -> RunTable:
    """All runs of an experiment that match, with their last metrics. Raises LimitExceeded."""
    names: set[str] = set()
    rows: list[Row] = []
    for whole in _matching(search, context, experiment_id, filter, order_by, view):
        row = _row(whole)
        rows.append(row)
        names.update(row)
        if len(rows) > MAX_RUNS or len(rows) * len(names) > MAX_CELLS:
            raise LimitExceeded(
                f"The table has more than {MAX_RUNS} runs or {MAX_CELLS} cells; filter it first.",
                field="filter",
                limit=MAX_RUNS,
            )
    return RunTable((*_FIXED, *sorted(names.difference(_FIXED))), rows)


def as_csv(table: RunTable) -> Iterator[bytes]:
    """The table as CSV in UTF-8, a header first."""
    text = io.StringIO()
    writer = csv.DictWriter(text, table.columns, lineterminator="\n")
    writer.writeheader()
    for start in range(0, len(table.rows), _CSV_ROWS):
        writer.writerows(table.rows[start : start + _CSV_ROWS])
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
    yield text.getvalue().encode()


def as_parquet(table: RunTable) -> bytes:
    """The table as Parquet: metrics are doubles, times integers, the rest is text.

    Raises FailedPrecondition, naming the extra to install, where pyarrow is not there.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - heavy, and wanted by those alone who export
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError as error:
        raise FailedPrecondition(
            "This server has no Parquet writer; install it with: pip install 'assay[parquet]'"
        ) from error
    arrays = {
        name: pa.array([row.get(name) for row in table.rows], _arrow_type(pa, name))
        for name in table.columns
    }
    sink = io.BytesIO()
    pq.write_table(pa.table(arrays), sink, compression="zstd")
    return sink.getvalue()


def _arrow_type(pa: Any, name: str) -> Any:
    if name.startswith("metrics."):
        return pa.float64()
    return pa.int64() if name.endswith("_at_ms") and "." not in name else pa.string()


def _matching(
    search: Search,
    context: Context,
    experiment_id: str,
    text: str,
    order_by: Sequence[str],
    view: View,
) -> Iterator[WholeRun]:
    token: str | None = None
    while True:
        page = search.search_runs(
            context,
            [experiment_id],
            filter=text,
            order_by=order_by,
            view=view,
            max_results=_PAGE,
            page_token=token,
        )
        yield from page.items
        token = page.next_token
        if token is None:
            return


def _row(whole: WholeRun) -> Row:
    run = whole.run
    row: Row = {
        "run_id": run.run_id,
        "name": run.name,
        "experiment_id": run.experiment_id,
        "status": run.status.value,
        "user_name": run.user_name,
        "started_at_ms": run.started_at_ms,
        "ended_at_ms": run.ended_at_ms,
    }
    row |= {f"metrics.{metric.key}": metric.value for metric in whole.metrics}
    row |= {f"params.{key}": value for key, value in dict(whole.params).items()}
    row |= {f"tags.{key}": value for key, value in dict(whole.tags).items()}
    return row
