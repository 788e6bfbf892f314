"""MLflow's webhooks. Events of ours, which MLflow has no words for, are left out of its answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import field

from assay.domain import webhook as domain
from assay.domain.access import Action
from assay.domain.errors import InvalidArgument
from assay.domain.webhook import MLFLOW_EVENTS, Webhook
from assay.faces.endpoint import Call, Endpoint
from assay.faces.mlflow.routing import Nothing, get, post, send
from assay.faces.mlflow.views import Json, present
from assay.faces.mlflow.wire import Int64, Message, WireEnum
from assay.services.webhooks import Changes

MAX_PAGE: Final = 1_000


class Entity(WireEnum):
    """What an event is about."""

    ENTITY_UNSPECIFIED = 0
    REGISTERED_MODEL = 1
    MODEL_VERSION = 2
    MODEL_VERSION_TAG = 3
    MODEL_VERSION_ALIAS = 4
    PROMPT = 5
    PROMPT_VERSION = 6
    PROMPT_TAG = 7
    PROMPT_VERSION_TAG = 8
    PROMPT_ALIAS = 9
    BUDGET_POLICY = 10


class EventAction(WireEnum):
    """What happened to it."""

    ACTION_UNSPECIFIED = 0
    CREATED = 1
    UPDATED = 2
    DELETED = 3
    SET = 4
    EXCEEDED = 5


class Status(WireEnum):
    """Whether notices are sent."""

    ACTIVE = 1
    DISABLED = 2


class EventWords(Message):
    """An event in MLflow's words."""

    entity: Entity
    action: EventAction


class CreateWebhook(Message):
    """POST webhooks."""

    name: str = ""
    url: str = ""
    events: list[EventWords] = field(default_factory=list)
    description: str = ""
    secret: str = ""
    status: Status = Status.ACTIVE


class ListWebhooks(Message):
    """GET webhooks."""

    max_results: Int64 = 100
    page_token: str = ""


class UpdateWebhook(Message):
    """PATCH webhooks/{webhook_id}: what is absent stays."""

    name: str | None = None
    description: str | None = None
    url: str | None = None
    events: list[EventWords] = field(default_factory=list)
    secret: str | None = None
    status: Status | None = None


class TestWebhook(Message):
    """POST webhooks/{webhook_id}/test."""

    event: EventWords | None = None


def create(call: Call, message: CreateWebhook) -> Json:
    """Make a webhook; without a secret its notices are unsigned."""
    made = call.services.webhooks.create(
        call.context,
        message.name,
        _filled(message.url),
        [_name(words, f"events[{i}]") for i, words in enumerate(message.events)],
        description=message.description,
        secret=message.secret,
        status=_status(message.status),
    )
    return {"webhook": webhook_view(made)}


def list_all(call: Call, message: ListWebhooks) -> Json:
    """A page of webhooks."""
    if not 1 <= message.max_results <= MAX_PAGE:
        msg = f"max_results must be between 1 and {MAX_PAGE}."
        raise InvalidArgument(msg, field="max_results")
    page = call.services.webhooks.list(
        call.context, max_results=message.max_results, page_token=message.page_token or None
    )
    return present(
        webhooks=[webhook_view(webhook) for webhook in page.items],
        next_page_token=page.next_token,
    )


def get_one(call: Call, message: Nothing) -> Json:
    """One webhook."""
    del message
    return {"webhook": webhook_view(call.services.webhooks.get(call.context, _id(call)))}


def update(call: Call, message: UpdateWebhook) -> Json:
    """Change a webhook."""
    events = [_name(words, f"events[{i}]") for i, words in enumerate(message.events)]
    changes = Changes(
        name=message.name or None,
        description=message.description,
        url=_filled(message.url) if message.url else None,
        events=events or None,
        secret=message.secret,
        status=None if message.status is None else _status(message.status),
    )
    return {
        "webhook": webhook_view(call.services.webhooks.update(call.context, _id(call), changes))
    }


def delete(call: Call, message: Nothing) -> None:
    """Remove a webhook."""
    del message
    call.services.webhooks.delete(call.context, _id(call))


def test(call: Call, message: TestWebhook) -> Json:
    """Send an example. What the receiver says beside its status is not shown."""
    event = None if message.event is None else _name(message.event, "event")
    service = call.services.webhooks
    result = service.test(call.context, _id(call), event)
    # Whoever answered is no error of the way there: its status says it.
    told = present(
        response_status=result.status, error_message=None if result.status else result.error
    )
    return {"result": {"success": result.is_delivered, **told}}


def webhook_view(webhook: Webhook) -> Json:
    """A webhook, without its secret."""
    events = [
        dict(zip(("entity", "action"), event.upper().split("."), strict=True))
        for event in webhook.events
        if event in MLFLOW_EVENTS
    ]
    return present(
        webhook_id=webhook.webhook_id,
        name=webhook.name,
        description=webhook.description,
        url=webhook.url,
        events=events,
        status=webhook.status.value.upper(),
        creation_timestamp=webhook.created_at_ms,
        last_updated_timestamp=webhook.updated_at_ms,
        workspace=webhook.workspace,
    )


def _name(words: EventWords, where: str) -> str:
    name = f"{words.entity.name}.{words.action.name}".lower()
    if name not in MLFLOW_EVENTS:
        known = ", ".join(sorted(MLFLOW_EVENTS))
        raise InvalidArgument(f"{where} is no event: {name}; known are {known}.", field=where)
    return name


def _filled(url: str) -> str:
    if not url.strip():
        msg = f"Webhook URL cannot be empty or just whitespace: {url[:100]!r}"
        raise InvalidArgument(msg)
    return url


def _status(status: Status) -> domain.WebhookStatus:
    return domain.WebhookStatus(status.name.lower())


def _id(call: Call) -> str:
    return call.path["webhook_id"]


_WRITE: Final = Action.WORKSPACE_WRITE
_ROOT: Final = "/webhooks"
_ONE: Final = "/webhooks/{webhook_id}"

ENDPOINTS: Sequence[Endpoint] = (
    post(_ROOT, "Make a webhook", _WRITE, create, CreateWebhook),
    get(_ROOT, "A page of webhooks", _WRITE, list_all, ListWebhooks),
    get(_ONE, "A webhook", _WRITE, get_one, Nothing),
    send("PATCH", _ONE, "Change a webhook", _WRITE, update, UpdateWebhook),
    send("DELETE", _ONE, "Remove a webhook", _WRITE, delete, Nothing),
    post(f"{_ONE}/test", "Try a webhook", _WRITE, test, TestWebhook),
)
