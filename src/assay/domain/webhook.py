"""Webhooks: the events that one can ask for, what is sent, how it is signed, when it is tried again."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from assay.domain.canonical import JsonValue, canonical_text
from assay.domain.errors import InvalidArgument, LimitExceeded
from assay.domain.ledger import Event, EventAction, EventOutcome
from assay.domain.names import check_text
from assay.domain.registry import PROMPT_TAG

MAX_NAME: Final = 63
MAX_DESCRIPTION: Final = 1_000
MAX_SECRET: Final = 1_000
MAX_ATTEMPTS: Final = 15
"""With the waits of `retry_after_ms` about five hours; then the delivery counts as failed."""

SIGNATURE_HEADER: Final = "X-MLflow-Signature"
DELIVERY_HEADER: Final = "X-MLflow-Delivery-Id"
TIMESTAMP_HEADER: Final = "X-MLflow-Timestamp"

_FIRST_WAIT_MS: Final = 2_000
_LONGEST_WAIT_MS: Final = 3_600_000
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


class WebhookStatus(StrEnum):
    """A disabled webhook keeps its settings; what happens meanwhile is never sent to it."""

    ACTIVE = "active"
    DISABLED = "disabled"


class DeliveryState(StrEnum):
    """`failed`: given up after the last attempt."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class EventKind(StrEnum):
    """What can be subscribed to, in our words."""

    MODEL_CREATED = "model.created"
    MODEL_RENAMED = "model.renamed"
    MODEL_DELETED = "model.deleted"
    MODEL_TAG_SET = "model.tag_set"
    MODEL_TAG_DELETED = "model.tag_deleted"
    VERSION_REGISTERED = "version.registered"
    VERSION_STATE_CHANGED = "version.state_changed"
    VERSION_TAG_SET = "version.tag_set"
    VERSION_TAG_DELETED = "version.tag_deleted"
    ALIAS_SET = "alias.set"
    ALIAS_REMOVED = "alias.removed"
    PROMOTION = "promotion"
    PROMOTION_HELD = "promotion.held"
    ROLLBACK = "rollback"
    BREAK_GLASS = "break_glass"
    GATE_CREATED = "gate.created"
    VERDICT = "verdict"
    CLOSURE_DROPPED = "closure.dropped"
    HEALTH_FINDING = "run.health_finding"
    RUN_ALERT = "run.alert"


_KINDS: Final[Mapping[str, EventKind]] = {
    EventAction.MODEL_REGISTERED: EventKind.MODEL_CREATED,
    EventAction.MODEL_RENAMED: EventKind.MODEL_RENAMED,
    EventAction.MODEL_DELETED: EventKind.MODEL_DELETED,
    "model.tagged": EventKind.MODEL_TAG_SET,
    "model.untagged": EventKind.MODEL_TAG_DELETED,
    EventAction.VERSION_REGISTERED: EventKind.VERSION_REGISTERED,
    EventAction.VERSION_STATE_CHANGED: EventKind.VERSION_STATE_CHANGED,
    "version.tagged": EventKind.VERSION_TAG_SET,
    "version.untagged": EventKind.VERSION_TAG_DELETED,
    EventAction.ALIAS_SET: EventKind.ALIAS_SET,
    EventAction.ALIAS_DELETED: EventKind.ALIAS_REMOVED,
    EventAction.PROMOTION: EventKind.PROMOTION,
    EventAction.ROLLBACK: EventKind.ROLLBACK,
    EventAction.BREAK_GLASS: EventKind.BREAK_GLASS,
    "gate.created": EventKind.GATE_CREATED,
    "verdict.written": EventKind.VERDICT,
    "closure.dropped": EventKind.CLOSURE_DROPPED,
    "run.health_finding": EventKind.HEALTH_FINDING,
    "run.alert": EventKind.RUN_ALERT,
}
_MODEL_WORDS: Final[Mapping[EventKind, str]] = {
    EventKind.MODEL_CREATED: "registered_model.created",
    EventKind.VERSION_REGISTERED: "model_version.created",
    EventKind.VERSION_TAG_SET: "model_version_tag.set",
    EventKind.VERSION_TAG_DELETED: "model_version_tag.deleted",
    EventKind.ALIAS_SET: "model_version_alias.created",
    EventKind.PROMOTION: "model_version_alias.created",
    EventKind.ROLLBACK: "model_version_alias.created",
    EventKind.BREAK_GLASS: "model_version_alias.created",
    EventKind.ALIAS_REMOVED: "model_version_alias.deleted",
}
_PROMPT_WORDS: Final[Mapping[EventKind, str]] = {
    EventKind.MODEL_CREATED: "prompt.created",
    EventKind.MODEL_TAG_SET: "prompt_tag.set",
    EventKind.MODEL_TAG_DELETED: "prompt_tag.deleted",
    EventKind.VERSION_REGISTERED: "prompt_version.created",
    EventKind.VERSION_TAG_SET: "prompt_version_tag.set",
    EventKind.VERSION_TAG_DELETED: "prompt_version_tag.deleted",
    EventKind.ALIAS_SET: "prompt_alias.created",
    EventKind.PROMOTION: "prompt_alias.created",
    EventKind.ROLLBACK: "prompt_alias.created",
    EventKind.BREAK_GLASS: "prompt_alias.created",
    EventKind.ALIAS_REMOVED: "prompt_alias.deleted",
}
MLFLOW_EVENTS: Final = frozenset(
    # The last one is legal to ask for and never happens here.
    {*_MODEL_WORDS.values(), *_PROMPT_WORDS.values(), "budget_policy.exceeded"}
)
OWN_EVENTS: Final = frozenset(kind.value for kind in EventKind)
EVENTS: Final = OWN_EVENTS | MLFLOW_EVENTS

