"""Routes of experiments, their tags, and the datasets that their runs read."""

from __future__ import annotations

import msgspec

from assay.domain.access import Action
from assay.domain.tracking import Experiment, Lifecycle, View
from assay.faces.endpoint import JSON_BODY, NO_BODY, SMALL_BODY, Call, Endpoint


class ExperimentAnswer(msgspec.Struct):
    """An experiment."""

    experiment_id: str
    workspace: str
    name: str
    lifecycle: Lifecycle
    artifact_location: str | None
    created_at_ms: int
    updated_at_ms: int
    tags: dict[str, str]


class ExperimentPage(msgspec.Struct):
    """Experiments, and the token of the page after them."""

    experiments: list[ExperimentAnswer]
    next_page_token: str | None


class ExperimentRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A new experiment; with `exist_ok` the active one of that name is answered instead."""

    name: str
    artifact_location: str | None = None
    tags: dict[str, str] = {}
    exist_ok: bool = False


class RenameRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What to change."""

    name: str | None = None


class ExperimentQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which experiments, in which order."""

    filter: str = ""
    order_by: list[str] = []
    view: View = View.ACTIVE
    max_results: int = 100
    page_token: str | None = None


class ValueRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A tag's value."""

    value: str


class DatasetQuery(msgspec.Struct, forbid_unknown_fields=True):
    """In which experiments to look."""

    experiment_ids: list[str]


class DatasetUseAnswer(msgspec.Struct):
    """A dataset that active runs read, and the role that they gave it."""

    experiment_id: str
    name: str
    digest: str
    source_type: str
    source: str
    context: str | None


class DatasetUses(msgspec.Struct):
    """Datasets and their roles."""

    datasets: list[DatasetUseAnswer]


def create_experiment(call: Call, body: ExperimentRequest) -> ExperimentAnswer:
    """Make an experiment."""
    experiments = call.services.experiments
    if body.exist_ok and body.artifact_location is None and not body.tags:
        return experiment_answer(experiments.ensure(call.context, body.name))
    return experiment_answer(
        experiments.create(
            call.context, body.name, artifact_location=body.artifact_location, tags=body.tags
        )
    )


def list_experiments(call: Call) -> ExperimentPage:
    """A page of experiments, by query parameters."""
    return search_experiments(call, call.query(ExperimentQuery))


def search_experiments(call: Call, body: ExperimentQuery) -> ExperimentPage:
    """A page of experiments."""
    page = call.services.experiments.search(
        call.context,
        filter=body.filter,
        order_by=body.order_by,
        view=body.view,
        max_results=body.max_results,
        page_token=body.page_token,
    )
    return ExperimentPage([experiment_answer(found) for found in page.items], page.next_token)


def get_experiment(call: Call) -> ExperimentAnswer:
    """One experiment."""
    return experiment_answer(
        call.services.experiments.get(call.context, call.path["experiment_id"])
    )


def update_experiment(call: Call, body: RenameRequest) -> ExperimentAnswer:
    """Rename it."""
    experiment_id = call.path["experiment_id"]
    return experiment_answer(
        call.services.experiments.update(call.context, experiment_id, name=body.name)
    )


def delete_experiment(call: Call) -> None:
    """Put it and its runs into the bin."""
    call.services.experiments.delete(call.context, call.path["experiment_id"])


def restore_experiment(call: Call) -> ExperimentAnswer:
    """Take it and its runs out of the bin."""
    call.services.experiments.restore(call.context, call.path["experiment_id"])
    return get_experiment(call)


def set_tag(call: Call, body: ValueRequest) -> None:
    """Set one tag."""
    path = call.path
    call.services.experiments.set_tag(call.context, path["experiment_id"], path["key"], body.value)


def delete_tag(call: Call) -> None:
    """Remove one tag."""
    path = call.path
    call.services.experiments.delete_tag(call.context, path["experiment_id"], path["key"])


def search_datasets(call: Call, body: DatasetQuery) -> DatasetUses:
    """What the runs of some experiments read."""
    return DatasetUses(
        [
            DatasetUseAnswer(
                use.experiment_id,
                use.dataset.name,
                use.dataset.digest,
                use.dataset.source_type,
                use.dataset.source,
                use.context,
            )
            for use in call.services.datasets.search(call.context, body.experiment_ids)
        ]
    )


def experiment_answer(found: Experiment) -> ExperimentAnswer:
    """An experiment as the API shows it."""
    return ExperimentAnswer(
        found.experiment_id,
        found.workspace,
        found.name,
        found.lifecycle,
        found.artifact_location,
        found.created_at_ms,
        found.updated_at_ms,
        dict(found.tags),
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/api/v1/experiments",
        name="experiments.create",
        summary="Make an experiment",
        permission=Action.TRACKING_WRITE,
        body_limit=JSON_BODY,
        handler=create_experiment,
        request=ExperimentRequest,
        response=ExperimentAnswer,
        status=201,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/experiments",
        name="experiments.list",
        summary="A page of experiments, by query parameters",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=list_experiments,
        query=ExperimentQuery,
        response=ExperimentPage,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/experiments/search",
        name="experiments.search",
        summary="Experiments by name, time and tags",
        permission=Action.TRACKING_READ,
        body_limit=SMALL_BODY,
        handler=search_experiments,
        request=ExperimentQuery,
        response=ExperimentPage,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/experiments/{experiment_id}",
        name="experiments.get",
        summary="An experiment, in any lifecycle",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=get_experiment,
        response=ExperimentAnswer,
    ),
    Endpoint(
        method="PATCH",
        path="/api/v1/experiments/{experiment_id}",
        name="experiments.update",
        summary="Rename an experiment",
        permission=Action.TRACKING_WRITE,
        body_limit=SMALL_BODY,
        handler=update_experiment,
        request=RenameRequest,
        response=ExperimentAnswer,
    ),
    Endpoint(
        method="DELETE",
        path="/api/v1/experiments/{experiment_id}",
        name="experiments.delete",
        summary="Put an experiment and its runs into the bin",
        permission=Action.TRACKING_DELETE,
        body_limit=NO_BODY,
        handler=delete_experiment,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/experiments/{experiment_id}/restore",
        name="experiments.restore",
        summary="Take an experiment and all its runs out of the bin",
        permission=Action.TRACKING_DELETE,
        body_limit=SMALL_BODY,
        handler=restore_experiment,
        response=ExperimentAnswer,
    ),
    Endpoint(
        method="PUT",
        path="/api/v1/experiments/{experiment_id}/tags/{key:path}",
        name="experiments.set_tag",
        summary="Set a tag of an experiment",
        permission=Action.TRACKING_WRITE,
        body_limit=SMALL_BODY,
        handler=set_tag,
        request=ValueRequest,
    ),
    Endpoint(
        method="DELETE",
        path="/api/v1/experiments/{experiment_id}/tags/{key:path}",
        name="experiments.delete_tag",
        summary="Remove a tag of an experiment",
        permission=Action.TRACKING_WRITE,
        body_limit=NO_BODY,
        handler=delete_tag,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/datasets/search",
        name="datasets.search",
        summary="Which datasets the runs of some experiments read, and as what",
        permission=Action.TRACKING_READ,
        body_limit=SMALL_BODY,
        handler=search_datasets,
        request=DatasetQuery,
        response=DatasetUses,
    ),
)
