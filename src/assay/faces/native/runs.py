"""Routes of runs: made, read, changed, found. What they record is in `run_data` and `artifacts`."""

from __future__ import annotations

import msgspec

from assay.domain.access import Action
from assay.domain.tracking import RunStatus, View
from assay.faces.endpoint import JSON_BODY, NO_BODY, SMALL_BODY, Call, Endpoint
from assay.faces.native.dialect import nothing, raw_text
from assay.faces.native.run_answers import RunAnswer, RunInfo, RunPage, run_info, whole_run


class RunRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A new run, in an experiment given by id or by name. `lineage` is an object.

    With a `run_id` of the client's own, sending the same again answers the run that is there.
    """

    experiment_id: str | None = None
    experiment: str | None = None
    name: str | None = None
    run_id: str | None = None
    user_name: str = ""
    started_at_ms: int | None = None
    ended_at_ms: int | None = None
    status: RunStatus = RunStatus.RUNNING
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    lineage: msgspec.Raw = msgspec.field(default_factory=nothing)
    parent_run_id: str | None = None


class RunChange(msgspec.Struct, forbid_unknown_fields=True):
    """What to change."""

    status: RunStatus | None = None
    ended_at_ms: int | None = None
    name: str | None = None


class RunQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which runs, in which order."""

    experiment_ids: list[str]
    filter: str = ""
    order_by: list[str] = []
    view: View = View.ACTIVE
    max_results: int = 1_000
    page_token: str | None = None


def create_run(call: Call, body: RunRequest) -> RunAnswer:
    """Make a run."""
    made = call.services.runs.create(
        call.context,
        experiment_id=body.experiment_id,
        experiment=body.experiment,
        name=body.name,
        run_id=body.run_id,
        user_name=body.user_name,
        started_at_ms=body.started_at_ms,
        ended_at_ms=body.ended_at_ms,
        status=body.status,
        params=body.params,
        tags=body.tags,
        lineage=raw_text(body.lineage),
        parent_run_id=body.parent_run_id,
    )
    return whole_run(made)


def get_run(call: Call) -> RunAnswer:
    """One run with its data."""
    return whole_run(call.services.runs.get(call.context, call.path["run_id"]))


def update_run(call: Call, body: RunChange) -> RunInfo:
    """Change its status, end or name."""
    changed = call.services.runs.update(
        call.context,
        call.path["run_id"],
        status=body.status,
        ended_at_ms=body.ended_at_ms,
        name=body.name,
    )
    return run_info(changed)


def delete_run(call: Call) -> None:
    """Put it into the bin."""
    call.services.runs.delete(call.context, call.path["run_id"])


def restore_run(call: Call) -> RunInfo:
    """Take it out of the bin."""
    call.services.runs.restore(call.context, call.path["run_id"])
    return run_info(call.services.runs.get_info(call.context, call.path["run_id"]))


def search_runs(call: Call, body: RunQuery) -> RunPage:
    """A page of whole runs."""
    page = call.services.search.search_runs(
        call.context,
        body.experiment_ids,
        filter=body.filter,
        order_by=body.order_by,
        view=body.view,
        max_results=body.max_results,
        page_token=body.page_token,
    )
    return RunPage([whole_run(found) for found in page.items], page.next_token)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/api/v1/runs",
        name="runs.create",
        summary="Make a run",
        permission=Action.TRACKING_WRITE,
        body_limit=JSON_BODY,
        handler=create_run,
        request=RunRequest,
        response=RunAnswer,
        status=201,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/runs/search",
        name="runs.search",
        summary="Runs by metrics, params, tags, attributes and datasets",
        permission=Action.TRACKING_READ,
        body_limit=SMALL_BODY,
        handler=search_runs,
        request=RunQuery,
        response=RunPage,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/runs/{run_id}",
        name="runs.get",
        summary="A run with all that it recorded, in any lifecycle",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=get_run,
        response=RunAnswer,
    ),
    Endpoint(
        method="PATCH",
        path="/api/v1/runs/{run_id}",
        name="runs.update",
        summary="Change a run's status, end or name",
        permission=Action.TRACKING_WRITE,
        body_limit=SMALL_BODY,
        handler=update_run,
        request=RunChange,
        response=RunInfo,
    ),
    Endpoint(
        method="DELETE",
        path="/api/v1/runs/{run_id}",
        name="runs.delete",
        summary="Put a run into the bin",
        permission=Action.TRACKING_DELETE,
        body_limit=NO_BODY,
        handler=delete_run,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/runs/{run_id}/restore",
        name="runs.restore",
        summary="Take a run out of the bin",
        permission=Action.TRACKING_DELETE,
        body_limit=SMALL_BODY,
        handler=restore_run,
        response=RunInfo,
    ),
)
