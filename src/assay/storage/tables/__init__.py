"""The typed catalogue: what every table of the database looks like, on both engines."""

from assay.storage.tables.columns import metadata

from assay.storage.tables import access, collections, governance, registry, tracking, webhooks  # isort: skip

__all__ = ["access", "collections", "governance", "metadata", "registry", "tracking", "webhooks"]
