import math
import threading
import time
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException, RestException

from tests.conformance.mlflow.conftest import let_go, point_to
from tests.support.server import LiveServer


@pytest.fixture
def run_id(client: MlflowClient) -> str:
    """An active run of the test's experiment."""
    with mlflow.start_run() as run:
        return str(run.info.run_id)


def test_a_script_is_recorded_as_it_ran(client: MlflowClient) -> None:
    """Params, metrics with steps, tags, status and times, by the fluent API."""
    with mlflow.start_run(run_name="first", description="about it") as run:
        mlflow.log_param("base", "tiny")
        mlflow.log_params({"lr": 1e-05, "layers": [1, 2], "none": None})
        mlflow.log_metric("loss", 0.9, step=1)
        mlflow.log_metrics({"loss": 0.5, "acc": 0.7}, step=2)
        mlflow.set_tag("stage", "sft")
        mlflow.set_tags({"a": "1", "b": "2"})

    found = client.get_run(run.info.run_id)

    assert found.data.params == {"base": "tiny", "lr": "1e-05", "layers": "[1, 2]", "none": "None"}
    assert found.data.metrics == {"loss": 0.5, "acc": 0.7}
    assert found.data.tags["stage"] == "sft"
    assert found.data.tags["mlflow.note.content"] == "about it"
    assert found.info.run_name == "first"
    assert found.info.status == "FINISHED"
    assert found.info.end_time >= found.info.start_time > 0


def test_a_failed_script_leaves_a_failed_run(client: MlflowClient) -> None:
    """The context manager says how it ended."""
    with pytest.raises(ZeroDivisionError), mlflow.start_run() as run:
        _ = 1 / 0

    assert client.get_run(run.info.run_id).info.status == "FAILED"


def test_a_history_has_every_point(client: MlflowClient, run_id: str) -> None:
    """In order, with NaN and the infinities among them."""
    values = [0.5, math.nan, math.inf, -math.inf, -0.25]
    for step, value in enumerate(values):
        client.log_metric(run_id, "loss", value, timestamp=1000 + step, step=step)

    history = client.get_metric_history(run_id, "loss")

    assert [point.step for point in history] == [0, 1, 2, 3, 4]
    assert history[0].value == 0.5
    assert math.isnan(history[1].value)
    assert history[2].value > 1e308
    assert history[3].value < -1e308
    assert client.get_run(run_id).data.metrics["loss"] == -0.25


def test_a_long_history_is_paged_through(client: MlflowClient, run_id: str) -> None:
    """The client asks for pages of 25,000 points."""
    points = [Metric("loss", float(i), 1_000 + i, i) for i in range(30_000)]
    for start in range(0, len(points), 1_000):
        client.log_batch(run_id, metrics=points[start : start + 1_000])

    history = client.get_metric_history(run_id, "loss")

    assert [point.step for point in history] == list(range(30_000))


def test_a_batch_is_split_by_the_client_and_arrives_whole(
    client: MlflowClient, run_id: str
) -> None:
    """More than the limits of one request."""
    client.log_batch(
        run_id,
        metrics=[Metric(f"m{i}", i, 1, 0) for i in range(1_200)],
        params=[Param(f"p{i}", str(i)) for i in range(250)],
        tags=[RunTag(f"t{i}", str(i)) for i in range(150)],
    )

    data = client.get_run(run_id).data

    assert len(data.metrics) == 1_200
    assert len(data.params) == 250
    assert sum(key.startswith("t") for key in data.tags) == 150


def test_a_param_that_changes_is_refused_at_once(client: MlflowClient, run_id: str) -> None:
    """The exception names it."""
    client.log_param(run_id, "lr", 1)
    client.log_param(run_id, "lr", 1)

    with pytest.raises(MlflowException, match="lr"):
        client.log_param(run_id, "lr", 2)


def test_logging_in_the_background_arrives(client: MlflowClient) -> None:
    """The client's own queue."""
    with mlflow.start_run() as run:
        for step in range(50):
            mlflow.log_metric("loss", step, step=step, synchronous=False)
        mlflow.log_params({"a": 1}, synchronous=False).wait()
        mlflow.flush_async_logging()

    assert len(client.get_metric_history(run.info.run_id, "loss")) == 50
    assert client.get_run(run.info.run_id).data.params == {"a": "1"}


def test_parallel_threads_write_to_one_run(client: MlflowClient, run_id: str) -> None:
    """No point is lost."""

    def work(worker: int) -> None:
        for step in range(25):
            client.log_metric(run_id, f"worker/{worker}", step, step=step)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for worker in range(4):
        assert len(client.get_metric_history(run_id, f"worker/{worker}")) == 25


