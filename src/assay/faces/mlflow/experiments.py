"""MLflow's experiments."""

from __future__ import annotations

from msgspec import field

from assay.domain.access import Action
from assay.domain.errors import InvalidArgument
from assay.domain.ids import parse_experiment_id
from assay.domain.names import MAX_EXPERIMENT_NAME, MAX_EXPERIMENT_TAG_VALUE
from assay.domain.tracking import View
from assay.faces.endpoint import Call, Endpoint
from assay.faces.mlflow.limits import KeyValue, check_key, tags_of
from assay.faces.mlflow.roots import check_location
from assay.faces.mlflow.routing import get, post
from assay.faces.mlflow.views import Json, experiment_view, present
from assay.faces.mlflow.wire import Int64, Message, Required, WireEnum, bad_page_size, invalid

MAX_PAGE = 50_000


class ViewType(WireEnum):
    """Which lifecycles a search looks at."""

    ACTIVE_ONLY = 1
    DELETED_ONLY = 2
    ALL = 3


VIEWS = {
    ViewType.ACTIVE_ONLY: View.ACTIVE,
    ViewType.DELETED_ONLY: View.DELETED,
    ViewType.ALL: View.ALL,
}


class CreateExperiment(Message):
    """experiments/create."""

    name: Required
    artifact_location: str = ""
    tags: list[KeyValue] = field(default_factory=list)


class ExperimentId(Message):
    """A request about one experiment."""

    experiment_id: Required


class ExperimentName(Message):
    """experiments/get-by-name."""

    experiment_name: Required


class SearchExperiments(Message):
    """experiments/search."""

    max_results: Int64 = 0
    page_token: str = ""
    filter: str = ""
    order_by: list[str] = field(default_factory=list)
    view_type: ViewType = ViewType.ACTIVE_ONLY


class UpdateExperiment(Message):
    """experiments/update."""

    experiment_id: Required
    new_name: Required


class SetExperimentTag(Message):
    """experiments/set-experiment-tag."""

    experiment_id: Required
    key: Required
    value: str = ""


class DeleteExperimentTag(Message):
    """experiments/delete-experiment-tag."""

    experiment_id: Required
    key: Required


def checked_id(experiment_id: str, path: str = "experiment_id") -> str:
    """An experiment id: digits as text. Raises InvalidArgument, or MalformedId where nothing has it."""
    digits = experiment_id.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        msg = (
            f"Invalid experiment ID {experiment_id!r}. Experiment ID must be a valid integer. "
            f"It was given as '{path}'."
        )
        raise InvalidArgument(msg, field=path)
    return parse_experiment_id(experiment_id, path)


def create(call: Call, message: CreateExperiment) -> Json:
    """Make an experiment."""
    _check_name(message.name, "name")
    location = message.artifact_location
    made = call.services.experiments.create(
        call.context,
        message.name,
        artifact_location=check_location(location, "artifact_location") if location else None,
        tags=tags_of(message.tags, longest=None),
    )
    return {"experiment_id": made.experiment_id}


def get_one(call: Call, message: ExperimentId) -> Json:
    """An experiment, in any lifecycle."""
    experiment_id = checked_id(message.experiment_id)
    found = call.services.experiments.get(call.context, experiment_id)
    return {"experiment": experiment_view(found)}


def get_by_name(call: Call, message: ExperimentName) -> Json:
    """An experiment by its name, in any lifecycle."""
    found = call.services.experiments.get_by_name(call.context, message.experiment_name)
    return {"experiment": experiment_view(found)}


def search(call: Call, message: SearchExperiments) -> Json:
    """A page of experiments."""
    if not 1 <= message.max_results <= MAX_PAGE:
        raise bad_page_size(message.max_results, MAX_PAGE)
    page = call.services.experiments.search(
        call.context,
        filter=message.filter,
        order_by=message.order_by,
        view=VIEWS[message.view_type],
        max_results=message.max_results,
        page_token=message.page_token or None,
    )
    return present(
        experiments=[experiment_view(found) for found in page.items],
        next_page_token=page.next_token,
    )


def update(call: Call, message: UpdateExperiment) -> None:
    """Rename an experiment."""
    _check_name(message.new_name, "new_name")
    experiment_id = checked_id(message.experiment_id)
    call.services.experiments.update(call.context, experiment_id, name=message.new_name)


def delete(call: Call, message: ExperimentId) -> None:
    """Put an experiment and its runs into the bin."""
    call.services.experiments.delete(call.context, checked_id(message.experiment_id))


def restore(call: Call, message: ExperimentId) -> None:
    """Take an experiment and its runs out of the bin."""
    call.services.experiments.restore(call.context, checked_id(message.experiment_id))


def set_tag(call: Call, message: SetExperimentTag) -> None:
    """Set a tag of an experiment."""
    check_key(message.key, "key")
    if len(message.value) > MAX_EXPERIMENT_TAG_VALUE:
        msg = f"'value' exceeds the maximum length of {MAX_EXPERIMENT_TAG_VALUE} characters"
        raise InvalidArgument(msg, field="value")
    experiment_id = checked_id(message.experiment_id)
    call.services.experiments.set_tag(call.context, experiment_id, message.key, message.value)


def delete_tag(call: Call, message: DeleteExperimentTag) -> None:
    """Remove a tag of an experiment."""
    experiment_id = checked_id(message.experiment_id)
    call.services.experiments.delete_tag(call.context, experiment_id, message.key)


def _check_name(name: str, path: str) -> None:
    if not name.strip():
        raise invalid(path, name, "Invalid experiment name: it is blank.")
    if len(name) > MAX_EXPERIMENT_NAME:
        msg = f"'name' exceeds the maximum length of {MAX_EXPERIMENT_NAME} characters"
        raise InvalidArgument(msg, field=path)


_READ, _WRITE, _DELETE = Action.TRACKING_READ, Action.TRACKING_WRITE, Action.TRACKING_DELETE

ENDPOINTS: tuple[Endpoint, ...] = (
    post("/experiments/create", "Make an experiment", _WRITE, create, CreateExperiment),
    get("/experiments/get", "An experiment", _READ, get_one, ExperimentId),
    get("/experiments/get-by-name", "An experiment by name", _READ, get_by_name, ExperimentName),
    get("/experiments/search", "A page of experiments", _READ, search, SearchExperiments),
    post("/experiments/search", "A page of experiments", _READ, search, SearchExperiments),
    post("/experiments/update", "Rename an experiment", _WRITE, update, UpdateExperiment),
    post("/experiments/delete", "Delete an experiment", _DELETE, delete, ExperimentId),
    post("/experiments/restore", "Restore an experiment", _DELETE, restore, ExperimentId),
    post("/experiments/set-experiment-tag", "Set a tag", _WRITE, set_tag, SetExperimentTag),
    post(
        "/experiments/delete-experiment-tag",
        "Remove a tag",
        _WRITE,
        delete_tag,
        DeleteExperimentTag,
    ),
)
