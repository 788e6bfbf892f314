"""Routes of an import: what another server recorded arrives under its own ids, numbers and moments."""

from __future__ import annotations

import msgspec

from assay.domain.access import Action
from assay.domain.errors import InvalidArgument
from assay.domain.tracking import LoggedModelMetric, LoggedModelStatus
from assay.faces.endpoint import JSON_BODY, SMALL_BODY, Call, Endpoint
from assay.faces.native.experiments import ExperimentAnswer, experiment_answer
from assay.faces.native.logged_models import LoggedModelAnswer, logged_model_answer
from assay.faces.native.promotion import Moved
from assay.faces.native.registry_types import (
    ModelAnswer,
    VersionAnswer,
    model_answer,
    move_answer,
    version_answer,
)
from assay.services.importing import ArrivingModel, ArrivingVersion

_SPELLED = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


class ExperimentArrival(msgspec.Struct, forbid_unknown_fields=True):
    """An experiment as it was."""

    name: str
    created_at_ms: int
    tags: dict[str, str] = {}


class MetricArrival(msgspec.Struct, forbid_unknown_fields=True):
    """A metric of a logged model; NaN and infinities are texts."""

    key: str
    value: float | str
    step: int
    timestamp_ms: int
    run_id: str
    dataset_name: str = ""
    dataset_digest: str = ""


class LoggedModelArrival(msgspec.Struct, forbid_unknown_fields=True):
    """A logged model as it was; `outputs` are the runs that wrote it, each with a step."""

    model_id: str
    experiment_id: str
    name: str
    created_at_ms: int
    updated_at_ms: int
    run_id: str | None = None
    model_type: str = ""
    status: LoggedModelStatus = LoggedModelStatus.READY
    status_message: str = ""
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    metrics: list[MetricArrival] = []
    outputs: list[tuple[str, int]] = []


class ModelArrival(msgspec.Struct, forbid_unknown_fields=True):
    """A registered model as it was, without versions and aliases."""

    name: str
    created_at_ms: int
    description: str = ""
    tags: dict[str, str] = {}


class VersionArrival(msgspec.Struct, forbid_unknown_fields=True):
    """A model version as it was. Its files are those of the run or logged model that it names."""

    version: int
    created_at_ms: int
    updated_at_ms: int
    source: str = ""
    run_id: str | None = None
    artifact_path: str | None = None
    logged_model_id: str | None = None
    description: str = ""
    run_link: str = ""
    stage: str = ""
    tags: dict[str, str] = {}
    is_deleted: bool = False


class AliasArrival(msgspec.Struct, forbid_unknown_fields=True):
    """The version that held an alias, and the stage of the same name if it was in that."""

    version: int
    stage: str = ""


def import_experiment(call: Call, body: ExperimentArrival) -> ExperimentAnswer:
    """Take an experiment over."""
    found = call.services.importing.import_experiment(
        call.context, body.name, body.tags, body.created_at_ms
    )
    return experiment_answer(found)


def import_logged_model(call: Call, body: LoggedModelArrival) -> LoggedModelAnswer:
    """Take a logged model over."""
    arrival = ArrivingModel(
        model_id=body.model_id,
        experiment_id=body.experiment_id,
        name=body.name,
        created_at_ms=body.created_at_ms,
        updated_at_ms=body.updated_at_ms,
        run_id=body.run_id,
        model_type=body.model_type,
        status=body.status,
        status_message=body.status_message,
        params=body.params,
        tags=body.tags,
        metrics=[_metric(metric) for metric in body.metrics],
        outputs=body.outputs,
    )
    return logged_model_answer(call.services.importing.import_logged_model(call.context, arrival))


def import_model(call: Call, body: ModelArrival) -> ModelAnswer:
    """Take a registered model over."""
    call.services.importing.import_model(
        call.context,
        body.name,
        description=body.description,
        tags=body.tags,
        created_at_ms=body.created_at_ms,
    )
    return model_answer(call.services.registry.get_model(call.context, body.name))


def import_version(call: Call, body: VersionArrival) -> VersionAnswer:
    """Take a model version over."""
    arrival = ArrivingVersion(**msgspec.structs.asdict(body))
    made = call.services.importing.import_version(call.context, call.path["name"], arrival)
    return version_answer(made)


def import_alias(call: Call, body: AliasArrival) -> Moved:
    """Take an alias over, once."""
    move = call.services.importing.import_alias(
        call.context, call.path["name"], call.path["alias"], body.version, stage=body.stage
    )
    return Moved(None if move is None else move_answer(move))


def _metric(metric: MetricArrival) -> LoggedModelMetric:
    value = metric.value
    if isinstance(value, str):
        if value not in _SPELLED:
            raise InvalidArgument("A metric's value is not a number.", field="metrics")
        value = _SPELLED[value]
    return LoggedModelMetric(
        metric.key,
        value,
        metric.timestamp_ms,
        metric.step,
        metric.run_id,
        metric.dataset_name,
        metric.dataset_digest,
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/api/v1/import/experiments",
        name="import.experiment",
        summary="Take over an experiment of another server",
        permission=Action.WORKSPACE_WRITE,
        body_limit=JSON_BODY,
        handler=import_experiment,
        request=ExperimentArrival,
        response=ExperimentAnswer,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/import/logged-models",
        name="import.logged_model",
        summary="Take over a logged model under its id",
        permission=Action.WORKSPACE_WRITE,
        body_limit=JSON_BODY,
        handler=import_logged_model,
        request=LoggedModelArrival,
        response=LoggedModelAnswer,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/import/models",
        name="import.model",
        summary="Take over a registered model",
        permission=Action.WORKSPACE_WRITE,
        body_limit=JSON_BODY,
        handler=import_model,
        request=ModelArrival,
        response=ModelAnswer,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/import/models/{name}/versions",
        name="import.version",
        summary="Take over a model version under its number; without closed lineage it is unverifiable",
        permission=Action.WORKSPACE_WRITE,
        body_limit=JSON_BODY,
        handler=import_version,
        request=VersionArrival,
        response=VersionAnswer,
    ),
    Endpoint(
        method="PUT",
        path="/api/v1/import/models/{name}/aliases/{alias}",
        name="import.alias",
        summary="Take over an alias that has never moved here, recorded as imported",
        permission=Action.WORKSPACE_WRITE,
        body_limit=SMALL_BODY,
        handler=import_alias,
        request=AliasArrival,
        response=Moved,
    ),
)
