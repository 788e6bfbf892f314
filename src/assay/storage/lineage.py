"""Statements that read what a run says about its lineage, and the workspace's mapping of it."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from assay.domain.lineage import DatasetRef
from assay.storage.database import Transaction
from assay.storage.tables.tracking import datasets, run_inputs, workspaces

_DATASETS = (
    select(datasets.c.name, datasets.c.digest)
    .join_from(run_inputs, datasets)
    .where(run_inputs.c.run_pk == bindparam("run_pk"))
    .order_by(run_inputs.c.id)
)
_MAPPING = select(workspaces.c.lineage_mapping).where(workspaces.c.id == bindparam("pk"))


def datasets_of_run(tx: Transaction, run_pk: int) -> list[DatasetRef]:
    """The datasets that the run named as its inputs."""
    return [DatasetRef(name, digest) for name, digest in tx.execute(_DATASETS, {"run_pk": run_pk})]


def lineage_mapping_text(tx: Transaction, workspace_pk: int) -> str | None:
    """The workspace's own mapping of params and tags to lineage fields, as JSON."""
    text: str | None = tx.execute(_MAPPING, {"pk": workspace_pk}).scalar()
    return text
