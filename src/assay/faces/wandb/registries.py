"""Registries as projects: the client names them so, and here they belong to a workspace."""

from __future__ import annotations

import json
from typing import Final

from assay.domain.tracking import Experiment, Lifecycle
from assay.services.collection_reads import Home

REGISTRY_PREFIX: Final = "wandb-registry-"
LEGACY: Final = "model-registry"
"""Where clients before the registries linked models to; it is the registry `model`."""

REGISTRY_MARK: Final = "registry:"
TYPES_TAG: Final = "wandb.registry.types"
"""Which types of artifacts a registry takes, a JSON list; none: all."""


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
        experiment_id=f"{REGISTRY_MARK}{registry}",
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
    if experiment.experiment_id.startswith(REGISTRY_MARK):
        return Home(registry=experiment.experiment_id.removeprefix(REGISTRY_MARK))
    return Home(experiment_id=experiment.experiment_id)


def types_of(experiment: Experiment) -> tuple[str, ...] | None:
    """The types of artifacts that a registry takes; None for all."""
    said = experiment.tags.get(TYPES_TAG)
    return tuple(json.loads(said)) if said else None
