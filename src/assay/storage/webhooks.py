"""Statements on webhooks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from assay.domain.webhook import Webhook, WebhookStatus
from assay.storage.database import Transaction
from assay.storage.tables.tracking import workspaces
from assay.storage.tables.webhooks import webhook_deliveries, webhooks

WEBHOOKS = select(
    webhooks.c.id,
    webhooks.c.webhook_id,
    workspaces.c.name.label("workspace"),
    webhooks.c.name,
    webhooks.c.description,
    webhooks.c.url,
    webhooks.c.events,
    webhooks.c.secret.is_not(None).label("is_signed"),
    webhooks.c.status,
    webhooks.c.after_seq,
    webhooks.c.failures,
    webhooks.c.last_delivered_at_ms,
    webhooks.c.created_by,
    webhooks.c.created_at_ms,
    webhooks.c.updated_at_ms,
).join_from(webhooks, workspaces)


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """What is written when a webhook is made."""

    webhook_id: str
    workspace_pk: int
    name: str
    description: str
    url: str
    events: tuple[str, ...]
    secret: str | None = field(repr=False)
    status: WebhookStatus
    after_seq: int
    created_by: str
    now_ms: int


def insert_webhook(tx: Transaction, new: NewWebhook) -> None:
    """Add a webhook to which nothing was sent yet."""
    tx.execute(
        insert(webhooks).values(
            webhook_id=new.webhook_id,
            workspace_id=new.workspace_pk,
            name=new.name,
            description=new.description,
            url=new.url,
            events=json.dumps(new.events),
            secret=new.secret,
            status=new.status.value,
            after_seq=new.after_seq,
            failures=0,
            created_by=new.created_by,
            created_at_ms=new.now_ms,
            updated_at_ms=new.now_ms,
        )
    )


def find_webhook(tx: Transaction, webhook_id: str) -> Webhook | None:
    """The webhook of that id, without its secret."""
    row = tx.execute(WEBHOOKS.where(webhooks.c.webhook_id == webhook_id)).first()
    return None if row is None else as_webhook(row)


def secret_of(tx: Transaction, pk: int) -> str | None:
    """The signing secret, for a signature and nothing else."""
    secret: str | None = tx.execute(
        select(webhooks.c.secret).where(webhooks.c.id == pk)
    ).scalar_one_or_none()
    return secret


def list_webhooks(
    tx: Transaction, workspace_pk: int, *, after_pk: int, limit: int
) -> list[Webhook]:
    """The webhooks of a workspace in the order of their making."""
    statement = (
        WEBHOOKS.where(webhooks.c.workspace_id == workspace_pk, webhooks.c.id > after_pk)
        .order_by(webhooks.c.id)
        .limit(limit)
    )
    return [as_webhook(row) for row in tx.execute(statement)]


def count_webhooks(tx: Transaction, workspace_pk: int) -> int:
    """How many webhooks the workspace has, up to what the caller cares about."""
    found = tx.execute(select(webhooks.c.id).where(webhooks.c.workspace_id == workspace_pk))
    return len(found.all())


def list_active(tx: Transaction) -> list[Webhook]:
    """Every webhook of every workspace that is not disabled."""
    statement = WEBHOOKS.where(webhooks.c.status == WebhookStatus.ACTIVE.value)
    return [as_webhook(row) for row in tx.execute(statement.order_by(webhooks.c.id))]


def update_webhook(tx: Transaction, pk: int, changes: Mapping[str, Any], now_ms: int) -> None:
    """Change columns of a webhook; events come as the tuple of their names."""
    values = dict(changes)
    if "events" in values:
        values["events"] = json.dumps(values["events"])
    tx.execute(update(webhooks).where(webhooks.c.id == pk).values(updated_at_ms=now_ms, **values))


def delete_webhook(tx: Transaction, pk: int) -> None:
    """Remove a webhook with everything that was on its way to it."""
    tx.execute(delete(webhook_deliveries).where(webhook_deliveries.c.webhook_pk == pk))
    tx.execute(delete(webhooks).where(webhooks.c.id == pk))


def note_outcome(tx: Transaction, pk: int, *, is_delivered: bool, now_ms: int) -> None:
    """Note on the webhook that an attempt got through, or one more that did not."""
    values: dict[str, Any] = {"failures": webhooks.c.failures + 1}
    if is_delivered:
        values = {"failures": 0, "last_delivered_at_ms": now_ms}
    tx.execute(update(webhooks).where(webhooks.c.id == pk).values(values))


def as_webhook(row: Row[Any]) -> Webhook:
    """A row of `WEBHOOKS` as a value."""
    return Webhook(
        pk=row.id,
        webhook_id=row.webhook_id,
        workspace=row.workspace,
        name=row.name,
        description=row.description,
        url=row.url,
        events=tuple(json.loads(row.events)),
        status=WebhookStatus(row.status),
        is_signed=bool(row.is_signed),
        after_seq=row.after_seq,
        failures=row.failures,
        last_delivered_at_ms=row.last_delivered_at_ms,
        created_by=row.created_by,
        created_at_ms=row.created_at_ms,
        updated_at_ms=row.updated_at_ms,
    )
