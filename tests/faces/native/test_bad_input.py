"""Bad input on the native face: the right status, an error that names the field, and nothing written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from assay.sdk.client import Client
from assay.sdk.errors import ApiError
from tests.support.server import LiveServer

RUN = "c" * 32
LINEAGE = {
    "data_version": "d1",
    "code_commit": "c1",
    "config": {"lr": 1e-05},
    "base_model": "base",
    "seed": 1,
}
TRAVERSALS = [
    "../secret",
    "a/../../secret",
    "..%2fsecret",
    "%2e%2e/secret",
    "%2e%2e%2fsecret",
    "%252e%252e%252fsecret",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "..%5csecret",
    "a\\..\\secret",
    "C:/secret",
    "a/%00/b",
    "a//b",
    "./a",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with default settings and one run with files and lineage."""
    with LiveServer(tmp_path_factory.mktemp("bad-input") / "data") as live:
        with Client(live.url) as client:
            body = {"experiment": "e", "run_id": RUN, "lineage": LINEAGE}
            client.post("/runs", body)
            client.request("PUT", f"/runs/{RUN}/files/model/w.bin", content=b"weights")
        yield live


@pytest.fixture
def client(server: LiveServer) -> Iterator[Client]:
    """A client of the owner."""
    with Client(server.url, retries=0) as found:
        yield found


def send(
    server: LiveServer,
    method: str,
    path: str,
    body: bytes = b"",
    *,
    content_type: str | None = "application/json",
) -> tuple[int, dict[str, Any]]:
    """A request exactly as written: no client tidies the path or the body."""
    connection = HTTPConnection(urlsplit(server.url).netloc, timeout=20)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        if content_type is not None:
            connection.putheader("Content-Type", content_type)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content.startswith(b"{") else {}
    finally:
        connection.close()


def counts(client: Client) -> tuple[int, ...]:
    """How much there is of everything that a refused request might have left behind."""
    return (
        len(client.post("/experiments/search", {"view": "all"})["experiments"]),
        len(client.post("/runs/search", {"experiment_ids": ["1"], "view": "all"})["runs"]),
        len(client.get("/models")["models"]),
        len(client.get(f"/runs/{RUN}/metrics")["metrics"]),
        len(client.get(f"/runs/{RUN}")["params"]),
        len(client.get(f"/runs/{RUN}/artifacts", path="model")["files"]),
    )


DEEP = b'{"name":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
BODIES = [
    pytest.param("/api/v1/experiments", b'{"name": ', "body", id="malformed JSON"),
    pytest.param("/api/v1/experiments", b"[]", "body", id="an array for an object"),
    pytest.param("/api/v1/experiments", b'{"name": 7}', "name", id="a number for a name"),
    pytest.param("/api/v1/experiments", b"{}", "name", id="a missing field"),
    pytest.param("/api/v1/experiments", b'{"name": "x", "y": 1}', "y", id="an unknown field"),
    pytest.param("/api/v1/experiments", b'{"name": ""}', "name", id="an empty name"),
    pytest.param(
        "/api/v1/experiments", b'{"name": "%s"}' % (b"x" * 5_000), "name", id="an over-long name"
    ),
    pytest.param("/api/v1/experiments", b'{"name": "a\\u0000b"}', "name", id="NUL in a name"),
    pytest.param("/api/v1/experiments", DEEP, "name", id="100,000-deep nesting"),
    pytest.param("/api/v1/experiments", b'{"name": "\xff"}', "body", id="bad UTF-8"),
    pytest.param(
        f"/api/v1/runs/{RUN}/batch", b'{"points": [["loss", NaN, 0, 0]]}', "body", id="NaN literal"
    ),
    pytest.param(
        f"/api/v1/runs/{RUN}/batch",
        b'{"points": [["loss", 1, 9223372036854775808, 0]]}',
        "points",
        id="a step beyond int64",
    ),
    pytest.param(
        f"/api/v1/runs/{RUN}/batch", b'{"points": [["", 1, 0, 0]]}', "points", id="an empty key"
    ),
]


@pytest.mark.parametrize(("path", "body", "field"), BODIES)
def test_a_bad_body_is_refused_naming_the_field(
    server: LiveServer, client: Client, path: str, body: bytes, field: str
) -> None:
    """422 with the field, and nothing is written."""
    before = counts(client)

    status, answer = send(server, "POST", path, body)

    assert status == 422
    assert answer["error"]["field"].startswith(field)
    assert answer["error"]["request_id"]
    assert counts(client) == before


def test_a_body_must_be_declared_as_json(server: LiveServer, client: Client) -> None:
    """A simple cross-site form post (text/plain) is not read as JSON."""
    before = counts(client)

    status, answer = send(
        server, "POST", "/api/v1/experiments", b'{"name": "x"}', content_type="text/plain"
    )

    assert status == 422
    assert answer["error"]["field"] == "Content-Type"
    assert counts(client) == before


def test_a_body_over_the_limit_is_refused_by_its_length(server: LiveServer) -> None:
    """413 before the body is read."""
    status, answer = send(server, "POST", "/api/v1/experiments", b" " * 5_000_000)

    assert status == 413
    assert answer["error"]["code"] == "limit_exceeded"


