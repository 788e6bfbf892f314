"""Several processes with stock clients of their own, and what a client does beside the script."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from tests.support.server import LiveServer

WORKERS = 3
STEPS = 40
ONE_RUN = """
import sys
import mlflow
worker, run_id = sys.argv[1:]
with mlflow.start_run(run_id=run_id):
    for step in range(40):
        mlflow.log_metric(f"worker/{worker}", step, step=step)
        mlflow.log_metric("shared", int(worker), step=step)
    mlflow.log_param(f"param/{worker}", worker)
    mlflow.log_text(worker, f"worker-{worker}.txt")
"""
A_CHILD = """
import sys
import mlflow
worker, parent, experiment_id = sys.argv[1:]
with mlflow.start_run(experiment_id=experiment_id, tags={"mlflow.parentRunId": parent}):
    for step in range(40):
        mlflow.log_metrics({"loss": 1 / (step + 1), "worker": int(worker)}, step=step)
    mlflow.log_param("worker", worker)
"""


def work(server: LiveServer, script: str, *arguments: str) -> None:
    """Run a script in several processes at once; each must end well."""
    environment = {**os.environ, "MLFLOW_TRACKING_URI": server.url}
    running = [
        subprocess.Popen([sys.executable, "-c", script, str(worker), *arguments], env=environment)
        for worker in range(WORKERS)
    ]
    codes = [process.wait(100) for process in running]

    assert codes == [0] * WORKERS


def test_processes_share_a_run(client: MlflowClient, server: LiveServer) -> None:
    """As the ranks of a distributed training: no point, param or file of any is lost."""
    with mlflow.start_run() as run:
        work(server, ONE_RUN, run.info.run_id)

    for worker in range(WORKERS):
        history = client.get_metric_history(run.info.run_id, f"worker/{worker}")
        assert [(point.step, point.value) for point in history] == [
            (step, float(step)) for step in range(STEPS)
        ]
    assert len(client.get_metric_history(run.info.run_id, "shared")) == STEPS * WORKERS
    assert client.get_run(run.info.run_id).data.params == {
        f"param/{worker}": str(worker) for worker in range(WORKERS)
    }
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {
        f"worker-{worker}.txt" for worker in range(WORKERS)
    }


def test_processes_have_nested_runs_of_their_own(client: MlflowClient, server: LiveServer) -> None:
    """As the trials of a sweep: every child is finished, whole and found by its parent."""
    with mlflow.start_run() as parent:
        work(server, A_CHILD, parent.info.run_id, parent.info.experiment_id)

    found = client.search_runs(
        [parent.info.experiment_id],
        f"tags.mlflow.parentRunId = '{parent.info.run_id}' AND metrics.loss < 0.1",
        order_by=["metrics.worker ASC"],
    )
    assert [run.data.params["worker"] for run in found] == [str(each) for each in range(WORKERS)]
    assert {run.info.status for run in found} == {"FINISHED"}
    for run in found:
        assert len(client.get_metric_history(run.info.run_id, "loss")) == STEPS


@pytest.fixture
def sampling() -> Iterator[None]:
    """System metrics five times a second, and sent at once."""
    mlflow.set_system_metrics_sampling_interval(0.2)
    mlflow.set_system_metrics_samples_before_logging(1)
    yield
    mlflow.set_system_metrics_sampling_interval(None)
    mlflow.set_system_metrics_samples_before_logging(None)


def wait_for(client: MlflowClient, run_id: str, key: str) -> Run:
    """The run, once it has the metric."""
    until = time.monotonic() + 60
    while key not in (run := client.get_run(run_id)).data.metrics:
        assert time.monotonic() < until, f"{key} did not arrive: {run.data.metrics}"
    return run


def test_system_metrics_arrive_while_the_script_runs(client: MlflowClient, sampling: None) -> None:
    """The client's own thread sends them beside the script's."""
    with mlflow.start_run(log_system_metrics=True) as run:
        found = wait_for(client, run.info.run_id, "system/cpu_utilization_percentage")
        mlflow.log_metric("loss", 0.5)

    assert {name for name in found.data.metrics if name.startswith("system/")} >= {
        "system/cpu_utilization_percentage",
        "system/system_memory_usage_megabytes",
    }
    history = client.get_metric_history(run.info.run_id, "system/cpu_utilization_percentage")
    assert all(0 <= point.value <= 100 for point in history)
    assert client.get_run(run.info.run_id).data.metrics["loss"] == 0.5


@pytest.fixture
def autolog() -> Iterator[None]:
    """Scikit-learn, logged by itself."""
    mlflow.sklearn.autolog(max_tuning_runs=3, silent=True)
    yield
    mlflow.sklearn.autolog(disable=True, silent=True)


def test_autolog_records_a_search_with_its_children(client: MlflowClient, autolog: None) -> None:
    """Params, scores, the model and its dataset; the candidates of a grid search as nested runs."""
    data = np.arange(24, dtype=float).reshape(-1, 1)
    labels = np.arange(24) % 2
    with mlflow.start_run() as run:
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2).fit(data, labels)

    found = client.get_run(run.info.run_id)
    assert found.data.params["best_C"] in {"0.1", "1.0"}
    assert "best_cv_score" in found.data.metrics
    assert found.inputs.dataset_inputs
    children = client.search_runs(
        [run.info.experiment_id], f"tags.mlflow.parentRunId = '{run.info.run_id}'"
    )
    assert sorted(child.data.params["C"] for child in children) == ["0.1", "1.0"]
    assert {child.info.status for child in children} == {"FINISHED"}
    assert mlflow.search_logged_models([run.info.experiment_id], output_format="list")


def test_what_is_logged_without_waiting_arrives(
    client: MlflowClient,
) -> None:
    """Points, params and tags of the asynchronous queue, flushed by the end of the run."""
    mlflow.config.enable_async_logging(True)
    try:
        with mlflow.start_run() as run:
            for step in range(300):
                mlflow.log_metrics({"loss": step, "acc": -step}, step=step)
            mlflow.log_params({f"p{i}": i for i in range(150)})
            mlflow.set_tags({f"t{i}": i for i in range(120)})
        mlflow.flush_async_logging()
    finally:
        mlflow.config.enable_async_logging(False)

    whole = client.get_run(run.info.run_id)
    for key in ("loss", "acc"):
        assert len(client.get_metric_history(run.info.run_id, key)) == 300
    assert len(whole.data.params) == 150
    assert whole.data.tags["t119"] == "119"
