"""Logged models: folders that runs wrote, with an id of their own before any registration."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from assay.domain.access import Action
from assay.domain.errors import InvalidArgument, LimitExceeded, NotFound
from assay.domain.filters import MAX_ORDERS, parse_filter, parse_order_by
from assay.domain.grammars import LOGGED_MODELS
from assay.domain.ids import ID_BYTES, parse_model_id
from assay.domain.metric import check_point
from assay.domain.names import (
    MAX_DATASET_DIGEST,
    MAX_DATASET_NAME,
    MAX_MODEL_NAME,
    check_text,
)
from assay.domain.paging import bind, decode, encode
from assay.domain.tracking import (
    Lifecycle,
    LoggedModel,
    LoggedModelMetric,
    LoggedModelStatus,
    Page,
    View,
)
from assay.services.checks import check_page_size, check_params, check_step, check_tags
from assay.services.context import Context
from assay.services.experiments import experiment_pk, open_experiment
from assay.services.platform import Platform
from assay.services.runs import open_run
from assay.services.search import readable_experiments
from assay.storage import logged_models
from assay.storage.database import Transaction
from assay.storage.logged_model_search import (
    DatasetChoice,
    ModelOrder,
    ModelQuery,
    search_models,
)
from assay.storage.logged_models import ModelHandle, ModelMetric, NewLoggedModel

__all__ = ["DatasetChoice", "LoggedModels"]

MAX_PAGE: Final = 5_000
MAX_METRICS: Final = 1_000
MAX_OUTPUTS: Final = 1_000
MAX_MODEL_TYPE: Final = 500
MAX_STATUS_MESSAGE: Final = 500
MAX_METRIC_PLACE_BYTES: Final = 2_048
"""Of key, dataset name and digest together in UTF-8: what both databases keep in an index."""

_FORBIDDEN: Final = re.compile(r"""[/:.%"']""")


