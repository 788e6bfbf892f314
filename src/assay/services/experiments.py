"""Experiments: named groups of runs in a workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from assay.domain.access import Action
from assay.domain.errors import AlreadyExists, FailedPrecondition, NotFound
from assay.domain.filters import parse_filter, parse_order_by
from assay.domain.grammars import EXPERIMENTS
from assay.domain.ids import parse_experiment_id
from assay.domain.names import (
    MAX_EXPERIMENT_TAG_VALUE,
    MAX_LOCATION,
    check_experiment_name,
    check_tag_key,
    check_tag_value,
    check_text,
)
from assay.domain.paging import bind, decode, encode
from assay.domain.tracking import Experiment, Lifecycle, Page, View
from assay.services.checks import check_page_size, check_tags
from assay.services.context import Context
from assay.services.platform import Platform
from assay.services.workspaces import workspace_pk
from assay.storage import experiments, runs
from assay.storage.database import Transaction
from assay.storage.experiment_search import ExperimentQuery, search_experiments

MAX_PAGE: Final = 50_000


class Experiments:
    """Makes, finds and changes experiments."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def create(
        self,
        context: Context,
        name: str,
        *,
        artifact_location: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Experiment:
        """Make an experiment. Raises AlreadyExists, also when a deleted one holds the name."""
        context.require(Action.TRACKING_WRITE)
        check_experiment_name(name)
        if artifact_location is not None:
            check_text(artifact_location, "artifact_location", max_length=MAX_LOCATION)
        given = check_tags(tags or {}, max_length=MAX_EXPERIMENT_TAG_VALUE)
        with self._platform.database.write() as tx:
            home = workspace_pk(tx, context.workspace)
            pk = experiments.insert_experiment(
                tx, home, name, artifact_location or None, context.now_ms
            )
            if pk is None:
                raise self._taken(tx, context, name)
            experiments.insert_tags(tx, pk, given)
        return Experiment(
            experiment_id=str(pk),
            workspace=context.workspace,
            name=name,
            lifecycle=Lifecycle.ACTIVE,
            artifact_location=artifact_location or None,
            created_at_ms=context.now_ms,
            updated_at_ms=context.now_ms,
            tags=given,
        )

    def get(self, context: Context, experiment_id: str) -> Experiment:
        """The experiment, in any lifecycle. Raises NotFound."""
        pk = experiment_pk(experiment_id)
        with self._platform.database.read() as tx:
            found = experiments.find_experiment(tx, pk)
        return _allowed(context, Action.TRACKING_READ, found, experiment_id)

    def get_by_name(self, context: Context, name: str) -> Experiment:
        """The experiment of that name in the request's workspace, in any lifecycle."""
        context.require(Action.TRACKING_READ)
        with self._platform.database.read() as tx:
            found = experiments.find_experiment_by_name(tx, context.workspace, name)
        if found is None:
            raise NotFound(f"Experiment {name[:100]!r} does not exist.", field="name")
        return found

    def ensure(self, context: Context, name: str) -> Experiment:
        """The active experiment of that name, made if need be.

        Raises FailedPrecondition when a deleted one holds the name.
        """
        context.require(Action.TRACKING_WRITE)
        check_experiment_name(name)
        with self._platform.database.write() as tx:
            return ensure_experiment(tx, context, name)

    def update(
        self, context: Context, experiment_id: str, *, name: str | None = None
    ) -> Experiment:
        """Rename an active experiment. Raises AlreadyExists for a taken name."""
        if name is not None:
            check_experiment_name(name)
        with self._platform.database.write() as tx:
            found = self._lock(tx, context, Action.TRACKING_WRITE, experiment_id)
            _require_active(found)
            if name is not None and name != found.name:
                holder = experiments.find_experiment_by_name(tx, found.workspace, name)
                if holder is not None:
                    raise self._taken(tx, context.within(found.workspace), name)
                experiments.rename_experiment(
                    tx, experiment_pk(experiment_id), name, context.now_ms
                )
            changed = experiments.find_experiment(tx, experiment_pk(experiment_id))
        return _allowed(context, Action.TRACKING_READ, changed, experiment_id)

    def delete(self, context: Context, experiment_id: str) -> None:
        """Put an experiment and its runs into the bin. Raises NotFound unless it is active."""
        self._move(context, experiment_id, Lifecycle.ACTIVE, Lifecycle.DELETED)

    def restore(self, context: Context, experiment_id: str) -> None:
        """Take an experiment and all its runs out of the bin. Raises NotFound unless it is there."""
        self._move(context, experiment_id, Lifecycle.DELETED, Lifecycle.ACTIVE)

    def set_tag(self, context: Context, experiment_id: str, key: str, value: str) -> None:
        """Set a tag of an active experiment."""
        check_tag_key(key, "key")
        check_tag_value(value, "value", max_length=MAX_EXPERIMENT_TAG_VALUE)
        with self._platform.database.write() as tx:
            _require_active(self._lock(tx, context, Action.TRACKING_WRITE, experiment_id))
            experiments.set_tag(tx, experiment_pk(experiment_id), key, value)

    def delete_tag(self, context: Context, experiment_id: str, key: str) -> None:
        """Remove a tag of an active experiment. Raises NotFound when it is not there."""
        with self._platform.database.write() as tx:
            _require_active(self._lock(tx, context, Action.TRACKING_WRITE, experiment_id))
            if not experiments.delete_tag(tx, experiment_pk(experiment_id), key):
                raise NotFound(
                    f"Experiment {experiment_id!r} has no tag {key[:100]!r}.", field="key"
                )

    def search(
        self,
        context: Context,
        *,
        filter: str = "",  # noqa: A002 - the word of the search language
        order_by: Sequence[str] = (),
        view: View = View.ACTIVE,
        max_results: int = 100,
        page_token: str | None = None,
    ) -> Page[Experiment]:
        """Experiments of the workspace, newest first unless ordered otherwise.

        Raises NotFound for a workspace that does not exist.
        """
        context.require(Action.TRACKING_READ)
        check_page_size(max_results, MAX_PAGE)
        query = ExperimentQuery(
            context.workspace,
            parse_filter(filter, EXPERIMENTS),
            parse_order_by(order_by, EXPERIMENTS),
            view,
        )
        binding = bind(["experiments", context.workspace, filter, list(order_by), view.value])
        after = None if not page_token else decode(page_token, binding)
        with self._platform.database.read() as tx:
            found, carried = search_experiments(tx, query, after, max_results)
            if not found:
                # A workspace that is not there has none either, and the caller should hear which it is.
                workspace_pk(tx, context.workspace)
        return Page(found, None if carried is None else encode(carried, binding))

    def _move(
        self, context: Context, experiment_id: str, before: Lifecycle, after: Lifecycle
    ) -> None:
        with self._platform.database.write() as tx:
            found = self._lock(tx, context, Action.TRACKING_DELETE, experiment_id)
            if found.lifecycle is not before:
                raise NotFound(
                    f"There is no {before.value} experiment {experiment_id!r}; it is "
                    f"{found.lifecycle.value}.",
                    field="experiment_id",
                )
            pk = experiment_pk(experiment_id)
            experiments.set_lifecycle(tx, pk, after, context.now_ms)
            runs.set_lifecycle_in_experiment(tx, pk, after, context.now_ms)

    def _lock(
        self, tx: Transaction, context: Context, action: Action, experiment_id: str
    ) -> Experiment:
        found = experiments.lock_experiment(tx, experiment_pk(experiment_id))
        return _allowed(context, action, found, experiment_id)

    def _taken(self, tx: Transaction, context: Context, name: str) -> AlreadyExists:
        holder = experiments.find_experiment_by_name(tx, context.workspace, name)
        is_deleted = holder is not None and holder.lifecycle is Lifecycle.DELETED
        state = (
            "exists already in the bin; restore it or choose" if is_deleted else "exists; choose"
        )
        return AlreadyExists(f"Experiment {name!r} {state} another name.", field="name")


