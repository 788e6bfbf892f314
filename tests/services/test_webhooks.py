import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.domain.access import LOCAL_OWNER, Role
from assay.domain.errors import GateBlocked, InvalidArgument, NotFound, PermissionDenied
from assay.domain.webhook import MAX_ATTEMPTS, DeliveryState, WebhookStatus, sign
from assay.domain.webhook_target import AllowedHosts
from assay.services.webhook_delivery import KEPT_MS, LEASE_MS, WebhookDelivery
from assay.services.webhook_post import WebhookPost
from assay.services.webhooks import Changes, Webhooks
from assay.storage import webhook_deliveries
from assay.storage.database import Database
from tests.support.office import MODEL, Office
from tests.support.platform import an_actor
from tests.support.receiver import Received, Receiver

SECRET = "not-to-be-seen-anywhere"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on loopback."""
    with Receiver() as found:
        yield found


class Desk:
    """Webhooks of an office that may go to one receiver, sent step by step."""

    def __init__(self, office: Office, receiver: Receiver) -> None:
        self.office = office
        self.receiver = receiver
        allowed = AllowedHosts(frozenset({("127.0.0.1", receiver.port)}))
        self.post = WebhookPost(allowed)
        self.webhooks = Webhooks(office.platform, office.services.ledger, self.post)
        self.delivery = WebhookDelivery(office.platform, self.post, poll_s=0.02)

    def listen(self, *events: str, secret: str = SECRET, name: str = "hook") -> str:
        made = self.webhooks.create(
            self.office.ask(), name, self.receiver.url, events, secret=secret
        )
        return made.webhook_id

    def send_all(self) -> list[Received]:
        while self.delivery.write_out():
            pass
        while self.delivery.send_next():
            pass
        return self.receiver.received

    def states(self, webhook_id: str) -> list[tuple[str, DeliveryState, int]]:
        page = self.webhooks.deliveries(self.office.ask(), webhook_id)
        return [(found.event, found.state, found.attempts) for found in reversed(page.items)]


@pytest.fixture
def desk(tmp_path: Path, database: Database, receiver: Receiver) -> Desk:
    """A desk on each engine."""
    return Desk(Office(tmp_path, database), receiver)


@pytest.fixture
def sqlite_desk(tmp_path: Path, sqlite_database: Database, receiver: Receiver) -> Desk:
    """A desk on SQLite alone, for rules that no engine has a part in."""
    return Desk(Office(tmp_path, sqlite_database), receiver)


def body(received: Received) -> dict[str, object]:
    found = json.loads(received.body)
    assert isinstance(found, dict)
    return found


def test_a_promotion_is_told_exactly_once(desk: Desk) -> None:
    """One event with alias and revision, signed with the webhook's secret."""
    desk.listen("promotion")
    desk.office.a_gate()
    champion = desk.office.a_champion()

    (got,) = desk.send_all()
    desk.send_all()

    assert len(desk.receiver.received) == 1
    told = body(got)
    assert told["event"] == "promotion"
    assert told["data"] == {
        "model": MODEL,
        "alias": "production",
        "version": champion.version,
        "previous_version": None,
        "revision": 1,
        "reason": "",
    }
    delivery, at_s = got.headers["x-mlflow-delivery-id"], got.headers["x-mlflow-timestamp"]
    assert got.headers["x-mlflow-signature"] == sign(SECRET, delivery, int(at_s), got.body)


def test_a_held_promotion_is_told_with_its_reasons(sqlite_desk: Desk) -> None:
    """Whoever watches a release pipeline hears that it stopped."""
    sqlite_desk.listen("promotion", "promotion.held")
    sqlite_desk.office.a_gate()
    version = sqlite_desk.office.a_version()
    with pytest.raises(GateBlocked):
        sqlite_desk.office.promote(version)

    (got,) = sqlite_desk.send_all()

    assert body(got)["event"] == "promotion.held"
    assert "decision" in body(got)["data"]  # type: ignore[operator]


