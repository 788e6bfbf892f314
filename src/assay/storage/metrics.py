"""Statements that write metric points: tail rows, keys, summaries and the sequences of writers.

This is the hot path, so it speaks to the driver. Reading series back is in `metric_series`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from assay.domain.errors import AlreadyExists, AppError
from assay.domain.metric import Summary
from assay.domain.tracking import Lifecycle
from assay.storage.database import Transaction
from assay.storage.dialect import Engine, placeholder

V = TypeVar("V", str, int)

MAX_NAMED: Final = 512
"""How many values one statement names at most; longer lists take several statements."""

_RETRIED_STATES: Final = frozenset({"40001", "40P01"})


class WritableRun(NamedTuple):
    """What it takes to know before points are added to a run."""

    pk: int
    workspace: str
    is_active: bool
    is_experiment_active: bool


class TailRow(NamedTuple):
    """What one drained group brought for one run."""

    run_pk: int
    points: int
    payload: bytes


SummaryRow: TypeAlias = tuple[Any, ...]
"""A summary as the merging statement wants it, run and key first; `summary_row` lays it out."""

_INSERT_SUMMARY: Final = (
    "INSERT INTO metric_summaries AS s (run_pk, key_id, count, count_exact, last_step,"
    " last_timestamp_ms, last_value, min_value, min_step, max_value, max_step) VALUES (?*)"
    " ON CONFLICT (run_pk, key_id) DO UPDATE SET "
)
_IS_APART: Final = "(s.last_step, s.last_timestamp_ms) < (?, ?)"
_IS_NEWER: Final = (
    "(excluded.last_step, excluded.last_timestamp_ms, coalesce(excluded.last_value, 0),"
    " CASE WHEN excluded.last_value IS NULL THEN 0 ELSE 1 END)"
    " > (s.last_step, s.last_timestamp_ms, coalesce(s.last_value, 0),"
    " CASE WHEN s.last_value IS NULL THEN 0 ELSE 1 END)"
)
_IS_LESS: Final = (
    "excluded.min_value IS NOT NULL AND (s.min_value IS NULL"
    " OR (excluded.min_value, excluded.min_step) < (s.min_value, s.min_step))"
)
_IS_GREATER: Final = (
    "excluded.max_value IS NOT NULL AND (s.max_value IS NULL"
    " OR excluded.max_value > s.max_value"
    " OR (excluded.max_value = s.max_value AND excluded.max_step < s.max_step))"
)


def _either(column: str, condition: str, other: str | None = None) -> str:
    kept = other or f"s.{column}"
    return f"{column} = CASE WHEN {condition} THEN excluded.{column} ELSE {kept} END"


def _merge_statement(engine: Engine) -> str:
    """`domain.metric.merge` of the stored summary and a new one, without reading the stored one."""
    greater_count = "CASE WHEN s.count > excluded.count THEN s.count ELSE excluded.count END"
    assignments = (
        f"count = CASE WHEN {_IS_APART} THEN s.count + excluded.count ELSE {greater_count} END",
        f"count_exact = CASE WHEN {_IS_APART} THEN s.count_exact * excluded.count_exact ELSE 0 END",
        *(_either(name, _IS_NEWER) for name in ("last_step", "last_timestamp_ms", "last_value")),
        *(_either(name, _IS_LESS) for name in ("min_value", "min_step")),
        *(_either(name, _IS_GREATER) for name in ("max_value", "max_step")),
    )
    return sql_for(engine, _INSERT_SUMMARY + ", ".join(assignments), 11)


def should_retry(error: AppError) -> bool:
    """Whether the same transaction may well succeed: it lost a race and left nothing behind."""
    if isinstance(error, AlreadyExists):
        return True
    cause = error.__cause__
    return getattr(getattr(cause, "orig", cause), "sqlstate", None) in _RETRIED_STATES


def find_writable_runs(tx: Transaction, run_ids: Collection[str]) -> dict[str, WritableRun]:
    """The runs of those ids that exist, in any lifecycle."""
    found: dict[str, WritableRun] = {}
    for some in pieces(list(run_ids)):
        rows = tx.driver_rows(
            sql_for(
                tx.engine,
                "SELECT r.run_id, r.id, w.name, r.lifecycle, e.lifecycle FROM runs r"
                " JOIN experiments e ON e.id = r.experiment_id"
                " JOIN workspaces w ON w.id = r.workspace_id WHERE r.run_id IN (?*)",
                len(some),
            ),
            tuple(some),
        )
        for run_id, pk, workspace, lifecycle, experiment_lifecycle in rows:
            found[run_id] = WritableRun(
                pk,
                workspace,
                lifecycle == Lifecycle.ACTIVE.value,
                experiment_lifecycle == Lifecycle.ACTIVE.value,
            )
    return found


def advance_writer(tx: Transaction, run_pk: int, writer: str, sequence: int) -> bool:
    """Note that the writer's batch `sequence` is here; False when it, or a later one, was before."""
    sql = sql_for(
        tx.engine,
        "INSERT INTO writers AS w (run_pk, writer, last_sequence) VALUES (?, ?, ?)"
        " ON CONFLICT (run_pk, writer) DO UPDATE SET last_sequence = excluded.last_sequence"
        " WHERE w.last_sequence < excluded.last_sequence",
    )
    return tx.driver_run(sql, (run_pk, writer, sequence)) == 1