@pytest.mark.parametrize("path", TRAVERSALS)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_no_path_leads_out_of_a_run(
    server: LiveServer, client: Client, method: str, path: str
) -> None:
    """Traversal in every spelling is refused, on reading, writing and deleting."""
    before = counts(client)

    status, answer = send(
        server, method, f"/api/v1/runs/{RUN}/files/{path}", b"x" if method == "PUT" else b""
    )

    assert status in (404, 422)
    assert answer["error"]["code"] in ("invalid_argument", "not_found")
    assert counts(client) == before


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_registered_folder_leads_out_of_a_run(client: Client, path: str) -> None:
    """The folder of a registration is held to the same rule."""
    body = {"run_id": RUN, "artifact_path": path, "lineage": LINEAGE}

    with pytest.raises(ApiError) as refusal:
        client.post("/models/traversal/versions", body)

    assert refusal.value.status in (404, 409, 422)
    assert [model["name"] for model in client.get("/models")["models"]].count("traversal") == 0


UNKNOWN = [
    ("GET", "/runs/" + "d" * 32),
    ("GET", "/runs/..%2f..%2fetc"),
    ("GET", "/experiments/999999"),
    ("GET", "/experiments/abc"),
    ("GET", "/models/nobody"),
    ("GET", "/models/nobody/versions/1"),
    ("GET", "/models/nobody/aliases/production"),
    ("GET", "/gates/nobody"),
    ("GET", "/gate-runs/" + "d" * 32),
    ("DELETE", "/tokens/nothing"),
    ("GET", "/nothing/at/all"),
]


@pytest.mark.parametrize(("method", "path"), UNKNOWN)
def test_what_does_not_exist_is_said_not_to_exist(
    server: LiveServer, method: str, path: str
) -> None:
    """404, or 422 where it cannot even be a name."""
    status, answer = send(server, method, f"/api/v1{path}")

    assert status in (404, 422)
    assert answer["error"]["message"]


@pytest.mark.parametrize("field", list(LINEAGE))
@pytest.mark.parametrize("value", [None, "", "  "], ids=["null", "empty", "blank"])
def test_l1_a_missing_lineage_field_is_named(client: Client, field: str, value: object) -> None:
    """A lineage field that is null, empty or blank: refused by name, one denied event, no version."""
    before = denied(client)
    body = {
        "run_id": RUN,
        "artifact_path": "model",
        "lineage": {**LINEAGE, field: value},
        "create_model": True,
    }

    with pytest.raises(ApiError) as refusal:
        client.post("/models/missing/versions", body)

    assert refusal.value.status == 422
    assert refusal.value.field in (field, f"lineage.{field}")
    assert field in refusal.value.message
    assert client.get("/models")["models"] == []
    assert denied(client) == before + 1


def denied(client: Client) -> int:
    """How many registrations the ledger says were denied."""
    events = client.get("/ledger", action="version.registered", max_results=1000)["events"]
    return sum(event["outcome"] == "denied" for event in events)


RAW_LINEAGES = [
    pytest.param('{"seed": 1, "seed": 2}', "seed", id="L23 a duplicate key"),
    pytest.param('{"config": {"a": 1, "a": 1}}', "config", id="L23 a duplicate key inside"),
    pytest.param('{"config": {"lr": 1e400}}', "config", id="L16 1e400"),
    pytest.param('{"config": {"a": "\\ud800"}}', "", id="L21 a lone surrogate"),
    pytest.param('{"config": {"a": "\\u0000"}}', "config", id="L22 NUL in a value"),
    pytest.param('{"seed": ' + "9" * 5_000 + "}", "seed", id="L7 5,000 digits"),
    pytest.param('{"seed": true}', "seed", id="L3 a bool seed"),
    pytest.param('{"config": ' + "[" * 1_000 + "]" * 1_000 + "}", "", id="L25 1,000 deep"),
    pytest.param('{"config": ' + "[" * 100_000 + "]" * 100_000 + "}", "", id="L25 100,000 deep"),
]


@pytest.mark.parametrize(("raw", "field"), RAW_LINEAGES)
def test_lineage_outside_the_strict_domain_is_refused(
    server: LiveServer, client: Client, raw: str, field: str
) -> None:
    """Never repaired and never a 500: the refusal names the path."""
    rest = {name: value for name, value in LINEAGE.items() if f'"{name}"' not in raw}
    lineage = raw[:-1] + ", " + json.dumps(rest)[1:] if rest else raw
    body = '{"run_id": "%s", "artifact_path": "model", "lineage": %s}' % (RUN, lineage)  # noqa: UP031

    status, answer = send(server, "POST", "/api/v1/models/strict/versions", body.encode())

    assert status == 422
    assert field in answer["error"]["field"]
    assert client.get("/models")["models"] == []


def test_a_run_of_another_workspace_cannot_be_registered(client: Client) -> None:
    """It is answered as absent."""
    client.post("/workspaces", {"name": "other"})
    elsewhere = client.within("other")

    with pytest.raises(ApiError) as refusal:
        elsewhere.post("/models/stolen/versions", {"run_id": RUN, "artifact_path": "model"})
    elsewhere.close()

    assert refusal.value.status == 404


def test_a_foreign_host_or_origin_is_refused(server: LiveServer) -> None:
    """A page elsewhere can neither rebind its name to loopback nor post from its own origin."""
    connection = HTTPConnection(urlsplit(server.url).netloc, timeout=20)
    statuses = []
    for headers in (
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:7475"},
        {"Host": "localhost."},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ):
        connection.request(
            "POST",
            "/api/v1/experiments",
            '{"name": "x"}',
            {"Content-Type": "application/json", **headers},
        )
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()

    assert statuses == [403] * 5
