"""Which rows hold a series now, without what is in them: enough to tell whether anything changed.

Rows of metric points are never changed, only added and deleted, and their ids are never used twice.
So two equal lists of ids stand for equal points, on both databases and whoever wrote.
"""

from __future__ import annotations

from assay.storage.database import Transaction
from assay.storage.metrics import sql_for


def chunk_ids(tx: Transaction, run_pk: int, key_id: int) -> tuple[int, ...]:
    """The chunks of a series, by their steps."""
    sql = "SELECT id FROM metric_chunks WHERE run_pk = ? AND key_id = ? ORDER BY min_step, id"
    return tuple(row[0] for row in tx.driver_rows(sql_for(tx.engine, sql), (run_pk, key_id)))


def tail_ids(tx: Transaction, run_pk: int) -> tuple[int, ...]:
    """The tail rows of a run, oldest first."""
    sql = "SELECT id FROM metric_tail WHERE run_pk = ? ORDER BY id"
    return tuple(row[0] for row in tx.driver_rows(sql_for(tx.engine, sql), (run_pk,)))
