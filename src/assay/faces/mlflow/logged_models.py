"""MLflow's logged models: folders that runs wrote, with an id of their own."""

from __future__ import annotations

from typing import Any, Final

from msgspec import field

from assay.domain.access import Action
from assay.domain.errors import InvalidArgument
from assay.domain.run_name import generate_run_name
from assay.domain.tracking import LoggedModel, LoggedModelStatus
from assay.faces.endpoint import Call, Endpoint
from assay.faces.mlflow.experiments import checked_id
from assay.faces.mlflow.limits import KeyValue, params_of, tags_of
from assay.faces.mlflow.locations import Locations
from assay.faces.mlflow.routing import Nothing, get, post, send
from assay.faces.mlflow.views import Json, logged_model_view, present
from assay.faces.mlflow.wire import Int32, Message, Required, WireEnum, bad_page_size, missing
from assay.services.logged_models import DatasetChoice

MAX_PAGE: Final = 1_000


class ModelStatusName(WireEnum):
    """Whether a logged model was uploaded."""

    LOGGED_MODEL_STATUS_UNSPECIFIED = 0
    LOGGED_MODEL_PENDING = 1
    LOGGED_MODEL_READY = 2
    LOGGED_MODEL_UPLOAD_FAILED = 3


_STATUS: Final = {
    ModelStatusName.LOGGED_MODEL_STATUS_UNSPECIFIED: LoggedModelStatus.UNSPECIFIED,
    ModelStatusName.LOGGED_MODEL_PENDING: LoggedModelStatus.PENDING,
    ModelStatusName.LOGGED_MODEL_READY: LoggedModelStatus.READY,
    ModelStatusName.LOGGED_MODEL_UPLOAD_FAILED: LoggedModelStatus.FAILED,
}


class CreateLoggedModel(Message):
    """POST logged-models."""

    experiment_id: Required
    name: str = ""
    model_type: str = ""
    source_run_id: str = ""
    params: list[KeyValue] = field(default_factory=list)
    tags: list[KeyValue] = field(default_factory=list)


class GetLoggedModel(Message):
    """GET logged-models/{model_id}."""

    allow_deleted: bool = False


class FinalizeLoggedModel(Message):
    """PATCH logged-models/{model_id}."""

    status: ModelStatusName | None = None


class ModelTags(Message):
    """PATCH logged-models/{model_id}/tags."""

    tags: list[KeyValue] = field(default_factory=list)


class ModelParams(Message):
    """POST logged-models/{model_id}/params."""

    params: list[KeyValue] = field(default_factory=list)


class DatasetFilter(Message):
    """A dataset whose metrics count."""

    dataset_name: Required
    dataset_digest: str = ""


class OrderField(Message):
    """One order of a search."""

    field_name: Required
    ascending: bool = True
    dataset_name: str = ""
    dataset_digest: str = ""


class SearchLoggedModels(Message):
    """POST logged-models/search."""

    experiment_ids: list[str] = field(default_factory=list)
    filter: str = ""
    datasets: list[DatasetFilter] = field(default_factory=list)
    max_results: Int32 = 50
    order_by: list[OrderField] = field(default_factory=list)
    page_token: str = ""


