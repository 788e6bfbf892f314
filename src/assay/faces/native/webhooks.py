"""Routes of webhooks. A secret is shown once, to whoever let the server choose it."""

from __future__ import annotations

import msgspec

from assay.domain.access import Action
from assay.domain.webhook import Delivery, DeliveryState, Webhook, WebhookStatus
from assay.faces.endpoint import NO_BODY, SMALL_BODY, Call, Endpoint
from assay.services.webhooks import Changes


class WebhookAnswer(msgspec.Struct):
    """A webhook. `failures` counts attempts that failed since the last one that got through."""

    webhook_id: str
    workspace: str
    name: str
    description: str
    url: str
    events: list[str]
    status: WebhookStatus
    is_signed: bool
    failures: int
    last_delivered_at_ms: int | None
    created_by: str
    created_at_ms: int
    updated_at_ms: int


class NewWebhookAnswer(WebhookAnswer):
    """A webhook just made; `secret` is the one that the server chose, shown this once."""

    secret: str | None = None


class WebhooksAnswer(msgspec.Struct):
    """One page of webhooks."""

    webhooks: list[WebhookAnswer]
    next_page_token: str | None


class WebhookRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A new webhook. Without `secret` the server chooses one; an empty one leaves it unsigned."""

    name: str
    url: str
    events: list[str]
    description: str = ""
    secret: str | None = None
    status: WebhookStatus = WebhookStatus.ACTIVE


class WebhookChanges(msgspec.Struct, forbid_unknown_fields=True):
    """What to change. An empty secret takes the signature away."""

    name: str | None = None
    description: str | None = None
    url: str | None = None
    events: list[str] | None = None
    secret: str | None = None
    status: WebhookStatus | None = None


class WebhookTestRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The event to send an example of; by default the first that the webhook asked for."""

    event: str | None = None


class WebhookTestAnswer(msgspec.Struct):
    """How a test went: the status that the receiver answered, or why there is none."""

    delivered: bool
    status: int | None
    error: str


class DeliveryAnswer(msgspec.Struct):
    """A notice. `ledger_seq` is the number of the event that it tells of."""

    delivery_id: str
    event: str
    ledger_seq: int
    state: DeliveryState
    attempts: int
    next_attempt_at_ms: int | None
    last_status: int | None
    last_error: str
    created_at_ms: int
    finished_at_ms: int | None


class DeliveriesAnswer(msgspec.Struct):
    """One page of notices, newest first."""

    deliveries: list[DeliveryAnswer]
    next_page_token: str | None


class PageQuery(msgspec.Struct, forbid_unknown_fields=True):
    """A page."""

    max_results: int = 100
    page_token: str | None = None


def create_webhook(call: Call, body: WebhookRequest) -> NewWebhookAnswer:
    """Make a webhook."""
    service = call.services.webhooks
    chosen = service.new_secret() if body.secret is None else None
    made = service.create(
        call.context,
        body.name,
        body.url,
        body.events,
        description=body.description,
        secret=chosen or body.secret or "",
        status=body.status,
    )
    return NewWebhookAnswer(**msgspec.structs.asdict(_answer(made)), secret=chosen)


def list_webhooks(call: Call) -> WebhooksAnswer:
    """The workspace's webhooks."""
    query = call.query(PageQuery)
    page = call.services.webhooks.list(
        call.context, max_results=query.max_results, page_token=query.page_token
    )
    return WebhooksAnswer([_answer(webhook) for webhook in page.items], page.next_token)


def get_webhook(call: Call) -> WebhookAnswer:
    """One webhook."""
    return _answer(call.services.webhooks.get(call.context, call.path["webhook_id"]))


def update_webhook(call: Call, body: WebhookChanges) -> WebhookAnswer:
    """Change a webhook."""
    changes = Changes(**msgspec.structs.asdict(body))
    return _answer(call.services.webhooks.update(call.context, call.path["webhook_id"], changes))


def delete_webhook(call: Call) -> None:
    """Remove a webhook."""
    call.services.webhooks.delete(call.context, call.path["webhook_id"])


