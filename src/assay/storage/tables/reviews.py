"""What people and keys say about promotions: runner keys, signatures, approvals, freezes, break-glass."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, UniqueConstraint

from assay.storage.tables.columns import number, serial, table, text

runner_keys = table(
    "runner_keys",
    serial(),
    # SHA-256 of the public key's 32 bytes.
    text("key_id"),
    number("workspace_id", ForeignKey("workspaces.id")),
    # The gate runner's principal that signs with it.
    text("runner"),
    # Ed25519, 32 bytes in hex.
    text("public_key"),
    text("created_by"),
    number("created_at_ms"),
    # Rotated out: signs nothing new, what it signed stands.
    number("retired_at_ms", null=True),
    number("revoked_at_ms", null=True),
    # Verdicts written from this moment on are void.
    number("void_from_ms", null=True),
    text("revoke_reason"),
    UniqueConstraint("workspace_id", "key_id"),
)

verdict_signatures = table(
    "verdict_signatures",
    serial(),
    number("gate_run_pk", ForeignKey("gate_runs.id")),
    number("key_pk", ForeignKey("runner_keys.id")),
    # The nonce of the lease that the verdict ended: it opens nothing any more.
    text("nonce"),
    # Ed25519, 64 bytes in hex.
    text("signature"),
    UniqueConstraint("gate_run_pk"),
)

gate_policies = table(
    "gate_policies",
    serial(),
    number("workspace_id", ForeignKey("workspaces.id")),
    # off | require
    text("signed_verdicts"),
    text("updated_by"),
    number("updated_at_ms"),
    UniqueConstraint("workspace_id"),
)

approvals = table(
    "approvals",
    serial(),
    text("approval_id"),
    number("version_id", ForeignKey("model_versions.id")),
    text("alias"),
    # The alias's revision that was approved to be followed: void once it has moved.
    number("alias_revision"),
    text("artifact_digest"),
    text("gate_fingerprint"),
    text("approver"),
    # NULL: the owner of a server in local mode.
    number("principal_id", ForeignKey("principals.id"), null=True),
    text("reason"),
    number("created_at_ms"),
    number("withdrawn_at_ms", null=True),
    UniqueConstraint("approval_id"),
    Index("ix_approvals_version_id", "version_id", "alias"),
)

freeze_windows = table(
    "freeze_windows",
    serial(),
    text("freeze_id"),
    number("workspace_id", ForeignKey("workspaces.id")),
    # NULL: every protected alias of the workspace.
    text("alias", null=True),
    number("starts_at_ms"),
    number("ends_at_ms"),
    text("reason"),
    text("created_by"),
    number("created_at_ms"),
    text("lifted_by", null=True),
    number("lifted_at_ms", null=True),
    UniqueConstraint("freeze_id"),
    Index("ix_freeze_windows_workspace_id", "workspace_id", "ends_at_ms"),
)

break_glass = table(
    "break_glass",
    serial(),
    text("request_id"),
    number("version_id", ForeignKey("model_versions.id")),
    text("alias"),
    number("alias_revision"),
    text("artifact_digest"),
    text("reason"),
    text("requested_by"),
    number("requester_id", ForeignKey("principals.id")),
    number("created_at_ms"),
    number("expires_at_ms"),
    # open | confirmed | cancelled
    text("state"),
    text("closed_by", null=True),
    number("closed_at_ms", null=True),
    UniqueConstraint("request_id"),
    Index("ix_break_glass_version_id", "version_id"),
)
