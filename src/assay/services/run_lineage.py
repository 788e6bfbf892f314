"""What a run's lineage would be if a version were registered from it now: read, nothing written."""

from __future__ import annotations

from dataclasses import dataclass

from assay.domain.access import Action
from assay.domain.errors import AppError, LineageIncomplete
from assay.domain.fingerprint import FIELDS, Fingerprint
from assay.domain.lineage import LineageDraft
from assay.domain.tracking import Run
from assay.services.context import Context
from assay.services.lineage import recorded_lineage
from assay.services.platform import Platform
from assay.services.runs import get_run
from assay.services.workspaces import workspace_pk


@dataclass(frozen=True, slots=True)
class RunLineage:
    """The draft, and its fingerprint once it is closed; `problem` says what is illegal in it."""

    run: Run
    draft: LineageDraft
    fingerprint: Fingerprint | None
    problem: str | None


def lineage_of_run(platform: Platform, context: Context, run_id: str) -> RunLineage:
    """The lineage that a registration would take from the run. Raises NotFound for an unseen run."""
    with platform.database.read() as tx:
        run = get_run(tx, context, Action.TRACKING_READ, run_id)
        try:
            draft = recorded_lineage(tx, run, workspace_pk(tx, run.workspace))
        except AppError as error:
            return RunLineage(run, LineageDraft({}, {}, list(FIELDS)), None, error.message)
    try:
        return RunLineage(run, draft, draft.fingerprint(), None)
    except LineageIncomplete:
        return RunLineage(run, draft, None, None)
    except AppError as error:
        return RunLineage(run, draft, None, error.message)
