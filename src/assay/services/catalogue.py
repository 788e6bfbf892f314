"""Finding workspaces, models and versions inside a transaction, as the request may see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from assay.domain.errors import NotFound
from assay.domain.ids import parse_version
from assay.domain.registry import ModelVersion, RegisteredModel, VersionState
from assay.domain.tracking import Workspace
from assay.services.context import Context
from assay.services.platform import Platform
from assay.storage import aliases, model_versions, registered_models, workspaces
from assay.storage.database import Transaction


def get_workspace(tx: Transaction, platform: Platform, name: str) -> Workspace:
    """The workspace with the policy in force, or NotFound."""
    found = workspaces.find_workspace(tx, name, platform.policy)
    if found is None:
        raise NotFound(f"Workspace {name!r} does not exist.", field="workspace")
    return found


def get_model(tx: Transaction, context: Context, name: str) -> RegisteredModel:
    """The bare model of that name in the request's workspace, or NotFound."""
    found = registered_models.find_model(tx, context.workspace, name)
    if found is None:
        raise unknown_model(name)
    return found


def unknown_model(name: str) -> NotFound:
    """The refusal of a model that is not there, or not visible."""
    return NotFound(f"Registered model {name[:300]!r} does not exist.", field="model")


def get_version(tx: Transaction, model: RegisteredModel, version: int | str) -> ModelVersion:
    """The bare version of that number, or NotFound for one that was deleted or never existed."""
    found = find_version_ever(tx, model, version)
    if found is None or found.state is VersionState.DELETED:
        raise NotFound(
            f"Model version {version!s:.20} of {model.name!r} does not exist.", field="version"
        )
    return found


def find_version_ever(
    tx: Transaction, model: RegisteredModel, version: int | str
) -> ModelVersion | None:
    """The bare version of that number, tombstones included."""
    return model_versions.find_version(tx, model.pk, parse_version(version))


def complete_models(
    tx: Transaction, found: Sequence[RegisteredModel], protected: frozenset[str]
) -> list[RegisteredModel]:
    """The models with their tags and held aliases."""
    pks = [model.pk for model in found]
    tags = registered_models.MODEL_TAGS.of_many(tx, pks)
    held = aliases.aliases_of_models(tx, pks, protected)
    return [
        replace(model, tags=tags.get(model.pk, {}), aliases=tuple(held[model.pk]))
        for model in found
    ]


def complete_versions(tx: Transaction, found: Sequence[ModelVersion]) -> list[ModelVersion]:
    """The versions with their tags and the aliases that they hold."""
    pks = [version.pk for version in found]
    tags = model_versions.VERSION_TAGS.of_many(tx, pks)
    held = aliases.aliases_of_versions(tx, pks)
    return [
        replace(version, tags=tags.get(version.pk, {}), aliases=tuple(held[version.pk]))
        for version in found
    ]


def complete_version(tx: Transaction, found: ModelVersion) -> ModelVersion:
    """The version with its tags and the aliases that it holds."""
    return complete_versions(tx, [found])[0]
