"""What the planner of the database knows about tables that grow."""

from __future__ import annotations

from assay.storage.database import Database
from assay.storage.dialect import Engine

ROWS = 20_000
_FILL = {
    Engine.SQLITE: "INSERT INTO metric_keys (key) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL"
    " SELECT i + 1 FROM n WHERE i < ?) SELECT 'key-' || i FROM n",
    Engine.POSTGRESQL: "INSERT INTO metric_keys (key)"
    " SELECT 'key-' || i FROM generate_series(1, %s) AS i",
}


def _fill(database: Database) -> None:
    with database.write() as tx:
        tx.driver_run(_FILL[tx.engine], (ROWS,))


def test_a_table_that_has_grown_is_looked_at_once(database: Database) -> None:
    """PostgreSQL then knows how many rows there are; SQLite plans without such knowledge."""
    database.refresh_statistics()
    _fill(database)
    grown = database.refresh_statistics()
    if database.engine is Engine.SQLITE:
        assert grown == ()
        return
    assert "metric_keys" in grown
    with database.read() as tx:
        ((known,),) = tx.driver_rows(
            "SELECT reltuples::bigint FROM pg_class WHERE relname = 'metric_keys'"
        )
    assert known == ROWS
    assert "metric_keys" not in database.refresh_statistics()