def test_the_life_of_a_model_is_told_in_both_languages(desk: Desk) -> None:
    """Registered, tagged, aliased: MLflow's events beside ours, in the ledger's order."""
    desk.listen("version.registered", "model_version.created", "model_version_tag.set",
                "model_version_tag.deleted", "model_version_alias.created",
                "model_version_alias.deleted", "registered_model.created")  # fmt: skip
    office, services = desk.office, desk.office.services
    version = office.a_version()
    services.versions.set_version_tags(office.ask(), MODEL, 1, {"a": "1", "b": "2"})
    services.aliases.set_alias(office.ask(), MODEL, "staging", 1)
    services.versions.delete_version_tag(office.ask(), MODEL, 1, "b")
    services.aliases.remove_alias(office.ask(), MODEL, "staging")

    told = [body(got) for got in desk.send_all()]

    words = [found.get("event") or f"{found['entity']}.{found['action']}" for found in told]
    assert words == [
        "registered_model.created",
        "version.registered",
        "model_version.created",
        "model_version_tag.set",
        "model_version_alias.created",
        "model_version_tag.deleted",
        "model_version_alias.deleted",
    ]
    assert told[2]["data"] == {
        "name": MODEL,
        "version": "1",
        "source": version.source,
        "run_id": version.run_id,
        "tags": {"a": "1"},
        "description": None,
    }
    assert told[4]["data"] == {"name": MODEL, "alias": "staging", "version": "1"}


def test_only_what_comes_after_it_in_its_workspace_is_told(desk: Desk) -> None:
    """A new webhook does not hear of the past, nor of other teams."""
    desk.office.services.workspaces.create(desk.office.ask(), "other")
    desk.office.a_version(model="before")
    desk.listen("model.created")
    desk.office.a_version(model="elsewhere", workspace="default")
    desk.office.services.registry.create_model(desk.office.ask(workspace="other"), "theirs")

    told = [body(got)["object"] for got in desk.send_all()]

    assert told == ["model:elsewhere"]


def test_a_receiver_that_was_down_hears_of_it_later(desk: Desk) -> None:
    """Attempts are repeated after growing waits, under the same delivery id."""
    webhook_id = desk.listen("model.created")
    desk.receiver.answer = lambda number: (503 if number < 3 else 200, {})
    desk.office.services.registry.create_model(desk.office.ask(), "m")

    assert len(desk.send_all()) == 1
    assert desk.states(webhook_id) == [("model.created", DeliveryState.PENDING, 1)]
    assert desk.webhooks.get(desk.office.ask(), webhook_id).failures == 1
    for wait_ms in (2_000, 4_000):
        desk.office.clock.advance(wait_ms - 1)
        assert not desk.delivery.send_next()
        desk.office.clock.advance(1)
        assert desk.delivery.send_next()

    assert desk.states(webhook_id) == [("model.created", DeliveryState.DELIVERED, 3)]
    assert len({got.headers["x-mlflow-delivery-id"] for got in desk.receiver.received}) == 1
    assert len({got.headers["x-mlflow-timestamp"] for got in desk.receiver.received}) == 3
    healed = desk.webhooks.get(desk.office.ask(), webhook_id)
    assert (healed.failures, healed.last_delivered_at_ms) == (0, desk.office.clock.now)


def test_a_receiver_that_stays_away_is_given_up(sqlite_desk: Desk) -> None:
    """Attempts are bounded; then the delivery is failed and never tried again."""
    webhook_id = sqlite_desk.listen("model.created")
    sqlite_desk.receiver.answer = lambda _: (500, {})
    sqlite_desk.office.services.registry.create_model(sqlite_desk.office.ask(), "m")
    sqlite_desk.delivery.write_out()

    while sqlite_desk.delivery.send_next():
        sqlite_desk.office.clock.advance(3_600_000)

    assert len(sqlite_desk.receiver.received) == MAX_ATTEMPTS
    assert sqlite_desk.states(webhook_id) == [("model.created", DeliveryState.FAILED, MAX_ATTEMPTS)]


