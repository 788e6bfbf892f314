"""Statements on logged models: themselves, what they carry, and which runs wrote them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from typing import Any, NamedTuple

from sqlalchemy import bindparam, case, func, select, tuple_, update

from assay.domain.tracking import (
    Lifecycle,
    LoggedModel,
    LoggedModelMetric,
    LoggedModelStatus,
)
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.dialect import Engine
from assay.storage.key_values import KeyValues
from assay.storage.tables.tracking import (
    logged_model_metrics,
    logged_model_params,
    logged_model_tags,
    logged_models,
    run_outputs,
    runs,
    workspaces,
)

_PARAMS = KeyValues(logged_model_params, "logged_model_id")
_TAGS = KeyValues(logged_model_tags, "logged_model_id")
_ALL = (
    select(
        logged_models.c.id,
        logged_models.c.model_id,
        workspaces.c.name,
        logged_models.c.experiment_id,
        runs.c.run_id,
        logged_models.c.name,
        logged_models.c.model_type,
        logged_models.c.status,
        logged_models.c.status_message,
        logged_models.c.lifecycle,
        logged_models.c.created_at_ms,
        logged_models.c.updated_at_ms,
    )
    .select_from(logged_models)
    .join(workspaces, workspaces.c.id == logged_models.c.workspace_id)
    .outerjoin(runs, runs.c.id == logged_models.c.run_pk)
)
_BY_MODEL_ID = _ALL.where(logged_models.c.model_id == bindparam("model_id"))
_HANDLE = (
    select(
        logged_models.c.id,
        workspaces.c.name,
        logged_models.c.experiment_id,
        logged_models.c.lifecycle,
    )
    .join_from(logged_models, workspaces)
    .where(logged_models.c.model_id == bindparam("model_id"))
)


class NewLoggedModel(NamedTuple):
    """A logged model to be added."""

    model_id: str
    workspace_pk: int
    experiment_pk: int
    run_pk: int | None
    name: str
    model_type: str
    status: LoggedModelStatus
    created_at_ms: int


class ModelHandle(NamedTuple):
    """What it takes to write to a logged model: its key, where it is and whether it is in use."""

    pk: int
    workspace: str
    experiment_pk: int
    lifecycle: Lifecycle


def insert_model(tx: Transaction, model: NewLoggedModel) -> int:
    """Add an active logged model and return its key. A taken id is AlreadyExists."""
    statement = (
        dialect.insert(tx.engine, logged_models)
        .values(
            model_id=model.model_id,
            workspace_id=model.workspace_pk,
            experiment_id=model.experiment_pk,
            run_pk=model.run_pk,
            name=model.name,
            model_type=model.model_type,
            status=model.status.value,
            status_message="",
            lifecycle=Lifecycle.ACTIVE.value,
            created_at_ms=model.created_at_ms,
            updated_at_ms=model.created_at_ms,
        )
        .returning(logged_models.c.id)
    )
    pk: int = tx.execute(statement).scalar_one()
    return pk


def find_model(tx: Transaction, model_id: str) -> LoggedModel | None:
    """The logged model with what it carries, in any lifecycle."""
    row = tx.execute(_BY_MODEL_ID, {"model_id": model_id}).first()
    return None if row is None else _whole(tx, [row])[0]


def load_models(tx: Transaction, pks: Sequence[int]) -> tuple[LoggedModel, ...]:
    """The logged models with those keys, in that order."""
    rows = tx.execute(_ALL.where(logged_models.c.id.in_(pks))).all()
    found = {model.pk: model for model in _whole(tx, rows)}
    return tuple(found[pk] for pk in pks if pk in found)


def find_handle(tx: Transaction, model_id: str) -> ModelHandle | None:
    """What writes to the logged model need of it: cheaper than the model."""
    row = tx.execute(_HANDLE, {"model_id": model_id}).first()
    return None if row is None else ModelHandle(row[0], row[1], row[2], Lifecycle(row[3]))


def lock_handle(tx: Transaction, model_id: str) -> ModelHandle | None:
    """The same, and nobody else changes the model until the transaction ends."""
    statement = _HANDLE.with_for_update(of=logged_models)
    row = tx.execute(statement, {"model_id": model_id}).first()
    return None if row is None else ModelHandle(row[0], row[1], row[2], Lifecycle(row[3]))


def set_status(
    tx: Transaction, pk: int, status: LoggedModelStatus, message: str, now_ms: int
) -> None:
    """Say how the upload went."""
    tx.execute(
        update(logged_models)
        .where(logged_models.c.id == pk)
        .values(status=status.value, status_message=message, updated_at_ms=now_ms)
    )


def set_lifecycle(tx: Transaction, pk: int, lifecycle: Lifecycle, now_ms: int) -> None:
    """Delete or restore a logged model."""
    tx.execute(
        update(logged_models)
        .where(logged_models.c.id == pk)
        .values(lifecycle=lifecycle.value, updated_at_ms=now_ms)
    )


def add_params(tx: Transaction, pk: int, params: Mapping[str, str]) -> None:
    """Add params, which are written once; see `KeyValues.add`."""
    _PARAMS.add(tx, pk, params, "param")


def set_tags(tx: Transaction, pk: int, tags: Mapping[str, str]) -> None:
    """Set tags, whether or not they were there."""
    _TAGS.set(tx, pk, tags)


def delete_tag(tx: Transaction, pk: int, key: str) -> bool:
    """Remove one tag; False when it was not there."""
    return _TAGS.delete(tx, pk, key)


def _metric_upsertion(engine: Engine) -> Any:
    names = [column.name for column in logged_model_metrics.columns]
    statement = dialect.insert(engine, logged_model_metrics).values(
        {name: bindparam(name) for name in names}
    )
    place = ["logged_model_id", "key", "dataset_name", "dataset_digest", "run_pk"]
    given = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=place,
        set_={name: given[name] for name in ("step", "timestamp_ms", "value")},
        where=_moment(given) > _moment(logged_model_metrics.c),
    )


def _moment(columns: Any) -> Any:
    # As the last point of a series: NaN counts as zero and loses to a number of equal value.
    value = columns.value
    return tuple_(
        columns.step,
        columns.timestamp_ms,
        func.coalesce(value, 0.0),
        case((value.is_(None), 0), else_=1),
    )


_UPSERT_METRIC = {engine: _metric_upsertion(engine) for engine in Engine}


class ModelMetric(NamedTuple):
    """A metric point that a run logged for a logged model."""

    model_pk: int
    run_pk: int
    key: str
    step: int
    timestamp_ms: int
    value: float
    dataset_name: str
    dataset_digest: str


def add_metrics(tx: Transaction, metrics: Sequence[ModelMetric]) -> None:
    """Keep the latest point per model, key, dataset and run."""
    rows = [
        {
            "logged_model_id": metric.model_pk,
            "run_pk": metric.run_pk,
            "key": metric.key,
            "step": metric.step,
            "timestamp_ms": metric.timestamp_ms,
            "value": None if isnan(metric.value) else metric.value,
            "dataset_name": metric.dataset_name,
            "dataset_digest": metric.dataset_digest,
        }
        for metric in sorted(metrics, key=lambda metric: metric[:3])
    ]
    if rows:
        tx.execute(_UPSERT_METRIC[tx.engine], rows)


def set_outputs(tx: Transaction, run_pk: int, outputs: Iterable[tuple[int, int]]) -> None:
    """Record which models (key, step) a run wrote; the same model again takes the new step."""
    statement = dialect.insert(tx.engine, run_outputs).values(
        run_pk=bindparam("run_pk"),
        logged_model_id=bindparam("logged_model_id"),
        step=bindparam("step"),
    )
    rows = [
        {"run_pk": run_pk, "logged_model_id": model_pk, "step": step}
        for model_pk, step in sorted(outputs)
    ]
    if rows:
        tx.execute(
            statement.on_conflict_do_update(
                index_elements=["run_pk", "logged_model_id"],
                set_={"step": statement.excluded.step},
            ),
            rows,
        )


def _whole(tx: Transaction, rows: Sequence[Sequence[Any]]) -> list[LoggedModel]:
    pks = [row[0] for row in rows]
    params, tags = _PARAMS.of_many(tx, pks), _TAGS.of_many(tx, pks)
    metrics = _metrics(tx, pks)
    return [
        LoggedModel(
            pk=row[0],
            model_id=row[1],
            workspace=row[2],
            experiment_id=str(row[3]),
            run_id=row[4],
            name=row[5],
            model_type=row[6],
            status=LoggedModelStatus(row[7]),
            status_message=row[8],
            lifecycle=Lifecycle(row[9]),
            created_at_ms=row[10],
            updated_at_ms=row[11],
            params=params.get(row[0], {}),
            tags=tags.get(row[0], {}),
            metrics=tuple(metrics.get(row[0], ())),
        )
        for row in rows
    ]


def _metrics(tx: Transaction, pks: Sequence[int]) -> dict[int, list[LoggedModelMetric]]:
    metrics = logged_model_metrics
    statement = (
        select(
            metrics.c.logged_model_id,
            metrics.c.key,
            metrics.c.value,
            metrics.c.timestamp_ms,
            metrics.c.step,
            runs.c.run_id,
            metrics.c.dataset_name,
            metrics.c.dataset_digest,
        )
        .join_from(metrics, runs)
        .where(metrics.c.logged_model_id.in_(pks))
        .order_by(
            metrics.c.key,
            metrics.c.dataset_name,
            metrics.c.dataset_digest,
            metrics.c.step,
            runs.c.run_id,
        )
    )
    found: dict[int, list[LoggedModelMetric]] = {}
    for pk, key, value, *rest in tx.execute(statement):
        number = float("nan") if value is None else value
        found.setdefault(pk, []).append(LoggedModelMetric(key, number, *rest))
    return found
