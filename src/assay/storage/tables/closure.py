"""Where references may be looked up, what was found last, and what a workspace demands of it."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, UniqueConstraint

from assay.storage.tables.columns import BigInt, number, serial, table, text

closure_policies = table(
    "closure_policies",
    Column(
        "workspace_id",
        BigInt,
        ForeignKey("workspaces.id"),
        primary_key=True,
        autoincrement=False,
        nullable=False,
    ),
    # off | warn | require; NULL: what the server was started with.
    text("strict_refs", null=True),
    text("at_promotion", null=True),
)

closure_sources = table(
    "closure_sources",
    serial(),
    number("workspace_id", ForeignKey("workspaces.id")),
    text("name"),
    text("kind"),
    text("location"),
    # Where DVC keeps the data; empty for other kinds.
    text("remote"),
    # The name of an environment variable, never a secret.
    text("credentials"),
    UniqueConstraint("workspace_id", "name"),
)

closure_checks = table(
    "closure_checks",
    serial(),
    number("version_id", ForeignKey("model_versions.id")),
    # files, lineage, or a lineage field (numbered where it names several things).
    text("subject"),
    text("reference"),
    text("status"),
    text("level"),
    text("message"),
    number("is_deep"),
    number("was_ok"),
    number("is_alerted"),
    number("checked_at_ms"),
    UniqueConstraint("version_id", "subject"),
)
