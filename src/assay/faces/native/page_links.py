"""The route behind addresses that other clients print: which experiment and run they name here."""

from __future__ import annotations

import msgspec

from assay.domain.access import Action
from assay.domain.errors import NotFound
from assay.faces.endpoint import NO_BODY, Call, Endpoint


class LinkQuery(msgspec.Struct, forbid_unknown_fields=True):
    """A project by name, and a run of it by the name that its client gave it."""

    project: str
    run: str | None = None


class LinkAnswer(msgspec.Struct):
    """What the address leads to; `run_id` is null where no run was named."""

    experiment_id: str
    run_id: str | None


def follow_link(call: Call) -> LinkAnswer:
    """Where an address leads."""
    query = call.query(LinkQuery)
    experiment = call.services.experiments.get_by_name(call.context, query.project)
    if query.run is None:
        return LinkAnswer(experiment.experiment_id, None)
    found = call.services.clients.runs.find(call.context, query.project, query.run)
    if found is None:
        raise NotFound(
            f"Run {query.run[:100]!r} does not exist in {query.project[:100]!r}.", field="run"
        )
    return LinkAnswer(experiment.experiment_id, found.whole.run.run_id)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/v1/client-links",
        name="page.follow_link",
        summary="The experiment and run that a client's own address names",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=follow_link,
        query=LinkQuery,
        response=LinkAnswer,
    ),
)