def key_ids_of(tx: Transaction, keys: Collection[str]) -> dict[str, int]:
    """The ids of those metric keys that occur in this database."""
    found: dict[str, int] = {}
    for some in pieces(list(keys)):
        rows = tx.driver_rows(
            sql_for(tx.engine, "SELECT key, id FROM metric_keys WHERE key IN (?*)", len(some)),
            tuple(some),
        )
        found.update((key, key_id) for key, key_id in rows)
    return found


def intern_keys(tx: Transaction, keys: Collection[str]) -> dict[str, int]:
    """The ids of metric keys, made for those that are new. They hold once the transaction does."""
    found = key_ids_of(tx, keys)
    # In one order everywhere, so that two servers wait for each other and never in a circle.
    missing = sorted(set(keys) - found.keys())
    if not missing:
        return found
    tx.driver_many(
        sql_for(tx.engine, "INSERT INTO metric_keys (key) VALUES (?) ON CONFLICT (key) DO NOTHING"),
        [(key,) for key in missing],
    )
    return found | key_ids_of(tx, missing)


def append_tail(tx: Transaction, rows: Iterable[TailRow]) -> None:
    """Add tail rows."""
    tx.driver_many(
        sql_for(tx.engine, "INSERT INTO metric_tail (run_pk, points, payload) VALUES (?, ?, ?)"),
        list(rows),
    )


def merge_summaries(tx: Transaction, rows: list[SummaryRow]) -> None:
    """Merge summaries, at most one per series, into the stored ones, as `domain.metric.merge` does.

    Sorts `rows`: two servers then wait for each other and never in a circle.
    """
    if rows:
        rows.sort()
        tx.driver_many(_MERGE[tx.engine], rows)


def summary_row(run_pk: int, key_id: int, summary: Summary) -> SummaryRow:
    """A summary laid out for `merge_summaries`.

    NaN becomes NULL, and zero loses its sign, which SQLite does not keep in a table.
    """
    first = (summary.first_step, summary.first_timestamp_ms)
    return (
        run_pk,
        key_id,
        summary.points,
        int(summary.is_count_exact),
        summary.last_step,
        summary.last_timestamp_ms,
        stored_value(summary.last_value),
        stored_value(summary.min_value),
        summary.min_step,
        stored_value(summary.max_value),
        summary.max_step,
        # Twice, for the two columns that depend on whether the new points follow the stored ones.
        *first,
        *first,
    )


def point_row(run_pk: int, key_id: int, step: int, timestamp_ms: int, value: float) -> SummaryRow:
    """The summary of a single point, laid out for `merge_summaries`."""
    kept = stored_value(value)
    kept_step = None if kept is None else step
    when = (step, timestamp_ms)
    return (run_pk, key_id, 1, 1, *when, kept, kept, kept_step, kept, kept_step, *when, *when)


def stored_value(value: float | None) -> float | None:
    """A metric value as a column keeps it: NULL for NaN, and zero without a sign."""
    if value is None or math.isnan(value):
        return None
    return value + 0.0


def set_exact_counts(tx: Transaction, run_pk: int, counts: Mapping[int, int]) -> None:
    """Correct the counts of a run's series; from now on they are exact."""
    if counts:
        tx.driver_many(
            sql_for(
                tx.engine,
                "UPDATE metric_summaries SET count = ?, count_exact = 1"
                " WHERE run_pk = ? AND key_id = ?",
            ),
            [(count, run_pk, key_id) for key_id, count in sorted(counts.items())],
        )


@lru_cache(maxsize=256)
def sql_for(engine: Engine, sql: str, listed: int = 0) -> str:
    """The statement with the engine's own parameter marks for `?`, and `listed` of them for `?*`."""
    return sql.replace("?*", ", ".join(["?"] * listed)).replace("?", placeholder(engine))


def pieces(values: list[V]) -> Iterator[list[V]]:
    """Lists of at most `MAX_NAMED`, filled up to a power of two by repeating the last value.

    The driver prepares a statement for each text that it meets: few lengths, few statements.
    """
    for start in range(0, len(values), MAX_NAMED):
        some = values[start : start + MAX_NAMED]
        wanted = 1 << (len(some) - 1).bit_length()
        yield some + [some[-1]] * (wanted - len(some))


_MERGE: Final = {engine: _merge_statement(engine) for engine in Engine}