def test_a_crash_after_sending_sends_the_same_again(desk: Desk) -> None:
    """At least once: what was sent and not written down is sent again, and can be recognised."""
    desk.listen("model.created")
    desk.office.services.registry.create_model(desk.office.ask(), "m")
    desk.delivery.write_out()
    with desk.office.platform.database.write() as tx:
        lease = webhook_deliveries.lease_next(tx, desk.office.clock.now, LEASE_MS)
    assert lease is not None
    desk.post.send(lease.url, {"X-MLflow-Delivery-Id": lease.delivery_id}, lease.body)

    assert not desk.delivery.send_next(), "the lease of the dead server holds"
    desk.office.clock.advance(LEASE_MS)
    assert desk.delivery.send_next()

    first, second = desk.receiver.received
    assert first.headers["x-mlflow-delivery-id"] == second.headers["x-mlflow-delivery-id"]
    assert first.body == second.body


def test_a_server_that_slept_through_its_lease_changes_nothing(desk: Desk) -> None:
    """The outcome of an attempt counts only for whoever holds the lease."""
    webhook_id = desk.listen("model.created")
    desk.office.services.registry.create_model(desk.office.ask(), "m")
    desk.delivery.write_out()
    with desk.office.platform.database.write() as tx:
        late = webhook_deliveries.lease_next(tx, desk.office.clock.now, LEASE_MS)
    assert late is not None
    desk.office.clock.advance(LEASE_MS)
    desk.delivery.send_next()

    with desk.office.platform.database.write() as tx:
        counted = webhook_deliveries.end_attempt(
            tx, late, state=DeliveryState.FAILED, status=None, error="late",
            now_ms=1, next_attempt_at_ms=1,
        )  # fmt: skip

    assert not counted
    assert desk.states(webhook_id) == [("model.created", DeliveryState.DELIVERED, 2)]


def test_a_webhook_is_sent_one_notice_at_a_time(desk: Desk) -> None:
    """While one is under way, other servers and threads take notices of other webhooks only."""
    desk.listen("model.created", name="a")
    desk.listen("model.created", name="b")
    for name in ("m", "n"):
        desk.office.services.registry.create_model(desk.office.ask(), name)
    desk.delivery.write_out()

    now = desk.office.clock.now
    taken = []
    for _ in range(3):
        with desk.office.platform.database.write() as tx:
            taken.append(webhook_deliveries.lease_next(tx, now, LEASE_MS))

    first, second, third = taken
    assert first is not None
    assert second is not None
    assert first.webhook_pk != second.webhook_pk
    assert third is None


def test_two_servers_never_take_the_same_notice(
    tmp_path: Path, postgresql_database: Database, receiver: Receiver
) -> None:
    """On one PostgreSQL, a row that another transaction has locked is passed over."""
    desk = Desk(Office(tmp_path, postgresql_database), receiver)
    desk.listen("model.created")
    desk.office.services.registry.create_model(desk.office.ask(), "m")
    desk.delivery.write_out()
    now = desk.office.clock.now

    with postgresql_database.write() as ours:
        assert webhook_deliveries.lease_next(ours, now, LEASE_MS) is not None
        with postgresql_database.write() as theirs:
            assert webhook_deliveries.lease_next(theirs, now, LEASE_MS) is None


def test_writing_out_twice_makes_no_twins(desk: Desk) -> None:
    """A cursor that was lost costs work, not duplicates."""
    webhook_id = desk.listen("model.created")
    desk.office.services.registry.create_model(desk.office.ask(), "m")
    desk.delivery.write_out()
    with desk.office.platform.database.write() as tx:
        webhook_deliveries.move_cursor(tx, 0)
    desk.delivery.write_out()

    assert len(desk.states(webhook_id)) == 1


def test_a_disabled_webhook_hears_nothing_of_that_time(desk: Desk) -> None:
    """What waits is thrown away; after enabling it hears of what comes then."""
    webhook_id = desk.listen("model.created")
    ask, registry = desk.office.ask, desk.office.services.registry
    registry.create_model(ask(), "waiting")
    desk.delivery.write_out()
    desk.webhooks.update(ask(), webhook_id, Changes(status=WebhookStatus.DISABLED))
    registry.create_model(ask(), "meanwhile")
    assert desk.send_all() == []
    desk.webhooks.update(ask(), webhook_id, Changes(status=WebhookStatus.ACTIVE))
    registry.create_model(ask(), "after")

    assert [body(got)["object"] for got in desk.send_all()] == ["model:after"]


