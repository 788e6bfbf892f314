"""A server that is killed in the middle of a run, while the client goes on."""

import json
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from tests.conformance.wandb.conftest import SCRIPTS, client_environment
from tests.support.server import LiveServer

PATIENCE_S = 60


def rows_of(url: str, name: str) -> list[float]:
    """The values of `acc`, by step, as the native API has them."""
    answer = httpx2.get(f"{url}/api/v1/runs/{name}/history", params={"key": "acc"})
    if answer.status_code == 404:
        return []
    values: list[float] = answer.json()["values"]
    return values


def wait_for_rows(url: str, name: str, count: int) -> None:
    """Until so many rows are acknowledged. There is nothing else to wait on: the client is silent."""
    end = time.monotonic() + PATIENCE_S
    while len(rows_of(url, name)) < count:
        assert time.monotonic() < end, "the rows did not arrive"


@pytest.mark.slow
def test_nothing_is_lost_when_the_server_is_killed_in_the_middle(tmp_path: Path) -> None:
    """Rows that were acknowledged survive `kill -9`; those that were not come again; none twice."""
    data = tmp_path / "data"
    server = LiveServer(data).start()
    url, port = server.url, int(server.url.rpartition(":")[2])
    client = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(SCRIPTS / "interrupted.py"), "killed", "victim"],
        env=client_environment(url, tmp_path / "client"),
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert client.stdin is not None
    assert client.stdout is not None
    try:
        assert json.loads(client.stdout.readline())["ready"]
        client.stdin.write("50\n")
        client.stdin.flush()
        assert json.loads(client.stdout.readline())["logged"] == 50
        wait_for_rows(url, "victim", 50)
        server.kill()
        client.stdin.write("50\n")
        client.stdin.flush()
        assert json.loads(client.stdout.readline())["logged"] == 100
        server = LiveServer(data, port=port).start()
        assert rows_of(url, "victim")[:50] == list(range(50))
        client.stdin.close()
        assert json.loads(client.stdout.readlines()[-1])["done"] == 100
        assert client.wait(PATIENCE_S) == 0
        assert rows_of(url, "victim") == list(range(100))
    finally:
        client.kill()
        client.wait()
        client.stdout.close()
        server.stop()
