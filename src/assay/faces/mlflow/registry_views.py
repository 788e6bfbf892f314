"""What the registry looks like in MLflow's JSON."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Final

from assay.domain.errors import InvalidArgument
from assay.domain.registry import ModelVersion, RegisteredModel
from assay.faces.mlflow.views import Json, pairs, present
from assay.faces.mlflow.wire import missing


class Stage(Enum):
    """MLflow's stages: labels that older clients know. `NONE` is kept as an empty text."""

    NONE = "None"
    STAGING = "Staging"
    PRODUCTION = "Production"
    ARCHIVED = "Archived"


_STAGES: Final = {stage.value.lower(): stage for stage in Stage}


def parse_stage(text: str, path: str = "stage") -> Stage:
    """A stage from its name in any case, or from the empty text of a version without one."""
    stage = _STAGES.get(text.lower() or "none")
    if stage is None:
        listed = ", ".join(each.value for each in Stage)
        msg = f"Invalid Model Version stage: {text[:100]}. Value must be one of {listed}."
        raise InvalidArgument(msg, field=path)
    return stage


def check_model_name(name: str, path: str = "name") -> None:
    """Pass, or InvalidArgument for a name that is blank or holds what divides a model's URI."""
    if not name.strip():
        raise missing(path)
    if "/" in name or ":" in name:
        msg = f"Invalid model name '{name[:300]}'. Names cannot contain '/' or ':'."
        raise InvalidArgument(msg, field=path)


def bad_registry_page(value: int, most: int) -> InvalidArgument:
    """The refusal of a `max_results` that is not from 1 to `most`."""
    if value < 1:
        msg = f"Invalid value for max_results. It must be a positive integer, but got {value}."
    else:
        msg = (
            "Invalid value for request parameter max_results. It must be at most "
            f"{most}, but got value {value}."
        )
    return InvalidArgument(msg, field="max_results")


def model_view(model: RegisteredModel, latest: Iterable[ModelVersion]) -> Json:
    """A registered model with the latest version of every stage."""
    return present(
        name=model.name,
        creation_timestamp=model.created_at_ms,
        last_updated_timestamp=model.updated_at_ms,
        description=model.description,
        latest_versions=[version_view(version) for version in latest],
        tags=pairs(model.tags),
        aliases=[
            {"alias": alias.alias, "version": str(alias.version)}
            for alias in model.aliases
            if alias.version is not None
        ],
    )


def version_view(version: ModelVersion) -> Json:
    """A model version."""
    view = present(
        name=version.model,
        version=str(version.version),
        creation_timestamp=version.created_at_ms,
        last_updated_timestamp=version.updated_at_ms,
        model_id=version.logged_model_id,
        tags=pairs(version.tags),
        aliases=list(version.aliases),
    )
    return {
        **view,
        "source": version.source or "",
        "run_id": version.run_id or "",
        "current_stage": _shown(version.stage),
        "description": version.description,
        "run_link": version.run_link,
        "status": "READY",
    }


def _shown(stage: str) -> str:
    found = _STAGES.get(stage.lower() or "none")
    return stage if found is None else found.value
