"""The command as a stranger runs it, in this process, against a real server."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.sdk.client import Client
from tests.cli.command import Assay
from tests.support.server import LiveServer


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("cli") / "data") as live:
        yield live


@pytest.fixture
def nowhere(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Assay:
    """The command in an empty folder, with no server to speak to."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASSAY_URL", "http://127.0.0.1:9")
    for kind in ("CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / "home" / kind.lower()))
    return Assay(capsys, monkeypatch)


@pytest.fixture
def workspace(server: LiveServer, nowhere: Assay, monkeypatch: pytest.MonkeyPatch) -> str:
    """A workspace of this test alone, which commands and clients work in from then on."""
    name = f"test-{secrets.token_hex(6)}"
    monkeypatch.setenv("ASSAY_URL", server.url)
    with Client(server.url) as client:
        client.post("/workspaces", {"name": name})
    monkeypatch.setenv("ASSAY_WORKSPACE", name)
    return name


@pytest.fixture
def assay(nowhere: Assay, workspace: str) -> Assay:
    """The command in an empty folder, in a workspace of its own on the live server."""
    return nowhere


@pytest.fixture
def client(workspace: str) -> Iterator[Client]:
    """The API in the same workspace, to set a scene or to look behind the command."""
    with Client() as made:
        yield made
