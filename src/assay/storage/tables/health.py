"""What the detectors found in runs, and the thresholds that workspaces set for them."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, PrimaryKeyConstraint, UniqueConstraint

from assay.storage.tables.columns import BigInt, number, serial, table, text

health_findings = table(
    "health_findings",
    serial(),
    number("run_pk", ForeignKey("runs.id")),
    text("detector"),
    text("key"),
    number("first_step"),
    number("last_step"),
    # The numbers that made the detector speak, a JSON object.
    text("numbers"),
    text("message"),
    number("found_at_ms"),
    number("updated_at_ms"),
    # Since then the detector no longer sees it.
    number("cleared_at_ms", null=True),
    UniqueConstraint("run_pk", "detector", "key"),
    Index("ix_health_findings_found_at_ms", "found_at_ms"),
)

health_thresholds = table(
    "health_thresholds",
    Column("workspace_id", BigInt, ForeignKey("workspaces.id"), nullable=False),
    # A JSON object of the thresholds that differ from the defaults.
    text("thresholds"),
    number("updated_at_ms"),
    PrimaryKeyConstraint("workspace_id"),
)
