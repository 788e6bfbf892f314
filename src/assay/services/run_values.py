"""What a filter over runs can be completed with: the values that a field has in an experiment."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from assay.domain.access import Action
from assay.domain.errors import InvalidArgument, NotFound
from assay.domain.filters import parse_field
from assay.domain.grammars import RUNS
from assay.domain.names import check_text
from assay.domain.run_name import RUN_NAME_TAG
from assay.domain.tracking import Lifecycle
from assay.services.checks import check_page_size
from assay.services.context import Context
from assay.services.experiments import experiment_pk
from assay.services.platform import Platform
from assay.storage import experiments, run_values
from assay.storage.run_values import CountedValue

MAX_VALUES: Final = 100
NEWEST_RUNS: Final = 5_000
"""So many runs are looked at, whatever the size of the experiment."""


class FoundValues(NamedTuple):
    """Values, the most frequent first; `is_whole` when every run of the experiment was looked at."""

    values: tuple[CountedValue, ...]
    is_whole: bool


class RunValues:
    """Lists values. Whoever may read an experiment's runs may know what they recorded."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def list(
        self,
        context: Context,
        experiment_id: str,
        field: str,
        *,
        prefix: str = "",
        lifecycle: Lifecycle = Lifecycle.ACTIVE,
        max_results: int = 20,
    ) -> FoundValues:
        """Values of a field (`params.lr`, `tags.team`, `user_id`, …) that begin with `prefix`.

        Of the newest 5,000 runs, without regard to the case of ASCII letters. Raises NotFound, and
        InvalidArgument for a field that a filter does not know or that holds no texts.
        """
        pk = experiment_pk(experiment_id)
        check_page_size(max_results, MAX_VALUES)
        check_text(prefix, "prefix", max_length=run_values.LONGEST_VALUE)
        wanted = parse_field(field, RUNS, "field")
        if (wanted.entity, wanted.key) == ("tag", RUN_NAME_TAG):
            wanted = replace(wanted, entity="attribute", key="run_name")
        if not run_values.has_values(wanted):
            msg = f"The values of {field[:100]!r} cannot be listed: it holds no texts."
            raise InvalidArgument(msg, field="field")
        with self._platform.database.read() as tx:
            found = experiments.find_experiment(tx, pk)
            what = f"Experiment {experiment_id!r}"
            if found is None:
                raise NotFound(f"{what} does not exist.", field="experiment_id")
            context.require_object(Action.TRACKING_READ, found.workspace, what)
            values = run_values.count_values(
                tx,
                pk,
                wanted,
                prefix=prefix,
                lifecycle=lifecycle,
                newest=NEWEST_RUNS,
                limit=max_results,
            )
            has_more = run_values.has_more_runs(tx, pk, lifecycle, NEWEST_RUNS)
        return FoundValues(tuple(values), is_whole=not has_more)
