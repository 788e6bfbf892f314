import os
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from tests.conformance.mlflow.examiner import Examiner
from tests.support.databases import PostgresqlCluster
from tests.support.server import LiveServer

COMMIT = "c" * 40
FACTS = {"base": "tiny", "lr": 0.001, "lora_r": 16, "dataset_version": "v1", "seed": 42}
"""What a fine-tuning script logs anyway."""

SERVER = os.environ.get("ASSAY_PYTHON", sys.executable)
"""The Python that the server runs with: another one where an older client's packages are."""

_numbers = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with default settings, on SQLite, shared by the tests of a module."""
    with LiveServer(tmp_path_factory.mktemp("live") / "data", python=SERVER) as running:
        yield running


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def either_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """A server with default settings, once on each database."""
    data = tmp_path_factory.mktemp("either") / "data"
    if request.param == "sqlite":
        with LiveServer(data, python=SERVER) as running:
            yield running
        return
    cluster = request.getfixturevalue("postgresql_cluster")
    assert isinstance(cluster, PostgresqlCluster)
    name = cluster.create()
    with LiveServer(data, "--database", cluster.url(name), python=SERVER) as running:
        yield running
    cluster.drop(name)


@pytest.fixture(scope="module")
def recording_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that records lineage without asking for it."""
    data = tmp_path_factory.mktemp("recording") / "data"
    with LiveServer(data, "--lineage", "recorded", python=SERVER) as running:
        yield running


def point_to(running: LiveServer) -> MlflowClient:
    """Let the fluent API and a client speak to a server, in an experiment of its own."""
    mlflow.set_tracking_uri(running.url)
    mlflow.set_experiment(f"experiment {next(_numbers)}")
    return MlflowClient()


def let_go() -> None:
    """End what a failed test left running."""
    while mlflow.active_run() is not None:
        mlflow.end_run()
    for name in ("MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"):
        os.environ.pop(name, None)


@pytest.fixture
def client(server: LiveServer) -> Iterator[MlflowClient]:
    """The stock client, pointed at the server by its tracking URI alone."""
    yield point_to(server)
    let_go()


@pytest.fixture
def examiner(server: LiveServer) -> Examiner:
    """Gates and their runner."""
    return Examiner(server)


@pytest.fixture
def a_name() -> str:
    """A name that no other test uses."""
    return f"model-{next(_numbers)}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bare LoRA adapter, as a trainer leaves it: a folder of files without an MLmodel."""
    place = tmp_path / "adapter"
    (place / "nested").mkdir(parents=True)
    (place / "adapter_config.json").write_text('{"r": 16}')
    (place / "adapter_model.safetensors").write_bytes(bytes(range(256)))
    (place / "nested" / "notes.txt").write_text("notes")
    return place


def a_trained_run(folder: Path | None = None, **facts: object) -> str:
    """A run that logs what lineage is made of, and the adapter's files."""
    with mlflow.start_run(tags={"mlflow.source.git.commit": COMMIT}) as run:
        mlflow.log_params({**FACTS, **facts})
        if folder is not None:
            mlflow.log_artifacts(str(folder), "adapter")
    return run.info.run_id