_TAG_SETS: Final = frozenset({EventKind.MODEL_TAG_SET, EventKind.VERSION_TAG_SET})
_TAG_DELETIONS: Final = frozenset({EventKind.MODEL_TAG_DELETED, EventKind.VERSION_TAG_DELETED})
_LEFT_OUT: Final = frozenset({"model_id", "decision"})
_BULKY: Final = frozenset({"tags", "description", "template"})


@dataclass(frozen=True, slots=True)
class Webhook:
    """A receiver and what it wants. The secret is not part of this value: nothing shows it.

    `after_seq` is the ledger's number at its making: it hears of later events only. `failures`
    counts attempts that failed since the last one that got through.
    """

    pk: int
    webhook_id: str
    workspace: str
    name: str
    description: str
    url: str
    events: tuple[str, ...]
    status: WebhookStatus
    is_signed: bool
    after_seq: int
    failures: int
    last_delivered_at_ms: int | None
    created_by: str
    created_at_ms: int
    updated_at_ms: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one webhook."""

    pk: int
    delivery_id: str
    event: str
    ledger_seq: int
    state: DeliveryState
    attempts: int
    next_attempt_at_ms: int
    last_status: int | None
    last_error: str
    created_at_ms: int
    finished_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Subject:
    """What the registry says of an event's object when the notice is written."""

    is_prompt: bool = False
    model_tags: Mapping[str, str] = field(default_factory=dict)
    model_description: str = ""
    version_tags: Mapping[str, str] = field(default_factory=dict)
    version_description: str = ""
    source: str = ""
    run_id: str | None = None
    template: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A notice: the event's name as it was asked for, and the JSON text that is sent and signed."""

    event: str
    body: str


def check_webhook_name(name: str) -> str:
    """1 to 63 letters, digits, `.`, `_`, `-`, with a letter or digit at both ends."""
    if _NAME.fullmatch(name) is None:
        raise InvalidArgument(
            f"name must be 1 to {MAX_NAME} letters, digits, '.', '_' or '-', "
            "and start and end with a letter or digit.",
            field="name",
        )
    return name


def check_secret(secret: str) -> str:
    """A signing secret: a text of at most 1,000 characters; empty for none."""
    return check_text(secret, "secret", max_length=MAX_SECRET)


