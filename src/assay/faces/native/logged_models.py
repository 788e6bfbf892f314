"""Routes of logged models: made, read, changed, found. Their files are in `artifacts`."""

from __future__ import annotations

import msgspec

from assay.domain.access import Action
from assay.domain.tracking import Lifecycle, LoggedModel, LoggedModelStatus, View
from assay.faces.endpoint import JSON_BODY, NO_BODY, SMALL_BODY, Call, Endpoint
from assay.faces.native.dialect import number


class ModelMetricAnswer(msgspec.Struct):
    """A metric of a logged model, on a dataset where one was named."""

    key: str
    value: float | str
    step: int
    timestamp_ms: int
    run_id: str
    dataset_name: str
    dataset_digest: str


class LoggedModelAnswer(msgspec.Struct):
    """A logged model."""

    model_id: str
    workspace: str
    experiment_id: str
    run_id: str | None
    name: str
    model_type: str
    status: LoggedModelStatus
    status_message: str
    lifecycle: Lifecycle
    created_at_ms: int
    updated_at_ms: int
    params: dict[str, str]
    tags: dict[str, str]
    metrics: list[ModelMetricAnswer]


class LoggedModelPage(msgspec.Struct):
    """Logged models, and the token of the page after them."""

    models: list[LoggedModelAnswer]
    next_page_token: str | None


class LoggedModelRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A new logged model, pending until its files are there."""

    experiment_id: str
    name: str
    model_type: str = ""
    run_id: str | None = None
    params: dict[str, str] = {}
    tags: dict[str, str] = {}


class StatusRequest(msgspec.Struct, forbid_unknown_fields=True):
    """How the upload went: `ready` or `failed`."""

    status: LoggedModelStatus
    message: str = ""


class LoggedModelQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which logged models, in which order."""

    experiment_ids: list[str]
    filter: str = ""
    order_by: list[str] = []
    view: View = View.ACTIVE
    max_results: int = 100
    page_token: str | None = None


def create_model(call: Call, body: LoggedModelRequest) -> LoggedModelAnswer:
    """Make a logged model."""
    made = call.services.logged_models.create(
        call.context,
        body.experiment_id,
        name=body.name,
        model_type=body.model_type,
        run_id=body.run_id,
        params=body.params,
        tags=body.tags,
    )
    return logged_model_answer(made)


def get_model(call: Call) -> LoggedModelAnswer:
    """One logged model."""
    return logged_model_answer(call.services.logged_models.get(call.context, call.path["model_id"]))


def finish_model(call: Call, body: StatusRequest) -> LoggedModelAnswer:
    """Say how the upload went."""
    changed = call.services.logged_models.finalize(
        call.context, call.path["model_id"], body.status, body.message
    )
    return logged_model_answer(changed)


def delete_model(call: Call) -> None:
    """Put it into the bin."""
    call.services.logged_models.delete(call.context, call.path["model_id"])


def search_models(call: Call, body: LoggedModelQuery) -> LoggedModelPage:
    """A page of logged models."""
    page = call.services.logged_models.search(
        call.context,
        body.experiment_ids,
        filter=body.filter,
        order_by=body.order_by,
        view=body.view,
        max_results=body.max_results,
        page_token=body.page_token,
    )
    return LoggedModelPage([logged_model_answer(found) for found in page.items], page.next_token)


def logged_model_answer(found: LoggedModel) -> LoggedModelAnswer:
    """A logged model as the API shows it."""
    return LoggedModelAnswer(
        model_id=found.model_id,
        workspace=found.workspace,
        experiment_id=found.experiment_id,
        run_id=found.run_id,
        name=found.name,
        model_type=found.model_type,
        status=found.status,
        status_message=found.status_message,
        lifecycle=found.lifecycle,
        created_at_ms=found.created_at_ms,
        updated_at_ms=found.updated_at_ms,
        params=dict(found.params),
        tags=dict(found.tags),
        metrics=[
            ModelMetricAnswer(
                metric.key,
                number(metric.value),
                metric.step,
                metric.timestamp_ms,
                metric.run_id,
                metric.dataset_name,
                metric.dataset_digest,
            )
            for metric in found.metrics
        ],
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/api/v1/logged-models",
        name="logged_models.create",
        summary="Make a logged model",
        permission=Action.TRACKING_WRITE,
        body_limit=JSON_BODY,
        handler=create_model,
        request=LoggedModelRequest,
        response=LoggedModelAnswer,
        status=201,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/logged-models/search",
        name="logged_models.search",
        summary="Logged models by attributes, params, tags and metrics",
        permission=Action.TRACKING_READ,
        body_limit=SMALL_BODY,
        handler=search_models,
        request=LoggedModelQuery,
        response=LoggedModelPage,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/logged-models/{model_id}",
        name="logged_models.get",
        summary="A logged model",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=get_model,
        response=LoggedModelAnswer,
    ),
    Endpoint(
        method="PATCH",
        path="/api/v1/logged-models/{model_id}",
        name="logged_models.finish",
        summary="Say whether the upload of a logged model worked",
        permission=Action.TRACKING_WRITE,
        body_limit=SMALL_BODY,
        handler=finish_model,
        request=StatusRequest,
        response=LoggedModelAnswer,
    ),
    Endpoint(
        method="DELETE",
        path="/api/v1/logged-models/{model_id}",
        name="logged_models.delete",
        summary="Put a logged model into the bin",
        permission=Action.TRACKING_DELETE,
        body_limit=NO_BODY,
        handler=delete_model,
    ),
)
