"""Routes of RL health: what detectors found in runs, and the thresholds of a workspace."""

from __future__ import annotations

from dataclasses import asdict

import msgspec

from assay.domain.access import Action
from assay.domain.health import Detector, Thresholds
from assay.faces.endpoint import NO_BODY, SMALL_BODY, Call, Endpoint
from assay.services.health import KeptFinding, RunHealth


class FindingAnswer(msgspec.Struct):
    """What a detector saw between two steps, and the numbers that made it speak.

    `cleared_at_ms` is null while it still sees it.
    """

    run_id: str
    detector: Detector
    key: str
    first_step: int
    last_step: int
    numbers: dict[str, float]
    message: str
    found_at_ms: int
    updated_at_ms: int
    cleared_at_ms: int | None


class HealthAnswer(msgspec.Struct):
    """All that was found in a run, and the metrics that a detector looks at."""

    run_id: str
    findings: list[FindingAnswer]
    examined_keys: list[str]


class FindingsAnswer(msgspec.Struct):
    """One page of findings that stand, newest first."""

    findings: list[FindingAnswer]
    next_page_token: str | None


class ExamineRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing to say: a run is examined as it is."""


class FindingsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """A page."""

    max_results: int = 100
    page_token: str | None = None


class ThresholdsAnswer(msgspec.Struct):
    """The thresholds in force, by name."""

    thresholds: dict[str, float]


class ThresholdsRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The thresholds that differ from the defaults; those not named have their default."""

    thresholds: dict[str, float]


def get_health(call: Call) -> HealthAnswer:
    """What was found in a run."""
    run_id = call.path["run_id"]
    return _health(run_id, call.services.health.of_run(call.context, run_id))


def examine(call: Call, _body: ExamineRequest) -> HealthAnswer:
    """Examine a run now."""
    run_id = call.path["run_id"]
    return _health(run_id, call.services.health.examine(call.context, run_id))


def list_findings(call: Call) -> FindingsAnswer:
    """What stands in the runs of an experiment."""
    query = call.query(FindingsQuery)
    page = call.services.health.of_experiment(
        call.context,
        call.path["experiment_id"],
        max_results=query.max_results,
        page_token=query.page_token,
    )
    return FindingsAnswer([_finding(kept) for kept in page.items], page.next_token)


def get_thresholds(call: Call) -> ThresholdsAnswer:
    """The thresholds of a workspace."""
    return _thresholds(call.services.health.thresholds(call.context, call.path["workspace"]))


def set_thresholds(call: Call, body: ThresholdsRequest) -> ThresholdsAnswer:
    """Set the thresholds of a workspace."""
    service = call.services.health
    return _thresholds(
        service.set_thresholds(call.context, call.path["workspace"], body.thresholds)
    )


def _health(run_id: str, health: RunHealth) -> HealthAnswer:
    return HealthAnswer(
        run_id, [_finding(kept) for kept in health.findings], list(health.examined_keys)
    )


def _finding(kept: KeptFinding) -> FindingAnswer:
    found = kept.finding
    return FindingAnswer(
        run_id=kept.run_id,
        detector=found.detector,
        key=found.key,
        first_step=found.first_step,
        last_step=found.last_step,
        numbers=dict(found.numbers),
        message=found.message,
        found_at_ms=kept.found_at_ms,
        updated_at_ms=kept.updated_at_ms,
        cleared_at_ms=kept.cleared_at_ms,
    )


def _thresholds(thresholds: Thresholds) -> ThresholdsAnswer:
    return ThresholdsAnswer(asdict(thresholds))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/v1/runs/{run_id}/health",
        name="health.get",
        summary="What detectors found in a run's metrics",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=get_health,
        response=HealthAnswer,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/runs/{run_id}/health",
        name="health.examine",
        summary="Examine a run's metrics now",
        permission=Action.TRACKING_WRITE,
        body_limit=SMALL_BODY,
        handler=examine,
        request=ExamineRequest,
        response=HealthAnswer,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/experiments/{experiment_id}/health",
        name="health.list",
        summary="What stands in the runs of an experiment, newest first",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=list_findings,
        query=FindingsQuery,
        response=FindingsAnswer,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/workspaces/{workspace}/health-thresholds",
        name="health.thresholds",
        summary="When the detectors speak in a workspace",
        permission=Action.WORKSPACE_READ,
        body_limit=NO_BODY,
        handler=get_thresholds,
        response=ThresholdsAnswer,
    ),
    Endpoint(
        method="PUT",
        path="/api/v1/workspaces/{workspace}/health-thresholds",
        name="health.set_thresholds",
        summary="Set when the detectors speak in a workspace",
        permission=Action.WORKSPACE_WRITE,
        body_limit=SMALL_BODY,
        handler=set_thresholds,
        request=ThresholdsRequest,
        response=ThresholdsAnswer,
    ),
)