def check_events(events: Sequence[str]) -> tuple[str, ...]:
    """The events in order, each once. Raises InvalidArgument for none, or one that does not exist."""
    if not events:
        raise InvalidArgument("events must name at least one event.", field="events")
    if len(events) > len(EVENTS) * 2:
        raise InvalidArgument("events names too many events.", field="events")
    for event in events:
        if event not in EVENTS:
            raise InvalidArgument(
                f"events holds {event[:100]!r}; known are {', '.join(sorted(EVENTS))}.",
                field="events",
            )
    return tuple(dict.fromkeys(events))


def kind_of(event: Event) -> EventKind | None:
    """What an entry of the ledger is to a webhook; None if it is none of its business."""
    if event.outcome is EventOutcome.ALLOWED:
        return _KINDS.get(event.action)
    if event.outcome is EventOutcome.DENIED and event.action == EventAction.PROMOTION:
        return EventKind.PROMOTION_HELD
    return None


def object_of(event: Event) -> dict[str, JsonValue]:
    """The model, version and alias that an event is about, as far as its object names them."""
    kind, _, rest = event.target.partition(":")
    if kind == "model":
        return {"model": rest}
    if kind == "version":
        model, _, version = rest.rpartition("/")
        return {"model": model, "version": int(version)}
    if kind == "alias":
        model, _, alias = rest.rpartition("@")
        return {"model": model, "alias": alias}
    if kind == "run":
        return {"run_id": rest}
    return {}


def messages(event: Event, subject: Subject, wanted: Sequence[str]) -> Iterator[Message]:
    """The notices that one webhook gets of one event: one for each name that it asked for.

    Tags are told key by key in MLflow's words; one that is gone by now is told by its deletion.
    """
    kind = kind_of(event)
    if kind is None:
        return
    if kind.value in wanted:
        yield Message(kind.value, _own_body(event, kind))
    word = (_PROMPT_WORDS if subject.is_prompt else _MODEL_WORDS).get(kind)
    if word is not None and word in wanted:
        for data in _mlflow_data(event, kind, subject):
            yield Message(word, _bounded_body(word, data, event))


def mlflow_body(word: str, data: Mapping[str, JsonValue], at_ms: int, workspace: str | None) -> str:
    """The JSON text of a notice in MLflow's form."""
    entity, _, action = word.partition(".")
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()
    return canonical_text(
        {
            "entity": entity,
            "action": action,
            "timestamp": moment,
            "data": dict(data),
            "workspace": workspace,
        }
    )


_PROMPT_TAGS: Final = (PROMPT_TAG, "mlflow.prompt.text", "_mlflow_prompt_type")
_EXAMPLES: Final[Mapping[str, Mapping[str, JsonValue]]] = {
    "registered_model": {
        "tags": {"example_key": "example_value"},
        "description": "An example registered model",
    },
    "model_version": {
        "source": "models:/123",
        "run_id": "abcd1234abcd5678",
        "tags": {"example_key": "example_value"},
        "description": "An example model version",
    },
    "prompt": {"tags": {"example_key": "example_value"}, "description": "An example prompt"},
    "prompt_version": {
        "template": "Hello {{name}}!",
        "tags": {"example_key": "example_value"},
        "description": "An example prompt version",
    },
}


def example(event: str, at_ms: int, workspace: str) -> str:
    """The JSON text that a test delivery sends for an event."""
    if event in OWN_EVENTS:
        return canonical_text(
            {"event": event, "test": True, "at_ms": at_ms, "workspace": workspace, "data": {}}
        )
    return mlflow_body(event, _example_data(event), at_ms, workspace)


def _example_data(event: str) -> dict[str, JsonValue]:
    # Value for value what MLflow sends: receivers are tried with it.
    entity, _, action = event.partition(".")
    thing = "prompt" if entity.startswith("prompt") else "model"
    data: dict[str, JsonValue] = {"name": f"example_{thing}"}
    is_alias = entity.endswith("_alias")
    if (action == "created") if is_alias else ("version" in entity):
        data["version"] = "1"
    if is_alias:
        data["alias"] = "example_alias"
    elif entity.endswith("_tag"):
        data["key"] = "example_key"
        if action == "set":
            data["value"] = "example_value"
    return {**data, **_EXAMPLES.get(entity, {})}


def delivery_id(webhook_id: str, seq: int, event: str, ordinal: int) -> str:
    """The name of a delivery: the same however often the same notice is sent."""
    return hashlib.sha256(f"{webhook_id}:{seq}:{event}:{ordinal}".encode()).hexdigest()[:32]


