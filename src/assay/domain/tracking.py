"""The values that tracking is about: workspaces, experiments, runs, datasets, logged models, files.

Times are UTC epoch milliseconds. `pk` is the database's key and never leaves the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")

DEFAULT_WORKSPACE = "default"
DEFAULT_EXPERIMENT_ID = "0"


class Lifecycle(StrEnum):
    """Whether an object is in use or in the bin; what is in the bin can be restored."""

    ACTIVE = "active"
    DELETED = "deleted"


class View(StrEnum):
    """Which lifecycles a search looks at."""

    ACTIVE = "active"
    DELETED = "deleted"
    ALL = "all"


class LineagePolicy(StrEnum):
    """`required`: no version without closed lineage. `recorded`: accepted, but unverifiable for ever."""

    REQUIRED = "required"
    RECORDED = "recorded"


class Demand(StrEnum):
    """How a workspace takes what does not meet a rule: not looked at, said, or refused."""

    OFF = "off"
    WARN = "warn"
    REQUIRE = "require"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a workspace demands of its registry.

    `strict_refs` is about references that can move, at registration; `closure_at_promotion` about
    what a promoted version was made from still being there.
    """

    lineage: LineagePolicy = LineagePolicy.REQUIRED
    protected: frozenset[str] = frozenset({"production", "champion"})
    strict_refs: Demand = Demand.WARN
    closure_at_promotion: Demand = Demand.OFF


@dataclass(frozen=True, slots=True)
class Workspace:
    """A team's space, the unit of access. `policy` is the one in force (its own or the server's)."""

    pk: int
    name: str
    description: str
    policy: Policy
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class Experiment:
    """A named group of runs in one workspace. `experiment_id` is a decimal number as text."""

    experiment_id: str
    workspace: str
    name: str
    lifecycle: Lifecycle
    artifact_location: str | None
    created_at_ms: int
    updated_at_ms: int
    tags: Mapping[str, str] = field(default_factory=dict)


class RunStatus(StrEnum):
    """Where a run is in its life. The last three are terminal, though a client may resume from them."""

    RUNNING = "running"
    SCHEDULED = "scheduled"
    FINISHED = "finished"
    FAILED = "failed"
    KILLED = "killed"


@dataclass(frozen=True, slots=True)
class LatestMetric:
    """The last value of a metric with the extremes that its summary keeps."""

    key: str
    value: float
    timestamp_ms: int
    step: int
    count: int
    min_value: float | None
    min_step: int | None
    max_value: float | None
    max_step: int | None


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset as a client described it; `digest` is the client's and proves nothing by itself."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class RunInput:
    """A dataset that a run read, with tags such as its role (`train`, `eval`)."""

    dataset: Dataset
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """A logged model that a run wrote at a step."""

    model_id: str
    step: int


@dataclass(frozen=True, slots=True)
class Run:
    """A run without its data."""

    pk: int
    run_id: str
    workspace: str
    experiment_id: str
    name: str
    status: RunStatus
    lifecycle: Lifecycle
    user_name: str
    created_by: str
    lineage: str | None
    started_at_ms: int | None
    ended_at_ms: int | None
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class WholeRun:
    """A run with its latest metrics, params, tags, inputs and outputs."""

    run: Run
    metrics: tuple[LatestMetric, ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[RunInput, ...] = ()
    outputs: tuple[ModelOutput, ...] = ()
    model_inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of an artifact tree, or a folder (then without digest and size)."""

    path: str
    is_folder: bool
    size_bytes: int | None = None
    sha256: str | None = None


class LoggedModelStatus(StrEnum):
    """Whether the upload of a logged model has ended."""

    UNSPECIFIED = "unspecified"
    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LoggedModelMetric:
    """A metric of a logged model, on a dataset where one was named."""

    key: str
    value: float
    timestamp_ms: int
    step: int
    run_id: str
    dataset_name: str
    dataset_digest: str


@dataclass(frozen=True, slots=True)
class LoggedModel:
    """A model folder that a run wrote, with an id of its own, before any registration."""

    pk: int
    model_id: str
    workspace: str
    experiment_id: str
    run_id: str | None
    name: str
    model_type: str
    status: LoggedModelStatus
    status_message: str
    lifecycle: Lifecycle
    created_at_ms: int
    updated_at_ms: int
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[LoggedModelMetric, ...] = ()


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What a run recorded at a step beside numbers: a text, a table, an image."""

    key: str
    step: int
    kind: str
    timestamp_ms: int
    payload: str | None
    sha256: str | None
    size_bytes: int


@dataclass(frozen=True, slots=True)
class EvalResult:
    """A score that a run claims for itself on a suite: good for choosing, never evidence."""

    run_id: str
    suite_fingerprint: str
    metric: str
    value: float
    value_text: str
    items: int | None
    created_by: str
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a listing; `next_token` is None on the last one."""

    items: tuple[T, ...]
    next_token: str | None = None
