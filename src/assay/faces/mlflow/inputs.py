"""What runs read and wrote, in MLflow's words: datasets, input models, output models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import field

from assay.domain.access import Action
from assay.domain.errors import InvalidArgument
from assay.domain.names import MAX_TAG_VALUE
from assay.domain.tracking import Dataset, RunInput
from assay.faces.endpoint import BATCH_BODY, Call, Endpoint
from assay.faces.mlflow.experiments import checked_id
from assay.faces.mlflow.limits import KeyValue
from assay.faces.mlflow.routing import post
from assay.faces.mlflow.views import Json, present
from assay.faces.mlflow.wire import Int64, Message, Required, missing

MAX_EXPERIMENTS: Final = 20
MAX_DIGEST: Final = 36
"""What MLflow takes; the native API takes longer ones."""
LOGGED_MODELS_TAG: Final = "mlflow.log-model.history"
_MODEL_FIELDS: Final = ("artifact_path", "flavors", "utc_time_created", "run_id")


class DatasetMessage(Message):
    """A dataset as it is sent."""

    name: Required
    digest: Required
    source_type: str = ""
    source: str = ""
    schema: str | None = None
    profile: str | None = None


class DatasetInput(Message):
    """A dataset and how it was used."""

    dataset: DatasetMessage | None = None
    tags: list[KeyValue] = field(default_factory=list)


class ModelInput(Message):
    """A logged model that a run read."""

    model_id: Required


class ModelOutputMessage(Message):
    """A logged model that a run wrote."""

    model_id: Required
    step: Int64 = 0


class LogInputs(Message):
    """runs/log-inputs."""

    run_id: Required
    datasets: list[DatasetInput] = field(default_factory=list)
    models: list[ModelInput] = field(default_factory=list)


class LogOutputs(Message):
    """runs/outputs."""

    run_id: Required
    models: list[ModelOutputMessage] | None = None


class LogModel(Message):
    """runs/log-model."""

    run_id: Required
    model_json: Required


class SearchDatasets(Message):
    """experiments/search-datasets."""

    experiment_ids: list[str] = field(default_factory=list)


def log_inputs(call: Call, message: LogInputs) -> None:
    """Record what a run read; what is known stays."""
    inputs = [_input(given, index) for index, given in enumerate(message.datasets)]
    model_ids = [model.model_id for model in message.models]
    call.services.datasets.log_inputs(call.context, message.run_id, inputs, model_ids)


def log_outputs(call: Call, message: LogOutputs) -> None:
    """Record which logged models a run wrote."""
    if message.models is None:
        raise missing("models")
    outputs = [(model.model_id, model.step) for model in message.models]
    call.services.logged_models.log_outputs(call.context, message.run_id, outputs)


def log_model(call: Call, message: LogModel) -> None:
    """What clients of version 2 send of a model that they wrote below a run: kept as a tag."""
    model = _model_record(message.model_json)
    run = call.services.runs.get(call.context, message.run_id)
    history = _history(run.tags.get(LOGGED_MODELS_TAG, "[]"))
    if model not in history:
        history.append(model)
    text = msgspec.json.encode(history).decode()
    if len(text) > MAX_TAG_VALUE:
        # A run with many models: the tag is a courtesy to older pages, the newest entries matter.
        while history and len(text) > MAX_TAG_VALUE:
            history = history[1:]
            text = msgspec.json.encode(history).decode()
    call.services.runs.set_tags(call.context, message.run_id, {LOGGED_MODELS_TAG: text})


def search_datasets(call: Call, message: SearchDatasets) -> Json:
    """The datasets that runs of these experiments read."""
    ids = message.experiment_ids
    if not ids:
        msg = "SearchDatasets request must specify at least one experiment_id."
        raise InvalidArgument(msg, field="experiment_ids")
    if len(ids) > MAX_EXPERIMENTS:
        msg = (
            f"SearchDatasets request cannot specify more than {MAX_EXPERIMENTS} experiment_ids. "
            f"Received {len(ids)} experiment_ids."
        )
        raise InvalidArgument(msg, field="experiment_ids")
    for each in ids:
        checked_id(each, "experiment_ids")
    found = call.services.datasets.search(call.context, ids)
    return present(
        dataset_summaries=[
            present(
                experiment_id=use.experiment_id,
                name=use.dataset.name,
                digest=use.dataset.digest,
                context=use.context,
            )
            for use in found
        ]
    )


def _input(given: DatasetInput, index: int) -> RunInput:
    dataset = given.dataset
    if dataset is None:
        raise missing(f"datasets[{index}].dataset")
    if len(dataset.digest) > MAX_DIGEST:
        msg = f"'digest' exceeds the maximum length of {MAX_DIGEST} characters"
        raise InvalidArgument(msg, field=f"datasets[{index}].dataset.digest")
    described = Dataset(
        name=dataset.name,
        digest=dataset.digest,
        source_type=dataset.source_type,
        source=dataset.source,
        schema=dataset.schema,
        profile=dataset.profile,
    )
    return RunInput(described, {tag.key: tag.value for tag in given.tags})


def _model_record(text: str) -> Json:
    try:
        model = msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        msg = "Malformed model info: model_json is not valid JSON."
        raise InvalidArgument(msg, field="model_json") from None
    if not isinstance(model, dict):
        msg = "Malformed model info: model_json must be a JSON object."
        raise InvalidArgument(msg, field="model_json")
    absent = [name for name in _MODEL_FIELDS if name not in model]
    if absent:
        msg = f"Model json is missing mandatory fields: {', '.join(absent)}"
        raise InvalidArgument(msg, field="model_json")
    return {
        "run_id": model["run_id"],
        "artifact_path": model["artifact_path"],
        "utc_time_created": model["utc_time_created"],
        "model_uuid": model.get("model_uuid"),
        "flavors": _small(model["flavors"]),
    }


def _small(flavors: object) -> object:
    if not isinstance(flavors, dict):
        return {}
    return {
        name: {k: v for k, v in flavor.items() if k != "config"}
        for name, flavor in flavors.items()
        if isinstance(flavor, dict)
    }


def _history(text: str) -> list[Json]:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError):
        return []
    return found if isinstance(found, list) else []


_READ, _WRITE = Action.TRACKING_READ, Action.TRACKING_WRITE

ENDPOINTS: Sequence[Endpoint] = (
    post(
        "/runs/log-inputs",
        "Record what a run read",
        _WRITE,
        log_inputs,
        LogInputs,
        body_limit=BATCH_BODY,
    ),
    post("/runs/outputs", "Record what a run wrote", _WRITE, log_outputs, LogOutputs),
    post("/runs/log-model", "Record a model of an older client", _WRITE, log_model, LogModel),
    post("/experiments/search-datasets", "Datasets", _READ, search_datasets, SearchDatasets),
    # The path as the protocol's definition declares it, without the slash.
    post(
        "mlflow/experiments/search-datasets",
        "Datasets",
        _READ,
        search_datasets,
        SearchDatasets,
        root="/api/2.0",
    ),
)
