"""Routes that the web page reads and no client needs: a run's lineage as a registration would see it."""

from __future__ import annotations

from typing import Any

import msgspec

from assay.domain.access import Action
from assay.domain.canonical import canonical_text
from assay.faces.endpoint import NO_BODY, Call, Endpoint
from assay.services.run_lineage import lineage_of_run


class LineageDraftAnswer(msgspec.Struct):
    """The five fields as canonical JSON texts, where each came from, and what is missing."""

    run_id: str
    declared: bool
    fields: dict[str, str]
    origins: dict[str, str]
    missing: list[str]
    annotations: dict[str, Any]
    fingerprint: str | None
    scheme: str | None
    problem: str | None


def draft_lineage(call: Call) -> LineageDraftAnswer:
    """What a registration would take."""
    found = lineage_of_run(call.services.platform, call.context, call.path["run_id"])
    closed = found.fingerprint
    return LineageDraftAnswer(
        run_id=found.run.run_id,
        declared=found.run.lineage is not None,
        fields={name: canonical_text(value) for name, value in found.draft.fields.items()},
        origins=dict(found.draft.origins),
        missing=list(found.draft.missing),
        annotations=dict(found.draft.annotations),
        fingerprint=None if closed is None else closed.hex,
        scheme=None if closed is None else closed.scheme,
        problem=found.problem,
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/v1/runs/{run_id}/lineage-draft",
        name="runs.draft_lineage",
        summary="The lineage that a registration would take from a run now",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=draft_lineage,
        response=LineageDraftAnswer,
    ),
)
