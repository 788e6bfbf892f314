"""Every endpoint of the W&B face."""

from __future__ import annotations

from typing import Final

from assay.faces.dispatch import Face
from assay.faces.endpoint import Endpoint
from assay.faces.wandb import (
    artifact_files,
    file_stream,
    graphql_route,
    plain,
    run_files,
)
from assay.faces.wandb.dialect import WandbDialect
from assay.faces.wandb.parquet_history import ParquetRoutes

PREFIXES: Final = ("/graphql", "/files/", "/storage/", "/artifactsV2/", "/sdk/otel/", "/oidc/")


def endpoints() -> tuple[Endpoint, ...]:
    """The records of the whole face."""
    return (
        *graphql_route.ENDPOINTS,
        *file_stream.ENDPOINTS,
        *run_files.ENDPOINTS,
        *ParquetRoutes().endpoints(),
        *artifact_files.ENDPOINTS,
        *plain.ENDPOINTS,
    )


def faces() -> list[Face]:
    """The W&B face."""
    return [Face("wandb", PREFIXES, WandbDialect(), endpoints())]
