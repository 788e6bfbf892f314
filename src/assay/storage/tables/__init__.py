"""The typed catalogue: what every table of the database looks like, on both engines."""

from assay.storage.tables import (
    access,
    checkpoints,
    collections,
    governance,
    health,
    registry,
    saved_views,
    tracking,
    wandb,
    webhooks,
)
from assay.storage.tables.columns import metadata

__all__ = [
    "access",
    "closure",
    "checkpoints",
    "collections",
    "governance",
    "health",
    "metadata",
    "registry",
    "saved_views",
    "tracking",
    "wandb",
    "webhooks",
]
