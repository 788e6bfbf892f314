"""Rows for the stock server's own SQLite file, as its API writes them, but in seconds instead of minutes."""

from __future__ import annotations

import sqlite3
import uuid
from pathlib import Path

from bench.cases import now_ms, run_data


def fill_runs(database: Path, experiment: str, count: int) -> None:
    """Finished runs with the same params, metrics and tags as those sent to the other servers."""
    with sqlite3.connect(database, timeout=30) as connection:
        for number in range(count):
            _insert_run(connection, experiment, number)


def _insert_run(connection: sqlite3.Connection, experiment: str, number: int) -> None:
    run, now, data = uuid.uuid4().hex, now_ms(), run_data(number)
    _insert(
        connection,
        "runs",
        {
            "run_uuid": run,
            "name": f"run-{number}",
            "source_type": "UNKNOWN",
            "source_name": "",
            "entry_point_name": "",
            "user_id": "bench",
            "status": "FINISHED",
            "start_time": now,
            "end_time": now,
            "source_version": "",
            "lifecycle_stage": "active",
            "artifact_uri": f"mlflow-artifacts:/{experiment}/{run}/artifacts",
            "experiment_id": int(experiment),
        },
    )
    for param in data["params"]:
        _insert(connection, "params", {**param, "run_uuid": run})
    for tag in [*data["tags"], {"key": "mlflow.runName", "value": f"run-{number}"}]:
        _insert(connection, "tags", {**tag, "run_uuid": run})
    for metric in data["metrics"]:
        row = {**metric, "run_uuid": run, "is_nan": 0}
        _insert(connection, "metrics", row)
        _insert(connection, "latest_metrics", row)


def _insert(connection: sqlite3.Connection, table: str, row: dict[str, object]) -> None:
    names = ", ".join(f'"{name}"' for name in row)
    marks = ", ".join("?" for _ in row)
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608
