"""Registered models, their versions with frozen manifests, and aliases with their history."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, PrimaryKeyConstraint, UniqueConstraint

from assay.storage.tables.columns import BigInt, number, serial, table, text

registered_models = table(
    "registered_models",
    serial(),
    number("workspace_id", ForeignKey("workspaces.id")),
    text("name"),
    text("description"),
    # The number of the newest version ever made; numbers are never reused.
    number("last_version"),
    # A deleted model keeps its row, its versions and its history; its name becomes free.
    number("deleted_at_ms", null=True),
    number("created_at_ms"),
    number("updated_at_ms"),
)
Index(
    "uq_registered_models_live_name",
    registered_models.c.workspace_id,
    registered_models.c.name,
    unique=True,
    sqlite_where=registered_models.c.deleted_at_ms.is_(None),
    postgresql_where=registered_models.c.deleted_at_ms.is_(None),
)

registered_model_tags = table(
    "registered_model_tags",
    number("model_id", ForeignKey("registered_models.id")),
    text("key"),
    text("value"),
    PrimaryKeyConstraint("model_id", "key"),
    rowid=False,
)

model_versions = table(
    "model_versions",
    serial(),
    number("model_id", ForeignKey("registered_models.id")),
    number("version"),
    number("run_pk", ForeignKey("runs.id"), null=True),
    number("logged_model_id", ForeignKey("logged_models.id"), null=True),
    # Where the client said that the files come from, as sent; never opened.
    text("source"),
    # Folder of the run that was frozen ('' is the whole run); NULL without files.
    text("artifact_path", null=True),
    text("artifact_digest", null=True),
    number("size_bytes"),
    text("lineage_scheme", null=True),
    text("lineage_canonical", null=True),
    text("fingerprint", null=True),
    text("lineage_origins", null=True),
    text("annotations", null=True),
    # 1: lineage closed. 0: accepted under policy `recorded`, never on a protected alias.
    number("verifiable"),
    # One of domain.registry.VersionState.
    text("state"),
    text("state_reason"),
    text("description"),
    # Deployment stage of MLflow's older clients; carries no rights.
    text("stage"),
    text("run_link"),
    text("created_by"),
    number("created_at_ms"),
    number("updated_at_ms"),
    UniqueConstraint("model_id", "version"),
    Index("ix_model_versions_fingerprint", "fingerprint"),
    Index("ix_model_versions_run_pk", "run_pk"),
)

set_aside = table(
    "set_aside",
    # Versions whose files are in quarantine; a row outlives the version's deletion.
    Column(
        "version_id",
        BigInt,
        ForeignKey("model_versions.id"),
        primary_key=True,
        autoincrement=False,
        nullable=False,
    ),
)

model_version_tags = table(
    "model_version_tags",
    number("version_id", ForeignKey("model_versions.id")),
    text("key"),
    text("value"),
    PrimaryKeyConstraint("version_id", "key"),
    rowid=False,
)

model_version_files = table(
    "model_version_files",
    number("version_id", ForeignKey("model_versions.id")),
    text("path"),
    text("sha256", ForeignKey("blobs.sha256")),
    number("size_bytes"),
    PrimaryKeyConstraint("version_id", "path"),
    Index("ix_model_version_files_sha256", "sha256"),
    rowid=False,
)

aliases = table(
    "aliases",
    number("model_id", ForeignKey("registered_models.id")),
    text("alias"),
    # NULL after removal: the row stays, so that a revision is never used twice.
    number("version_id", ForeignKey("model_versions.id"), null=True),
    number("revision"),
    number("updated_at_ms"),
    PrimaryKeyConstraint("model_id", "alias"),
    Index("ix_aliases_version_id", "version_id"),
    rowid=False,
)

alias_moves = table(
    "alias_moves",
    serial(),
    number("model_id", ForeignKey("registered_models.id")),
    text("alias"),
    number("revision"),
    # One of domain.registry.MoveKind.
    text("kind"),
    number("from_version_id", ForeignKey("model_versions.id"), null=True),
    number("to_version_id", ForeignKey("model_versions.id"), null=True),
    # The decision with its evidence, canonical JSON; NULL where none was needed.
    text("decision", null=True),
    text("reason"),
    text("actor"),
    number("ledger_seq", ForeignKey("ledger.seq")),
    number("at_ms"),
    UniqueConstraint("model_id", "alias", "revision"),
)
