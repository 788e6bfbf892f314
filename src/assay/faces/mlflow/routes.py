"""Every endpoint of the MLflow face, under the paths of clients and of web pages."""

from __future__ import annotations

from typing import Final

from assay.faces.dispatch import Face, with_prefix
from assay.faces.endpoint import Endpoint
from assay.faces.mlflow import (
    artifacts,
    experiments,
    ingest,
    inputs,
    logged_models,
    metrics,
    model_versions,
    registered_models,
    runs,
    server_info,
    traces,
    webhooks,
)
from assay.faces.mlflow.artifacts import ArtifactRoutes
from assay.faces.mlflow.dialect import MlflowDialect
from assay.faces.mlflow.locations import Locations
from assay.faces.mlflow.logged_models import LoggedModelRoutes
from assay.faces.mlflow.model_versions import VersionRoutes
from assay.faces.mlflow.runs import RunRoutes

API: Final = "/api/"
AJAX: Final = "/ajax-api/"
PREFIXES: Final = (
    "/api/2.0/",
    "/api/3.0/",
    "/ajax-api/",
    "/version",
    "/get-artifact",
    "/model-versions/get-artifact",
    "/v1/traces",
)


def endpoints() -> tuple[Endpoint, ...]:
    """The records of the whole face; those of clients again under the prefix of web pages."""
    locations = Locations()
    shared: tuple[Endpoint, ...] = (
        *experiments.ENDPOINTS,
        *RunRoutes(locations).endpoints(),
        *runs.ENDPOINTS,
        *ingest.ENDPOINTS,
        *inputs.ENDPOINTS,
        *metrics.ENDPOINTS,
        *ArtifactRoutes(locations).endpoints(),
        *artifacts.ENDPOINTS,
        *LoggedModelRoutes(locations).endpoints(),
        *logged_models.ENDPOINTS,
        *registered_models.ENDPOINTS,
        *VersionRoutes(locations).endpoints(),
        *model_versions.ENDPOINTS,
        *traces.ENDPOINTS,
        *webhooks.ENDPOINTS,
        *server_info.ENDPOINTS,
    )
    return (
        *shared,
        *with_prefix(shared, API, AJAX),
        *metrics.BULK_ENDPOINTS,
        *artifacts.PAGE_ENDPOINTS,
        *traces.PAGE_ENDPOINTS,
        *traces.OTLP_ENDPOINTS,
        *server_info.PLAIN_ENDPOINTS,
    )


def faces() -> list[Face]:
    """The MLflow face. Its addresses are its own for each server, for it remembers locations."""
    return [Face("mlflow", PREFIXES, MlflowDialect(), endpoints())]
