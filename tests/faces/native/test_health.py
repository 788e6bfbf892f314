"""RL health over HTTP: findings of runs and experiments, and thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.sdk.client import Client
from tests.support.server import LiveServer


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a live server."""
    with (
        LiveServer(tmp_path_factory.mktemp("health") / "data") as server,
        Client(server.url) as made,
    ):
        yield made


def test_findings_are_read_by_run_and_by_experiment(client: Client, tmp_path: Path) -> None:
    """With numbers and message; a page of an experiment shows what stands."""
    experiment = client.post("/experiments", {"name": "grpo"})["experiment_id"]
    run_id = client.post("/runs", {"experiment_id": experiment})["run_id"]
    points = [["reward_std", 0.0, step, 1_000 + step] for step in range(30)]
    client.post(f"/runs/{run_id}/batch", {"points": points})

    told = client.post(f"/runs/{run_id}/health")
    (finding,) = told["findings"]

    assert told["examined_keys"] == ["reward_std"]
    assert (finding["detector"], finding["key"]) == ("reward_std_zero", "reward_std")
    assert (finding["first_step"], finding["last_step"]) == (10, 29)
    assert client.get(f"/runs/{run_id}/health") == told
    listed = client.get(f"/experiments/{experiment}/health", max_results=1)
    assert listed == {"findings": [finding], "next_page_token": None}


def test_thresholds_are_read_and_set(client: Client) -> None:
    """All that are in force are answered, those that were set among them."""
    path = "/workspaces/default/health-thresholds"
    assert client.get(path)["thresholds"]["entropy_ratio"] == 0.2
    told = client.put(path, {"thresholds": {"entropy_ratio": 0.3}})
    assert told["thresholds"]["entropy_ratio"] == 0.3
    assert told["thresholds"]["kl_factor"] == 10.0