class LoggedModelRoutes:
    """Handlers that answer logged models, and so need to know where their files are."""

    def __init__(self, locations: Locations) -> None:
        self._locations = locations

    def create(self, call: Call, message: CreateLoggedModel) -> Json:
        """Make a pending logged model."""
        name = message.name or generate_run_name(call.services.platform.token_hex(4))
        made = call.services.logged_models.create(
            call.context,
            checked_id(message.experiment_id),
            name=name,
            model_type=message.model_type,
            run_id=message.source_run_id or None,
            params=params_of(message.params),
            tags=tags_of(message.tags),
        )
        return self._answer(call, made)

    def get_one(self, call: Call, message: GetLoggedModel) -> Json:
        """A logged model."""
        found = call.services.logged_models.get(
            call.context, call.path["model_id"], allow_deleted=message.allow_deleted
        )
        return self._answer(call, found)

    def finalize(self, call: Call, message: FinalizeLoggedModel) -> Json:
        """Say whether the upload worked."""
        if message.status is None:
            raise missing("status")
        changed = call.services.logged_models.finalize(
            call.context, call.path["model_id"], _STATUS[message.status]
        )
        return self._answer(call, changed)

    def set_tags(self, call: Call, message: ModelTags) -> Json:
        """Set tags of a logged model."""
        changed = call.services.logged_models.set_tags(
            call.context, call.path["model_id"], tags_of(message.tags)
        )
        return self._answer(call, changed)

    def search(self, call: Call, message: SearchLoggedModels) -> Json:
        """A page of logged models."""
        if not message.experiment_ids:
            raise missing("experiment_ids")
        if not 1 <= message.max_results <= MAX_PAGE:
            raise bad_page_size(message.max_results, MAX_PAGE)
        page = call.services.logged_models.search(
            call.context,
            [checked_id(each, "experiment_ids") for each in message.experiment_ids],
            filter=message.filter,
            order_by=[_order(order) for order in message.order_by],
            datasets=[
                DatasetChoice(given.dataset_name, given.dataset_digest or None)
                for given in message.datasets
            ],
            max_results=message.max_results,
            page_token=message.page_token or None,
        )
        return present(
            models=[self._view(call, found) for found in page.items],
            next_page_token=page.next_token,
        )

    def _answer(self, call: Call, model: LoggedModel) -> Json:
        return {"model": self._view(call, model)}

    def _view(self, call: Call, model: LoggedModel) -> Json:
        return logged_model_view(model, self._locations.of(call, model.experiment_id))

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The records of these handlers."""
        read, write = Action.TRACKING_READ, Action.TRACKING_WRITE
        one = "/logged-models/{model_id}"
        return (
            post("/logged-models", "Make a logged model", write, self.create, CreateLoggedModel),
            post("/logged-models/search", "A page of them", read, self.search, SearchLoggedModels),
            get(one, "A logged model", read, self.get_one, GetLoggedModel),
            send("PATCH", one, "End its upload", write, self.finalize, FinalizeLoggedModel),
            send("PATCH", f"{one}/tags", "Set tags", write, self.set_tags, ModelTags),
        )


def log_params(call: Call, message: ModelParams) -> None:
    """Add params to a logged model."""
    call.services.logged_models.log_params(
        call.context, call.path["model_id"], params_of(message.params)
    )


def delete(call: Call, message: Nothing) -> None:
    """Put a logged model into the bin."""
    del message
    call.services.logged_models.delete(call.context, call.path["model_id"])


def delete_tag(call: Call, message: Nothing) -> None:
    """Remove a tag of a logged model."""
    del message
    call.services.logged_models.delete_tag(
        call.context, call.path["model_id"], call.path["tag_key"]
    )


def _order(order: OrderField) -> Any:
    text = f"{order.field_name} {'ASC' if order.ascending else 'DESC'}"
    if order.dataset_name:
        return text, DatasetChoice(order.dataset_name, order.dataset_digest or None)
    if order.dataset_digest:
        msg = "`dataset_name` must be given together with `dataset_digest`."
        raise InvalidArgument(msg, field="order_by")
    return text, None


_ONE: Final = "/logged-models/{model_id}"

ENDPOINTS: tuple[Endpoint, ...] = (
    post(f"{_ONE}/params", "Add params", Action.TRACKING_WRITE, log_params, ModelParams),
    send("DELETE", _ONE, "Delete a logged model", Action.TRACKING_DELETE, delete, Nothing),
    send(
        "DELETE",
        _ONE + "/tags/{tag_key:path}",
        "Remove a tag",
        Action.TRACKING_WRITE,
        delete_tag,
        Nothing,
    ),
)
