"""Every endpoint of the native face, and the document that describes them."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from assay.domain.access import Action
from assay.faces.dispatch import Face
from assay.faces.endpoint import NO_BODY, Call, Endpoint
from assay.faces.native import (
    access,
    approvals,
    artifacts,
    checkpoints,
    closure,
    collections,
    evaluation,
    experiments,
    gate_keys,
    gate_runs,
    gates,
    health,
    importing,
    importing_runs,
    ingest,
    ledger,
    live,
    logged_models,
    metrics,
    page_lineage,
    page_links,
    promotion,
    provenance,
    registry,
    reproduction,
    run_data,
    run_export,
    run_values,
    runs,
    saved_views,
    storage,
    versions,
    webhooks,
    workspaces,
)
from assay.faces.native.dialect import NativeDialect
from assay.faces.native.openapi import document

PREFIX = "/api/v1/"

_NOUNS: tuple[Endpoint, ...] = (
    *workspaces.ENDPOINTS,
    *experiments.ENDPOINTS,
    *runs.ENDPOINTS,
    *run_data.ENDPOINTS,
    *run_export.ENDPOINTS,
    *run_values.ENDPOINTS,
    *saved_views.ENDPOINTS,
    *live.ENDPOINTS,
    *logged_models.ENDPOINTS,
    *ingest.ENDPOINTS,
    *metrics.ENDPOINTS,
    *health.ENDPOINTS,
    *artifacts.ENDPOINTS,
    *collections.ENDPOINTS,
    *evaluation.ENDPOINTS,
    *reproduction.ENDPOINTS,
    *registry.ENDPOINTS,
    *versions.ENDPOINTS,
    *provenance.ENDPOINTS,
    *closure.ENDPOINTS,
    *promotion.ENDPOINTS,
    *gates.ENDPOINTS,
    *gate_runs.ENDPOINTS,
    *gate_keys.ENDPOINTS,
    *approvals.ENDPOINTS,
    *ledger.ENDPOINTS,
    *checkpoints.ENDPOINTS,
    *webhooks.ENDPOINTS,
    *access.ENDPOINTS,
    *page_lineage.ENDPOINTS,
    *page_links.ENDPOINTS,
    *storage.ENDPOINTS,
    *importing.ENDPOINTS,
    *importing_runs.ENDPOINTS,
)


def openapi(call: Call) -> dict[str, Any]:
    """The document."""
    del call
    return document(ENDPOINTS, version("assay"))


ENDPOINTS: tuple[Endpoint, ...] = (
    *_NOUNS,
    Endpoint(
        method="GET",
        path="/api/v1/openapi.json",
        name="openapi",
        summary="This API as an OpenAPI document",
        permission=Action.PUBLIC,
        body_limit=NO_BODY,
        handler=openapi,
    ),
)


def face() -> Face:
    """The native face."""
    return Face("native", (PREFIX,), NativeDialect(), ENDPOINTS)
