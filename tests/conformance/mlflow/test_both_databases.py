"""One story of the stock client on SQLite and on PostgreSQL: they must not differ."""

from pathlib import Path

import mlflow
import pytest
from mlflow.entities import Dataset, DatasetInput
from mlflow.exceptions import RestException

from tests.conformance.mlflow.conftest import a_trained_run, let_go, point_to
from tests.conformance.mlflow.examiner import Examiner
from tests.support.server import LiveServer


def test_from_training_to_serving(
    either_server: LiveServer, a_name: str, folder: Path, tmp_path: Path
) -> None:
    """Track, search, register, be held, pass the gate, load by alias."""
    client = point_to(either_server)
    examiner = Examiner(either_server)
    with mlflow.start_run(run_name="odd") as run:
        mlflow.log_metrics({"loss": 0.5, "gone": float("nan")}, step=3)
    for number in range(3):
        run_id = a_trained_run(folder, number=number)
        client.log_metric(run_id, "loss", number, step=number)
    experiment_id = run.info.experiment_id

    found = client.search_runs(
        [experiment_id],
        "metrics.loss > 0.6 AND params.base = 'tiny' AND tags.`mlflow.user` LIKE '%'",
        order_by=["metrics.loss DESC"],
    )
    assert [each.data.params["number"] for each in found] == ["2", "1"]
    by_name = client.search_runs([experiment_id], "attributes.run_name = 'odd'")
    assert [each.info.run_id for each in by_name] == [run.info.run_id]
    assert [point.value for point in client.get_metric_history(run_id, "loss")] == [2.0]

    client.create_registered_model(a_name)
    client.create_model_version(a_name, f"runs:/{run_id}/adapter", run_id)
    examiner.a_gate(tmp_path, a_name)
    with pytest.raises(RestException, match="no verdict"):
        client.set_registered_model_alias(a_name, "production", "1")
    assert examiner.examine(a_name, right=3) == "pass"
    client.set_registered_model_alias(a_name, "production", "1")

    place = tmp_path / "down"
    place.mkdir()
    local = mlflow.artifacts.download_artifacts(f"models:/{a_name}@production", dst_path=str(place))
    assert Path(local, "adapter_model.safetensors").read_bytes() == bytes(range(256))
    assert client.get_registered_model(a_name).aliases == {"production": "1"}
    let_go()


def test_the_bin_and_the_pages(either_server: LiveServer) -> None:
    """Delete, restore, and pages of a search by a value that some runs lack."""
    client = point_to(either_server)
    with mlflow.start_run() as parent:
        for number in range(5):
            with mlflow.start_run(nested=True, run_name=f"child {number}"):
                if number % 2:
                    mlflow.log_metric("acc", number)
    experiment_id = parent.info.experiment_id
    text = f"tags.mlflow.parentRunId = '{parent.info.run_id}'"

    names, token = [], None
    while True:
        page = client.search_runs(
            [experiment_id], text, max_results=2, order_by=["metrics.acc DESC"], page_token=token
        )
        names += [run.info.run_name for run in page]
        token = page.token
        if not token:
            break
    assert names == ["child 3", "child 1", "child 4", "child 2", "child 0"]

    client.delete_experiment(experiment_id)
    assert client.search_runs([experiment_id]) == []
    client.restore_experiment(experiment_id)
    assert len(client.search_runs([experiment_id])) == 6
    let_go()


def test_datasets_select_logged_models_and_inputs_keep_their_order(
    either_server: LiveServer,
) -> None:
    """Models with a metric on the dataset, and what a run read as it was sent."""
    either = point_to(either_server)
    home = either.create_experiment("on datasets")
    run_id = either.create_run(home).info.run_id
    scored, _ = (either.create_logged_model(home, name=name) for name in ("scored", "other"))
    either.log_metric(
        run_id, "acc", 1.0, model_id=scored.model_id, dataset_name="eval", dataset_digest="1"
    )
    sent = [
        DatasetInput(Dataset(name=name, digest="d", source_type="s", source="s"), tags=[])
        for name in ("zeta", "alpha")
    ]
    either.log_inputs(run_id, sent)

    found = either.search_logged_models([home], datasets=[{"dataset_name": "eval"}])
    kept = either.get_run(run_id).inputs.dataset_inputs
    assert [model.name for model in found] == ["scored"]
    assert [each.dataset.name for each in kept] == ["zeta", "alpha"]
    let_go()
