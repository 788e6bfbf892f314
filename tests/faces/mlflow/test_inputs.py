import json

import pytest

from tests.faces.mlflow.conftest import Server, refused, values

DATASET = {
    "name": "train",
    "digest": "abc",
    "source_type": "local",
    "source": "{}",
    "schema": "s",
    "profile": "p",
}


def an_input(**changes: object) -> dict[str, object]:
    tags = [{"key": "mlflow.data.context", "value": "training"}]
    return {"dataset": {**DATASET, **changes}, "tags": tags}


def test_inputs_come_back_with_their_role(server: Server) -> None:
    """A dataset with all that was said of it; the same input again is ignored."""
    run_id = server.a_run()
    for _ in range(2):
        answer = server.post("/runs/log-inputs", run_id=run_id, datasets=[an_input()])
        assert answer.json() == {}

    assert server.run(run_id)["inputs"]["dataset_inputs"] == [
        {"tags": [{"key": "mlflow.data.context", "value": "training"}], "dataset": DATASET}
    ]


def test_inputs_come_back_in_the_order_in_which_they_were_sent(server: Server) -> None:
    """Whatever their names; what a later request adds comes after."""
    run_id = server.a_run()
    for names in (("zeta", "alpha", "mid"), ("alpha", "beta")):
        sent = [an_input(name=name) for name in names]
        server.post("/runs/log-inputs", run_id=run_id, datasets=sent)

    found = server.run(run_id)["inputs"]["dataset_inputs"]
    assert [one["dataset"]["name"] for one in found] == ["zeta", "alpha", "mid", "beta"]


def test_runs_are_found_by_their_datasets(server: Server) -> None:
    """By name, digest and role."""
    experiment_id = server.an_experiment()
    run_id = server.a_run(experiment_id)
    server.post("/runs/log-inputs", run_id=run_id, datasets=[an_input(digest="d1")])
    text = "dataset.name = 'train' AND dataset.digest = 'd1' AND dataset.context = 'training'"

    found = server.post("/runs/search", experiment_ids=[experiment_id], filter=text).json()

    assert [run["info"]["run_id"] for run in found["runs"]] == [run_id]


def test_datasets_of_experiments_are_listed(server: Server) -> None:
    """One summary per dataset and role, under both spellings of the path."""
    experiment_id = server.an_experiment()
    for _ in range(2):
        run_id = server.a_run(experiment_id)
        server.post("/runs/log-inputs", run_id=run_id, datasets=[an_input()])
    body = {"experiment_ids": [experiment_id]}

    for path in (
        "/api/2.0/mlflow/experiments/search-datasets",
        "/ajax-api/2.0/mlflow/experiments/search-datasets",
        "/api/2.0mlflow/experiments/search-datasets",
    ):
        assert server.ask("POST", path, json=body).json() == {
            "dataset_summaries": [
                {
                    "experiment_id": experiment_id,
                    "name": "train",
                    "digest": "abc",
                    "context": "training",
                }
            ]
        }


@pytest.mark.parametrize("ids", [[], ["1"] * 21, ["x"], "1"])
def test_a_list_of_datasets_names_experiments(server: Server, ids: object) -> None:
    """At least one and at most 20."""
    answer = server.post("/experiments/search-datasets", experiment_ids=ids)

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "experiment_id")


@pytest.mark.parametrize(
    ("datasets", "word"),
    [
        ([{}], "datasets[0].dataset"),
        ([{"dataset": {"digest": "d"}}], "datasets[0].dataset.name"),
        ([{"dataset": {"name": "n"}}], "datasets[0].dataset.digest"),
        ([an_input(name="n" * 501)], "name"),
        ([an_input(digest="d" * 37)], "digest"),
        ("x", "datasets"),
    ],
)
def test_a_bad_input_is_refused_by_name(server: Server, datasets: object, word: str) -> None:
    """And nothing of the request is kept."""
    run_id = server.a_run()

    answer = server.post("/runs/log-inputs", run_id=run_id, datasets=datasets)

    refused(answer, 400, "INVALID_PARAMETER_VALUE", word)
    assert server.run(run_id)["inputs"] == {}


