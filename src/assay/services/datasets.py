"""Datasets: which ones runs read, and the logged models that runs read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from assay.domain.access import Action
from assay.domain.errors import LimitExceeded, NotFound
from assay.domain.ids import parse_model_id
from assay.domain.names import (
    MAX_DATASET_DIGEST,
    MAX_DATASET_NAME,
    MAX_DATASET_PROFILE,
    MAX_DATASET_SCHEMA,
    MAX_DATASET_SOURCE,
    MAX_INPUT_TAG_KEY,
    MAX_INPUT_TAG_VALUE,
    check_text,
)
from assay.domain.tracking import Dataset, RunInput
from assay.services.context import Context
from assay.services.platform import Platform
from assay.services.runs import open_run
from assay.services.search import readable_experiments
from assay.storage import datasets, logged_models, runs
from assay.storage.database import Transaction

MAX_INPUTS: Final = 10_000
MAX_FOUND: Final = 1_000
MAX_SOURCE_TYPE: Final = 36


@dataclass(frozen=True, slots=True)
class DatasetUse:
    """A dataset that runs of an experiment read, and the role that they gave it, if any.

    The dataset comes without schema and profile.
    """

    experiment_id: str
    dataset: Dataset
    context: str | None


class Datasets:
    """Records inputs of runs and finds them again."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def log_inputs(
        self,
        context: Context,
        run_id: str,
        inputs: Sequence[RunInput],
        model_ids: Sequence[str] = (),
    ) -> None:
        """Record that an active run read datasets and logged models. What it is known to have read stays.

        A dataset is one per experiment, name and digest; its first description counts.
        """
        if len(inputs) > MAX_INPUTS or len(model_ids) > MAX_INPUTS:
            raise LimitExceeded(
                f"One request brings at most {MAX_INPUTS} inputs.", field="inputs", limit=MAX_INPUTS
            )
        for position, given in enumerate(inputs):
            _check_input(given, f"inputs[{position}]")
        with self._platform.database.write() as tx:
            run = open_run(tx, context, run_id)
            runs.lock_handle(tx, run_id)
            datasets.add_inputs(tx, run.pk, run.experiment_pk, inputs)
            models = [_model_pk(tx, context, model_id) for model_id in model_ids]
            datasets.add_model_inputs(tx, run.pk, models)

    def search(self, context: Context, experiment_ids: Sequence[str]) -> tuple[DatasetUse, ...]:
        """What active runs of these experiments read, at most 1,000 uses."""
        with self._platform.database.read() as tx:
            pks = readable_experiments(tx, context, experiment_ids)
            found = datasets.search_datasets(tx, pks, MAX_FOUND) if pks else []
        return tuple(DatasetUse(str(pk), dataset, role) for pk, dataset, role in found)


def _model_pk(tx: Transaction, context: Context, model_id: str) -> int:
    found = logged_models.find_handle(tx, parse_model_id(model_id))
    if found is None:
        raise NotFound(f"Logged model {model_id!r} does not exist.", field="model_id")
    context.require_object(Action.TRACKING_READ, found.workspace, f"Logged model {model_id!r}")
    return found.pk


def _check_input(given: RunInput, place: str) -> None:
    dataset = given.dataset
    check_text(dataset.name, f"{place}.name", max_length=MAX_DATASET_NAME, allow_empty=False)
    check_text(dataset.digest, f"{place}.digest", max_length=MAX_DATASET_DIGEST, allow_empty=False)
    check_text(dataset.source_type, f"{place}.source_type", max_length=MAX_SOURCE_TYPE)
    check_text(dataset.source, f"{place}.source", max_length=MAX_DATASET_SOURCE)
    if dataset.schema is not None:
        check_text(dataset.schema, f"{place}.schema", max_length=MAX_DATASET_SCHEMA)
    if dataset.profile is not None:
        check_text(dataset.profile, f"{place}.profile", max_length=MAX_DATASET_PROFILE)
    for key, value in given.tags.items():
        check_text(key, f"{place}.tags.key", max_length=MAX_INPUT_TAG_KEY, allow_empty=False)
        check_text(value, f"{place}.tags.value", max_length=MAX_INPUT_TAG_VALUE)
