"""The thin client: what it sends, when it repeats, and what it says when it cannot."""

import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import assay
from assay.domain.errors import DataCorrupted
from assay.sdk import client as client_module
from assay.sdk.client import Client, file_path, url_path
from assay.sdk.errors import ApiError, ServerUnreachable
from tests.sdk.scripted import ScriptedServer, answer
from tests.support.server import LiveServer

Connect = Callable[..., Client]

OK = answer(200, b'{"ok": true}')
BUSY = answer(
    503, b'{"error": {"code": "unavailable", "message": "Stopping.", "request_id": "r-1"}}'
)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repetitions follow at once."""
    monkeypatch.setattr(client_module, "_FIRST_PAUSE_S", 0.0)


@pytest.fixture
def connect() -> Iterator[Callable[..., Client]]:
    """Clients that are closed after the test."""
    with ExitStack() as opened:
        yield lambda *args, **options: opened.enter_context(Client(*args, **options))


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_every_verb_reaches_the_native_api(client: Client) -> None:
    """Paths are those of the API without its prefix; answers are plain JSON values."""
    made = client.post("/experiments", {"name": "verbs"})
    address = url_path("experiments", made["experiment_id"])
    client.patch(address, {"name": "verbs again"})
    client.put(f"{address}/tags/{file_path('a/b')}", {"value": "x"})

    found = client.get(address)

    assert (found["name"], found["tags"]) == ("verbs again", {"a/b": "x"})
    client.delete(address)
    assert client.get(address)["lifecycle"] == "deleted"
    client.health()


def test_a_refusal_carries_all_that_the_server_said(client: Client) -> None:
    """Code, sentence, field, request id and status arrive as they were sent."""
    with pytest.raises(ApiError) as refusal:
        client.get("/runs/unknown")

    error = refusal.value
    assert (error.code, error.status, error.field) == ("not_found", 404, "run_id")
    assert "unknown" in error.message
    assert str(error) == error.message
    assert error.request_id


def test_nothing_listening_is_one_sentence_that_says_what_to_do(connect: Connect) -> None:
    """The commonest fault of all is answered with the next step, and is a ConnectionError."""
    url = free_address()
    with pytest.raises(ConnectionError) as refusal:
        connect(url).get("/runs")

    assert isinstance(refusal.value, ServerUnreachable)
    assert str(refusal.value) == (
        f"Assay at {url} cannot be reached (connection refused). "
        "Start it with `assay serve`, or set ASSAY_URL to where it runs."
    )


def test_an_unknown_host_is_named_as_such(connect: Connect) -> None:
    """A misspelled host name is told from a server that is down."""
    with pytest.raises(ServerUnreachable, match="cannot be reached"):
        connect("http://nowhere.invalid", retries=0).get("/runs")


def test_https_to_a_server_that_speaks_http_is_told_as_such(
    connect: Connect, live_server: LiveServer
) -> None:
    """One letter too many in the address is not answered with the words of a TLS library."""
    with pytest.raises(ServerUnreachable, match="may begin with http://"):
        connect(live_server.url.replace("http:", "https:"), retries=0).get("/runs")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
def test_a_busy_server_is_asked_again(method: str, connect: Connect) -> None:
    """A 503 promises that nothing was done, so any request may be repeated."""
    with ScriptedServer(BUSY, BUSY, OK) as server:
        assert connect(server.url, retries=2).request(method, "/x").json == {"ok": True}

    assert len(server.requests) == 3


def test_repetitions_end(connect: Connect) -> None:
    """A server that stays busy is reported with its own sentence."""
    with (
        ScriptedServer(BUSY, BUSY) as server,
        pytest.raises(ApiError, match=r"Stopping\.") as refusal,
    ):
        connect(server.url, retries=1).get("/x")

    assert (refusal.value.status, refusal.value.request_id) == (503, "r-1")


@pytest.mark.parametrize(
    ("method", "idempotent", "requests"),
    [("GET", False, 2), ("PUT", False, 2), ("DELETE", False, 2), ("POST", True, 2)],
)
def test_a_broken_connection_repeats_what_may_be_repeated(
    method: str, idempotent: bool, requests: int, connect: Connect
) -> None:
    """An answer that was lost is fetched again where doing it twice does no harm."""
    with ScriptedServer(b"", OK) as server:
        found = connect(server.url).request(method, "/x", idempotent=idempotent)

    assert found.json == {"ok": True}
    assert len(server.requests) == requests


def test_a_broken_connection_never_repeats_what_would_happen_twice(connect: Connect) -> None:
    """A POST whose answer was lost may have been done: the caller decides."""
    with ScriptedServer(b"", OK) as server, pytest.raises(ServerUnreachable):
        connect(server.url).post("/x", {"a": 1})

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "script",
    [answer(404, b"<html>nginx</html>", "text/html"), answer(500, b"oops"), answer(403, b"[]")],
)
def test_another_kind_of_server_is_recognised(script: bytes, connect: Connect) -> None:
    """An address that belongs to something else gets a hint instead of a parser's complaint."""
    with ScriptedServer(script) as server, pytest.raises(ApiError, match="is it an Assay server"):
        connect(server.url, retries=0).get("/x")


