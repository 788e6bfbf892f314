"""`assay storage`: what the server keeps, for people and for programs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assay.sdk.client import Client
from tests.cli.command import Assay
from tests.support.server import LiveServer


def test_what_the_server_keeps_is_told(assay: Assay, client: Client) -> None:
    """Sizes with their units, what waits, and when the rest was counted."""
    run = client.post("/runs", {"experiment": "large"})["run_id"]
    client.post(f"/runs/{run}/batch", {"points": [["loss", 0.5, 0, 1_000]]})

    told = assay.done("storage")

    assert re.search(r"^database +SQLite, [\d.]+ [KM]iB, schema \d+$", told, re.MULTILINE)
    assert re.search(r"^files +folder", told, re.MULTILINE)
    for fact in ("server", "points", "runs", "waiting", "counted"):
        assert re.search(rf"^{fact} +\S", told, re.MULTILINE)


def test_a_program_gets_the_report_whole(assay: Assay) -> None:
    """As the API answers it, numbers in bytes."""
    found = assay.json("storage")

    assert found["database"]["size_bytes"] > 0
    assert set(found["backlogs"]) == {
        "ingest_batches",
        "ingest_points",
        "unpacked_runs",
        "webhook_deliveries",
    }


def test_the_largest_experiments_are_a_table(
    nowhere: Assay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever has files or points, with numbers that people read."""
    with LiveServer(tmp_path / "data") as server, Client(server.url) as client:
        monkeypatch.setenv("ASSAY_URL", server.url)
        run = client.post("/runs", {"experiment": "large"})["run_id"]
        points = [["loss", 0.5, step, 1_000] for step in range(1_200)]
        client.post(f"/runs/{run}/batch", {"points": points})
        # The first count begins with the first question.
        while client.get("/storage")["count"] is None:
            pass

        told = nowhere.done("storage")

    assert re.search(r"^points +1,200 ", told, re.MULTILINE)
    assert re.search(r"^large +default +0 B +1,200 +1$", told, re.MULTILINE)