def test_a_deleted_webhook_is_gone_with_its_deliveries(desk: Desk) -> None:
    """Nothing is sent to it any more."""
    webhook_id = desk.listen("model.created")
    desk.office.services.registry.create_model(desk.office.ask(), "m")
    desk.delivery.write_out()
    desk.webhooks.delete(desk.office.ask(), webhook_id)

    assert desk.send_all() == []
    with pytest.raises(NotFound):
        desk.webhooks.get(desk.office.ask(), webhook_id)


def test_finished_deliveries_are_forgotten_after_a_month(desk: Desk) -> None:
    """What waits is kept, however old it is."""
    webhook_id = desk.listen("model.created")
    desk.office.services.registry.create_model(desk.office.ask(), "m")
    desk.send_all()
    desk.office.clock.advance(KEPT_MS)
    desk.delivery.purge()
    assert len(desk.states(webhook_id)) == 1
    desk.office.clock.advance(1)
    desk.delivery.purge()

    assert desk.states(webhook_id) == []


def test_the_secret_is_nowhere_but_in_its_column(desk: Desk, caplog: pytest.LogCaptureFixture,
                                                  capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """Neither answers, nor the ledger, nor deliveries, nor what was sent, nor the log show it."""
    caplog.set_level(logging.DEBUG)
    webhook_id = desk.listen("model.created", "model_version.created")
    desk.webhooks.update(desk.office.ask(), webhook_id, Changes(secret=SECRET, name="other"))
    desk.receiver.answer = lambda _: (500, {})
    desk.office.a_version()
    desk.send_all()

    shown = [
        repr(desk.webhooks.get(desk.office.ask(), webhook_id)),
        repr(desk.webhooks.deliveries(desk.office.ask(), webhook_id)),
        repr(desk.office.events()),
        repr(desk.receiver.received),
        repr(desk.webhooks.test(desk.office.ask(), webhook_id)),
        caplog.text,
        *capsys.readouterr(),
    ]
    assert [text for text in shown if SECRET in text] == []
    assert "team=a" not in caplog.text
    assert len(desk.receiver.received) == 3


def test_the_ledger_says_who_made_a_webhook_but_not_its_path(sqlite_desk: Desk) -> None:
    """The path of an URL is often a secret itself; the host is what an auditor needs."""
    webhook_id = sqlite_desk.listen("model.created")
    sqlite_desk.webhooks.delete(sqlite_desk.office.ask(), webhook_id)

    made, gone = sqlite_desk.office.events()[-2:]
    assert (made.action, gone.action) == ("webhook.created", "webhook.deleted")
    assert made.details["host"] == f"127.0.0.1:{sqlite_desk.receiver.port}"
    assert "team=a" not in repr(made)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.CONTRIBUTOR, Role.MAINTAINER, Role.AUDITOR])
def test_only_who_runs_the_workspace_touches_webhooks(sqlite_desk: Desk, role: Role) -> None:
    """A webhook carries the registry's news out of the house."""
    webhook_id = sqlite_desk.listen("model.created")
    ask = sqlite_desk.office.ask(an_actor("x", role))
    service = sqlite_desk.webhooks
    for attempt in (
        lambda: service.create(ask, "n", sqlite_desk.receiver.url, ["promotion"]),
        lambda: service.get(ask, webhook_id),
        lambda: service.list(ask),
        lambda: service.update(ask, webhook_id, Changes(name="n")),
        lambda: service.delete(ask, webhook_id),
        lambda: service.test(ask, webhook_id),
        lambda: service.deliveries(ask, webhook_id),
    ):
        with pytest.raises(PermissionDenied):
            attempt()


