"""One training, logged by three clients: what was trained has one name."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.conformance.wandb.conftest import run_script
from tests.support.server import LiveServer

CONFIG = {
    "base": "Qwen/Qwen3-8B",
    "lr": 2e-5,
    "epochs": 3,
    "packing": True,
    "dataset_version": "sft-mix-v3",
    "seed": 7,
    "code_commit": "c" * 40,
}
MLFLOW = """
import json, pathlib, sys
import mlflow
config, model = json.loads(sys.argv[1]), sys.argv[2]
mlflow.set_experiment("one-by-mlflow")
with mlflow.start_run() as run:
    mlflow.log_params(config)
    mlflow.log_metric("train/loss", 0.5)
    pathlib.Path("adapter.bin").write_bytes(b"weights")
    mlflow.log_artifact("adapter.bin", "adapter")
client = mlflow.MlflowClient()
client.create_registered_model(model)
client.create_model_version(model, f"runs:/{run.info.run_id}/adapter", run.info.run_id)
"""
NATIVE = """
import json, pathlib, sys
import assay
config, model = json.loads(sys.argv[1]), sys.argv[2]
lineage = assay.Lineage(
    data_version=config["dataset_version"], base_model=config["base"],
    seed=config["seed"], code_commit=config["code_commit"],
)
with assay.start_run("one-by-assay", lineage=lineage) as run:
    run.log_params({key: config[key] for key in ("lr", "epochs", "packing")})
    run.log({"train/loss": 0.5})
    pathlib.Path("adapter.bin").write_bytes(b"weights")
    run.log_artifact("adapter.bin", "adapter")
    run.flush()
    run.register(model, "adapter")
"""


def train(script: str, server: LiveServer, folder: Path, model: str) -> None:
    """Run a script with one of the other clients."""
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, json.dumps(CONFIG), model],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "ASSAY_URL": server.url,
            "MLFLOW_TRACKING_URI": server.url,
            "MLFLOW_DISABLE_TELEMETRY": "true",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4_000:]


@pytest.fixture(scope="module")
def versions(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The version that each client's training became."""
    folder = tmp_path_factory.mktemp("one")
    train(MLFLOW, server, folder / "mlflow", "one-mlflow")
    train(NATIVE, server, folder / "assay", "one-assay")
    (folder / "wandb").mkdir()
    config = json.dumps({**CONFIG, "epochs": 3.0})
    run_script("one_fingerprint", server.url, folder / "wandb", "one", "one-wandb", config)
    return {
        client: httpx2.get(f"{server.url}/api/v1/models/one-{client}/versions/1").json()
        for client in ("mlflow", "assay", "wandb")
    }


def test_a_training_has_one_fingerprint_whichever_client_logs_it(versions: dict[str, Any]) -> None:
    """However each writes numbers and truth values; 3.0 is 3 by the time that W&B's client sends it."""
    found = {client: version["fingerprint"] for client, version in versions.items()}
    assert found["wandb"] is not None
    assert len(set(found.values())) == 1, versions
