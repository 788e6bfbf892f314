"""MLflow's writes to a run's metrics, params and tags: the hot path.

The messages forbid unknown fields: whoever sends one in another spelling is read leniently instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import anyio.to_thread
from msgspec import field

from assay.domain.access import Action
from assay.domain.names import MAX_PARAM_VALUE, MAX_TAG_VALUE
from assay.domain.run_name import RUN_NAME_TAG
from assay.domain.tracking import LoggedModelMetric
from assay.faces.endpoint import BATCH_BODY, SMALL_BODY, Call, Endpoint
from assay.faces.mlflow.limits import (
    KeyValue,
    MetricValue,
    check_batch,
    check_key,
    is_legal_key,
    params_of,
    tags_of,
)
from assay.faces.mlflow.routing import post
from assay.faces.mlflow.wire import Int64, Message, Required, invalid

_NEGATIVE: Final = "Timestamp must be a nonnegative 64-bit integer of milliseconds."


class LogMetric(Message, forbid_unknown_fields=True):
    """runs/log-metric."""

    run_id: Required
    key: Required
    value: float
    timestamp: Int64
    run_uuid: str = ""
    step: Int64 = 0
    model_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


class LogParam(Message, forbid_unknown_fields=True):
    """runs/log-parameter."""

    run_id: Required
    key: Required
    run_uuid: str = ""
    value: str = ""


class SetTag(Message, forbid_unknown_fields=True):
    """runs/set-tag."""

    run_id: Required
    key: Required
    run_uuid: str = ""
    value: str = ""


class LogBatch(Message, forbid_unknown_fields=True):
    """runs/log-batch."""

    run_id: Required
    metrics: list[MetricValue] = field(default_factory=list)
    params: list[KeyValue] = field(default_factory=list)
    tags: list[KeyValue] = field(default_factory=list)


async def log_metric(call: Call, message: LogMetric) -> None:
    """Add a point to a metric; the same point again changes nothing."""
    check_key(message.key, "key")
    if message.timestamp < 0:
        raise invalid("timestamp", message.timestamp, _NEGATIVE)
    if message.model_id:
        await _check_models(call, [message.model_id])
    await call.services.ingest.submit_columns(
        call.context,
        message.run_id,
        [message.key],
        None,
        [message.step],
        [message.timestamp],
        [message.value],
    )
    if message.model_id:
        metric = MetricValue(
            key=message.key,
            value=message.value,
            timestamp=message.timestamp,
            step=message.step,
            dataset_name=message.dataset_name,
            dataset_digest=message.dataset_digest,
            model_id=message.model_id,
        )
        await _log_to_models(call, message.run_id, [metric])


async def log_param(call: Call, message: LogParam) -> None:
    """Add a param; the same value again changes nothing, another is refused."""
    check_key(message.key, "key")
    value = message.value[:MAX_PARAM_VALUE]
    await call.services.ingest.submit(call.context, message.run_id, params={message.key: value})


async def set_tag(call: Call, message: SetTag) -> None:
    """Set a tag; the one that names the run renames it."""
    check_key(message.key, "key")
    await _set_tags(call, message.run_id, {message.key: message.value[:MAX_TAG_VALUE]})


async def log_batch(call: Call, message: LogBatch) -> None:
    """Add points, params and tags: all of it or, when anything is refused, nothing."""
    metrics = message.metrics
    check_batch(len(metrics), len(message.params), len(message.tags))
    params, tags = params_of(message.params), tags_of(message.tags)
    if not metrics:
        await _set_tags(call, message.run_id, tags, params)
        return
    keys = [metric.key for metric in metrics]
    timestamps_ms = [metric.timestamp for metric in metrics]
    _check_metrics(keys, timestamps_ms)
    about_models = [metric for metric in metrics if metric.model_id]
    if about_models:
        await _check_models(call, {metric.model_id or "" for metric in about_models})
    name = tags.pop(RUN_NAME_TAG, None) or None
    await call.services.ingest.submit_columns(
        call.context,
        message.run_id,
        keys,
        None,
        [metric.step for metric in metrics],
        timestamps_ms,
        [metric.value for metric in metrics],
        params=params,
        tags=tags,
        name=name,
    )
    if about_models:
        await _log_to_models(call, message.run_id, about_models)


def _check_metrics(keys: Sequence[str], timestamps_ms: Sequence[int]) -> None:
    if not all(map(is_legal_key, set(keys))):
        for index, key in enumerate(keys):
            check_key(key, f"metrics[{index}].name")
    if min(timestamps_ms) < 0:
        index = next(row for row, moment in enumerate(timestamps_ms) if moment < 0)
        raise invalid(f"metrics[{index}].timestamp", timestamps_ms[index], _NEGATIVE)


async def _set_tags(
    call: Call, run_id: str, tags: dict[str, str], params: Mapping[str, str] | None = None
) -> None:
    name = tags.pop(RUN_NAME_TAG, None) or None
    await call.services.ingest.submit(call.context, run_id, params=params, tags=tags, name=name)


async def _check_models(call: Call, model_ids: Iterable[str]) -> None:
    """Before anything is written: the models are there, so that nothing is half done."""
    for model_id in sorted(model_ids):
        await anyio.to_thread.run_sync(call.services.logged_models.get, call.context, model_id)


async def _log_to_models(call: Call, run_id: str, metrics: Sequence[MetricValue]) -> None:
    by_model: dict[str, list[LoggedModelMetric]] = {}
    for metric in metrics:
        point = LoggedModelMetric(
            key=metric.key,
            value=metric.value,
            timestamp_ms=metric.timestamp,
            step=metric.step,
            run_id=run_id,
            dataset_name=metric.dataset_name or "",
            dataset_digest=metric.dataset_digest or "",
        )
        by_model.setdefault(metric.model_id or "", []).append(point)
    for model_id, points in by_model.items():
        await anyio.to_thread.run_sync(
            call.services.logged_models.log_metrics, call.context, model_id, points
        )


_WRITE: Final = Action.TRACKING_WRITE

ENDPOINTS: tuple[Endpoint, ...] = (
    post(
        "/runs/log-metric",
        "Add a point to a metric",
        _WRITE,
        log_metric,
        LogMetric,
        body_limit=SMALL_BODY,
    ),
    post("/runs/log-parameter", "Add a param", _WRITE, log_param, LogParam, body_limit=SMALL_BODY),
    post("/runs/set-tag", "Set a tag of a run", _WRITE, set_tag, SetTag, body_limit=SMALL_BODY),
    post(
        "/runs/log-batch",
        "Add points, params and tags",
        _WRITE,
        log_batch,
        LogBatch,
        body_limit=BATCH_BODY,
    ),
)
