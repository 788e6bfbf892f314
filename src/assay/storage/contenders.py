"""Statements that find the runs among which a winner is chosen."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from assay.domain.tracking import Lifecycle, Run
from assay.storage.database import Transaction
from assay.storage.runs import COLUMNS, as_run
from assay.storage.tables.tracking import runs, workspaces

_RUNS = select(*COLUMNS).join_from(runs, workspaces)


def runs_of_experiments(tx: Transaction, experiment_pks: Sequence[int], limit: int) -> list[Run]:
    """The active runs of several experiments in the order in which they were made."""
    statement = _RUNS.where(
        runs.c.experiment_id.in_(experiment_pks), runs.c.lifecycle == Lifecycle.ACTIVE.value
    )
    return [as_run(row) for row in tx.execute(statement.order_by(runs.c.id).limit(limit))]
