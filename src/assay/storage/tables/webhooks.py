"""Webhooks and the notices on their way to them."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, UniqueConstraint

from assay.storage.tables.columns import BigInt, number, serial, table, text

webhooks = table(
    "webhooks",
    serial(),
    text("webhook_id"),
    number("workspace_id", ForeignKey("workspaces.id")),
    text("name"),
    text("description"),
    text("url"),
    # The names of the events, a JSON list.
    text("events"),
    # In clear: an HMAC needs it. It leaves the database for the signature alone.
    text("secret", null=True),
    # active | disabled
    text("status"),
    # The ledger's number at its making: earlier events are not for it.
    number("after_seq"),
    number("failures"),
    number("last_delivered_at_ms", null=True),
    text("created_by"),
    number("created_at_ms"),
    number("updated_at_ms"),
    UniqueConstraint("webhook_id"),
    Index("ix_webhooks_workspace_id", "workspace_id", "id"),
)

webhook_deliveries = table(
    "webhook_deliveries",
    serial(),
    text("delivery_id"),
    number("webhook_pk", ForeignKey("webhooks.id")),
    number("ledger_seq"),
    text("event"),
    text("body"),
    # pending | delivered | failed
    text("state"),
    number("attempts"),
    number("next_attempt_at_ms"),
    # Until then a server is at it, and nobody else.
    number("leased_until_ms", null=True),
    number("last_status", null=True),
    text("last_error"),
    number("created_at_ms"),
    number("finished_at_ms", null=True),
    UniqueConstraint("delivery_id"),
    Index("ix_webhook_deliveries_due", "state", "next_attempt_at_ms"),
    Index("ix_webhook_deliveries_webhook_pk", "webhook_pk", "id"),
    Index("ix_webhook_deliveries_finished_at_ms", "finished_at_ms"),
)

webhook_cursor = table(
    "webhook_cursor",
    Column("id", BigInt, primary_key=True, autoincrement=False, nullable=False),
    # Up to this event of the ledger, deliveries have been written out.
    number("seq"),
)
