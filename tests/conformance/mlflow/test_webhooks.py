"""MLflow's own client makes, tries and removes webhooks, and its own code checks the signature."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import RestException

from tests.conformance.mlflow.conftest import SERVER
from tests.support.receiver import Receiver
from tests.support.server import LiveServer

EVENT = "registered_model.created"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on loopback."""
    with Receiver() as found:
        yield found


@pytest.fixture
def client(tmp_path: Path, receiver: Receiver) -> Iterator[MlflowClient]:
    """The client of a server that may send to the receiver."""
    flags = ("--webhook-hosts", f"127.0.0.1:{receiver.port}")
    with LiveServer(tmp_path / "data", *flags, python=SERVER) as server:
        yield MlflowClient(server.url, server.url)


def test_the_client_keeps_webhooks(client: MlflowClient, receiver: Receiver) -> None:
    """Made, read, listed, changed, tried and deleted."""
    made = client.create_webhook("hook", receiver.url, [EVENT], description="d", secret="k")

    assert client.get_webhook(made.webhook_id).description == "d"
    assert [found.webhook_id for found in client.list_webhooks()] == [made.webhook_id]
    assert client.update_webhook(made.webhook_id, name="other").name == "other"
    result = client.test_webhook(made.webhook_id, EVENT)
    assert (result.success, result.response_status) == (True, 204)
    client.delete_webhook(made.webhook_id)
    assert list(client.list_webhooks()) == []


def test_a_notice_passes_mlflows_own_check(client: MlflowClient, receiver: Receiver) -> None:
    """A receiver that was written for MLflow accepts the signature."""
    from mlflow.webhooks.delivery import _generate_hmac_signature

    client.create_webhook("hook", receiver.url, [EVENT], secret="k")
    client.create_registered_model("digits")

    (got,) = receiver.wait_for(1)
    delivery, moment, signature = (
        got.headers[f"x-mlflow-{name}"] for name in ("delivery-id", "timestamp", "signature")
    )
    assert signature == _generate_hmac_signature("k", delivery, moment, got.body)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://localhost/", "http://10.0.0.1/"])
def test_a_private_receiver_is_refused_at_once(client: MlflowClient, url: str) -> None:
    """The client does not try for minutes."""
    with pytest.raises(RestException, match="url names"):
        client.create_webhook("bad", url, [EVENT])
