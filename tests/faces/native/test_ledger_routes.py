"""The ledger's routes: search, checkpoints, proofs; and what a denied request leaves there."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import structlog

from assay.domain.checkpoint import event_leaf, parse_key, parse_note
from assay.domain.merkle import verify_consistency, verify_inclusion
from assay.sdk.client import Client
from assay.sdk.errors import ApiError
from assay.services.ledger_key import is_signed
from tests.support.server import LiveServer

SECRET = "sk-very-secret-0123456789"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that asks for credentials."""
    with LiveServer(tmp_path_factory.mktemp("ledger") / "data", "--auth") as live:
        yield live


@pytest.fixture
def admin(server: LiveServer) -> Iterator[Client]:
    with Client(server.url, server.token("admin")) as client:
        yield client


def a_principal(admin: Client, name: str, role: str) -> str:
    admin.post("/principals", {"name": name, "kind": "user", "roles": {"default": [role]}})
    return str(admin.post("/tokens", {"principal": name})["token"])


def test_proofs_of_the_routes_lead_to_the_signed_root(admin: Client) -> None:
    """Inclusion of every event, and consistency of two checkpoints, checked with nothing but hashes."""
    old = parse_note(admin.post("/ledger/checkpoints", {})["note"])
    for number in range(5):
        admin.post("/models", {"name": f"m{number}"})
    made = admin.post("/ledger/checkpoints", {})
    new = parse_note(made["note"])
    size = new.checkpoint.size
    keys = [parse_key(key) for key in admin.get("/ledger/keys")["keys"]]
    assert is_signed(new, keys)
    assert admin.get("/ledger/checkpoint") == made
    assert admin.get(f"/ledger/checkpoints/{size}") == made

    for event in admin.get("/ledger")["events"]:
        asked = admin.get("/ledger/proof/inclusion", seq=event["seq"], size=size)
        proof = [bytes.fromhex(value) for value in asked["hashes"]]
        leaf = event_leaf(event["hash"])
        assert verify_inclusion(leaf, event["seq"] - 1, size, proof, new.checkpoint.root)
    then = old.checkpoint
    asked = admin.get("/ledger/proof/consistency", old_size=then.size, size=size)
    proof = [bytes.fromhex(value) for value in asked["hashes"]]
    assert verify_consistency(then.size, size, then.root, new.checkpoint.root, proof)


@pytest.mark.parametrize(
    "path",
    [
        "/ledger/proof/inclusion?seq=0&size=1",
        "/ledger/proof/inclusion?seq=5&size=3",
        "/ledger/proof/inclusion?seq=1&size=99999999",
        f"/ledger/proof/inclusion?seq={2**63}&size={2**64}",
        "/ledger/proof/consistency?old_size=3&size=1",
        "/ledger/proof/consistency?old_size=-1&size=1",
        "/ledger/checkpoints/x",
        "/ledger/checkpoints/999999",
        "/ledger/export?from_seq=2&to_seq=1&size=1",
        "/ledger?text=" + "x" * 300,
        "/ledger?outcome=maybe",
    ],
)
def test_what_does_not_exist_is_refused(admin: Client, path: str) -> None:
    """A number out of range is a refusal with words, never a fault."""
    admin.post("/ledger/checkpoints", {})
    place, _, query = path.partition("?")
    with pytest.raises(ApiError) as refused:
        admin.get(place, **dict(parse_qsl(query)))
    assert refused.value.status in {400, 404, 422}


def test_who_reads_one_workspace_exports_that_workspace(admin: Client, server: LiveServer) -> None:
    """A maintainer exports the own workspace, and neither all nor another one."""
    admin.post("/workspaces", {"name": "secret-lab"})
    admin.within("secret-lab").post("/models", {"name": "hidden"})
    admin.post("/models", {"name": "known-to-mia"})
    size = admin.post("/ledger/checkpoints", {})["size"]
    token = a_principal(admin, "mia", "maintainer")
    with Client(server.url, token) as mia:
        own = mia.get("/ledger/export", from_seq=1, to_seq=size, size=size, workspace="default")
        assert "hidden" not in own["lines"]
        assert own["events"] == len(own["lines"].splitlines()) > 0
        for workspace in (None, "secret-lab"):
            with pytest.raises(ApiError) as refused:
                mia.get("/ledger/export", from_seq=1, to_seq=size, size=size, workspace=workspace)
            assert refused.value.status in {403, 404}


def test_a10_a_denied_request_leaves_neither_body_nor_secret(
    admin: Client, server: LiveServer
) -> None:
    """A10: one event that says who tried what; not what was sent, nor with which credential."""
    token = a_principal(admin, "vic", "viewer")
    before = admin.get("/ledger/head")["seq"]
    address = urlsplit(server.url).netloc
    connection = HTTPConnection(address, timeout=20)
    connection.request(
        "POST",
        "/api/v1/models/m0/promote",
        json.dumps({"version": 1, "reason": SECRET}),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "X-Key": SECRET},
    )
    assert connection.getresponse().status == 403
    connection.close()

    after = admin.get("/ledger/head")["seq"]
    (event,) = admin.get("/ledger", newest_first=True, max_results=1)["events"]
    assert after == before + 1
    assert (event["outcome"], event["actor"]) == ("denied", "user:vic")
    text = json.dumps(event)
    assert SECRET not in text
    assert token not in text
    assert SECRET not in server.log.read_text()
    assert token not in server.log.read_text()
    for path in server.data.glob("assay.db*"):
        assert token.encode() not in path.read_bytes()
        assert SECRET.encode() not in path.read_bytes()


EVIL = "reset\x1b[2J\x1b[31m\nINFO promoted by root\r\x07\u202eevil"


def test_a11_what_users_wrote_steers_no_terminal(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A11: a reason with line ends and escape codes is one harmless line in the command's output."""
    from assay.cli.main import run

    with LiveServer(tmp_path / "data") as live, Client(live.url) as client:
        client.post("/runs", {"experiment": "e", "run_id": "b" * 32})
        client.post("/models", {"name": "m", "description": EVIL})
        with pytest.raises(ApiError):
            client.put("/models/m/aliases/production", {"version": 1, "reason": EVIL})
        monkeypatch.setenv("ASSAY_URL", live.url)
        assert run(["audit", "log", "--text", "m"]) == 0
        assert run(["audit", "log", "--object", EVIL]) == 0
        run(["models", "show", "m"])
        told = capsys.readouterr()
        log = live.log.read_text()
    for text in (told.out, told.err, log):
        assert "\x1b" not in text
        assert "\r" not in text
        assert "\nINFO promoted" not in text
        assert "\u202e" not in text


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a11_a_log_line_is_one_line(capsys: pytest.CaptureFixture[str], is_terminal: bool) -> None:
    """A11: both renderers of the server's log escape what could forge a line or steer a terminal."""
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=False)
        if is_terminal
        else structlog.processors.JSONRenderer()
    )
    rendered = str(renderer(logging.getLogger(), "info", {"event": "refused", "path": EVIL}))

    assert "\n" not in rendered
    assert "\x1b" not in rendered
