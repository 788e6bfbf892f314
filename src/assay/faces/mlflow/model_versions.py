"""MLflow's model versions: registered from a source, found, labelled."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Final

from msgspec import field

from assay.domain.access import Action
from assay.domain.errors import AppError, InvalidArgument, NotFound
from assay.domain.grammars import MODEL_VERSIONS
from assay.domain.names import MAX_TAG_VALUE
from assay.domain.registry import ModelVersion, is_prompt
from assay.faces.endpoint import Call, Endpoint
from assay.faces.mlflow.limits import KeyValue, check_key, registry_tags_of
from assay.faces.mlflow.locations import Locations
from assay.faces.mlflow.prompts import split_filter
from assay.faces.mlflow.registry_views import (
    Stage,
    bad_registry_page,
    check_model_name,
    parse_stage,
    version_view,
)
from assay.faces.mlflow.roots import version_root
from assay.faces.mlflow.routing import get, post, send
from assay.faces.mlflow.version_sources import read_origin
from assay.faces.mlflow.views import Json, present
from assay.faces.mlflow.wire import Int64, Message, Required, missing

MAX_ASKED: Final = 200_000
MAX_PAGE: Final = 10_000
_VERSIONS_TAG: Final = "mlflow.modelVersions"
_ACTIVE: Final = (Stage.STAGING, Stage.PRODUCTION)


class CreateVersion(Message):
    """model-versions/create."""

    name: Required
    source: Required
    run_id: str = ""
    tags: list[KeyValue] = field(default_factory=list)
    run_link: str = ""
    description: str = ""
    model_id: str = ""


class VersionName(Message):
    """A request about one version."""

    name: Required
    version: Required

    def __post_init__(self) -> None:
        """Refuse a name that no model has, and what is no whole number, in MLflow's words."""
        check_model_name(self.name)
        if not self.version.lstrip("-").isdecimal():
            msg = f"Parameter 'version' must be an integer, got {self.version[:100]!r}."
            raise InvalidArgument(msg, field="version")


class UpdateVersion(VersionName):
    """model-versions/update."""

    description: str | None = None


class TransitionStage(VersionName):
    """model-versions/transition-stage."""

    stage: Required
    archive_existing_versions: bool = False


class SearchVersions(Message):
    """model-versions/search."""

    filter: str = ""
    max_results: Int64 = MAX_PAGE
    order_by: list[str] = field(default_factory=list)
    page_token: str = ""


class VersionTag(VersionName):
    """model-versions/set-tag."""

    key: Required
    value: str = ""


class VersionTagKey(VersionName):
    """model-versions/delete-tag."""

    key: Required


