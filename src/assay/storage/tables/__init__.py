"""The typed catalogue: what every table of the database looks like, on both engines."""

from assay.storage.tables import (
    access,
    collections,
    governance,
    health,
    registry,
    tracking,
    webhooks,
)
from assay.storage.tables.columns import metadata

__all__ = [
    "access",
    "collections",
    "governance",
    "health",
    "metadata",
    "registry",
    "tracking",
    "webhooks",
]
