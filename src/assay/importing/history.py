"""What a source tells: values in MLflow's words for things, in Assay's units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from assay.importing.points import Series


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment; `key` is its id in the source."""

    key: str
    name: str
    is_deleted: bool
    created_at_ms: int
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset that a run read, with the tags of the reading."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None
    profile: str | None
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Run:
    """A run with all that it recorded, but for its files, which lie at `artifact_uri`.

    `files_at` is the folder where a source of folders has them, empty otherwise.
    """

    run_id: str
    experiment: str
    name: str
    user_name: str
    status: str
    is_deleted: bool
    started_at_ms: int | None
    ended_at_ms: int | None
    artifact_uri: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    inputs: Sequence[Dataset]
    model_inputs: Sequence[str]
    series: Mapping[str, Series]
    files_at: str = ""


@dataclass(frozen=True, slots=True)
class ModelMetric:
    """A metric of a logged model."""

    key: str
    value: float
    step: int
    timestamp_ms: int
    run_id: str
    dataset_name: str = ""
    dataset_digest: str = ""


@dataclass(frozen=True, slots=True)
class LoggedModel:
    """A logged model; `outputs` are the runs that wrote it, each with a step."""

    model_id: str
    experiment: str
    name: str
    model_type: str
    status: str
    status_message: str
    is_deleted: bool
    run_id: str | None
    artifact_uri: str
    created_at_ms: int
    updated_at_ms: int
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Sequence[ModelMetric]
    outputs: Sequence[tuple[str, int]]
    files_at: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """A model version. `stage` is empty for none."""

    version: int
    source: str
    storage: str
    run_id: str | None
    model_id: str | None
    description: str
    run_link: str
    stage: str
    created_at_ms: int
    updated_at_ms: int
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Model:
    """A registered model with its versions by number, and who holds which alias."""

    name: str
    description: str
    created_at_ms: int
    tags: Mapping[str, str]
    versions: Mapping[int, Version] = field(default_factory=dict)
    aliases: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is to come, as far as the source says it cheaply."""

    runs: int
    points: int | None


class Source(Protocol):
    """A history that is read once, front to back, and never changed. Its iterators may be long."""

    def size(self) -> Size:
        """How much there is."""

    def experiments(self) -> Iterator[Experiment]:
        """Every experiment, deleted ones too."""

    def runs(self) -> Iterator[Run]:
        """Every run, deleted ones too, one at a time."""

    def logged_models(self) -> Iterator[LoggedModel]:
        """Every logged model, deleted ones too."""

    def models(self) -> Iterator[Model]:
        """Every registered model."""

    def close(self) -> None:
        """Let go of the source."""