def test_dataset_inputs_are_kept(client: MlflowClient) -> None:
    """With digest, source, schema and role; runs are found by them."""
    frame = pd.DataFrame({"text": ["a", "b"], "label": [0.0, 1.0]})
    data = mlflow.data.from_pandas(frame, source="train.csv", name="reviews", targets="label")
    with mlflow.start_run() as run:
        mlflow.log_input(data, context="training", tags={"split": "train"})

    found = client.get_run(run.info.run_id).inputs.dataset_inputs[0]

    assert (found.dataset.name, found.dataset.digest) == ("reviews", data.digest)
    assert {tag.key: tag.value for tag in found.tags} == {
        "mlflow.data.context": "training",
        "split": "train",
    }
    hits = mlflow.search_runs(
        filter_string=f"dataset.digest = '{data.digest}' AND dataset.context = 'training'"
    )
    assert list(hits.run_id) == [run.info.run_id]
    assert mlflow.data.get_source(found).uri == "train.csv"


def test_nested_runs_know_their_parent(client: MlflowClient) -> None:
    """A sweep of children below one run."""
    with mlflow.start_run() as parent:
        children = []
        for _ in range(2):
            with mlflow.start_run(nested=True) as child:
                children.append(child.info.run_id)

    found = mlflow.search_runs(filter_string=f"tags.mlflow.parentRunId = '{parent.info.run_id}'")

    assert set(found.run_id) == set(children)
    assert mlflow.get_parent_run(children[0]).info.run_id == parent.info.run_id


def test_runs_and_experiments_go_into_the_bin_and_come_back(client: MlflowClient) -> None:
    """Deleted ones are found when asked for."""
    experiment_id = client.create_experiment(f"bin {time.time_ns()}")
    run_id = client.create_run(experiment_id).info.run_id

    client.delete_run(run_id)
    assert client.get_run(run_id).info.lifecycle_stage == "deleted"
    deleted = client.search_runs([experiment_id], run_view_type=ViewType.DELETED_ONLY)
    assert [run.info.run_id for run in deleted] == [run_id]
    with pytest.raises(RestException, match="active"):
        client.log_metric(run_id, "m", 1)
    client.restore_run(run_id)

    client.delete_experiment(experiment_id)
    assert client.get_experiment(experiment_id).lifecycle_stage == "deleted"
    assert client.search_runs([experiment_id]) == []
    client.restore_experiment(experiment_id)
    assert [run.info.run_id for run in client.search_runs([experiment_id])] == [run_id]


def test_a_run_is_resumed_renamed_and_ended(client: MlflowClient, run_id: str) -> None:
    """By its id, from another script."""
    with mlflow.start_run(run_id=run_id):
        mlflow.log_metric("late", 1)
        assert client.get_run(run_id).info.status == "RUNNING"
    client.update_run(run_id, name="renamed")
    client.set_terminated(run_id, "KILLED", end_time=5_000)

    run = client.get_run(run_id)

    assert run.info.run_name == run.data.tags["mlflow.runName"] == "renamed"
    assert (run.info.status, run.info.end_time) == ("KILLED", 5_000)


def test_experiments_are_found_tagged_and_renamed(client: MlflowClient, a_name: str) -> None:
    """By every way that the client has."""
    experiment_id = mlflow.create_experiment(a_name, tags={"team": "core"})
    client.set_experiment_tag(experiment_id, "k", "v")
    client.delete_experiment_tag(experiment_id, "k")
    client.rename_experiment(experiment_id, f"{a_name} renamed")

    found = mlflow.get_experiment_by_name(f"{a_name} renamed")

    assert found.experiment_id == experiment_id
    assert found.tags == {"team": "core"}
    assert mlflow.get_experiment_by_name(a_name) is None
    text = f"name ILIKE '{a_name.upper()}%' AND tags.team = 'core'"
    assert [each.experiment_id for each in mlflow.search_experiments(filter_string=text)] == [
        experiment_id
    ]
    with pytest.raises(MlflowException, match="exists"):
        client.create_experiment(f"{a_name} renamed")


@pytest.fixture(scope="module")
def sweep(server: LiveServer) -> str:
    """Six finished runs: loss i, acc 1/i for the even ones, lr 0.i, team a or b."""
    client = point_to(server)
    experiment_id = client.create_experiment("sweep of searches")
    for i in range(6):
        with mlflow.start_run(experiment_id=experiment_id, run_name=f"run {i}"):
            mlflow.log_metric("eval/loss", i)
            if i % 2 == 0:
                mlflow.log_metric("acc", 1 / (i + 1))
            mlflow.log_params({"lr": f"0.{i}", "my param": "x"})
            mlflow.set_tag("team", "ab"[i % 2])
    let_go()
    return str(experiment_id)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("metrics.`eval/loss` < 2", {0, 1}),
        ("metrics.acc > 0.3 and params.lr != '0.0'", {2}),
        ("tags.team = 'a' AND metrics.`eval/loss` >= 2", {2, 4}),
        ("params.`my param` = 'x' AND attributes.run_name LIKE 'run %'", {0, 1, 2, 3, 4, 5}),
        ("attributes.status = 'FINISHED' AND tags.`mlflow.runName` ILIKE 'RUN 3'", {3}),
        ("tags.team IS NOT NULL AND metrics.`eval/loss` = 5", {5}),
        ("start_time > 0 AND end_time > 0 AND metrics.`eval/loss` <= 0", {0}),
    ],
)
def test_searches_find_what_they_say(
    client: MlflowClient, sweep: str, text: str, expected: set[int]
) -> None:
    """Metrics, params, tags and attributes."""
    found = client.search_runs([sweep], text)

    assert {int(run.info.run_name[4:]) for run in found} == expected


