"""Webhooks through both faces of a started server."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from assay.domain.webhook import MLFLOW_EVENTS
from assay.domain.webhook_target import parse_allowed_hosts
from assay.server.app import App
from assay.server.settings import Settings
from tests.support.receiver import Receiver

OURS = "/api/v1/webhooks"
MLFLOW = "/api/2.0/mlflow/webhooks"
CREATED = {"entity": "REGISTERED_MODEL", "action": "CREATED"}
SECRET = "not-to-be-seen-anywhere"


class Server:
    """An application in this process, with its threads running."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._runner = asyncio.Runner()

    def ask(self, method: str, path: str, **options: Any) -> httpx2.Response:
        async def send() -> httpx2.Response:
            transport = httpx2.ASGITransport(app=self.app)
            async with httpx2.AsyncClient(
                transport=transport, base_url="http://127.0.0.1"
            ) as client:
                return await client.request(method, path, **options)

        return self._runner.run(send())

    def close(self) -> None:
        self._runner.close()
        self.app.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on loopback."""
    with Receiver() as found:
        yield found


@pytest.fixture
def server(tmp_path: Path, receiver: Receiver) -> Iterator[Server]:
    """A server that may send to the receiver."""
    hosts = parse_allowed_hosts(f"127.0.0.1:{receiver.port}")
    app = App(Settings(data=tmp_path / "data", webhook_hosts=hosts))
    app.start()
    found = Server(app)
    yield found
    found.close()


def test_a_webhook_of_ours_from_its_making_to_its_end(server: Server, receiver: Receiver) -> None:
    """Made, listed, changed, tried, told, inspected, removed; its secret is shown once."""
    request = {"name": "release", "url": receiver.url, "events": ["model.created"]}
    made = server.ask("POST", OURS, json=request)
    assert made.status_code == 201
    secret, webhook_id = made.json()["secret"], made.json()["webhook_id"]
    assert made.json()["is_signed"]
    assert len(secret) > 40

    one = f"{OURS}/{webhook_id}"
    shown = [server.ask("GET", OURS), server.ask("GET", one)]
    changed = server.ask("PATCH", one, json={"description": "for the release team"})
    assert changed.json()["description"] == "for the release team"
    assert [answer.status_code for answer in shown] == [200, 200]
    assert [answer for answer in (*shown, changed) if secret in answer.text] == []

    tested = server.ask("POST", f"{one}/test", json={})
    assert tested.json() == {"delivered": True, "status": 204, "error": ""}
    server.ask("POST", "/api/v1/models", json={"name": "digits"})
    _, told = receiver.wait_for(2)
    assert '"model":"digits"' in told.body
    assert told.headers["x-mlflow-signature"].startswith("v1,")

    deliveries = server.ask("GET", f"{one}/deliveries").json()["deliveries"]
    assert [found["delivery_id"] for found in deliveries] == [told.headers["x-mlflow-delivery-id"]]
    assert server.ask("DELETE", one).status_code in {200, 204}
    assert server.ask("GET", one).status_code == 404


def test_an_unsigned_webhook_is_asked_for(server: Server, receiver: Receiver) -> None:
    """An empty secret says so; a secret of one's own is not echoed."""
    request = {"name": "a", "url": receiver.url, "events": ["promotion"]}

    plain = server.ask("POST", OURS, json={**request, "secret": ""})
    given = server.ask("POST", OURS, json={**request, "secret": SECRET})

    assert (plain.json()["is_signed"], plain.json()["secret"]) == (False, None)
    assert given.json()["is_signed"]
    assert SECRET not in given.text


def test_mlflows_webhook_from_its_making_to_its_end(server: Server, receiver: Receiver) -> None:
    """The six calls of its client, in its form."""
    request = {"name": "hook", "url": receiver.url, "events": [CREATED], "secret": SECRET}
    made = server.ask("POST", MLFLOW, json=request)
    assert made.status_code == 200
    webhook = made.json()["webhook"]
    webhook_id = webhook["webhook_id"]
    assert webhook["events"] == [CREATED]
    assert webhook["status"] == "ACTIVE"
    assert webhook["creation_timestamp"] == webhook["last_updated_timestamp"]

    one = f"{MLFLOW}/{webhook_id}"
    listed = server.ask("GET", MLFLOW, params={"max_results": 5}).json()
    assert listed == {"webhooks": [webhook]}
    assert server.ask("GET", one).json() == {"webhook": webhook}
    assert SECRET not in made.text + str(listed)

    tested = server.ask("POST", f"{one}/test", json={"event": CREATED}).json()
    assert tested == {"result": {"success": True, "response_status": 204}}
    server.ask("POST", "/api/2.0/mlflow/registered-models/create", json={"name": "digits"})
    _, told = receiver.wait_for(2)
    assert '"entity":"registered_model"' in told.body

    changed = server.ask("PATCH", one, json={"status": "DISABLED", "events": [CREATED]})
    assert changed.json()["webhook"]["status"] == "DISABLED"
    assert server.ask("DELETE", one).json() == {}
    gone = server.ask("GET", one)
    assert (gone.status_code, gone.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.parametrize("event", sorted(MLFLOW_EVENTS))
def test_every_event_of_mlflow_can_be_asked_for(
    server: Server, receiver: Receiver, event: str
) -> None:
    """Its words arrive and come back unchanged."""
    entity, _, action = event.upper().partition(".")
    words = {"entity": entity, "action": action}

    made = server.ask("POST", MLFLOW, json={"name": "n", "url": receiver.url, "events": [words]})

    assert made.json()["webhook"]["events"] == [words]


def test_a_failed_test_says_why_and_no_more(server: Server, receiver: Receiver) -> None:
    """The status, not what the receiver wrote."""
    receiver.answer = lambda _: (418, {})
    request = {"name": "n", "url": receiver.url, "events": [CREATED]}
    webhook_id = server.ask("POST", MLFLOW, json=request).json()["webhook"]["webhook_id"]

    result = server.ask("POST", f"{MLFLOW}/{webhook_id}/test", json={}).json()["result"]

    assert (result["success"], result["response_status"]) == (False, 418)
    assert "response_body" not in result


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "a b"},
        {"url": "http://127.0.0.1:1/"},
        {"url": "http://169.254.169.254/latest/meta-data/"},
        {"url": "http://[::ffff:10.0.0.1]/"},
        {"url": "http://2130706433/"},
        {"url": "file:///etc/passwd"},
        {"url": ""},
        {"events": []},
        {"events": [{"entity": "REGISTERED_MODEL", "action": "SET"}]},
        {"events": [{"entity": "RUN", "action": "CREATED"}]},
        {"status": "SLEEPING"},
        {"secret": "x" * 1001},
    ],
)
def test_a_wrong_webhook_is_refused_for_good(
    server: Server, receiver: Receiver, wrong: dict[str, Any]
) -> None:
    """400 in MLflow's words: its client does not try again."""
    request = {"name": "n", "url": receiver.url, "events": [CREATED], **wrong}

    refused = server.ask("POST", MLFLOW, json=request)

    assert (refused.status_code, refused.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
