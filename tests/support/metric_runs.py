"""Runs for tests of metrics: made by statements, so that they need no other service."""

from __future__ import annotations

from assay.domain.tracking import DEFAULT_WORKSPACE, Lifecycle, RunStatus
from assay.storage import experiments, runs, workspaces
from assay.storage.database import Database
from assay.storage.runs import NewRun

AT_MS = 1_700_000_000_000


def make_run(database: Database, run_id: str, *, workspace: str = DEFAULT_WORKSPACE) -> int:
    """An active run in its workspace's experiment `metrics`; returns its key in the database."""
    with database.write() as tx:
        workspace_pk = workspaces.find_workspace_pk(tx, workspace)
        if workspace_pk is None:
            workspace_pk = workspaces.insert_workspace(tx, workspace, "", AT_MS)
        assert workspace_pk is not None
        found = experiments.find_experiment_by_name(tx, workspace, "metrics")
        if found is None:
            experiment_pk = experiments.insert_experiment(tx, workspace_pk, "metrics", None, AT_MS)
        else:
            experiment_pk = int(found.experiment_id)
        assert experiment_pk is not None
        run_pk = runs.insert_run(
            tx,
            NewRun(
                run_id=run_id,
                workspace_pk=workspace_pk,
                experiment_pk=experiment_pk,
                name=run_id,
                status=RunStatus.RUNNING,
                user_name="",
                created_by="tests",
                lineage=None,
                started_at_ms=AT_MS,
                ended_at_ms=None,
                created_at_ms=AT_MS,
            ),
        )
        assert run_pk is not None
        return run_pk


def bin_run(database: Database, run_pk: int) -> None:
    """Delete a run."""
    with database.write() as tx:
        runs.set_lifecycle(tx, run_pk, Lifecycle.DELETED, AT_MS)
