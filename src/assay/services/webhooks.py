"""Webhooks: who is told what. The telling itself is in `webhook_delivery`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from assay.domain.access import Action
from assay.domain.errors import InvalidArgument, LimitExceeded, NotFound
from assay.domain.names import check_text
from assay.domain.paging import bind, decode, encode
from assay.domain.tracking import Page
from assay.domain.webhook import (
    MAX_DESCRIPTION,
    Delivery,
    Webhook,
    WebhookStatus,
    check_events,
    check_secret,
    check_webhook_name,
    example,
    headers,
)
from assay.domain.webhook_target import parse_target
from assay.services.catalogue import get_workspace
from assay.services.checks import check_page_size
from assay.services.context import Context
from assay.services.ledger import Ledger, actor_text
from assay.services.platform import Platform
from assay.services.webhook_post import PostResult, WebhookPost
from assay.storage import webhook_deliveries, webhooks
from assay.storage.database import Transaction

MAX_PAGE: Final = 1_000
MAX_WEBHOOKS: Final = 100
"""For one workspace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What to change of a webhook; None leaves it. An empty secret takes the signature away."""

    name: str | None = None
    description: str | None = None
    url: str | None = None
    events: Sequence[str] | None = None
    secret: str | None = None
    status: WebhookStatus | None = None


class Webhooks:
    """Makes, shows, changes and tries webhooks. Secrets go in and never come out."""

    def __init__(self, platform: Platform, ledger: Ledger, post: WebhookPost) -> None:
        self._platform = platform
        self._ledger = ledger
        self._post = post

    def new_secret(self) -> str:
        """A secret for a webhook whose maker brings none: 256 random bits."""
        return f"whsec_{self._platform.token_hex(32)}"

    def create(
        self,
        context: Context,
        name: str,
        url: str,
        events: Sequence[str],
        *,
        description: str = "",
        secret: str = "",
        status: WebhookStatus = WebhookStatus.ACTIVE,
    ) -> Webhook:
        """Make a webhook, which hears of what happens from now on; without a secret it is unsigned."""
        context.require(Action.WORKSPACE_WRITE)
        changes = self._checked(
            Changes(name=name, description=description, url=url, events=events, secret=secret)
        )
        webhook_id = self._platform.token_hex(16)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            workspace = get_workspace(tx, self._platform, context.workspace)
            if webhooks.count_webhooks(tx, workspace.pk) >= MAX_WEBHOOKS:
                raise LimitExceeded(f"A workspace has at most {MAX_WEBHOOKS} webhooks.")
            seq = self._record(tx, context, "webhook.created", webhook_id, _told(changes, status))
            webhooks.insert_webhook(
                tx,
                webhooks.NewWebhook(
                    webhook_id=webhook_id,
                    workspace_pk=workspace.pk,
                    status=status,
                    after_seq=seq,
                    created_by=actor_text(context),
                    now_ms=context.now_ms,
                    **changes,
                ),
            )
            return self._find(tx, context, webhook_id)

    def get(self, context: Context, webhook_id: str) -> Webhook:
        """One webhook of the workspace. Raises NotFound."""
        context.require(Action.WORKSPACE_WRITE)
        with self._platform.database.read() as tx:
            return self._find(tx, context, webhook_id)

    def list(
        self, context: Context, *, max_results: int = 100, page_token: str | None = None
    ) -> Page[Webhook]:
        """The workspace's webhooks in the order of their making."""
        context.require(Action.WORKSPACE_WRITE)
        check_page_size(max_results, MAX_PAGE)
        binding = bind(["webhooks", context.workspace])
        after = _position(page_token, binding) or 0
        with self._platform.database.read() as tx:
            workspace = get_workspace(tx, self._platform, context.workspace)
            found = webhooks.list_webhooks(tx, workspace.pk, after_pk=after, limit=max_results + 1)
        shown = tuple(found[:max_results])
        more = len(found) > max_results
        return Page(shown, encode([shown[-1].pk], binding) if more else None)

    def update(self, context: Context, webhook_id: str, changes: Changes) -> Webhook:
        """Change what is given. Disabling throws away what waits to be sent."""
        context.require(Action.WORKSPACE_WRITE)
        wanted = self._checked(changes)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            webhook = self._find(tx, context, webhook_id)
            told = _told(wanted, changes.status)
            seq = self._record(tx, context, "webhook.updated", webhook_id, told)
            if changes.status is not None and changes.status is not webhook.status:
                wanted |= {"status": changes.status.value, "after_seq": seq, "failures": 0}
            if changes.status is WebhookStatus.DISABLED:
                webhook_deliveries.drop_pending(tx, webhook.pk)
            webhooks.update_webhook(tx, webhook.pk, wanted, context.now_ms)
            return self._find(tx, context, webhook_id)

    def delete(self, context: Context, webhook_id: str) -> None:
        """Remove a webhook, and what waits to be sent to it."""
        context.require(Action.WORKSPACE_WRITE)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            webhook = self._find(tx, context, webhook_id)
            webhooks.delete_webhook(tx, webhook.pk)
            self._record(tx, context, "webhook.deleted", webhook_id, {"name": webhook.name})

    def deliveries(
        self,
        context: Context,
        webhook_id: str,
        *,
        max_results: int = 100,
        page_token: str | None = None,
    ) -> Page[Delivery]:
        """What was and is to be sent to a webhook, newest first."""
        context.require(Action.WORKSPACE_WRITE)
        check_page_size(max_results, MAX_PAGE)
        binding = bind(["webhook deliveries", webhook_id])
        before = _position(page_token, binding)
        with self._platform.database.read() as tx:
            webhook = self._find(tx, context, webhook_id)
            found = webhook_deliveries.list_deliveries(
                tx, webhook.pk, before_pk=before, limit=max_results + 1
            )
        shown = tuple(found[:max_results])
        more = len(found) > max_results
        return Page(shown, encode([shown[-1].pk], binding) if more else None)

    def test(self, context: Context, webhook_id: str, event: str | None = None) -> PostResult:
        """Send an example of an event (by default of the first that it asked for), once, now."""
        context.require(Action.WORKSPACE_WRITE)
        with self._platform.database.read() as tx:
            webhook = self._find(tx, context, webhook_id)
            secret = webhooks.secret_of(tx, webhook.pk)
        name = webhook.events[0] if event is None else check_events([event])[0]
        body = example(name, context.now_ms, webhook.workspace)
        delivery = self._platform.token_hex(16)
        signed = headers(secret, delivery, context.now_ms // 1000, body)
        return self._post.send(webhook.url, signed, body)

    def _checked(self, changes: Changes) -> dict[str, Any]:
        wanted: dict[str, Any] = {}
        if changes.name is not None:
            wanted["name"] = check_webhook_name(changes.name)
        if changes.description is not None:
            wanted["description"] = check_text(
                changes.description, "description", max_length=MAX_DESCRIPTION
            )
        if changes.url is not None:
            parse_target(changes.url, self._post.allowed)
            wanted["url"] = changes.url
        if changes.events is not None:
            wanted["events"] = check_events(changes.events)
        if changes.secret is not None:
            wanted["secret"] = check_secret(changes.secret) or None
        return wanted

    def _find(self, tx: Transaction, context: Context, webhook_id: str) -> Webhook:
        found = webhooks.find_webhook(tx, webhook_id)
        if found is None or found.workspace != context.workspace:
            raise NotFound(f"Webhook {webhook_id[:100]!r} does not exist.", field="webhook_id")
        return found

    def _record(
        self,
        tx: Transaction,
        context: Context,
        action: str,
        webhook_id: str,
        details: Mapping[str, Any],
    ) -> int:
        return self._ledger.record(
            tx,
            context,
            action=action,
            object=f"webhook:{webhook_id}",
            workspace=context.workspace,
            details=details,
        )


def _told(changes: Mapping[str, Any], status: WebhookStatus | None) -> dict[str, Any]:
    """What the ledger keeps: of a URL the host alone, since paths of receivers are often secrets."""
    told = {key: value for key, value in changes.items() if key in {"name", "description"}}
    if "events" in changes:
        told["events"] = [*changes["events"]]
    if "url" in changes:
        told["host"] = changes["url"].partition("://")[2].partition("/")[0].partition("?")[0]
    if "secret" in changes:
        told["is_signed"] = changes["secret"] is not None
    if status is not None:
        told["status"] = status.value
    return told


def _position(page_token: str | None, binding: str) -> int | None:
    if page_token is None:
        return None
    (position,) = decode(page_token, binding, size=1)
    if isinstance(position, bool) or not isinstance(position, int):
        raise InvalidArgument("page_token is not one of this server.", field="page_token")
    return position