def test_credential_and_workspace_are_sent_and_not_shown(connect: Connect) -> None:
    """Every request says who asks and where; printing the client does not say it."""
    with ScriptedServer(OK) as server:
        client = connect(server.url, "hush", "team-a")
        client.get("/x", limit=3, exact=True, nothing=None)

    (request,) = server.requests
    assert request.startswith(b"GET /api/v1/x?limit=3&exact=true HTTP/1.1\r\n")
    assert b"Authorization: Bearer hush\r\n" in request
    assert b"X-Assay-Workspace: team-a\r\n" in request
    assert "hush" not in repr(client)


def test_a_redirect_is_not_followed(connect: Connect) -> None:
    """A credential goes to the address that the user gave and nowhere else."""
    moved = b"HTTP/1.1 302 X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
    with ScriptedServer(moved) as server, pytest.raises(ApiError) as refusal:
        connect(server.url, "hush").get("/x")

    assert refusal.value.status == 302


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    monkeypatch: pytest.MonkeyPatch, connect: Connect
) -> None:
    """A company's proxy cannot know what listens on this machine's loopback."""
    monkeypatch.setenv("HTTP_PROXY", free_address())
    monkeypatch.setenv("http_proxy", free_address())
    with ScriptedServer(OK) as server:
        assert connect(server.url).get("/x") == {"ok": True}


def test_a_client_works_on_after_a_fork(client: Client) -> None:
    """A child opens its own connections, and the parent's stay usable."""
    client.health()
    child = os.fork()
    if not child:
        code = 1
        try:
            client.health()
            code = 0
        finally:
            os._exit(code)

    assert os.waitpid(child, 0)[1] == 0
    client.health()


def test_another_workspace_is_another_client_of_the_same_server(client: Client) -> None:
    """What is named inside a workspace is looked for in that one."""
    other = client.within("default")

    assert (other.url, other.connection) == (client.url, client.connection)


@pytest.fixture
def run_id(client: Client) -> str:
    """A run on the server."""
    made = client.post("/runs", {"experiment": "files"})
    found = made["run_id"]
    assert isinstance(found, str)
    return found


def test_a_file_goes_there_and_back_with_progress(
    client: Client, run_id: str, tmp_path: Path
) -> None:
    """Both ways stream, tell how far they are, and end with the digest."""
    content = os.urandom(700_000)
    source, target = tmp_path / "weights.bin", tmp_path / "below" / "copy.bin"
    source.write_bytes(content)
    up: list[tuple[int, int | None]] = []
    down: list[tuple[int, int | None]] = []
    address = f"/runs/{run_id}/files/{file_path('a folder/ü %41/weights.bin')}"

    stored = client.upload(address, source, lambda done, total: up.append((done, total)))
    size, digest = client.stream_download(
        address, target, stored["sha256"], lambda done, total: down.append((done, total))
    )

    assert target.read_bytes() == content
    assert (size, digest) == (700_000, hashlib.sha256(content).hexdigest())
    assert up[-1] == down[-1] == (700_000, 700_000)
    assert [done for done, _ in up] == sorted(done for done, _ in up)


