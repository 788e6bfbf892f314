"""The route that completes filters: values of a field in an experiment's runs."""

from __future__ import annotations

import msgspec

from assay.domain.access import Action
from assay.domain.tracking import Lifecycle
from assay.faces.endpoint import NO_BODY, Call, Endpoint


class ValuesQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which field, as a filter names it (`params.lr`), and what its values begin with."""

    field: str
    prefix: str = ""
    lifecycle: Lifecycle = Lifecycle.ACTIVE
    max_results: int = 20


class ValueAnswer(msgspec.Struct):
    """A value, and how many of the runs that were looked at have it."""

    value: str
    runs: int


class ValuesAnswer(msgspec.Struct):
    """The most frequent first. Not `is_whole`: older runs, which may have others, were left out."""

    values: list[ValueAnswer]
    is_whole: bool


def list_values(call: Call) -> ValuesAnswer:
    """Values that the newest runs have."""
    query = call.query(ValuesQuery)
    found = call.services.run_values.list(
        call.context,
        call.path["experiment_id"],
        query.field,
        prefix=query.prefix,
        lifecycle=query.lifecycle,
        max_results=query.max_results,
    )
    values = [ValueAnswer(each.value, each.runs) for each in found.values]
    return ValuesAnswer(values, found.is_whole)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/v1/experiments/{experiment_id}/values",
        name="experiments.values",
        summary="Values of a param, tag or attribute in an experiment's runs, to complete filters",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=list_values,
        query=ValuesQuery,
        response=ValuesAnswer,
    ),
)
