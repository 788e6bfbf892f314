"""Searching runs across the experiments that a request names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, TypeVar

from assay.domain.access import Action, is_allowed
from assay.domain.canonical import JsonScalar
from assay.domain.errors import LimitExceeded, NotFound
from assay.domain.filters import Comparison, OrderBy, parse_filter, parse_order_by
from assay.domain.grammars import RUNS
from assay.domain.paging import bind, decode, encode
from assay.domain.run_name import RUN_NAME_TAG
from assay.domain.tracking import Page, View, WholeRun
from assay.services.checks import check_page_size
from assay.services.context import Context
from assay.services.experiments import experiment_pk
from assay.services.platform import Platform
from assay.storage import experiments
from assay.storage.database import Transaction
from assay.storage.search import RunQuery, search_runs
from assay.storage.whole_runs import load_runs, load_whole_runs

MAX_PAGE: Final = 50_000
MAX_EXPERIMENTS: Final = 1_000

Part = TypeVar("Part", Comparison, OrderBy)


class Search:
    """Finds runs by what they recorded."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def search_runs(
        self,
        context: Context,
        experiment_ids: Sequence[str],
        *,
        filter: str = "",  # noqa: A002 - the word of the search language
        order_by: Sequence[str] = (),
        view: View = View.ACTIVE,
        max_results: int = 1_000,
        page_token: str | None = None,
        artifact_root: str = "",
    ) -> Page[WholeRun]:
        """Whole runs, the latest started first unless ordered otherwise.

        Pages stay right while runs are added: each goes on after the last run of the one before.
        Experiments that do not exist, or that the actor may not read, have no runs. An
        `artifact_root` stands before the id of an experiment without an artifact location, where
        the filter asks for `artifact_uri`.
        """
        check_page_size(max_results, MAX_PAGE)
        clauses = tuple(map(_by_name, parse_filter(filter, RUNS)))
        orders = tuple(map(_by_name, parse_order_by(order_by, RUNS)))
        binding = bind(
            ["runs", sorted(set(experiment_ids)), filter, list(order_by), view.value, artifact_root]
        )
        after: tuple[JsonScalar, ...] | None = None
        if page_token:
            after = decode(page_token, binding)
        with self._platform.database.read() as tx:
            pks = readable_experiments(tx, context, experiment_ids)
            if not pks:
                return Page(())
            query = RunQuery(pks, clauses, orders, view, artifact_root)
            keys = search_runs(tx, query, after, max_results)
            found = load_whole_runs(tx, load_runs(tx, keys.pks))
        return Page(found, None if keys.carried is None else encode(keys.carried, binding))


def _by_name(part: Part) -> Part:
    """A clause or order about MLflow's tag for the name of a run asks for the name itself."""
    if (part.entity, part.key) != ("tag", RUN_NAME_TAG):
        return part
    return replace(part, entity="attribute", key="run_name")


def readable_experiments(
    tx: Transaction, context: Context, experiment_ids: Sequence[str]
) -> list[int]:
    """The keys of those experiments that exist and whose runs the actor may read."""
    if len(experiment_ids) > MAX_EXPERIMENTS:
        raise LimitExceeded(
            f"A search names at most {MAX_EXPERIMENTS} experiments.",
            field="experiment_ids",
            limit=MAX_EXPERIMENTS,
        )
    wanted = sorted({pk for pk in map(_find_pk, experiment_ids) if pk is not None})
    homes = experiments.find_workspaces(tx, wanted) if wanted else {}
    return [
        pk
        for pk in wanted
        if pk in homes and is_allowed(context.actor, Action.TRACKING_READ, homes[pk])
    ]


def _find_pk(experiment_id: str) -> int | None:
    try:
        return experiment_pk(experiment_id, "experiment_ids")
    except NotFound:
        return None
