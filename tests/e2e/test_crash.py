"""The server is killed again and again under load; what it acknowledged is there, and nothing half-done."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import Any

import pytest

from assay.sdk.client import Client, file_path
from tests.e2e.crash_load import MODEL, POINTS, Load
from tests.support.server import LiveServer


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "kills", [4, pytest.param(50, marks=pytest.mark.slow)], ids=["4-kills", "50-kills"]
)
def test_nothing_acknowledged_is_lost_when_the_server_is_killed(tmp_path: Path, kills: int) -> None:
    """SIGKILL at random moments under metrics, artifacts and promotions, then everything is checked."""
    picked = random.Random(kills)
    server = LiveServer(tmp_path / "data").start()
    load = Load(server)
    try:
        load.set_up()
        load.begin()
        for _ in range(kills):
            load.wait_for(picked.randrange(5, 60))
            load.up.clear()
            server.kill()
            server.start()
            load.up.set()
        load.wait_for(20)
        load.end()

        with Client(server.url) as client:
            _check_metrics(client, load)
            _check_files(client, load)
            _check_promotions(client, load)
            report = client.post("/ledger/verify", {"deep": True})
        assert report["findings"] == []
        assert report["is_intact"]
    finally:
        load.end()
        server.kill()


def _check_metrics(client: Client, load: Load) -> None:
    """Every point of an acknowledged batch once, and of the batch in flight all or nothing."""
    history = client.get(f"/runs/{load.run_id}/history", key="loss")
    steps = history["steps"]
    assert steps == list(range(len(steps)))
    assert history["values"] == [1 / (step + 1) for step in steps]
    assert len(steps) == load.batches * POINTS
    (summary,) = client.get(f"/runs/{load.run_id}/metrics")["metrics"]
    assert summary["count"] == len(steps)


def _check_files(client: Client, load: Load) -> None:
    """Every acknowledged file with exactly the bytes that were sent last."""
    assert load.files
    for name, sha256 in load.files.items():
        answer = client.request("GET", f"/runs/{load.run_id}/files/{file_path(name)}")
        assert hashlib.sha256(answer.content).hexdigest() == sha256


def _check_promotions(client: Client, load: Load) -> None:
    """Revisions without gap or repetition, each acknowledged one in its place, the last one holding."""
    assert load.promotions
    moves: list[dict[str, Any]] = client.get(f"/models/{MODEL}/aliases/production/history")["moves"]
    assert [move["revision"] for move in moves] == list(range(1, len(moves) + 1))
    assert [(move["revision"], move["to_version"]) for move in moves] == load.promotions
    holder = client.get(f"/models/{MODEL}/aliases/production")
    assert holder["version"]["version"] == load.promotions[-1][1]