def headers(secret: str | None, delivery: str, at_s: int, body: str) -> dict[str, str]:
    """The headers of one attempt, signed if there is a secret."""
    found = {
        "Content-Type": "application/json",
        DELIVERY_HEADER: delivery,
        TIMESTAMP_HEADER: str(at_s),
    }
    if secret:
        found[SIGNATURE_HEADER] = sign(secret, delivery, at_s, body)
    return found


def sign(secret: str, delivery: str, at_s: int, body: str) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over `delivery.timestamp.body`."""
    text = f"{delivery}.{at_s}.{body}".encode()
    digest = hmac.new(secret.encode(), text, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode('ascii')}"


def retry_after_ms(attempts: int) -> int | None:
    """How long to wait after so many failed attempts, doubling up to an hour; None: give up."""
    if attempts >= MAX_ATTEMPTS:
        return None
    return int(min(_FIRST_WAIT_MS << (attempts - 1), _LONGEST_WAIT_MS))


def _bounded_body(word: str, data: Mapping[str, JsonValue], event: Event) -> str:
    try:
        return mlflow_body(word, data, event.at_ms, event.workspace)
    except LimitExceeded:
        lean = {name: value for name, value in data.items() if name not in _BULKY}
        return mlflow_body(word, lean, event.at_ms, event.workspace)


def _own_body(event: Event, kind: EventKind) -> str:
    # Why a promotion was held is its news; that of one that went through is in the alias's history.
    left_out = {"model_id"} if kind is EventKind.PROMOTION_HELD else _LEFT_OUT
    details = {name: value for name, value in event.details.items() if name not in left_out}
    return canonical_text(
        {
            "event": kind.value,
            "seq": event.seq,
            "at_ms": event.at_ms,
            "workspace": event.workspace,
            "actor": event.actor,
            "object": event.target,
            "data": {**details, **object_of(event)},
        },
        max_bytes=None,
    )


def _mlflow_data(event: Event, kind: EventKind, subject: Subject) -> Iterator[dict[str, JsonValue]]:
    about = object_of(event)
    # Our word for the model is the name; versions are texts there.
    data: dict[str, JsonValue] = {"name": about["model"]}
    version = about.get("version", event.details.get("version"))
    if "version" in about:
        data["version"] = str(version)
    if kind in _TAG_DELETIONS:
        yield {**data, "key": str(event.details["key"])}
    elif kind in _TAG_SETS:
        yield from _tags(event, kind, subject, data)
    elif kind is EventKind.MODEL_CREATED:
        yield {
            **data,
            "tags": _told_tags(subject.model_tags, subject),
            "description": subject.model_description or None,
        }
    elif kind is EventKind.VERSION_REGISTERED:
        yield {**data, **_version_data(subject)}
    elif kind is EventKind.ALIAS_REMOVED:
        yield {**data, "alias": about["alias"]}
    else:
        yield {**data, "alias": about["alias"], "version": str(version)}


def _tags(
    event: Event, kind: EventKind, subject: Subject, data: Mapping[str, JsonValue]
) -> Iterator[dict[str, JsonValue]]:
    tags = event.details["tags"]
    now = subject.version_tags if kind is EventKind.VERSION_TAG_SET else subject.model_tags
    assert isinstance(tags, Mapping)
    for key in sorted(tags):
        if key in now:
            yield {**data, "key": key, "value": now[key]}


def _told_tags(tags: Mapping[str, str], subject: Subject) -> dict[str, JsonValue]:
    # What makes a prompt of them is in the notice's own words already.
    hidden = _PROMPT_TAGS if subject.is_prompt else ()
    return {key: value for key, value in tags.items() if key not in hidden}


def _version_data(subject: Subject) -> dict[str, JsonValue]:
    rest: dict[str, JsonValue] = {
        "tags": _told_tags(subject.version_tags, subject),
        "description": subject.version_description or None,
    }
    if subject.is_prompt:
        return {"template": subject.template, **rest}
    return {"source": subject.source, "run_id": subject.run_id, **rest}
