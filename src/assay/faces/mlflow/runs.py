"""MLflow's runs: made, read, changed, found."""

from __future__ import annotations

from typing import Final

from msgspec import field

from assay.domain.access import Action
from assay.domain.errors import InvalidArgument
from assay.domain.ids import parse_run_id
from assay.domain.parent_run import MLFLOW_PARENT_TAG
from assay.domain.run_name import RUN_NAME_TAG, generate_run_name
from assay.domain.tracking import DEFAULT_EXPERIMENT_ID, RunStatus, WholeRun
from assay.faces.endpoint import Call, Endpoint
from assay.faces.mlflow.experiments import VIEWS, ViewType, checked_id
from assay.faces.mlflow.limits import KeyValue, check_key, tags_of
from assay.faces.mlflow.locations import Locations
from assay.faces.mlflow.roots import SCHEME
from assay.faces.mlflow.routing import get, post
from assay.faces.mlflow.views import (
    Json,
    present,
    run_info_view,
    run_view,
)
from assay.faces.mlflow.wire import (
    Int32,
    Int64,
    Message,
    Required,
    WireEnum,
    bad_page_size,
    invalid,
)

MAX_PAGE: Final = 50_000


class RunStatusName(WireEnum):
    """A run's status."""

    RUNNING = 1
    SCHEDULED = 2
    FINISHED = 3
    FAILED = 4
    KILLED = 5


_STATUS: Final = {name: RunStatus(name.name.lower()) for name in RunStatusName}


class CreateRun(Message, forbid_unknown_fields=True):
    """runs/create."""

    experiment_id: str = ""
    user_id: str = ""
    run_name: str = ""
    start_time: Int64 | None = None
    tags: list[KeyValue] = field(default_factory=list)


class RunId(Message):
    """A request about one run."""

    run_id: Required


class UpdateRun(Message):
    """runs/update."""

    run_id: Required
    status: RunStatusName | None = None
    end_time: Int64 | None = None
    run_name: str = ""


class SearchRuns(Message):
    """runs/search."""

    experiment_ids: list[str] = field(default_factory=list)
    filter: str = ""
    run_view_type: ViewType = ViewType.ACTIVE_ONLY
    max_results: Int32 = 1_000
    order_by: list[str] = field(default_factory=list)
    page_token: str = ""


class DeleteTag(Message):
    """runs/delete-tag."""

    run_id: Required
    key: Required


class RunRoutes:
    """Handlers that answer runs, and so need to know where their experiments keep artifacts."""

    def __init__(self, locations: Locations) -> None:
        self._locations = locations

    async def create(self, call: Call, message: CreateRun) -> Json:
        """Make a run in an experiment, by default in the one that every server has."""
        tags = tags_of(message.tags)
        name = _name(message.run_name, tags.pop(RUN_NAME_TAG, ""))
        if not name:
            name = generate_run_name(call.services.platform.token_hex(4))
        if message.start_time is not None and message.start_time < 0:
            raise invalid("start_time", message.start_time, "It must not be negative.")
        creation = call.services.runs.creation(
            call.context,
            experiment_id=checked_id(message.experiment_id or DEFAULT_EXPERIMENT_ID),
            name=name,
            user_name=message.user_id,
            started_at_ms=message.start_time,
            tags=tags,
            parent_run_id=_parent(tags),
        )
        made = await call.services.ingest.write(creation)
        location = await self._locations.find(call, made.run.experiment_id)
        return {"run": run_view(made, location)}

    def get_one(self, call: Call, message: RunId) -> Json:
        """A run with all that it recorded, in any lifecycle."""
        found = call.services.runs.get(call.context, message.run_id)
        return {"run": self._view(call, found)}

    async def update(self, call: Call, message: UpdateRun) -> Json:
        """Change status, end or name of a run."""
        change = call.services.runs.change(
            call.context,
            message.run_id,
            status=None if message.status is None else _STATUS[message.status],
            ended_at_ms=message.end_time,
            name=message.run_name or None,
        )
        run = await call.services.ingest.write(change)
        location = await self._locations.find(call, run.experiment_id)
        return {"run_info": run_info_view(run, location)}

    def search(self, call: Call, message: SearchRuns) -> Json:
        """A page of whole runs."""
        if not 1 <= message.max_results <= MAX_PAGE:
            raise bad_page_size(message.max_results, MAX_PAGE)
        page = call.services.search.search_runs(
            call.context,
            [checked_id(each, "experiment_ids") for each in message.experiment_ids],
            filter=message.filter,
            order_by=message.order_by,
            view=VIEWS[message.run_view_type],
            max_results=message.max_results,
            page_token=message.page_token or None,
            artifact_root=f"{SCHEME}:/",
        )
        return present(
            runs=[self._view(call, found) for found in page.items],
            next_page_token=page.next_token,
        )

    def _view(self, call: Call, found: WholeRun) -> Json:
        return run_view(found, self._locations.of(call, found.run.experiment_id))

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The records of these handlers."""
        read, write = Action.TRACKING_READ, Action.TRACKING_WRITE
        return (
            post("/runs/create", "Make a run", write, self.create, CreateRun),
            get("/runs/get", "A run", read, self.get_one, RunId),
            post("/runs/update", "Change a run", write, self.update, UpdateRun),
            post("/runs/search", "A page of runs", read, self.search, SearchRuns),
        )


def delete(call: Call, message: RunId) -> None:
    """Put a run into the bin."""
    call.services.runs.delete(call.context, message.run_id)


def restore(call: Call, message: RunId) -> None:
    """Take a run out of the bin."""
    call.services.runs.restore(call.context, message.run_id)


def delete_tag(call: Call, message: DeleteTag) -> None:
    """Remove a tag of a run."""
    check_key(message.key, "key")
    if message.key == RUN_NAME_TAG:
        # It is the run's name, and a run has one.
        call.services.runs.set_tags(call.context, message.run_id, {})
        return
    call.services.runs.delete_tag(call.context, message.run_id, message.key)


def _name(given: str, tag: str) -> str:
    if given and tag and given != tag:
        msg = (
            f"Both 'run_name' argument and '{RUN_NAME_TAG}' tag are specified, but with different "
            f"values (run_name={given[:100]!r}, {RUN_NAME_TAG}={tag[:100]!r}). Send one of them."
        )
        raise InvalidArgument(msg, field="run_name")
    return given or tag


def _parent(tags: dict[str, str]) -> str | None:
    parent = tags.get(MLFLOW_PARENT_TAG)
    try:
        return None if parent is None else parse_run_id(parent)
    except InvalidArgument:
        return None


ENDPOINTS: tuple[Endpoint, ...] = (
    post("/runs/delete", "Delete a run", Action.TRACKING_DELETE, delete, RunId),
    post("/runs/restore", "Restore a run", Action.TRACKING_DELETE, restore, RunId),
    post("/runs/delete-tag", "Remove a tag", Action.TRACKING_WRITE, delete_tag, DeleteTag),
)
