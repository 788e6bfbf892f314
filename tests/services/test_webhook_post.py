import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest

from assay.domain.webhook_target import AllowedHosts
from assay.services.webhook_post import WebhookPost
from tests.support.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on loopback."""
    with Receiver() as found:
        yield found


def allowing(receiver: Receiver, host: str = "127.0.0.1") -> AllowedHosts:
    return AllowedHosts(frozenset({(host, receiver.port)}))


def test_an_allowed_receiver_gets_body_and_headers(receiver: Receiver) -> None:
    """Path and query as they were written, the name in the Host header, the body byte for byte."""
    post = WebhookPost(allowing(receiver))

    result = post.send(receiver.url, {"X-Mark": "1"}, '{"é":1}')

    assert (result.status, result.is_delivered, result.error) == (204, True, "")
    (got,) = receiver.received
    assert (got.path, got.body, got.headers["x-mark"]) == ("/hook?team=a", '{"é":1}', "1")
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"


def test_nothing_private_is_connected_to(receiver: Receiver) -> None:
    """Without the list of the server's owner, loopback is refused before a socket is opened."""
    result = WebhookPost().send(receiver.url, {}, "{}")

    assert result.status is None
    assert "not a public address" in result.error
    assert receiver.received == []


def test_a_name_that_changes_its_address_is_caught(receiver: Receiver) -> None:
    """Rebinding: what the name said yesterday counts for nothing; today's answer is checked."""
    answers = iter([["93.184.216.34"], ["127.0.0.1"], ["93.184.216.34", "127.0.0.1"]])
    asked: list[str] = []

    def resolver(host: str, port: int) -> Sequence[str]:
        asked.append(f"{host}:{port}")
        return next(answers)

    url = f"http://hooks.example.com:{receiver.port}/"
    assert list(resolver("hooks.example.com", receiver.port)) == ["93.184.216.34"]
    post = WebhookPost(resolver=resolver)
    results = [post.send(url, {}, "{}") for _ in range(2)]

    assert [result.error for result in results] == [
        "The receiver's name resolves to an address that is not public."
    ] * 2
    assert asked == [f"hooks.example.com:{receiver.port}"] * 3
    assert receiver.received == []


def test_the_checked_address_is_the_one_connected_to(receiver: Receiver) -> None:
    """The name is resolved once per attempt: a name that nobody else resolves still arrives."""
    asked: list[str] = []

    def resolver(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    post = WebhookPost(allowing(receiver, "hooks.invalid"), resolver=resolver)
    result = post.send(f"http://hooks.invalid:{receiver.port}/", {}, "{}")

    assert result.is_delivered
    assert asked == ["hooks.invalid"]
    assert receiver.received[0].headers["host"] == f"hooks.invalid:{receiver.port}"


def test_the_environment_has_no_say(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment would make the checked address worthless."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert WebhookPost(allowing(receiver)).send(receiver.url, {}, "{}").is_delivered


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    """Wherever it points to: the second address was never checked."""
    with Receiver() as inside:
        receiver.answer = lambda _: (307, {"location": inside.url})

        result = WebhookPost(allowing(receiver)).send(receiver.url, {}, "{}")

        assert (result.status, result.is_delivered) == (307, False)
        assert "not followed" in result.error
        assert inside.received == []


@pytest.mark.parametrize("status", [400, 410, 500])
def test_a_refusal_is_no_delivery(receiver: Receiver, status: int) -> None:
    """Only 2xx counts."""
    receiver.answer = lambda _: (status, {})

    result = WebhookPost(allowing(receiver)).send(receiver.url, {}, "{}")

    assert (result.status, result.is_delivered) == (status, False)


def test_a_closed_port_is_no_connection(receiver: Receiver) -> None:
    """A receiver that is down is an outcome, not an exception."""
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        allowed = AllowedHosts(frozenset({("127.0.0.1", None)}))
        result = WebhookPost(allowed).send(f"http://127.0.0.1:{port}/", {}, "{}")

    assert (result.status, result.error) == (None, "No connection.")


def test_a_receiver_that_drips_is_cut_off() -> None:
    """One limit holds for the whole exchange, however often a byte arrives."""
    hung_up = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                while not hung_up.wait(0.05):
                    connection.sendall(b"H")
            except OSError:
                hung_up.set()

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=drip, args=(listener,), daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        allowed = AllowedHosts(frozenset({("127.0.0.1", port)}))
        result = WebhookPost(allowed, timeout_s=0.5).send(f"http://127.0.0.1:{port}/", {}, "{}")
        thread.join(30)

    assert result.status is None
    assert "0.5 seconds" in result.error or "broke off" in result.error
    assert hung_up.is_set()


def test_a_name_that_does_not_resolve_is_an_outcome() -> None:
    """The resolver's failure is told without its words."""

    def resolver(_host: str, _port: int) -> Sequence[str]:
        raise OSError

    result = WebhookPost(resolver=resolver).send("https://hooks.example.com/", {}, "{}")

    assert (result.status, result.error) == (None, "The receiver's name does not resolve.")