def test_a_webhook_of_another_workspace_does_not_exist(sqlite_desk: Desk) -> None:
    """An id from elsewhere opens nothing."""
    sqlite_desk.office.services.workspaces.create(sqlite_desk.office.ask(), "other")
    webhook_id = sqlite_desk.listen("model.created")

    with pytest.raises(NotFound):
        sqlite_desk.webhooks.get(sqlite_desk.office.ask(LOCAL_OWNER, workspace="other"), webhook_id)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/", "http://localhost/", "ftp://example.com/", "http://u:p@example.com/"],
)
def test_a_receiver_that_may_not_be_is_refused_at_once(sqlite_desk: Desk, url: str) -> None:
    """When it is made and when it is changed."""
    webhook_id = sqlite_desk.listen("model.created")
    ask = sqlite_desk.office.ask()

    with pytest.raises(InvalidArgument):
        sqlite_desk.webhooks.create(ask, "n", url, ["promotion"])
    with pytest.raises(InvalidArgument):
        sqlite_desk.webhooks.update(ask, webhook_id, Changes(url=url))


def test_a_test_is_sent_at_once_and_signed(sqlite_desk: Desk) -> None:
    """An example of the first event, or of the one that was named."""
    webhook_id = sqlite_desk.listen("promotion", "model_version.created")
    ask = sqlite_desk.office.ask()

    assert sqlite_desk.webhooks.test(ask, webhook_id).is_delivered
    assert sqlite_desk.webhooks.test(ask, webhook_id, "model_version.created").is_delivered

    ours, theirs = (body(got) for got in sqlite_desk.receiver.received)
    assert (ours["event"], ours["test"]) == ("promotion", True)
    assert (theirs["entity"], theirs["action"]) == ("model_version", "created")
    assert all("x-mlflow-signature" in got.headers for got in sqlite_desk.receiver.received)


def test_webhooks_and_deliveries_page(desk: Desk) -> None:
    """Each page goes on where the last one ended."""
    made = [desk.listen("model.created", name=f"h{i}") for i in range(3)]
    for name in ("a", "b", "c"):
        desk.office.services.registry.create_model(desk.office.ask(), name)
    desk.send_all()
    ask = desk.office.ask()

    first = desk.webhooks.list(ask, max_results=2)
    rest = desk.webhooks.list(ask, max_results=2, page_token=first.next_token)
    assert [found.webhook_id for found in (*first.items, *rest.items)] == made
    assert rest.next_token is None
    newest = desk.webhooks.deliveries(ask, made[0], max_results=2)
    oldest = desk.webhooks.deliveries(ask, made[0], max_results=2, page_token=newest.next_token)
    seqs = [found.ledger_seq for found in (*newest.items, *oldest.items)]
    assert seqs == sorted(seqs, reverse=True)
    assert len(seqs) == 3


def test_a_slow_receiver_holds_up_no_promotion(desk: Desk) -> None:
    """The threads send beside the registry: it moves on while a receiver is still thinking."""
    may_answer = threading.Event()

    def slowly(_number: int) -> tuple[int, dict[str, str]]:
        assert may_answer.wait(30)
        return 200, {}

    desk.receiver.answer = slowly
    webhook_id = desk.listen("promotion", "model.created")
    desk.delivery.start()
    try:
        desk.office.a_gate()
        desk.office.services.registry.create_model(desk.office.ask(), "slow")
        desk.receiver.wait_for(1)
        desk.office.a_champion()
        assert desk.office.holder() == 1
        assert len(desk.receiver.received) == 1, "the receiver has not answered yet"
        may_answer.set()
        told = [body(got)["event"] for got in desk.receiver.wait_for(3)]
    finally:
        may_answer.set()
        desk.delivery.close()

    assert sorted(str(event) for event in told) == ["model.created", "model.created", "promotion"]
    assert {state for _, state, _ in desk.states(webhook_id)} == {DeliveryState.DELIVERED}


def test_an_event_is_sent_without_waiting_to_be_asked_for(desk: Desk) -> None:
    """The ledger wakes the threads: how seldom they ask the database does not matter."""
    hour_s = 3_600.0
    delivery = WebhookDelivery(
        desk.office.platform,
        desk.post,
        poll_s=hour_s,
        recorded=desk.office.services.ledger.recorded,
    )
    desk.listen("model.created")
    delivery.start()
    try:
        for number in range(1, 6):
            desk.office.services.registry.create_model(desk.office.ask(), f"model-{number}")
            desk.receiver.wait_for(number)
    finally:
        delivery.close()

    assert len(desk.receiver.received) == 5
