"""Eval suites and results, gates, gate runs, verdicts, and the ledger."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, UniqueConstraint, func

from assay.storage.tables.columns import BigInt, number, real, serial, table, text

eval_suites = table(
    "eval_suites",
    serial(),
    number("workspace_id", ForeignKey("workspaces.id")),
    text("name"),
    text("fingerprint"),
    text("canonical"),
    # The packed bundle (items, references, scorer); NULL where the suite is only named for comparison.
    text("bundle_sha256", ForeignKey("blobs.sha256"), null=True),
    number("item_count"),
    text("created_by"),
    number("created_at_ms"),
    UniqueConstraint("workspace_id", "fingerprint"),
)

eval_results = table(
    "eval_results",
    serial(),
    number("run_pk", ForeignKey("runs.id")),
    # `name@digest` of a foreign suite or the fingerprint of one of ours.
    text("suite_fingerprint"),
    text("metric"),
    real("value", null=True),
    # The number as it was sent, exact.
    text("value_text"),
    number("items", null=True),
    text("created_by"),
    number("created_at_ms"),
    UniqueConstraint("run_pk", "suite_fingerprint", "metric"),
)

gates = table(
    "gates",
    serial(),
    number("workspace_id", ForeignKey("workspaces.id")),
    text("name"),
    number("version"),
    # The model that it guards; NULL: every model of the workspace without a gate of its own.
    number("model_id", ForeignKey("registered_models.id"), null=True),
    number("suite_id", ForeignKey("eval_suites.id")),
    text("fingerprint"),
    text("canonical"),
    number("is_current"),
    text("created_by"),
    number("created_at_ms"),
    UniqueConstraint("workspace_id", "name", "version"),
)
Index(
    "uq_gates_one_current",
    gates.c.workspace_id,
    func.coalesce(gates.c.model_id, 0),
    unique=True,
    sqlite_where=gates.c.is_current == 1,
    postgresql_where=gates.c.is_current == 1,
)

gate_runs = table(
    "gate_runs",
    serial(),
    text("gate_run_id"),
    number("workspace_id", ForeignKey("workspaces.id")),
    number("gate_id", ForeignKey("gates.id")),
    number("version_id", ForeignKey("model_versions.id")),
    text("gate_fingerprint"),
    text("artifact_digest"),
    # queued | leased | done | cancelled
    text("state"),
    text("nonce", null=True),
    number("fence"),
    number("attempts"),
    text("leased_by", null=True),
    number("lease_expires_at_ms", null=True),
    text("requested_by"),
    number("created_at_ms"),
    number("finished_at_ms", null=True),
    UniqueConstraint("gate_run_id"),
    Index("ix_gate_runs_state", "state", "id"),
    Index("ix_gate_runs_version_id", "version_id", "gate_id"),
)
Index(
    "uq_gate_runs_one_open",
    gate_runs.c.gate_id,
    gate_runs.c.version_id,
    unique=True,
    sqlite_where=gate_runs.c.state.in_(("queued", "leased")),
    postgresql_where=gate_runs.c.state.in_(("queued", "leased")),
)

verdicts = table(
    "verdicts",
    serial(),
    number("gate_run_pk", ForeignKey("gate_runs.id")),
    number("gate_id", ForeignKey("gates.id")),
    number("version_id", ForeignKey("model_versions.id")),
    text("gate_fingerprint"),
    text("artifact_digest"),
    # pass | fail | inconclusive | error | expired
    text("outcome"),
    # Exact score as a fraction of two integers in decimal; NULL without a score.
    text("score_numerator", null=True),
    text("score_denominator", null=True),
    number("items"),
    # Every metric as an exact fraction, canonical JSON.
    text("metrics"),
    text("reasons"),
    # The per-item rows as posted, in the blob store.
    text("rows_sha256", ForeignKey("blobs.sha256"), null=True),
    text("runner"),
    number("created_at_ms"),
    UniqueConstraint("gate_run_pk"),
    Index("ix_verdicts_evidence", "version_id", "gate_fingerprint", "artifact_digest", "id"),
)

ledger = table(
    "ledger",
    Column("seq", BigInt, primary_key=True, autoincrement=False, nullable=False),
    number("at_ms"),
    text("action"),
    text("outcome"),
    text("actor"),
    text("object"),
    text("workspace", null=True),
    # The whole event without its hash, canonical JSON: what is hashed and replayed.
    text("body"),
    text("prev"),
    text("h"),
    UniqueConstraint("h"),
    Index("ix_ledger_object", "object", "seq"),
)

ledger_head = table(
    "ledger_head",
    Column("id", BigInt, primary_key=True, autoincrement=False, nullable=False),
    number("seq"),
    text("h"),
)
