"""What tracking looks like in MLflow's JSON: unset and empty fields are left out."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from assay.domain.parent_run import MLFLOW_PARENT_TAG, PARENT_TAG
from assay.domain.run_name import RUN_NAME_TAG
from assay.domain.tracking import (
    Experiment,
    FileEntry,
    LatestMetric,
    LoggedModel,
    LoggedModelMetric,
    LoggedModelStatus,
    Run,
    RunInput,
    RunStatus,
    WholeRun,
)
from assay.faces.mlflow.roots import experiment_root, model_root, run_root

Json: TypeAlias = dict[str, Any]

_STATUS: Final = {status: status.value.upper() for status in RunStatus}
_MODEL_STATUS: Final = {
    LoggedModelStatus.UNSPECIFIED: "LOGGED_MODEL_STATUS_UNSPECIFIED",
    LoggedModelStatus.PENDING: "LOGGED_MODEL_PENDING",
    LoggedModelStatus.READY: "LOGGED_MODEL_READY",
    LoggedModelStatus.FAILED: "LOGGED_MODEL_UPLOAD_FAILED",
}
_LARGEST: Final = sys.float_info.max


def present(**fields: Any) -> Json:
    """The fields that say something: neither None nor an empty list, object or text."""
    return {
        key: value
        for key, value in fields.items()
        if value is not None and value not in ("", [], {})
    }


def number(value: float) -> float | str:
    """A double: NaN as its name, and an infinity as the largest double, which MLflow answers too."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return math.copysign(_LARGEST, value)


def pairs(values: Mapping[str, str]) -> list[Json]:
    """Params or tags as a list of keys and values."""
    return [{"key": key, "value": value} for key, value in values.items()]


def experiment_view(experiment: Experiment) -> Json:
    """An experiment."""
    return present(
        experiment_id=experiment.experiment_id,
        name=experiment.name,
        artifact_location=experiment_root(experiment),
        lifecycle_stage=experiment.lifecycle.value,
        last_update_time=experiment.updated_at_ms,
        creation_time=experiment.created_at_ms,
        tags=pairs(experiment.tags),
        workspace=experiment.workspace,
    )


def run_info_view(run: Run, location: str) -> Json:
    """A run without its data; `location` is the root of its experiment."""
    info: Json = {
        "run_uuid": run.run_id,
        "run_id": run.run_id,
        "run_name": run.name,
        "experiment_id": run.experiment_id,
        "user_id": run.user_name,
        "status": _STATUS[run.status],
        "artifact_uri": run_root(location, run.run_id),
        "lifecycle_stage": run.lifecycle.value,
    }
    if run.started_at_ms is not None:
        info["start_time"] = run.started_at_ms
    if run.ended_at_ms is not None:
        info["end_time"] = run.ended_at_ms
    return info


def run_view(whole: WholeRun, location: str) -> Json:
    """A run with its latest metrics, params, tags, inputs and outputs."""
    data: Json = {"tags": _run_tags(whole)}
    if whole.metrics:
        data["metrics"] = [_metric(metric) for metric in whole.metrics]
    if whole.params:
        data["params"] = pairs(whole.params)
    run: Json = {"info": run_info_view(whole.run, location), "data": data}
    run["inputs"] = {}
    if whole.inputs or whole.model_inputs:
        run["inputs"] = present(
            dataset_inputs=[_input(given) for given in whole.inputs],
            model_inputs=[{"model_id": model_id} for model_id in whole.model_inputs],
        )
    run["outputs"] = {}
    if whole.outputs:
        run["outputs"] = {
            "model_outputs": [
                {"model_id": output.model_id, "step": output.step} for output in whole.outputs
            ]
        }
    return run


def logged_model_view(model: LoggedModel, location: str) -> Json:
    """A logged model; `location` is the root of its experiment."""
    info = present(
        model_id=model.model_id,
        experiment_id=model.experiment_id,
        name=model.name,
        creation_timestamp_ms=model.created_at_ms,
        last_updated_timestamp_ms=model.updated_at_ms,
        artifact_uri=model_root(location, model.model_id),
        status=_MODEL_STATUS[model.status],
        model_type=model.model_type,
        source_run_id=model.run_id,
        status_message=model.status_message,
        tags=pairs(model.tags),
    )
    data = present(
        params=pairs(model.params),
        metrics=[_model_metric(metric, model.model_id) for metric in model.metrics],
    )
    return {"info": {"model_type": "", **info}, "data": data}


def file_views(files: Iterable[FileEntry], *, base_names: bool = False) -> list[Json]:
    """Files and folders, by path or by base name, in the order of their paths."""
    ordered = sorted(files, key=lambda entry: entry.path)
    return [_file(entry, base_names=base_names) for entry in ordered]


def point_view(key: str, value: float, timestamp_ms: int, step: int) -> Json:
    """One point of a metric."""
    return {"key": key, "value": number(value), "timestamp": timestamp_ms, "step": step}


def _run_tags(whole: WholeRun) -> list[Json]:
    tags = {**whole.tags, RUN_NAME_TAG: whole.run.name}
    parent = tags.pop(PARENT_TAG, None)
    if parent is not None:
        tags.setdefault(MLFLOW_PARENT_TAG, parent)
    return pairs(tags)


def _metric(metric: LatestMetric) -> Json:
    return point_view(metric.key, metric.value, metric.timestamp_ms, metric.step)


def _model_metric(metric: LoggedModelMetric, model_id: str) -> Json:
    return {
        **point_view(metric.key, metric.value, metric.timestamp_ms, metric.step),
        **present(
            dataset_name=metric.dataset_name,
            dataset_digest=metric.dataset_digest,
            model_id=model_id,
            run_id=metric.run_id,
        ),
    }


def _input(given: RunInput) -> Json:
    dataset = given.dataset
    described = present(
        name=dataset.name,
        digest=dataset.digest,
        source_type=dataset.source_type,
        source=dataset.source,
        schema=dataset.schema,
        profile=dataset.profile,
    )
    return present(tags=pairs(given.tags), dataset=described)


def _file(entry: FileEntry, *, base_names: bool) -> Json:
    path = entry.path.rpartition("/")[2] if base_names else entry.path
    if entry.is_folder:
        return {"path": path, "is_dir": True}
    return {"path": path, "is_dir": False, "file_size": entry.size_bytes or 0}
