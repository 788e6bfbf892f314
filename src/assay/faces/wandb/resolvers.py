"""Every resolver of the W&B face, by type and field."""

from __future__ import annotations

from typing import Final

from assay.faces.wandb import (
    artifact_reads,
    artifact_writes,
    projects,
    registry,
    registry_changes,
    run_files,
    run_reads,
    run_search,
    runs,
    sweeps,
    viewer,
)
from assay.faces.wandb.ask import Resolvers

RESOLVERS: Final[tuple[Resolvers, ...]] = (
    viewer.RESOLVERS,
    projects.RESOLVERS,
    runs.RESOLVERS,
    run_files.RESOLVERS,
    run_reads.RESOLVERS,
    run_search.RESOLVERS,
    artifact_reads.RESOLVERS,
    artifact_writes.RESOLVERS,
    registry.RESOLVERS,
    registry_changes.RESOLVERS,
    sweeps.RESOLVERS,
)