def test_models_that_a_run_read_and_wrote_are_kept(server: Server) -> None:
    """Inputs by id, outputs with their step."""
    experiment_id = server.an_experiment()
    run_id = server.a_run(experiment_id)
    read, wrote = (
        server.post("/logged-models", experiment_id=experiment_id).json()["model"]["info"]
        for _ in range(2)
    )

    server.post("/runs/log-inputs", run_id=run_id, models=[{"model_id": read["model_id"]}])
    answer = server.post(
        "/runs/outputs", run_id=run_id, models=[{"model_id": wrote["model_id"], "step": "5"}]
    )

    assert answer.json() == {}
    run = server.run(run_id)
    assert run["inputs"]["model_inputs"] == [{"model_id": read["model_id"]}]
    assert run["outputs"]["model_outputs"] == [{"model_id": wrote["model_id"], "step": 5}]


def test_outputs_are_named(server: Server) -> None:
    """The list is required, and each of its models exists."""
    run_id = server.a_run()

    refused(server.post("/runs/outputs", run_id=run_id), 400, "INVALID_PARAMETER_VALUE", "models")
    refused(
        server.post("/runs/outputs", run_id=run_id, models=[{"model_id": "m-" + "0" * 32}]),
        404,
        "RESOURCE_DOES_NOT_EXIST",
    )


def model_json(run_id: str, **changes: object) -> str:
    model = {
        "run_id": run_id,
        "artifact_path": "model",
        "utc_time_created": "2026-01-01",
        "flavors": {"sklearn": {"code": None, "config": {"secret": 1}}},
        **changes,
    }
    return json.dumps({key: value for key, value in model.items() if value is not None})


def test_a_model_of_an_older_client_becomes_a_tag(server: Server) -> None:
    """Each model once, without the configuration of its flavours."""
    run_id = server.a_run()
    for path in ("model", "other", "model"):
        answer = server.post(
            "/runs/log-model", run_id=run_id, model_json=model_json(run_id, artifact_path=path)
        )
        assert answer.json() == {}

    kept = json.loads(values(server.run(run_id)["data"]["tags"])["mlflow.log-model.history"])

    assert [model["artifact_path"] for model in kept] == ["model", "other"]
    assert kept[0]["flavors"] == {"sklearn": {"code": None}}


@pytest.mark.parametrize("text", ["{", "[]", "5", '{"run_id": "r"}', ""])
def test_a_malformed_model_is_refused(server: Server, text: str) -> None:
    """The text is a JSON object with its mandatory fields."""
    answer = server.post("/runs/log-model", run_id=server.a_run(), model_json=text)

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "odel")


def test_a_digest_is_as_long_as_mlflow_takes_it(server: Server) -> None:
    """36 characters by this wire; the native API takes a whole `sha256:` digest, shown here as well."""
    run_id = server.a_run()
    longest, too_long = "d" * 36, "d" * 37

    def log(digest: str) -> int:
        dataset = {"name": "n", "digest": digest, "source_type": "local", "source": "s"}
        body = {"run_id": run_id, "datasets": [{"dataset": dataset}]}
        return server.post("/runs/log-inputs", **body).status_code

    assert (log(longest), log(too_long)) == (200, 400)
    digest = f"sha256:{'0' * 64}"
    native = server.ask(
        "POST",
        f"/api/v1/runs/{run_id}/inputs",
        json={"inputs": [{"dataset": {"name": "n", "digest": digest}}]},
    )
    assert native.status_code in {200, 204}, native.text
    inputs = server.run(run_id)["inputs"]["dataset_inputs"]
    assert {each["dataset"]["digest"] for each in inputs} == {longest, digest}
