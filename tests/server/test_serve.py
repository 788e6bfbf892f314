"""How a server starts, what it refuses to start with, and what its first start leaves behind."""

from __future__ import annotations

import json
import sqlite3
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from assay.sdk.client import Client
from assay.sdk.errors import ApiError
from tests.support.databases import PostgresqlCluster
from tests.support.server import LiveServer


def refused(*arguments: str) -> str:
    """What `assay serve` says when it does not start."""
    done = subprocess.run(
        [sys.executable, "-m", "assay", "serve", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder that is not there yet."""
    return tmp_path / "data"


@pytest.fixture
def server(data: Path) -> Iterator[LiveServer]:
    """A server with default settings."""
    with LiveServer(data) as live:
        yield live


def test_health_answers_once_the_server_says_it_is_ready(server: LiveServer) -> None:
    """200 and OK, without any credential."""
    with urllib.request.urlopen(f"{server.url}/health") as answer:
        assert (answer.status, answer.read()) == (200, b"OK")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "assay.example.org"])  # noqa: S104
def test_another_address_needs_accounts(data: Path, host: str) -> None:
    """Without --auth everyone who can reach the server would be its owner."""
    said = refused("--host", host, "--data", str(data))

    assert "--auth" in said
    assert not data.exists()


def test_an_address_of_another_machine_is_not_taken_for_a_busy_port(data: Path) -> None:
    """The hint belongs to the fault: there is no use in trying other ports."""
    said = refused("--host", "192.0.2.1", "--auth", "--data", str(data))

    assert "--host is an address or a name of this machine" in said
    assert "--port" not in said


def test_a_folder_has_one_server(server: LiveServer, data: Path) -> None:
    """A second server on the same data is refused, whatever its port."""
    said = refused("--port", "0", "--data", str(data))

    assert "Another server" in said


def test_a_taken_port_is_said_before_anything_is_made(server: LiveServer, tmp_path: Path) -> None:
    """No data folder is left behind by a start that could not listen."""
    other = tmp_path / "other"

    said = refused("--port", server.url.rpartition(":")[2], "--data", str(other))

    assert "--port" in said
    assert not other.exists()


@pytest.mark.parametrize("flags", [("--protect", ""), ("--protect", "a/b"), ("--port", "99999")])
def test_a_setting_that_makes_no_sense_is_refused(data: Path, flags: tuple[str, ...]) -> None:
    """The message names the flag."""
    assert flags[0] in refused("--data", str(data), *flags)


def test_a_newer_schema_is_left_alone(data: Path) -> None:
    """An older program does not touch a database that a newer one wrote."""
    with LiveServer(data):
        pass
    with closing(sqlite3.connect(data / "assay.db")) as database, database:
        database.execute("INSERT INTO migrations VALUES (9999, 'from_the_future', 'x', 0)")

    said = refused("--port", "0", "--data", str(data))

    assert "9999" in said
    assert "newer version" in said


def test_the_first_start_leaves_a_runner_credential_that_only_the_owner_reads(
    server: LiveServer, data: Path
) -> None:
    """0600, and it is a gate runner's: it leases exams and reads nothing else."""
    mode = stat.S_IMODE((data / "gate-runner.token").stat().st_mode)

    with Client(server.url, server.token("gate-runner"), retries=0) as runner:
        who = runner.get("/whoami")
        with pytest.raises(ApiError) as refusal:
            runner.get("/models")

    assert mode == 0o600
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert who["roles"] == {"*": ["gate"]}
    assert refusal.value.status == 403


def test_a_secret_is_nowhere_but_in_its_file(tmp_path: Path) -> None:
    """Neither the database nor the log holds a token or its secret half."""
    data = tmp_path / "data"
    with LiveServer(data, "--auth") as server:
        token = server.token("admin")
        with Client(server.url, token) as admin:
            made = admin.post("/tokens", {"principal": "admin"})["token"]
        with Client(server.url, made) as second:
            second.get("/whoami")
    secrets = [text.split("_")[2] for text in (token, made)]

    kept = b"".join(
        path.read_bytes()
        for path in [*data.glob("assay.db*"), server.log]
        if path.suffix != ".token"
    )

    assert [secret for secret in secrets if secret.encode() in kept] == []


def test_a_restart_keeps_everything_and_makes_no_second_credential(data: Path) -> None:
    """Tokens, runs and the ledger's head are as they were."""
    with LiveServer(data, "--auth") as server:
        token = server.token("admin")
        with Client(server.url, token) as admin:
            admin.post("/runs", {"experiment": "e", "run_id": "a" * 32})
            head = admin.get("/ledger/head")

    with (
        LiveServer(data, "--auth") as server,
        Client(server.url, server.token("admin")) as admin,
    ):
        assert server.token("admin") == token
        assert admin.get("/ledger/head") == head
        assert admin.get(f"/runs/{'a' * 32}")["run_id"] == "a" * 32


def test_a_server_on_postgresql_does_the_same(
    data: Path, postgresql_cluster: PostgresqlCluster
) -> None:
    """`--database postgresql://…` is all that changes."""
    url = postgresql_cluster.url(postgresql_cluster.create())
    with LiveServer(data, "--database", url) as server, Client(server.url) as client:
        client.post("/runs", {"experiment": "e", "run_id": "a" * 32})
        client.post(f"/runs/{'a' * 32}/batch", {"points": [["loss", 1.5, 0, 0]]})
        history = client.get(f"/runs/{'a' * 32}/history", key="loss")

    assert history["values"] == [1.5]
    assert not (data / "assay.db").exists()


def test_sigterm_drains_and_ends_with_success(server: LiveServer) -> None:
    """What was accepted is written, then the process ends with 0."""
    with Client(server.url) as client:
        client.post("/runs", {"experiment": "e", "run_id": "a" * 32})

    assert server.stop() == 0


def test_unexpected_errors_are_not_told_to_the_client(server: LiveServer, data: Path) -> None:
    """A fault is 500 with a request id; the detail is in the log only."""
    with closing(sqlite3.connect(data / "assay.db")) as database, database:
        database.execute("ALTER TABLE registered_models RENAME TO gone")

    with Client(server.url, retries=0) as client, pytest.raises(ApiError) as refusal:
        client.get("/models")

    assert refusal.value.status in (500, 503)
    assert "registered_models" not in json.dumps([refusal.value.message, refusal.value.details])
    assert refusal.value.request_id