def test_an_empty_file_is_a_file(client: Client, run_id: str, tmp_path: Path) -> None:
    """Nothing is special about no bytes."""
    (tmp_path / "empty").write_bytes(b"")
    client.upload(f"/runs/{run_id}/files/empty", tmp_path / "empty")

    size, _ = client.stream_download(f"/runs/{run_id}/files/empty", tmp_path / "copy")

    assert size == 0
    assert (tmp_path / "copy").read_bytes() == b""


def test_bytes_that_changed_on_the_way_up_are_refused(
    client: Client, run_id: str, tmp_path: Path
) -> None:
    """The digest that is sent along is what makes the file visible."""
    (tmp_path / "file").write_bytes(b"what arrives")
    wrong = hashlib.sha256(b"what was meant").hexdigest()

    with pytest.raises(ApiError) as refusal:
        client.upload(f"/runs/{run_id}/files/x", tmp_path / "file", sha256=wrong)

    assert refusal.value.status == 422
    with pytest.raises(ApiError, match="x"):
        client.get(f"/runs/{run_id}/files/x")


def test_a_download_with_another_digest_leaves_nothing(
    client: Client, run_id: str, tmp_path: Path
) -> None:
    """A file appears only when it is the right one; an earlier copy stays as it was."""
    (tmp_path / "file").write_bytes(b"bytes")
    client.upload(f"/runs/{run_id}/files/x", tmp_path / "file")
    target = tmp_path / "target" / "x"
    target.parent.mkdir()
    target.write_bytes(b"earlier")

    with pytest.raises(DataCorrupted, match="nothing was kept"):
        client.stream_download(f"/runs/{run_id}/files/x", target, "0" * 64)

    assert [path.name for path in target.parent.iterdir()] == ["x"]
    assert target.read_bytes() == b"earlier"


def test_a_download_that_breaks_off_is_begun_anew(tmp_path: Path, connect: Connect) -> None:
    """Half a file is never left behind, and a second attempt may succeed."""
    half = answer(200, b"0123456789", "application/octet-stream").replace(b": 10", b": 20")
    whole = answer(200, b"0123456789", "application/octet-stream")
    with ScriptedServer(half, whole) as server:
        size, _ = connect(server.url).stream_download("/f", tmp_path / "file")

    assert size == 10
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_refusal_of_a_download_is_the_servers(
    client: Client, run_id: str, tmp_path: Path
) -> None:
    """A missing file is `not_found`, and nothing is written."""
    with pytest.raises(ApiError) as refusal:
        client.stream_download(f"/runs/{run_id}/files/missing", tmp_path / "file")

    assert refusal.value.code == "not_found"
    assert list(tmp_path.iterdir()) == []


def test_a_loaded_client_imports_nothing_more(live_server: LiveServer) -> None:
    """A fork while the sender's thread imports would leave the child half a module, for good."""
    program = (
        "import sys; from assay.sdk.client import Client; client = Client(sys.argv[1]);"
        "client.load(); known = set(sys.modules); client.health(); client.post('/experiments/search', {});"
        "print(sorted(set(sys.modules) - known))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, live_server.url], capture_output=True, text=True, check=True
    )

    assert told.stdout.strip() == "[]"


def test_the_public_names_are_the_documented_ones(live_server: LiveServer) -> None:
    """`assay.X` loads when it is used; what is not public is not there."""
    assert {name for name in assay.__all__ if getattr(assay, name) is not None} == set(
        assay.__all__
    )
    assert dir(assay) == sorted(assay.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = assay.nothing
    with assay.Client(live_server.url) as client:
        client.health()
