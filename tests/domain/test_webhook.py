import base64
import hashlib
import hmac
import json
from dataclasses import replace

import pytest

from assay.domain.errors import InvalidArgument
from assay.domain.ledger import Event, EventAction, EventOutcome
from assay.domain.webhook import (
    EVENTS,
    MAX_ATTEMPTS,
    MLFLOW_EVENTS,
    Message,
    Subject,
    check_events,
    check_webhook_name,
    delivery_id,
    example,
    headers,
    kind_of,
    messages,
    retry_after_ms,
    sign,
)

EVENT = Event(
    seq=7,
    at_ms=1_700_000_000_000,
    actor="user:maria",
    action="promotion",
    target="alias:digits@production",
    workspace="default",
    outcome=EventOutcome.ALLOWED,
    request_id="r-1",
    details={"model_id": 3, "alias": "production", "version": 2, "revision": 5, "decision": {}},
)


def told(event: Event, *wanted: str, subject: Subject | None = None) -> list[Message]:
    return list(messages(event, subject or Subject(), wanted))


def data(event: Event, word: str, subject: Subject | None = None) -> list[object]:
    return [json.loads(found.body)["data"] for found in told(event, word, subject=subject)]


def test_the_signature_is_hmac_sha256_over_id_time_and_body() -> None:
    """`v1,` and base64, so that receivers written for MLflow check it as they always did."""
    digest = hmac.new(b"key", b"d-1.1700000000.{}", hashlib.sha256).digest()

    assert sign("key", "d-1", 1_700_000_000, "{}") == "v1," + base64.b64encode(digest).decode()
    assert headers("key", "d-1", 1_700_000_000, "{}") == {
        "Content-Type": "application/json",
        "X-MLflow-Delivery-Id": "d-1",
        "X-MLflow-Timestamp": "1700000000",
        "X-MLflow-Signature": sign("key", "d-1", 1_700_000_000, "{}"),
    }


@pytest.mark.parametrize("secret", [None, ""])
def test_without_a_secret_there_is_no_signature(secret: str | None) -> None:
    """A header that anyone could compute would only look like one."""
    assert "X-MLflow-Signature" not in headers(secret, "d", 1, "{}")


def test_a_promotion_is_told_with_alias_and_revision() -> None:
    """Whoever hears of revisions out of order keeps the highest."""
    (found,) = told(EVENT, "promotion")
    body = json.loads(found.body)

    assert (body["event"], body["seq"], body["workspace"]) == ("promotion", 7, "default")
    assert body["data"] == {"model": "digits", "alias": "production", "version": 2, "revision": 5}


def test_each_name_that_was_asked_for_is_told_once() -> None:
    """Our word and MLflow's are two notices; a word that was not asked for is none."""
    names = [found.event for found in told(EVENT, "promotion", "model_version_alias.created")]

    assert names == ["promotion", "model_version_alias.created"]
    assert told(EVENT, "rollback", "model_version.created") == []


def test_mlflow_is_told_in_its_own_form() -> None:
    """Entity, action, time and data, with versions as texts."""
    (found,) = told(EVENT, "model_version_alias.created")

    assert json.loads(found.body) == {
        "entity": "model_version_alias",
        "action": "created",
        "timestamp": "2023-11-14T22:13:20+00:00",
        "data": {"name": "digits", "alias": "production", "version": "2"},
        "workspace": "default",
    }


def test_tags_are_told_key_by_key() -> None:
    """One event of ours that sets two tags is two of MLflow's; a tag that is gone by now is none."""
    event = replace(
        EVENT,
        action="version.tagged",
        target="version:digits/4",
        details={"tags": {"a": "…", "b": "…", "gone": "…"}},
    )
    subject = Subject(version_tags={"a": "1", "b": "2", "other": "3"})

    assert data(event, "model_version_tag.set", subject) == [
        {"name": "digits", "version": "4", "key": "a", "value": "1"},
        {"name": "digits", "version": "4", "key": "b", "value": "2"},
    ]


def test_a_version_is_told_with_its_source() -> None:
    """What MLflow's receivers expect of a new version."""
    event = replace(EVENT, action="version.registered", target="version:digits/4", details={})
    subject = Subject(source="runs:/1/model", run_id="1", version_tags={"k": "v"})

    assert data(event, "model_version.created", subject) == [
        {
            "name": "digits",
            "version": "4",
            "source": "runs:/1/model",
            "run_id": "1",
            "tags": {"k": "v"},
            "description": None,
        }
    ]