class VersionRoutes:
    """The handler that registers, and so needs to know where runs keep their artifacts."""

    def __init__(self, locations: Locations) -> None:
        self._locations = locations

    def create(self, call: Call, message: CreateVersion) -> Json:
        """Freeze the files of a source as the next version, with the lineage that its run recorded."""
        tags = registry_tags_of(message.tags)
        if is_prompt(tags):
            made = call.services.registration.register_prompt(
                call.context,
                message.name,
                source=message.source,
                description=message.description,
                tags=tags,
            )
            return {"model_version": version_view(made)}
        run_id, model_id = message.run_id or None, message.model_id or None
        if not message.source.strip():
            raise missing("source")
        origin = read_origin(call, self._locations, message.source, run_id, model_id)
        # MLflow wants the registered model to be there before its versions.
        call.services.registry.get_model(call.context, message.name)
        if origin.copied is not None:
            made = call.services.registration.copy(
                call.context,
                message.name,
                of_model=origin.copied.model,
                of_version=origin.copied.version,
                description=message.description,
                tags=tags,
                run_link=message.run_link,
            )
            return {"model_version": version_view(made)}
        made = call.services.registration.register(
            call.context,
            message.name,
            run_id=origin.run_id,
            artifact_path=origin.artifact_path,
            logged_model_id=origin.logged_model_id,
            source=origin.source,
            description=message.description,
            tags=tags,
            run_link=message.run_link,
            create_model=False,
        )
        if origin.logged_model_id is not None:
            _tell(call, origin.logged_model_id, made)
        return {"model_version": version_view(made)}

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The record of this handler."""
        return (
            post(
                "/model-versions/create",
                "Register a model version",
                Action.REGISTRY_WRITE,
                self.create,
                CreateVersion,
            ),
        )


def _tell(call: Call, model_id: str, made: ModelVersion) -> None:
    """Let the logged model's tag name its version too, as MLflow does."""
    models = call.services.logged_models
    try:
        known = models.get(call.context, model_id).tags.get(_VERSIONS_TAG, "[]")
        told = [*json.loads(known), {"name": made.model, "version": made.version}]
        # The tag is a hint for readers: of very many versions the last ones are named.
        while len(text := json.dumps(told)) > MAX_TAG_VALUE:
            told = told[len(told) // 2 :]
        models.set_tags(call.context, model_id, {_VERSIONS_TAG: text})
    except (AppError, ValueError, TypeError):
        # The version is there; whoever may register it need not be allowed to change its source.
        return


def get_one(call: Call, message: VersionName) -> Json:
    """A version."""
    return {"model_version": version_view(_get(call, message.name, message.version))}


def update(call: Call, message: UpdateVersion) -> Json:
    """Replace the description, if one is given."""
    if message.description is None:
        return {"model_version": version_view(_get(call, message.name, message.version))}
    changed = call.services.versions.update_version(
        call.context, message.name, message.version, description=message.description
    )
    return {"model_version": version_view(changed)}


def transition(call: Call, message: TransitionStage) -> Json:
    """Label a version with a stage. One called like a protected alias takes a promotion."""
    stage = parse_stage(message.stage)
    if message.archive_existing_versions and stage not in _ACTIVE:
        msg = (
            "archive_existing_versions goes with the stages Staging and Production, not with "
            f"{stage.value}."
        )
        raise InvalidArgument(msg, field="archive_existing_versions")
    changed = call.services.stages.transition(
        call.context,
        message.name,
        message.version,
        "" if stage is Stage.NONE else stage.value,
        others_to=Stage.ARCHIVED.value if message.archive_existing_versions else None,
    )
    return {"model_version": version_view(changed)}


def delete(call: Call, message: VersionName) -> None:
    """Delete a version; refused while an alias holds it."""
    call.services.versions.delete_version(call.context, message.name, message.version)


def search(call: Call, message: SearchVersions) -> Json:
    """A page of versions; those of prompts only when the filter asks for them."""
    if not 1 <= message.max_results <= MAX_ASKED:
        raise bad_registry_page(message.max_results, MAX_ASKED)
    text, hidden = split_filter(message.filter, MODEL_VERSIONS)
    page = call.services.versions.search_versions(
        call.context,
        filter=text,
        order_by=message.order_by,
        max_results=min(message.max_results, MAX_PAGE),
        page_token=message.page_token or None,
        without_tag=hidden,
    )
    return present(
        model_versions=[version_view(version) for version in page.items],
        next_page_token=page.next_token,
    )


def download_uri(call: Call, message: VersionName) -> Json:
    """Where the frozen files are; for a version without files, the source that was given."""
    found = _get(call, message.name, message.version)
    if found.artifact_digest is None:
        return {"artifact_uri": found.source}
    return {"artifact_uri": version_root(found.model, found.version)}


def set_tag(call: Call, message: VersionTag) -> None:
    """Set a tag of a version."""
    tags = registry_tags_of([KeyValue(key=message.key, value=message.value)])
    call.services.versions.set_version_tags(call.context, message.name, message.version, tags)


def delete_tag(call: Call, message: VersionTagKey) -> None:
    """Remove a tag of a version; one that is not there is fine."""
    check_key(message.key, "key")
    call.services.versions.delete_version_tag(
        call.context, message.name, message.version, message.key
    )


def _get(call: Call, name: str, version: str) -> ModelVersion:
    return call.services.versions.get_version(call.context, name, version)


def _of_version(handler: Callable[[Call, Any], Any]) -> Callable[[Call, Any], Any]:
    """The handler; a version of a model that is not there is a version that is not there."""

    @wraps(handler)
    def handle(call: Call, message: Any) -> Any:
        try:
            return handler(call, message)
        except NotFound as error:
            if error.field != "model":
                raise
            msg = f"Model version {message.version} of {message.name[:300]!r} does not exist."
            raise NotFound(msg, field="version") from None

    return handle


_READ, _WRITE, _DELETE = Action.REGISTRY_READ, Action.REGISTRY_WRITE, Action.REGISTRY_DELETE
_ROOT: Final = "/model-versions"

ENDPOINTS: Sequence[Endpoint] = (
    get(f"{_ROOT}/get", "A version", _READ, _of_version(get_one), VersionName),
    get(f"{_ROOT}/search", "A page of versions", _READ, search, SearchVersions),
    get(
        f"{_ROOT}/get-download-uri",
        "Where its files are",
        _READ,
        _of_version(download_uri),
        VersionName,
    ),
    send(
        "PATCH", f"{_ROOT}/update", "Describe a version", _WRITE, _of_version(update), UpdateVersion
    ),
    post(
        f"{_ROOT}/transition-stage",
        "Label a version",
        _WRITE,
        _of_version(transition),
        TransitionStage,
    ),
    send(
        "DELETE", f"{_ROOT}/delete", "Delete a version", _DELETE, _of_version(delete), VersionName
    ),
    post(f"{_ROOT}/set-tag", "Set a tag", _WRITE, _of_version(set_tag), VersionTag),
    send(
        "DELETE",
        f"{_ROOT}/delete-tag",
        "Remove a tag",
        _WRITE,
        _of_version(delete_tag),
        VersionTagKey,
    ),
)
