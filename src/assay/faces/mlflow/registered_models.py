"""MLflow's registered models, with their tags and aliases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import field

from assay.domain.access import Action
from assay.domain.errors import AlreadyExists, InvalidArgument, NotFound
from assay.domain.grammars import REGISTERED_MODELS
from assay.domain.registry import ModelVersion, RegisteredModel, is_prompt
from assay.faces.endpoint import Call, Endpoint
from assay.faces.mlflow.limits import KeyValue, check_key, registry_tags_of
from assay.faces.mlflow.prompts import split_filter
from assay.faces.mlflow.registry_views import (
    Stage,
    bad_registry_page,
    check_model_name,
    model_view,
    parse_stage,
    version_view,
)
from assay.faces.mlflow.routing import get, post, send
from assay.faces.mlflow.views import Json, present
from assay.faces.mlflow.wire import Int64, Message, Required

MAX_PAGE: Final = 1_000
LATEST: Final = "latest"


class CreateModel(Message):
    """registered-models/create."""

    name: Required
    tags: list[KeyValue] = field(default_factory=list)
    description: str = ""


class ModelName(Message):
    """A request about one registered model."""

    name: Required

    def __post_init__(self) -> None:
        """Refuse a name that no model can have, in MLflow's words."""
        check_model_name(self.name)


class RenameModel(ModelName):
    """registered-models/rename."""

    new_name: Required


class UpdateModel(ModelName):
    """registered-models/update."""

    description: str = ""


class SearchRegistry(Message):
    """registered-models/search."""

    filter: str = ""
    max_results: Int64 = 100
    order_by: list[str] = field(default_factory=list)
    page_token: str = ""


class LatestVersions(ModelName):
    """registered-models/get-latest-versions."""

    stages: list[str] = field(default_factory=list)


class ModelTag(ModelName):
    """registered-models/set-tag."""

    key: Required
    value: str = ""


class ModelTagKey(ModelName):
    """registered-models/delete-tag."""

    key: Required


class AliasVersion(ModelName):
    """POST registered-models/alias."""

    alias: Required
    version: Required


class AliasName(ModelName):
    """DELETE or GET registered-models/alias."""

    alias: Required


def create(call: Call, message: CreateModel) -> Json:
    """Make a registered model."""
    tags = registry_tags_of(message.tags)
    try:
        made = call.services.registry.create_model(
            call.context, message.name, description=message.description, tags=tags
        )
    except AlreadyExists:
        holder = call.services.registry.get_model(call.context, message.name)
        raise _taken(message.name, is_prompt(tags), is_prompt(holder.tags)) from None
    return {"registered_model": model_view(made, ())}


def _taken(name: str, wants_prompt: bool, is_held_by_prompt: bool) -> AlreadyExists:  # noqa: FBT001
    wanted = "prompt" if wants_prompt else "registered model"
    holder = "prompt" if is_held_by_prompt else "registered model"
    if wanted == holder:
        msg = f"{wanted.title()} (name={name}) already exists."
    else:
        msg = (
            f"Tried to create a {wanted} with name {name!r}, but the name is already taken by a "
            f"{holder}. A model and a prompt cannot have the same name."
        )
    return AlreadyExists(msg, field="name")


def get_one(call: Call, message: ModelName) -> Json:
    """A registered model with the latest version of every stage."""
    return _answer(call, call.services.registry.get_model(call.context, message.name))


def rename(call: Call, message: RenameModel) -> Json:
    """Give a registered model another name."""
    changed = call.services.registry.rename_model(call.context, message.name, message.new_name)
    return _answer(call, changed)


def update(call: Call, message: UpdateModel) -> Json:
    """Replace the description."""
    changed = call.services.registry.update_model(
        call.context, message.name, description=message.description
    )
    return _answer(call, changed)


def delete(call: Call, message: ModelName) -> None:
    """Delete a registered model; refused while a protected alias holds one of its versions."""
    call.services.registry.delete_model(call.context, message.name)


def search(call: Call, message: SearchRegistry) -> Json:
    """A page of registered models; prompts are among them only when the filter asks for them."""
    if not 1 <= message.max_results <= MAX_PAGE:
        raise bad_registry_page(message.max_results, MAX_PAGE)
    text, hidden = split_filter(message.filter, REGISTERED_MODELS)
    page = call.services.registry.search_models(
        call.context,
        filter=text,
        order_by=message.order_by,
        max_results=message.max_results,
        page_token=message.page_token or None,
        without_tag=hidden,
    )
    names = [model.name for model in page.items]
    latest = call.services.versions.latest(call.context, names) if names else {}
    return present(
        registered_models=[model_view(model, latest[model.name]) for model in page.items],
        next_page_token=page.next_token,
    )


