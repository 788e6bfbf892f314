"""Details of answers as a stock server gives them, found by asking both the same."""

import pytest

from tests.faces.mlflow.conftest import Server, a_model, refused


def test_a_run_always_shows_inputs_and_outputs(server: Server) -> None:
    """Empty objects while there are none."""
    run = server.run(server.a_run())

    assert (run["inputs"], run["outputs"]) == ({}, {})


def test_a_version_always_shows_source_and_run(recording: Server, a_name: str) -> None:
    """An empty text where it has no run."""
    a_model(recording, a_name)
    made = recording.post("/model-versions/create", name=a_name, source="s3://bucket/model").json()

    assert made["model_version"]["run_id"] == ""
    assert made["model_version"]["source"] == "s3://bucket/model"


@pytest.mark.parametrize("source", ["", "  ", None])
def test_a_version_has_a_source(recording: Server, a_name: str, source: str | None) -> None:
    """Also where lineage is only recorded."""
    a_model(recording, a_name)
    answer = recording.post("/model-versions/create", name=a_name, source=source)

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "'source'")


@pytest.mark.parametrize(
    ("clause", "found"),
    [
        ("run_id != 'x'", 1),
        ("run_id NOT IN ('x')", 1),
        ("run_id = ''", 1),
        ("run_id IN ('')", 1),
        ("run_id LIKE '%'", 1),
        ("run_id = 'x'", 0),
        ("run_id LIKE 'x%'", 0),
    ],
)
def test_a_version_without_a_run_has_the_empty_run(
    recording: Server, a_name: str, clause: str, found: int
) -> None:
    """In searches too: it is another run than any that is named."""
    a_model(recording, a_name)
    recording.post("/model-versions/create", name=a_name, source="s3://bucket/model")

    text = f"name = '{a_name}' AND {clause}"
    answer = recording.get("/model-versions/search", filter=text).json()
    assert len(answer.get("model_versions", [])) == found


@pytest.mark.parametrize(
    ("clause", "found"),
    [("source_run_id != 'x'", 1), ("source_run_id = 'x'", 0), ("model_type = ''", 1)],
)
def test_a_logged_model_without_a_run_has_the_empty_run(
    server: Server, clause: str, found: int
) -> None:
    """And without a type the empty type, which its answers show."""
    experiment_id = server.an_experiment()
    made = server.post("/logged-models", experiment_id=experiment_id).json()["model"]
    assert (made["info"]["model_type"], made["data"]) == ("", {})

    body = {"experiment_ids": [experiment_id], "filter": clause}
    answer = server.post("/logged-models/search", **body).json()
    assert len(answer.get("models", [])) == found


@pytest.mark.parametrize("model_id", ["nope", "m-x", "m-" + "0" * 32])
def test_an_unknown_logged_model_is_404_whatever_its_id(server: Server, model_id: str) -> None:
    """For reading, changing and linking."""
    run_id = server.a_run()
    point = {"key": "a", "value": 1, "timestamp": 1, "model_id": model_id}
    place = f"/logged-models/{model_id}"
    for answer in (
        server.get(place),
        server.get(f"{place}/artifacts/directories"),
        server.send("PATCH", place, status="LOGGED_MODEL_READY"),
        server.send("PATCH", f"{place}/tags", tags=[{"key": "k", "value": "v"}]),
        server.send("DELETE", f"{place}/tags/k"),
        server.post("/runs/outputs", run_id=run_id, models=[{"model_id": model_id, "step": 0}]),
        server.post("/runs/log-inputs", run_id=run_id, models=[{"model_id": model_id}]),
        server.post("/runs/log-metric", run_id=run_id, **point),
    ):
        refused(answer, 404, "RESOURCE_DOES_NOT_EXIST")


def test_an_empty_batch_for_a_deleted_run_is_refused(server: Server) -> None:
    """It is a write, if of nothing; for an active run it is fine."""
    run_id = server.a_run()
    assert server.post("/runs/log-batch", run_id=run_id).json() == {}
    server.post("/runs/delete", run_id=run_id)

    answer = server.post("/runs/log-batch", run_id=run_id)

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "'active' state")
