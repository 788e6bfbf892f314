"""The typed catalogue: what every table of the database looks like, on both engines."""

from assay.storage.tables import (
    access,
    checkpoints,
    closure,
    collections,
    governance,
    health,
    registry,
    reproduction,
    reviews,
    saved_views,
    sweeps,
    tracking,
    wandb,
    webhooks,
)
from assay.storage.tables.columns import metadata

__all__ = [
    "access",
    "checkpoints",
    "closure",
    "collections",
    "governance",
    "health",
    "metadata",
    "registry",
    "reproduction",
    "reviews",
    "saved_views",
    "sweeps",
    "tracking",
    "wandb",
    "webhooks",
]
