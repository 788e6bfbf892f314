"""What the stock client never sends: raw requests over a socket."""

import http.client
import json
from collections.abc import Iterator

import pytest

from tests.support.server import LiveServer

API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"


class Wire:
    """One connection; paths go out as they are written here."""

    def __init__(self, server: LiveServer) -> None:
        self.host = server.url.removeprefix("http://")
        self._connection = http.client.HTTPConnection(self.host, timeout=30)

    def ask(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, dict[str, object]]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, body, named)  # type: ignore[arg-type]
        answer = self._connection.getresponse()
        content = answer.read()
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(content) if is_json else {}

    def post(self, path: str, body: object) -> tuple[int, dict[str, object]]:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", API + path, sent, content_type="application/json")

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def wire(server: LiveServer) -> Iterator[Wire]:
    """A connection to the server."""
    connection = Wire(server)
    yield connection
    connection.close()


@pytest.fixture
def root(wire: Wire) -> str:
    """The path of a run's artifacts."""
    _, made = wire.post("/runs/create", {"experiment_id": "0"})
    run_id = made["run"]["info"]["run_id"]  # type: ignore[index]
    return f"0/{run_id}/artifacts"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "path",
    [
        "../../../../etc/passwd",
        "%2e%2e/%2e%2e/etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%252e%252e%252fetc",
        "..%5c..%5cetc",
        "a/%00",
        "a%2f%2fb",
        "%2fetc%2fpasswd",
        "C:%5cx",
        "C%3a%2fx",
    ],
)
def test_no_path_leaves_the_files_of_its_run(wire: Wire, root: str, method: str, path: str) -> None:
    """Nothing on the way normalises it, and every decoding of it is looked at."""
    status, body = wire.ask(method, f"{FILES}/{root}/{path}", b"x" if method == "PUT" else None)

    assert (status, body["message"]) == (400, "Invalid path")


def test_a_deeply_nested_body_is_an_ordinary_refusal(wire: Wire) -> None:
    """However deep."""
    for body in (b"[" * 100_000, b'{"a":' * 100_000, b'{"tags":' + b"[" * 100_000):
        status, answer = wire.post("/runs/create", body)
        assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_a_long_body_without_a_length_is_refused(wire: Wire) -> None:
    """The limit counts what comes, not what was announced; the connection stays usable."""
    pieces = (b" " * 65_536 for _ in range(100))

    status, answer = wire.ask(
        "POST", f"{API}/runs/log-metric", pieces, content_type="application/json"
    )

    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert wire.ask("GET", "/version")[0] == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", "evil.example"),
        ("host", "127.0.0.1.evil.example"),
        ("origin", "http://evil.example"),
    ],
)
def test_a_page_elsewhere_does_not_reach_in(wire: Wire, name: str, value: str) -> None:
    """Host and Origin are this server's own, or the request is refused."""
    headers = {"content_type": "application/json", name: value}

    status, answer = wire.ask("POST", f"{API}/runs/create", b"{}", **headers)

    assert (status, answer["error_code"]) == (403, "PERMISSION_DENIED")


def test_a_foreign_content_type_is_refused(wire: Wire) -> None:
    """What a page may send unasked is not taken for JSON."""
    status, answer = wire.ask("POST", f"{API}/runs/create", b"{}", content_type="text/plain")

    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_an_empty_post_is_an_empty_message(wire: Wire) -> None:
    """Without a body and without a content type."""
    status, answer = wire.ask("POST", f"{API}/runs/create")

    assert status == 200
    assert "run" in answer