class LoggedModels:
    """Makes, changes and finds logged models."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def create(
        self,
        context: Context,
        experiment_id: str,
        *,
        name: str,
        model_type: str = "",
        run_id: str | None = None,
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> LoggedModel:
        """Make a pending logged model in an active experiment, written by an active run if any."""
        check_name(name)
        check_text(model_type, "model_type", max_length=MAX_MODEL_TYPE)
        given_params, given_tags = check_params(params or {}), check_tags(tags or {})
        model_id = f"m-{self._platform.token_hex(ID_BYTES)}"
        with self._platform.database.write() as tx:
            workspace_pk, _ = open_experiment(tx, context, experiment_pk(experiment_id))
            new = NewLoggedModel(
                model_id=model_id,
                workspace_pk=workspace_pk,
                experiment_pk=experiment_pk(experiment_id),
                run_pk=None if run_id is None else open_run(tx, context, run_id).pk,
                name=name,
                model_type=model_type,
                status=LoggedModelStatus.PENDING,
                created_at_ms=context.now_ms,
            )
            pk = logged_models.insert_model(tx, new)
            logged_models.add_params(tx, pk, given_params)
            logged_models.set_tags(tx, pk, given_tags)
            return _whole(tx, model_id)

    def get(self, context: Context, model_id: str, *, allow_deleted: bool = False) -> LoggedModel:
        """The logged model. Raises NotFound, for a deleted one too unless that is allowed."""
        with self._platform.database.read() as tx:
            found = logged_models.find_model(tx, parse_model_id(model_id))
        if found is None:
            raise _unknown(model_id)
        context.require_object(Action.TRACKING_READ, found.workspace, f"Logged model {model_id!r}")
        if found.lifecycle is Lifecycle.DELETED and not allow_deleted:
            raise _unknown(model_id)
        return found

    def finalize(
        self, context: Context, model_id: str, status: LoggedModelStatus, message: str = ""
    ) -> LoggedModel:
        """Say whether the upload worked: `ready` or `failed`."""
        if status in (LoggedModelStatus.PENDING, LoggedModelStatus.UNSPECIFIED):
            raise InvalidArgument("status must be ready or failed.", field="status")
        check_text(message, "status_message", max_length=MAX_STATUS_MESSAGE)
        with self._platform.database.write() as tx:
            model = _open(tx, context, model_id)
            logged_models.set_status(tx, model.pk, status, message, context.now_ms)
            return _whole(tx, model_id)

    def log_params(self, context: Context, model_id: str, values: Mapping[str, str]) -> LoggedModel:
        """Add params, which are written once, as those of a run."""
        given = check_params(values)
        with self._platform.database.write() as tx:
            logged_models.add_params(tx, _open(tx, context, model_id).pk, given)
            return _whole(tx, model_id)

    def set_tags(self, context: Context, model_id: str, values: Mapping[str, str]) -> LoggedModel:
        """Set tags, whether or not they were there."""
        given = check_tags(values)
        with self._platform.database.write() as tx:
            logged_models.set_tags(tx, _open(tx, context, model_id).pk, given)
            return _whole(tx, model_id)

    def delete_tag(self, context: Context, model_id: str, key: str) -> LoggedModel:
        """Remove a tag. Raises NotFound when it is not there."""
        with self._platform.database.write() as tx:
            if not logged_models.delete_tag(tx, _open(tx, context, model_id).pk, key):
                raise NotFound(f"Logged model {model_id!r} has no tag {key[:100]!r}.", field="key")
            return _whole(tx, model_id)

    def delete(self, context: Context, model_id: str) -> None:
        """Put a logged model into the bin. Versions registered from it keep their files."""
        with self._platform.database.write() as tx:
            model = _open(tx, context, model_id, Action.TRACKING_DELETE)
            logged_models.set_lifecycle(tx, model.pk, Lifecycle.DELETED, context.now_ms)

    def log_outputs(
        self, context: Context, run_id: str, outputs: Sequence[tuple[str, int]]
    ) -> None:
        """Record which logged models (id, step) an active run wrote."""
        if len(outputs) > MAX_OUTPUTS:
            raise LimitExceeded(
                f"One request brings at most {MAX_OUTPUTS} outputs.",
                field="models",
                limit=MAX_OUTPUTS,
            )
        with self._platform.database.write() as tx:
            run = open_run(tx, context, run_id)
            written = {
                _open(tx, context, model_id).pk: check_step(step) for model_id, step in outputs
            }
            logged_models.set_outputs(tx, run.pk, written.items())

    def log_metrics(
        self, context: Context, model_id: str, metrics: Sequence[LoggedModelMetric]
    ) -> None:
        """Keep metrics of a logged model: the latest per key, dataset and run counts."""
        if len(metrics) > MAX_METRICS:
            raise LimitExceeded(
                f"One request brings at most {MAX_METRICS} metrics.",
                field="metrics",
                limit=MAX_METRICS,
            )
        for metric in metrics:
            check_metric(metric)
        with self._platform.database.write() as tx:
            model = _open(tx, context, model_id)
            run_pks = {
                run_id: open_run(tx, context, run_id).pk
                for run_id in sorted({metric.run_id for metric in metrics})
            }
            rows = [
                ModelMetric(
                    model.pk,
                    run_pks[metric.run_id],
                    metric.key,
                    metric.step,
                    metric.timestamp_ms,
                    metric.value,
                    metric.dataset_name,
                    metric.dataset_digest,
                )
                for metric in metrics
            ]
            logged_models.add_metrics(tx, rows)

    def search(
        self,
        context: Context,
        experiment_ids: Sequence[str],
        *,
        filter: str = "",  # noqa: A002 - the word of the search language
        order_by: Sequence[tuple[str, DatasetChoice | None] | str] = (),
        datasets: Sequence[DatasetChoice] = (),
        view: View = View.ACTIVE,
        max_results: int = 100,
        page_token: str | None = None,
    ) -> Page[LoggedModel]:
        """Logged models, newest first unless ordered otherwise.

        With `datasets`, metrics of the filter are those on one of them. An order is a text, or a
        text and the dataset whose metric it means.
        """
        check_page_size(max_results, MAX_PAGE)
        pairs = [(order, None) if isinstance(order, str) else order for order in order_by]
        orders = [
            ModelOrder(parse_order_by([text], LOGGED_MODELS)[0], dataset) for text, dataset in pairs
        ]
        _refuse_repeats(orders)
        clauses = parse_filter(filter, LOGGED_MODELS)
        bound = ["logged models", sorted(set(experiment_ids)), filter, view.value]
        binding = bind([*bound, [[text, _json(chosen)] for text, chosen in pairs], _list(datasets)])
        after = decode(page_token, binding) if page_token else None
        with self._platform.database.read() as tx:
            pks = readable_experiments(tx, context, experiment_ids)
            if not pks:
                return Page(())
            query = ModelQuery(pks, clauses, orders, tuple(datasets), view)
            found, carried = search_models(tx, query, after, max_results)
            models = logged_models.load_models(tx, found)
        return Page(models, None if carried is None else encode(carried, binding))


def _open(
    tx: Transaction, context: Context, model_id: str, action: Action = Action.TRACKING_WRITE
) -> ModelHandle:
    found = logged_models.find_handle(tx, parse_model_id(model_id))
    if found is None:
        raise _unknown(model_id)
    context.require_object(action, found.workspace, f"Logged model {model_id!r}")
    if found.lifecycle is not Lifecycle.ACTIVE:
        raise _unknown(model_id)
    return found


def _whole(tx: Transaction, model_id: str) -> LoggedModel:
    found = logged_models.find_model(tx, model_id)
    if found is None:
        raise _unknown(model_id)
    return found


def _unknown(model_id: str) -> NotFound:
    return NotFound(f"Logged model {model_id!r} does not exist.", field="model_id")


def check_name(name: str) -> None:
    """Pass, or InvalidArgument for a name that addresses of models could not hold."""
    check_text(name, "name", max_length=MAX_MODEL_NAME, allow_empty=False)
    if not name.strip() or _FORBIDDEN.search(name) is not None:
        raise InvalidArgument(
            f"name {name!r} must not be blank, nor hold any of / : . % \" '", field="name"
        )


def check_metric(metric: LoggedModelMetric) -> None:
    """Pass, or InvalidArgument naming what is not legal."""
    check_point(metric.key, metric.value, metric.timestamp_ms, metric.step)
    check_text(metric.dataset_name, "dataset_name", max_length=MAX_DATASET_NAME)
    check_text(metric.dataset_digest, "dataset_digest", max_length=MAX_DATASET_DIGEST)
    place = metric.key + metric.dataset_name + metric.dataset_digest
    if len(place.encode()) > MAX_METRIC_PLACE_BYTES:
        raise InvalidArgument("key and dataset_name are too long together.", field="dataset_name")


def _refuse_repeats(orders: Sequence[ModelOrder]) -> None:
    if len(orders) > MAX_ORDERS:
        raise InvalidArgument(f"order_by has at most {MAX_ORDERS} entries.", field="order_by")
    if len({(order.by.entity, order.by.key, order.dataset) for order in orders}) < len(orders):
        raise InvalidArgument("A field occurs twice in order_by.", field="order_by")


def _json(chosen: DatasetChoice | None) -> list[str | None] | None:
    return None if chosen is None else list(chosen)


def _list(datasets: Sequence[DatasetChoice]) -> list[list[str | None]]:
    return [list(dataset) for dataset in datasets]