def test_webhook(call: Call, body: WebhookTestRequest) -> WebhookTestAnswer:
    """Send an example now."""
    result = call.services.webhooks.test(call.context, call.path["webhook_id"], body.event)
    return WebhookTestAnswer(result.is_delivered, result.status, result.error)


def list_deliveries(call: Call) -> DeliveriesAnswer:
    """What was and is to be sent."""
    query = call.query(PageQuery)
    page = call.services.webhooks.deliveries(
        call.context,
        call.path["webhook_id"],
        max_results=query.max_results,
        page_token=query.page_token,
    )
    return DeliveriesAnswer([_delivery_answer(found) for found in page.items], page.next_token)


def _answer(webhook: Webhook) -> WebhookAnswer:
    return WebhookAnswer(
        webhook_id=webhook.webhook_id,
        workspace=webhook.workspace,
        name=webhook.name,
        description=webhook.description,
        url=webhook.url,
        events=list(webhook.events),
        status=webhook.status,
        is_signed=webhook.is_signed,
        failures=webhook.failures,
        last_delivered_at_ms=webhook.last_delivered_at_ms,
        created_by=webhook.created_by,
        created_at_ms=webhook.created_at_ms,
        updated_at_ms=webhook.updated_at_ms,
    )


def _delivery_answer(delivery: Delivery) -> DeliveryAnswer:
    is_pending = delivery.state is DeliveryState.PENDING
    return DeliveryAnswer(
        delivery_id=delivery.delivery_id,
        event=delivery.event,
        ledger_seq=delivery.ledger_seq,
        state=delivery.state,
        attempts=delivery.attempts,
        next_attempt_at_ms=delivery.next_attempt_at_ms if is_pending else None,
        last_status=delivery.last_status,
        last_error=delivery.last_error,
        created_at_ms=delivery.created_at_ms,
        finished_at_ms=delivery.finished_at_ms,
    )


_PATH = "/api/v1/webhooks"
_ONE = "/api/v1/webhooks/{webhook_id}"

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=_PATH,
        name="webhooks.list",
        summary="The webhooks of the workspace",
        permission=Action.WORKSPACE_WRITE,
        body_limit=NO_BODY,
        handler=list_webhooks,
        query=PageQuery,
        response=WebhooksAnswer,
    ),
    Endpoint(
        method="POST",
        path=_PATH,
        name="webhooks.create",
        summary="Make a webhook",
        permission=Action.WORKSPACE_WRITE,
        body_limit=SMALL_BODY,
        handler=create_webhook,
        request=WebhookRequest,
        response=NewWebhookAnswer,
        status=201,
    ),
    Endpoint(
        method="GET",
        path=_ONE,
        name="webhooks.get",
        summary="A webhook, without its secret",
        permission=Action.WORKSPACE_WRITE,
        body_limit=NO_BODY,
        handler=get_webhook,
        response=WebhookAnswer,
    ),
    Endpoint(
        method="PATCH",
        path=_ONE,
        name="webhooks.update",
        summary="Change, enable or disable a webhook",
        permission=Action.WORKSPACE_WRITE,
        body_limit=SMALL_BODY,
        handler=update_webhook,
        request=WebhookChanges,
        response=WebhookAnswer,
    ),
    Endpoint(
        method="DELETE",
        path=_ONE,
        name="webhooks.delete",
        summary="Remove a webhook and what waits to be sent to it",
        permission=Action.WORKSPACE_WRITE,
        body_limit=NO_BODY,
        handler=delete_webhook,
    ),
    Endpoint(
        method="POST",
        path=f"{_ONE}/test",
        name="webhooks.test",
        summary="Send an example of an event, once, now",
        permission=Action.WORKSPACE_WRITE,
        body_limit=SMALL_BODY,
        handler=test_webhook,
        request=WebhookTestRequest,
        response=WebhookTestAnswer,
    ),
    Endpoint(
        method="GET",
        path=f"{_ONE}/deliveries",
        name="webhooks.deliveries",
        summary="What was and is to be sent to a webhook, newest first",
        permission=Action.WORKSPACE_WRITE,
        body_limit=NO_BODY,
        handler=list_deliveries,
        query=PageQuery,
        response=DeliveriesAnswer,
    ),
)
