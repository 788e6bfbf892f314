"""Principals, their roles and tokens, idempotency records, and the facts about the database itself."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, PrimaryKeyConstraint, UniqueConstraint

from assay.storage.tables.columns import number, serial, table, text

principals = table(
    "principals",
    serial(),
    text("name"),
    # user | service | gate
    text("kind"),
    number("disabled"),
    text("created_by"),
    number("created_at_ms"),
    UniqueConstraint("name"),
)

role_grants = table(
    "role_grants",
    number("principal_id", ForeignKey("principals.id")),
    # Workspace name, or * for all of them.
    text("workspace"),
    text("role"),
    number("granted_at_ms"),
    PrimaryKeyConstraint("principal_id", "workspace", "role"),
    rowid=False,
)

tokens = table(
    "tokens",
    serial(),
    # The public half, which finds the row; the secret half is only kept as its SHA-256.
    text("token_id"),
    text("secret_sha256"),
    number("principal_id", ForeignKey("principals.id")),
    text("description"),
    # JSON list of actions; NULL: all that the roles allow.
    text("actions", null=True),
    number("created_at_ms"),
    number("expires_at_ms", null=True),
    number("revoked_at_ms", null=True),
    number("last_used_at_ms", null=True),
    UniqueConstraint("token_id"),
    Index("ix_tokens_principal_id", "principal_id"),
)

idempotency = table(
    "idempotency",
    text("principal"),
    text("key"),
    text("request_sha256"),
    text("response"),
    number("created_at_ms"),
    PrimaryKeyConstraint("principal", "key"),
    rowid=False,
)

facts = table("facts", text("name"), text("value"), PrimaryKeyConstraint("name"), rowid=False)
"""Facts about this database: instance id, schema version, the version that can still read it."""

migrations = table(
    "migrations",
    number("number"),
    text("name"),
    text("sha256"),
    number("applied_at_ms"),
    PrimaryKeyConstraint("number"),
)
