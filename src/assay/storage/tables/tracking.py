"""Workspaces, experiments, runs and all that a run records."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    UniqueConstraint,
)

from assay.storage.tables.columns import blob, number, real, serial, table, text

workspaces = table(
    "workspaces",
    serial(),
    text("name"),
    text("description"),
    # NULL: the policy that the server was started with.
    text("lineage_policy", null=True),
    text("protected_aliases", null=True),
    text("lineage_mapping", null=True),
    number("created_at_ms"),
    UniqueConstraint("name"),
)

experiments = table(
    "experiments",
    serial(),
    number("workspace_id", ForeignKey("workspaces.id")),
    text("name"),
    text("lifecycle"),
    text("artifact_location", null=True),
    number("created_at_ms"),
    number("updated_at_ms"),
    UniqueConstraint("workspace_id", "name"),
)

experiment_tags = table(
    "experiment_tags",
    number("experiment_id", ForeignKey("experiments.id")),
    text("key"),
    text("value"),
    PrimaryKeyConstraint("experiment_id", "key"),
    rowid=False,
)

runs = table(
    "runs",
    serial(),
    text("run_id"),
    number("workspace_id", ForeignKey("workspaces.id")),
    number("experiment_id", ForeignKey("experiments.id")),
    text("name"),
    text("status"),
    text("lifecycle"),
    # What the client calls its user. The authenticated principal is `created_by`.
    text("user_name"),
    text("created_by"),
    # The lineage that the native client declared, strict JSON kept as sent; NULL: read from params and tags.
    text("lineage", null=True),
    number("started_at_ms"),
    number("ended_at_ms", null=True),
    number("created_at_ms"),
    number("deleted_at_ms", null=True),
    UniqueConstraint("run_id"),
)
# In the order of a listing without a wish: the newest first.
Index(
    "ix_runs_listing",
    runs.c.experiment_id,
    runs.c.lifecycle,
    runs.c.started_at_ms.desc(),
    runs.c.run_id,
)
# In the order in which they were made, for pages that lie deep.
Index(
    "ix_runs_created",
    runs.c.experiment_id,
    runs.c.lifecycle,
    runs.c.created_at_ms,
    runs.c.id,
)

params = table(
    "params",
    number("run_pk", ForeignKey("runs.id")),
    text("key"),
    text("value"),
    PrimaryKeyConstraint("run_pk", "key"),
    rowid=False,
)

run_tags = table(
    "run_tags",
    number("run_pk", ForeignKey("runs.id")),
    text("key"),
    text("value"),
    PrimaryKeyConstraint("run_pk", "key"),
    rowid=False,
)

metric_keys = table("metric_keys", serial(), text("key"), UniqueConstraint("key"))

metric_summaries = table(
    "metric_summaries",
    number("run_pk", ForeignKey("runs.id")),
    number("key_id", ForeignKey("metric_keys.id")),
    number("count"),
    # 0: retries may have been counted twice; the series itself says how many points there are.
    number("count_exact"),
    number("last_step"),
    number("last_timestamp_ms"),
    real("last_value", null=True),
    real("min_value", null=True),
    number("min_step", null=True),
    real("max_value", null=True),
    number("max_step", null=True),
    PrimaryKeyConstraint("run_pk", "key_id"),
    Index("ix_metric_summaries_lookup", "key_id", "last_value", "run_pk"),
    rowid=False,
)

metric_tail = table(
    "metric_tail",
    serial(),
    number("run_pk", ForeignKey("runs.id"), null=False),
    number("points"),
    blob("payload"),
    Index("ix_metric_tail_run_pk", "run_pk"),
    # Compaction deletes the rows that it read a while ago, by id.
    reuses_ids=False,
)

metric_chunks = table(
    "metric_chunks",
    serial(),
    number("run_pk", ForeignKey("runs.id")),
    number("key_id", ForeignKey("metric_keys.id")),
    number("points"),
    number("min_step"),
    number("max_step"),
    blob("payload"),
    Index("ix_metric_chunks_series", "run_pk", "key_id", "min_step"),
    reuses_ids=False,
)

writers = table(
    "writers",
    number("run_pk", ForeignKey("runs.id")),
    text("writer"),
    number("last_sequence"),
    PrimaryKeyConstraint("run_pk", "writer"),
    rowid=False,
)

step_records = table(
    "step_records",
    serial(),
    number("run_pk", ForeignKey("runs.id")),
    text("key"),
    number("step"),
    text("kind"),
    number("timestamp_ms"),
    # Small payloads stay here as JSON text; larger bytes are in the blob store under `sha256`.
    text("payload", null=True),
    text("sha256", ForeignKey("blobs.sha256"), null=True),
    number("size_bytes"),
    UniqueConstraint("run_pk", "key", "step"),
)

datasets = table(
    "datasets",
    serial(),
    number("experiment_id", ForeignKey("experiments.id")),
    text("name"),
    text("digest"),
    text("source_type"),
    text("source"),
    text("schema_text", null=True),
    text("profile", null=True),
    UniqueConstraint("experiment_id", "name", "digest"),
)

run_inputs = table(
    "run_inputs",
    serial(),
    number("run_pk", ForeignKey("runs.id")),
    number("dataset_id", ForeignKey("datasets.id")),
    UniqueConstraint("run_pk", "dataset_id"),
)

run_input_tags = table(
    "run_input_tags",
    number("input_id", ForeignKey("run_inputs.id")),
    text("key"),
    text("value"),
    PrimaryKeyConstraint("input_id", "key"),
    rowid=False,
)

blobs = table(
    "blobs",
    Column("sha256", text("sha256").type, primary_key=True, nullable=False),
    number("size_bytes"),
    number("created_at_ms"),
)

run_files = table(
    "run_files",
    number("run_pk", ForeignKey("runs.id")),
    text("path"),
    text("sha256", ForeignKey("blobs.sha256")),
    number("size_bytes"),
    number("created_at_ms"),
    PrimaryKeyConstraint("run_pk", "path"),
    Index("ix_run_files_sha256", "sha256"),
    rowid=False,
)

logged_models = table(
    "logged_models",
    serial(),
    text("model_id"),
    number("workspace_id", ForeignKey("workspaces.id")),
    number("experiment_id", ForeignKey("experiments.id")),
    number("run_pk", ForeignKey("runs.id"), null=True),
    text("name"),
    text("model_type"),
    text("status"),
    text("status_message"),
    text("lifecycle"),
    number("created_at_ms"),
    number("updated_at_ms"),
    UniqueConstraint("model_id"),
    Index("ix_logged_models_listing", "experiment_id", "lifecycle", "created_at_ms", "model_id"),
    Index("ix_logged_models_run_pk", "run_pk"),
)

logged_model_params = table(
    "logged_model_params",
    number("logged_model_id", ForeignKey("logged_models.id")),
    text("key"),
    text("value"),
    PrimaryKeyConstraint("logged_model_id", "key"),
    rowid=False,
)

logged_model_tags = table(
    "logged_model_tags",
    number("logged_model_id", ForeignKey("logged_models.id")),
    text("key"),
    text("value"),
    PrimaryKeyConstraint("logged_model_id", "key"),
    rowid=False,
)

logged_model_metrics = table(
    "logged_model_metrics",
    number("logged_model_id", ForeignKey("logged_models.id")),
    number("run_pk", ForeignKey("runs.id")),
    text("key"),
    number("step"),
    number("timestamp_ms"),
    real("value", null=True),
    text("dataset_name"),
    text("dataset_digest"),
    PrimaryKeyConstraint("logged_model_id", "key", "dataset_name", "dataset_digest", "run_pk"),
    rowid=False,
)

logged_model_files = table(
    "logged_model_files",
    number("logged_model_id", ForeignKey("logged_models.id")),
    text("path"),
    text("sha256", ForeignKey("blobs.sha256")),
    number("size_bytes"),
    number("created_at_ms"),
    PrimaryKeyConstraint("logged_model_id", "path"),
    Index("ix_logged_model_files_sha256", "sha256"),
    rowid=False,
)

run_outputs = table(
    "run_outputs",
    number("run_pk", ForeignKey("runs.id")),
    number("logged_model_id", ForeignKey("logged_models.id")),
    number("step"),
    PrimaryKeyConstraint("run_pk", "logged_model_id"),
    rowid=False,
)

run_model_inputs = table(
    "run_model_inputs",
    number("run_pk", ForeignKey("runs.id")),
    number("logged_model_id", ForeignKey("logged_models.id")),
    PrimaryKeyConstraint("run_pk", "logged_model_id"),
    rowid=False,
)