@pytest.mark.parametrize("text", ["params.lr IN ('0.1')", "metrics.a > 'x'", "a OR b", "'"])
def test_a_search_that_makes_no_sense_is_refused(
    client: MlflowClient, sweep: str, text: str
) -> None:
    """With an exception at once."""
    with pytest.raises(RestException, match="INVALID_PARAMETER_VALUE"):
        client.search_runs([sweep], text)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("metrics.`eval/loss` DESC", [5, 4, 3, 2, 1, 0]),
        ("metrics.acc ASC", [4, 2, 0, 5, 3, 1]),
        ("params.lr", [0, 1, 2, 3, 4, 5]),
        ("attributes.start_time ASC", [0, 1, 2, 3, 4, 5]),
    ],
)
def test_searches_are_ordered(
    client: MlflowClient, sweep: str, order: str, expected: list[int]
) -> None:
    """Runs without the metric come last, the latest first."""
    found = client.search_runs([sweep], order_by=[order])

    assert [int(run.info.run_name[4:]) for run in found] == expected


def test_a_search_is_paged_through(client: MlflowClient, sweep: str) -> None:
    """By the tokens of the client, and whole by the fluent API."""
    names, token = [], None
    while True:
        page = client.search_runs([sweep], max_results=4, page_token=token)
        names += [run.info.run_name for run in page]
        token = page.token
        if not token:
            break

    assert names == [f"run {i}" for i in (5, 4, 3, 2, 1, 0)]
    assert len(mlflow.search_runs([sweep])) == 6


def test_tracing_costs_nothing_and_breaks_nothing(
    client: MlflowClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Traces are not kept, and the script that makes them neither waits nor hears of it."""

    @mlflow.trace
    def answer(question: str) -> str:
        return question.upper()

    started = time.monotonic()
    assert answer("why") == "WHY"
    mlflow.flush_trace_async_logging()

    assert time.monotonic() - started < 10
    assert mlflow.search_traces(return_type="list") == []
    # A client of 2025 trips over a queue of its own when it is asked to flush.
    said = [line for line in caplog.text.splitlines() if "_async_queue" not in line]
    assert not [line for line in said if "Failed" in line]


def test_an_unknown_run_is_an_exception_at_once(client: MlflowClient) -> None:
    """Not after retries."""
    started = time.monotonic()
    with pytest.raises(MlflowException) as caught:
        client.get_run("f" * 32)

    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    assert time.monotonic() - started < 10


def test_artifacts_go_up_and_come_down(
    client: MlflowClient, run_id: str, folder: Path, tmp_path: Path
) -> None:
    """Files, folders, texts and dictionaries, byte for byte."""
    with mlflow.start_run(run_id=run_id):
        mlflow.log_artifact(str(folder / "adapter_config.json"))
        mlflow.log_artifacts(str(folder), "adapter")
        mlflow.log_dict({"a": [1, 2]}, "conf/run.json")
        mlflow.log_text("hello", "notes/hello world.txt")

    paths = {entry.path for entry in client.list_artifacts(run_id)}
    assert paths == {"adapter_config.json", "adapter", "conf", "notes"}
    below = {(e.path, e.is_dir, e.file_size) for e in client.list_artifacts(run_id, "adapter")}
    assert below == {
        ("adapter/adapter_config.json", False, 9),
        ("adapter/adapter_model.safetensors", False, 256),
        ("adapter/nested", True, None),
    }
    local = Path(client.download_artifacts(run_id, "", str(tmp_path)))
    assert (local / "adapter/nested/notes.txt").read_text() == "notes"
    assert (local / "adapter/adapter_model.safetensors").read_bytes() == bytes(range(256))
    assert mlflow.artifacts.load_dict(f"runs:/{run_id}/conf/run.json") == {"a": [1, 2]}
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/notes/hello world.txt") == "hello"


def test_a_file_is_replaced_and_a_folder_removed(client: MlflowClient, run_id: str) -> None:
    """As in any folder."""
    for text in ("one", "two"):
        client.log_text(run_id, text, "a/b.txt")
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/a/b.txt") == "two"

    repository = mlflow.artifacts.get_artifact_repository(client.get_run(run_id).info.artifact_uri)
    repository.delete_artifacts("a")

    assert client.list_artifacts(run_id) == []


def test_a_table_and_an_image_are_logged(client: MlflowClient) -> None:
    """Tables grow by being logged again."""
    import numpy as np

    with mlflow.start_run() as run:
        for row in ("x", "y"):
            mlflow.log_table({"q": [row]}, "eval.json")
        mlflow.log_image(
            np.zeros((4, 4, 3), dtype=np.uint8), key="sample", step=1, synchronous=True
        )

    table = mlflow.load_table("eval.json", run_ids=[run.info.run_id])
    assert list(table.q) == ["x", "y"]
    assert client.list_artifacts(run.info.run_id, "images")
