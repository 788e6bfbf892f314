"""Claims that a version can be made again; a claim is never changed."""

from __future__ import annotations

from sqlalchemy import ForeignKey, UniqueConstraint

from assay.storage.tables.columns import number, serial, table, text

reproduction_claims = table(
    "reproduction_claims",
    serial(),
    number("workspace_id", ForeignKey("workspaces.id")),
    text("name"),
    number("version_pk", ForeignKey("model_versions.id")),
    # What is claimed, as canonical text, and its SHA-256.
    text("terms"),
    text("terms_digest"),
    text("created_by"),
    number("created_at_ms"),
    UniqueConstraint("workspace_id", "name"),
)

version_signatures = table(
    "version_signatures",
    serial(),
    number("version_pk", ForeignKey("model_versions.id")),
    # What kind of signature: openssf.
    text("kind"),
    # The signature as its tool wrote it.
    text("bundle"),
    text("bundle_sha256"),
    text("created_by"),
    number("created_at_ms"),
    UniqueConstraint("version_pk", "bundle_sha256"),
)
