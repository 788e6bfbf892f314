"""Models through the stock client: logged, registered, held by the gate, loaded by alias."""

import time
from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException, RestException
from sklearn.linear_model import LogisticRegression

from tests.conformance.mlflow.conftest import COMMIT, FACTS, a_trained_run, let_go, point_to
from tests.conformance.mlflow.examiner import Examiner
from tests.support.server import LiveServer

DATA = np.array([[0.0], [1.0], [2.0], [3.0]])
LABELS = [0, 0, 1, 1]
REQUIREMENTS = ["scikit-learn"]


def a_logged_model(strength: float = 1.0) -> str:
    """Train, log and answer the address of the logged model."""
    with mlflow.start_run(tags={"mlflow.source.git.commit": COMMIT}):
        mlflow.log_params({**FACTS, "C": strength})
        model = LogisticRegression(C=strength).fit(DATA, LABELS)
        info = mlflow.sklearn.log_model(model, name="model", pip_requirements=REQUIREMENTS)
    return str(info.model_uri)


@pytest.fixture(scope="module")
def logged(server: LiveServer) -> Iterator[str]:
    """One logged model for the tests that only read it."""
    point_to(server)
    yield a_logged_model()
    let_go()


def test_a_logged_model_is_ready_and_belongs_to_its_run(client: MlflowClient, logged: str) -> None:
    """Found by id and by search, with its files."""
    model = mlflow.get_logged_model(logged.removeprefix("models:/"))

    assert model.status == "READY"
    assert model.name == "model"
    run = client.get_run(model.source_run_id)
    assert [output.model_id for output in run.outputs.model_outputs] == [model.model_id]
    found = mlflow.search_logged_models(
        experiment_ids=[model.experiment_id], filter_string="name = 'model'", output_format="list"
    )
    assert [each.model_id for each in found] == [model.model_id]
    loaded = mlflow.sklearn.load_model(logged)
    assert list(loaded.predict(DATA)) == LABELS


def test_what_was_logged_is_registered(client: MlflowClient, logged: str, a_name: str) -> None:
    """By the address of the logged model, or by run and name."""
    run_id = mlflow.get_logged_model(logged.removeprefix("models:/")).source_run_id

    first = mlflow.register_model(logged, a_name)
    second = mlflow.register_model(f"runs:/{run_id}/model", a_name, tags={"k": "v"})

    assert (first.version, second.version) == ("1", "2")
    assert first.run_id == run_id
    assert first.status == "READY"
    assert client.get_model_version(a_name, "2").tags == {"k": "v"}


def test_a_logged_folder_with_an_mlmodel_is_registered(
    client: MlflowClient, a_name: str, tmp_path: Path
) -> None:
    """As older clients logged models."""
    model = LogisticRegression().fit(DATA, LABELS)
    mlflow.sklearn.save_model(model, tmp_path / "saved", pip_requirements=REQUIREMENTS)
    with mlflow.start_run(tags={"mlflow.source.git.commit": COMMIT}) as run:
        mlflow.log_params(FACTS)
        mlflow.log_artifacts(str(tmp_path / "saved"), "classic")

    version = mlflow.register_model(f"runs:/{run.info.run_id}/classic", a_name)

    assert version.run_id == run.info.run_id
    loaded = mlflow.pyfunc.load_model(f"models:/{a_name}/1")
    assert list(loaded.predict(DATA)) == LABELS


def test_a_bare_folder_is_registered_by_the_client(
    client: MlflowClient, a_name: str, folder: Path, tmp_path: Path
) -> None:
    """A LoRA adapter without an MLmodel, by either form of its source."""
    run_id = a_trained_run(folder)
    uri = client.get_run(run_id).info.artifact_uri
    client.create_registered_model(a_name)

    first = client.create_model_version(a_name, f"runs:/{run_id}/adapter", run_id)
    second = client.create_model_version(a_name, f"{uri}/adapter", run_id)

    assert (first.version, second.version) == ("1", "2")
    target = tmp_path / "down"
    target.mkdir()
    local = mlflow.artifacts.download_artifacts(f"models:/{a_name}/2", dst_path=str(target))
    assert Path(local, "adapter_model.safetensors").read_bytes() == bytes(range(256))
    assert Path(local, "nested", "notes.txt").read_text() == "notes"


def test_a_source_without_files_is_refused_with_the_folders_that_there_are(
    client: MlflowClient, a_name: str, folder: Path
) -> None:
    """At once, and nothing is registered."""
    run_id = a_trained_run(folder)
    client.create_registered_model(a_name)
    for source in (f"runs:/{run_id}/modell", "s3://bucket/model", "dbfs:/model"):
        started = time.monotonic()
        with pytest.raises(RestException, match="'adapter'"):
            client.create_model_version(a_name, source, run_id)
        assert time.monotonic() - started < 10

    assert client.search_model_versions(f"name = '{a_name}'") == []


