"""What a script that knows nothing of Assay gets for the lineage that it logs anyway."""

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import RestException

from tests.conformance.mlflow.conftest import COMMIT, FACTS, a_trained_run
from tests.conformance.mlflow.examiner import Examiner
from tests.support.server import LiveServer

SCRIPT = """
import json, sys, time
import mlflow
from mlflow.exceptions import RestException

wanted = json.loads(sys.argv[1])
mlflow.set_experiment("fine-tuning")
with mlflow.start_run() as run:
    mlflow.log_params(wanted)
    for step in range(5):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_text('{"r": 16}', "adapter/adapter_config.json")
client = mlflow.MlflowClient()
name = sys.argv[2]
client.create_registered_model(name)
started = time.monotonic()
try:
    version = client.create_model_version(name, f"runs:/{run.info.run_id}/adapter", run.info.run_id)
    answer = {"version": version.version}
except RestException as error:
    answer = {"error": str(error)}
answer["seconds"] = time.monotonic() - started
print("ANSWER", json.dumps(answer))
"""


@dataclass
class Checkout:
    """A git checkout with a training script in it."""

    folder: Path
    commit: str

    def train(self, server: LiveServer, model: str, facts: dict[str, object]) -> dict[str, object]:
        """Run the script against the server; what it printed at its end."""
        done = subprocess.run(
            [sys.executable, "train.py", json.dumps(facts), model],
            cwd=self.folder,
            env={
                "PATH": "/usr/bin:/bin",
                "MLFLOW_TRACKING_URI": server.url,
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "HOME": str(self.folder),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, object] = json.loads(done.stdout.partition("ANSWER ")[2])
        return answer


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A repository with one commit."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "train.py").write_text(SCRIPT)
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "train"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True
    )
    return Checkout(folder, commit.stdout.strip())


def reference(record: dict[str, object]) -> str:
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_script_in_a_checkout_registers_with_the_fingerprint_of_its_values(
    server: LiveServer, checkout: Checkout, a_name: str
) -> None:
    """Text that Python prints for a value is that value, and the commit is that of the checkout."""
    answer = checkout.train(server, a_name, FACTS)

    assert answer["version"] == "1", answer
    version = Examiner(server).version(a_name)
    assert version["fingerprint"] == reference(
        {
            "data_version": "v1",
            "code_commit": checkout.commit,
            "config": {"lr": 0.001, "lora_r": 16},
            "base_model": "tiny",
            "seed": 42,
        }
    )


def test_a_script_that_forgot_its_data_is_told_at_once(
    server: LiveServer, checkout: Checkout, a_name: str
) -> None:
    """Without retries, by the name of the field."""
    facts = {key: value for key, value in FACTS.items() if key != "dataset_version"}

    answer = checkout.train(server, a_name, facts)

    assert "data_version" in str(answer["error"])
    assert "code_commit missing" not in str(answer["error"])
    assert float(str(answer["seconds"])) < 10


def test_the_native_way_gives_the_same_fingerprint(
    client: MlflowClient, examiner: Examiner, a_name: str, folder: Path
) -> None:
    """One training has one fingerprint, whichever client recorded it."""
    run_id = a_trained_run(folder, flag=True, nothing=None, rate=1e-05, text="0.00001")
    client.create_registered_model(a_name)
    client.create_model_version(a_name, f"runs:/{run_id}/adapter")
    native = examiner.ask("POST", "/runs", {"experiment_id": "0"})
    native_id = native.get("run_id") or native["run"]["run_id"]
    typed = {
        "data_version": "v1",
        "code_commit": COMMIT,
        "config": {
            "lr": 0.001,
            "lora_r": 16,
            "flag": True,
            "nothing": None,
            "rate": 1e-05,
            "text": "0.00001",
        },
        "base_model": "tiny",
        "seed": 42,
    }
    examiner.ask("PUT", f"/runs/{native_id}/lineage", typed)
    examiner.ask("PUT", f"/runs/{native_id}/files/adapter/f.txt", b"other bytes")
    body = {"run_id": native_id, "artifact_path": "adapter"}
    made = examiner.ask("POST", f"/models/{a_name}/versions", body)

    assert made["fingerprint"] == examiner.version(a_name)["fingerprint"] == reference(typed)


@pytest.mark.parametrize(
    ("left_out", "field"),
    [("base", "base_model"), ("seed", "seed"), ("dataset_version", "data_version")],
)
def test_every_missing_field_is_named(
    client: MlflowClient, a_name: str, folder: Path, left_out: str, field: str
) -> None:
    """And only those that are missing."""
    with mlflow.start_run(tags={"mlflow.source.git.commit": COMMIT}) as run:
        mlflow.log_params({key: value for key, value in FACTS.items() if key != left_out})
        mlflow.log_artifacts(str(folder), "adapter")
    client.create_registered_model(a_name)

    with pytest.raises(RestException, match=f"{field} missing"):
        client.create_model_version(a_name, f"runs:/{run.info.run_id}/adapter")

    assert client.search_model_versions(f"name = '{a_name}'") == []


def test_the_digest_of_a_dataset_input_is_the_data_version(
    client: MlflowClient, examiner: Examiner, a_name: str, folder: Path
) -> None:
    """Who logs inputs needs no param for it."""
    import pandas as pd

    data = mlflow.data.from_pandas(pd.DataFrame({"a": [1.0]}), source="a.csv", name="a")
    with mlflow.start_run(tags={"mlflow.source.git.commit": COMMIT}) as run:
        mlflow.log_params({"base": "tiny", "seed": 1})
        mlflow.log_input(data, context="training")
        mlflow.log_artifacts(str(folder), "adapter")
    client.create_registered_model(a_name)

    client.create_model_version(a_name, f"runs:/{run.info.run_id}/adapter")

    assert data.digest in str(examiner.version(a_name)["lineage"])


def test_a_tag_states_a_field_outright(
    client: MlflowClient, examiner: Examiner, a_name: str, folder: Path
) -> None:
    """It wins over what the params say."""
    run_id = a_trained_run(folder)
    client.set_tag(run_id, "assay.lineage.base_model", "other")
    client.create_registered_model(a_name)

    client.create_model_version(a_name, f"runs:/{run_id}/adapter")

    assert examiner.version(a_name)["fingerprint"] == reference(
        {
            "data_version": "v1",
            "code_commit": COMMIT,
            "config": {"lr": 0.001, "lora_r": 16, "base": "tiny"},
            "base_model": "other",
            "seed": 42,
        }
    )