def test_a_prompt_is_told_as_a_prompt() -> None:
    """A registered model that MLflow uses for prompts has events of its own."""
    event = replace(EVENT, action="version.registered", target="version:digits/4", details={})
    tags = {"mlflow.prompt.is_prompt": "true", "mlflow.prompt.text": "Hello {{name}}", "k": "v"}
    subject = Subject(
        is_prompt=True,
        template="Hello {{name}}",
        model_tags=tags,
        version_tags={**tags, "_mlflow_prompt_type": "text"},
    )

    assert told(event, "model_version.created", subject=subject) == []
    (found,) = data(event, "prompt_version.created", subject)
    assert found == {
        "name": "digits",
        "version": "4",
        "template": "Hello {{name}}",
        "tags": {"k": "v"},
        "description": None,
    }
    made = replace(EVENT, action=EventAction.MODEL_REGISTERED, target="model:digits", details={})
    assert data(made, "prompt.created", subject) == [
        {"name": "digits", "tags": {"k": "v"}, "description": None}
    ]


def test_a_notice_stays_of_bounded_size() -> None:
    """Where tags and descriptions are too much, the rest is told without them."""
    event = replace(EVENT, action="version.registered", target="version:digits/4", details={})
    subject = Subject(version_tags={f"k{i}": "x" * 100_000 for i in range(12)}, source="s")

    (found,) = data(event, "model_version.created", subject)

    assert found == {"name": "digits", "version": "4", "source": "s", "run_id": None}


def test_a_held_promotion_is_an_event_and_other_refusals_are_none() -> None:
    """Nobody is told of a registration that was refused."""
    held = replace(EVENT, outcome=EventOutcome.DENIED, details={"decision": {"codes": ["tie"]}})

    assert [found.event for found in told(held, *sorted(EVENTS))] == ["promotion.held"]
    assert json.loads(told(held, "promotion.held")[0].body)["data"]["decision"] == {
        "codes": ["tie"]
    }
    assert kind_of(replace(held, action="version.registered")) is None
    assert kind_of(replace(EVENT, action="token.created")) is None


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_every_event_has_an_example(event: str) -> None:
    """What a test delivery sends is JSON of the event's own form."""
    body = json.loads(example(event, 0, "default"))

    words = f"{body.get('entity')}.{body.get('action')}"
    assert event in {words, body.get("event")}
    assert ("entity" in body) == (event in MLFLOW_EVENTS)


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (
            "registered_model.created",
            {
                "name": "example_model",
                "tags": {"example_key": "example_value"},
                "description": "An example registered model",
            },
        ),
        (
            "model_version_tag.set",
            {
                "name": "example_model",
                "version": "1",
                "key": "example_key",
                "value": "example_value",
            },
        ),
        ("prompt_tag.deleted", {"name": "example_prompt", "key": "example_key"}),
        (
            "model_version_alias.created",
            {"name": "example_model", "version": "1", "alias": "example_alias"},
        ),
        ("prompt_alias.deleted", {"name": "example_prompt", "alias": "example_alias"}),
        (
            "prompt_version.created",
            {
                "name": "example_prompt",
                "version": "1",
                "template": "Hello {{name}}!",
                "tags": {"example_key": "example_value"},
                "description": "An example prompt version",
            },
        ),
    ],
)
def test_an_example_is_the_one_that_mlflow_sends(event: str, data: dict[str, object]) -> None:
    """Value for value: receivers are tried with it."""
    assert json.loads(example(event, 0, "default"))["data"] == data


def test_a_delivery_has_one_name_for_ever() -> None:
    """The same notice has the same id however often it is sent; another has another."""
    assert delivery_id("w", 1, "e", 0) == delivery_id("w", 1, "e", 0)
    others = {
        delivery_id(*facts) for facts in (("w", 1, "e", 1), ("w", 2, "e", 0), ("v", 1, "e", 0))
    }
    assert len(others | {delivery_id("w", 1, "e", 0)}) == 4


def test_waits_double_up_to_an_hour_and_end() -> None:
    """A receiver has hours to come back, then its notice is given up."""
    waits = [retry_after_ms(attempts) for attempts in range(1, MAX_ATTEMPTS + 1)]

    assert waits[:3] == [2_000, 4_000, 8_000]
    assert waits[-1] is None
    assert max(wait for wait in waits if wait) == 3_600_000


@pytest.mark.parametrize("name", ["", "-a", "a-", "a b", "é", "a" * 64, "a/b", "a\n"])
def test_an_odd_name_is_refused(name: str) -> None:
    """1 to 63 letters, digits, dots, underscores and hyphens."""
    with pytest.raises(InvalidArgument):
        check_webhook_name(name)


@pytest.mark.parametrize("events", [[], ["run.created"], ["promotion", ""], ["promotion"] * 99])
def test_unknown_events_are_refused(events: list[str]) -> None:
    """A typo would be a webhook that never hears anything."""
    with pytest.raises(InvalidArgument) as refusal:
        check_events(events)

    assert refusal.value.field == "events"