def latest_versions(call: Call, message: LatestVersions) -> Json:
    """The latest version of each of the stages, by default of all."""
    wanted = {parse_stage(stage, "stages") for stage in message.stages} or set(Stage)
    found = call.services.versions.latest(call.context, [message.name])[message.name]
    return present(
        model_versions=[
            version_view(version) for version in found if parse_stage(version.stage) in wanted
        ]
    )


def set_tag(call: Call, message: ModelTag) -> None:
    """Set a tag of a registered model."""
    tags = registry_tags_of([KeyValue(key=message.key, value=message.value)])
    call.services.registry.set_model_tags(call.context, message.name, tags)


def delete_tag(call: Call, message: ModelTagKey) -> None:
    """Remove a tag of a registered model; one that is not there is fine."""
    check_key(message.key, "key")
    call.services.registry.delete_model_tag(call.context, message.name, message.key)


def set_alias(call: Call, message: AliasVersion) -> None:
    """Let an alias name a version. A protected one moves only by a promotion that the gate allows."""
    call.services.aliases.set_alias(call.context, message.name, message.alias, message.version)


def delete_alias(call: Call, message: AliasName) -> None:
    """Let an alias name nothing; one that did so before is fine."""
    call.services.aliases.remove_alias(call.context, message.name, message.alias)


def get_by_alias(call: Call, message: AliasName) -> Json:
    """The version that an alias names; `latest` is the newest one."""
    if message.alias.lower() == LATEST:
        found = _newest(call, message.name)
    else:
        call.services.registry.get_model(call.context, message.name)
        try:
            found = call.services.versions.get_by_alias(call.context, message.name, message.alias)
        except NotFound as error:
            # MLflow answers a missing alias of an existing model as a wrong parameter.
            msg = f"Registered model alias {message.alias[:300]} not found."
            raise InvalidArgument(msg, field="alias") from error
    return {"model_version": version_view(found)}


def _newest(call: Call, name: str) -> ModelVersion:
    versions = call.services.versions.latest(call.context, [name])[name]
    if not versions:
        msg = f"Registered model {name[:300]!r} has no versions."
        raise NotFound(msg, field="alias")
    return max(versions, key=lambda version: version.version)


def _answer(call: Call, model: RegisteredModel) -> Json:
    latest = call.services.versions.latest(call.context, [model.name])[model.name]
    return {"registered_model": model_view(model, latest)}


_READ, _WRITE, _DELETE = Action.REGISTRY_READ, Action.REGISTRY_WRITE, Action.REGISTRY_DELETE
_ROOT: Final = "/registered-models"

ENDPOINTS: Sequence[Endpoint] = (
    post(f"{_ROOT}/create", "Make a registered model", _WRITE, create, CreateModel),
    get(f"{_ROOT}/get", "A registered model", _READ, get_one, ModelName),
    get(f"{_ROOT}/search", "A page of registered models", _READ, search, SearchRegistry),
    post(f"{_ROOT}/rename", "Rename a registered model", _WRITE, rename, RenameModel),
    send("PATCH", f"{_ROOT}/update", "Describe a registered model", _WRITE, update, UpdateModel),
    send("DELETE", f"{_ROOT}/delete", "Delete a registered model", _DELETE, delete, ModelName),
    get(f"{_ROOT}/get-latest-versions", "Latest versions", _READ, latest_versions, LatestVersions),
    post(f"{_ROOT}/get-latest-versions", "Latest versions", _READ, latest_versions, LatestVersions),
    post(f"{_ROOT}/set-tag", "Set a tag", _WRITE, set_tag, ModelTag),
    send("DELETE", f"{_ROOT}/delete-tag", "Remove a tag", _WRITE, delete_tag, ModelTagKey),
    # Who may move which alias is decided by the alias, not by the route.
    post(f"{_ROOT}/alias", "Set an alias", _READ, set_alias, AliasVersion),
    send(
        "DELETE", f"{_ROOT}/alias", "Remove an alias", Action.ALIAS_WRITE, delete_alias, AliasName
    ),
    get(f"{_ROOT}/alias", "The version of an alias", _READ, get_by_alias, AliasName),
)