def experiment_pk(experiment_id: str, field: str = "experiment_id") -> int:
    """The key that an experiment id stands for. Raises NotFound for one that cannot exist."""
    parse_experiment_id(experiment_id, field)
    is_number = experiment_id.isascii() and experiment_id.isdigit() and len(experiment_id) <= 18
    if not is_number or str(int(experiment_id)) != experiment_id:
        raise _unknown(experiment_id)
    return int(experiment_id)


def ensure_experiment(tx: Transaction, context: Context, name: str) -> Experiment:
    """The active experiment of a legal name in the request's workspace, made if need be."""
    found = experiments.find_experiment_by_name(tx, context.workspace, name)
    if found is None:
        home = workspace_pk(tx, context.workspace)
        experiments.insert_experiment(tx, home, name, None, context.now_ms)
        found = experiments.find_experiment_by_name(tx, context.workspace, name)
    if found is None:
        raise NotFound(f"Experiment {name!r} does not exist.", field="experiment")
    _require_active(found)
    return found


def open_experiment(tx: Transaction, context: Context, pk: int) -> tuple[int, str]:
    """Key and name of the workspace of an active experiment, to which something is to be added.

    The experiment stays active until the transaction ends. Raises NotFound, FailedPrecondition.
    """
    home = experiments.find_home(tx, pk)
    if home is None:
        raise _unknown(str(pk))
    home_pk, workspace, lifecycle = home
    context.require_object(Action.TRACKING_WRITE, workspace, f"Experiment '{pk}'")
    if lifecycle is not Lifecycle.ACTIVE:
        raise FailedPrecondition(
            f"Experiment '{pk}' must be in the 'active' state; it is deleted. Restore it first.",
            field="experiment_id",
        )
    return home_pk, workspace


def _allowed(
    context: Context, action: Action, found: Experiment | None, experiment_id: str
) -> Experiment:
    if found is None:
        raise _unknown(experiment_id)
    context.require_object(action, found.workspace, f"Experiment {experiment_id!r}")
    return found


def _require_active(experiment: Experiment) -> None:
    if experiment.lifecycle is not Lifecycle.ACTIVE:
        raise FailedPrecondition(
            f"Experiment {experiment.name!r} ({experiment.experiment_id}) must be in the 'active' "
            "state; it is deleted. Restore it first.",
            field="experiment_id",
        )


def _unknown(experiment_id: str) -> NotFound:
    return NotFound(f"Experiment {experiment_id!r} does not exist.", field="experiment_id")
