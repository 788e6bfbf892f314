"""Runs as JSON: the structs of answers, and how values become them."""

from __future__ import annotations

import msgspec

from assay.domain.tracking import (
    Dataset,
    LatestMetric,
    Lifecycle,
    Run,
    RunInput,
    RunStatus,
    WholeRun,
)
from assay.faces.native.dialect import number


class MetricAnswer(msgspec.Struct):
    """A metric's last value and what its series' summary keeps. NaN and infinities are texts."""

    value: float | str
    step: int
    timestamp_ms: int
    count: int
    min: float | str | None
    min_step: int | None
    max: float | str | None
    max_step: int | None


class DatasetAnswer(msgspec.Struct):
    """A dataset as a client described it."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None
    profile: str | None


class InputAnswer(msgspec.Struct):
    """A dataset that the run read."""

    dataset: DatasetAnswer
    tags: dict[str, str]


class OutputAnswer(msgspec.Struct):
    """A logged model that the run wrote at a step."""

    model_id: str
    step: int


class RunInfo(msgspec.Struct):
    """A run without its data."""

    run_id: str
    name: str
    workspace: str
    experiment_id: str
    status: RunStatus
    lifecycle: Lifecycle
    user_name: str
    created_by: str
    lineage: str | None
    started_at_ms: int | None
    ended_at_ms: int | None
    created_at_ms: int


class RunAnswer(RunInfo):
    """A run with its latest metrics, params, tags, inputs and outputs."""

    metrics: dict[str, MetricAnswer]
    params: dict[str, str]
    tags: dict[str, str]
    inputs: list[InputAnswer]
    outputs: list[OutputAnswer]
    model_inputs: list[str]


class RunPage(msgspec.Struct):
    """Whole runs, and the token of the page after them."""

    runs: list[RunAnswer]
    next_page_token: str | None


def run_info(run: Run) -> RunInfo:
    """A run without its data."""
    return RunInfo(
        run.run_id,
        run.name,
        run.workspace,
        run.experiment_id,
        run.status,
        run.lifecycle,
        run.user_name,
        run.created_by,
        run.lineage,
        run.started_at_ms,
        run.ended_at_ms,
        run.created_at_ms,
    )


def whole_run(whole: WholeRun) -> RunAnswer:
    """A run with its data."""
    run = whole.run
    return RunAnswer(
        run.run_id,
        run.name,
        run.workspace,
        run.experiment_id,
        run.status,
        run.lifecycle,
        run.user_name,
        run.created_by,
        run.lineage,
        run.started_at_ms,
        run.ended_at_ms,
        run.created_at_ms,
        {metric.key: _metric(metric) for metric in whole.metrics},
        dict(whole.params),
        dict(whole.tags),
        [_input(given) for given in whole.inputs],
        [OutputAnswer(output.model_id, output.step) for output in whole.outputs],
        list(whole.model_inputs),
    )


def _metric(metric: LatestMetric) -> MetricAnswer:
    least, greatest = metric.min_value, metric.max_value
    return MetricAnswer(
        number(metric.value),
        metric.step,
        metric.timestamp_ms,
        metric.count,
        None if least is None else number(least),
        metric.min_step,
        None if greatest is None else number(greatest),
        metric.max_step,
    )


def _input(given: RunInput) -> InputAnswer:
    return InputAnswer(_dataset(given.dataset), dict(given.tags))


def _dataset(dataset: Dataset) -> DatasetAnswer:
    return DatasetAnswer(
        dataset.name,
        dataset.digest,
        dataset.source_type,
        dataset.source,
        dataset.schema,
        dataset.profile,
    )