def test_production_is_held_at_once_and_says_what_is_missing(
    client: MlflowClient, examiner: Examiner, a_name: str, folder: Path, tmp_path: Path
) -> None:
    """First the gate, then its verdict; the exception comes without retries."""
    run_id = a_trained_run(folder)
    client.create_registered_model(a_name)
    client.create_model_version(a_name, f"runs:/{run_id}/adapter", run_id)

    started = time.monotonic()
    with pytest.raises(RestException, match="no gate guards model"):
        client.set_registered_model_alias(a_name, "production", 1)
    gate = examiner.a_gate(tmp_path, a_name)
    with pytest.raises(RestException, match=f"gate '{gate}'.*no verdict"):
        client.set_registered_model_alias(a_name, "production", 1)
    assert time.monotonic() - started < 10
    with pytest.raises(MlflowException):
        client.get_model_version_by_alias(a_name, "production")

    client.set_registered_model_alias(a_name, "candidate", 1)
    assert client.get_model_version_by_alias(a_name, "candidate").version == "1"


def test_what_passed_the_gate_is_promoted_and_loaded_by_alias(
    client: MlflowClient, examiner: Examiner, a_name: str, tmp_path: Path
) -> None:
    """A worse challenger is held, a tie too, a better one takes over; serving follows."""
    for strength in (1.0, 10.0, 0.1):
        mlflow.register_model(a_logged_model(strength), a_name)
    examiner.a_gate(tmp_path, a_name)

    def challenge(version: int, right: int) -> None:
        with pytest.raises(RestException, match="no verdict"):
            client.set_registered_model_alias(a_name, "production", version)
        examiner.examine(a_name, right)
        client.set_registered_model_alias(a_name, "production", version)

    challenge(1, right=2)
    assert mlflow.sklearn.load_model(f"models:/{a_name}@production").C == 1.0

    with pytest.raises(RestException, match="RESOURCE_CONFLICT"):
        challenge(2, right=2)
    assert client.get_model_version_by_alias(a_name, "production").version == "1"

    challenge(3, right=3)
    assert client.get_model_version_by_alias(a_name, "production").version == "3"
    loaded = mlflow.pyfunc.load_model(f"models:/{a_name}@production")
    assert list(loaded.predict(DATA)) == LABELS
    assert mlflow.sklearn.load_model(f"models:/{a_name}@production").C == 0.1


def test_what_serves_is_neither_removed_nor_overwritten(
    client: MlflowClient, examiner: Examiner, a_name: str, folder: Path, tmp_path: Path
) -> None:
    """Neither the alias, nor the version, nor the model; and the files stay what was judged."""
    run_id = a_trained_run(folder)
    client.create_registered_model(a_name)
    client.create_model_version(a_name, f"runs:/{run_id}/adapter", run_id)
    examiner.a_gate(tmp_path, a_name)
    with pytest.raises(RestException):
        client.set_registered_model_alias(a_name, "production", 1)
    assert examiner.examine(a_name, right=3) == "pass"
    client.set_registered_model_alias(a_name, "production", 1)

    for attempt in (
        lambda: client.delete_registered_model_alias(a_name, "production"),
        lambda: client.delete_model_version(a_name, "1"),
        lambda: client.delete_registered_model(a_name),
    ):
        with pytest.raises(RestException, match="production"):
            attempt()
    client.log_text(run_id, "poisoned", "adapter/adapter_config.json")
    client.delete_run(run_id)

    place = tmp_path / "down"
    place.mkdir()
    local = mlflow.artifacts.download_artifacts(f"models:/{a_name}@production", dst_path=str(place))
    assert Path(local, "adapter_config.json").read_text() == '{"r": 16}'


def test_autologging_of_scikit_learn_is_recorded(client: MlflowClient) -> None:
    """Params, metrics, dataset and model, without a line of logging."""
    mlflow.sklearn.autolog(log_models=False, silent=True)
    try:
        with mlflow.start_run() as run:
            LogisticRegression(C=0.5).fit(DATA, LABELS)
    finally:
        mlflow.sklearn.autolog(disable=True)

    data = client.get_run(run.info.run_id).data
    assert data.params["C"] == "0.5"
    assert data.metrics["training_accuracy_score"] == 1.0
    assert data.tags["estimator_name"] == "LogisticRegression"


def test_metrics_of_a_logged_model_are_linked_to_it(client: MlflowClient, logged: str) -> None:
    """By the model's id, on a dataset."""
    import pandas as pd

    model_id = logged.removeprefix("models:/")
    data = mlflow.data.from_pandas(pd.DataFrame({"a": [1.0]}), name="holdout")
    with mlflow.start_run():
        mlflow.log_metric("accuracy", 0.75, dataset=data, model_id=model_id)
        mlflow.log_model_params({"extra": "1"}, model_id=model_id)
    mlflow.set_logged_model_tags(model_id, {"reviewed": "yes"})

    model = mlflow.get_logged_model(model_id)

    assert [(m.key, m.value, m.dataset_name) for m in model.metrics] == [
        ("accuracy", 0.75, "holdout")
    ]
    assert model.params["extra"] == "1"
    assert model.tags["reviewed"] == "yes"
    found = mlflow.search_logged_models(
        experiment_ids=[model.experiment_id],
        filter_string="metrics.accuracy > 0.7",
        datasets=[{"dataset_name": "holdout"}],
        output_format="list",
    )
    assert [each.model_id for each in found] == [model_id]
