"""Registries as projects: the client names them so, and here they belong to a workspace."""

from __future__ import annotations

from typing import Final

from assay.domain.tracking import Experiment, Lifecycle
from assay.services.collection_reads import Home

REGISTRY_PREFIX: Final = "wandb-registry-"
LEGACY: Final = "model-registry"
"""Where clients before the registries linked models to; it is the registry `model`."""

CORE: Final = ("dataset", "model")
_MARK: Final = "registry:"


def registry_of(project: str | None) -> str | None:
    """The registry that a project's name means; None for a project of runs."""
    if project == LEGACY:
        return "model"
    if project is None or not project.startswith(REGISTRY_PREFIX):
        return None
    return project.removeprefix(REGISTRY_PREFIX) or None


def registry_experiment(
    workspace: str, registry: str, kept: Experiment | None = None
) -> Experiment:
    """The stand-in by which a registry is a project; `kept` has what was said when it was made."""
    return Experiment(
        experiment_id=f"{_MARK}{registry}",
        workspace=workspace,
        name=f"{REGISTRY_PREFIX}{registry}",
        lifecycle=Lifecycle.ACTIVE,
        artifact_location=None,
        created_at_ms=0 if kept is None else kept.created_at_ms,
        updated_at_ms=0 if kept is None else kept.updated_at_ms,
        tags={} if kept is None else kept.tags,
    )


def home_of(experiment: Experiment) -> Home:
    """Where the collections of a project are."""
    if experiment.experiment_id.startswith(_MARK):
        return Home(registry=experiment.experiment_id.removeprefix(_MARK))
    return Home(experiment_id=experiment.experiment_id)
