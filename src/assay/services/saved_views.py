"""Saved views: arrangements of an experiment's runs that people named and share."""

from __future__ import annotations

from assay.domain.access import Action
from assay.domain.errors import LimitExceeded, NotFound
from assay.domain.names import check_text
from assay.domain.saved_view import MAX_VIEW_NAME, MAX_VIEW_STATE, MAX_VIEWS, SavedView
from assay.services.context import Context
from assay.services.experiments import experiment_pk, open_experiment
from assay.services.platform import Platform
from assay.storage import experiments, saved_views


class SavedViews:
    """Keeps, lists and removes views. Whoever reads an experiment sees its views."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def list(self, context: Context, experiment_id: str) -> list[SavedView]:
        """The views of an experiment by name. Raises NotFound."""
        pk = experiment_pk(experiment_id)
        with self._platform.database.read() as tx:
            found = experiments.find_experiment(tx, pk)
            if found is None:
                raise _unknown(experiment_id)
            context.require_object(
                Action.TRACKING_READ, found.workspace, f"Experiment {experiment_id!r}"
            )
            return saved_views.list_views(tx, pk)

    def save(self, context: Context, experiment_id: str, name: str, state: str) -> SavedView:
        """Keep a view under a name; one that is there already gets the new state.

        `state` is the text of a JSON object, which is kept as it is. Raises NotFound,
        InvalidArgument, LimitExceeded.
        """
        pk = experiment_pk(experiment_id)
        check_text(name, "name", max_length=MAX_VIEW_NAME, allow_empty=False)
        check_text(state, "state", max_length=MAX_VIEW_STATE)
        with self._platform.database.write() as tx:
            open_experiment(tx, context, pk)
            known = saved_views.find_view(tx, pk, name)
            if known is None and saved_views.count_views(tx, pk) >= MAX_VIEWS:
                raise LimitExceeded(
                    f"An experiment keeps at most {MAX_VIEWS} views; remove one first.",
                    field="name",
                    limit=MAX_VIEWS,
                )
            author, born_ms = (
                (context.actor.name, context.now_ms)
                if known is None
                else (known.created_by, known.created_at_ms)
            )
            view = SavedView(name, state, author, born_ms, context.now_ms)
            saved_views.put_view(tx, pk, view)
        return view

    def delete(self, context: Context, experiment_id: str, name: str) -> None:
        """Remove a view. Raises NotFound."""
        pk = experiment_pk(experiment_id)
        with self._platform.database.write() as tx:
            open_experiment(tx, context, pk)
            if not saved_views.delete_view(tx, pk, name):
                raise NotFound(f"There is no view {name[:MAX_VIEW_NAME]!r}.", field="name")


def _unknown(experiment_id: str) -> NotFound:
    return NotFound(f"Experiment {experiment_id!r} does not exist.", field="experiment_id")
