"""What MLflow's clients and test suites rely on beyond the shape of answers, one rule a test."""

import pytest

from tests.faces.mlflow.conftest import Server, a_model, get_model, refused, values


@pytest.fixture(scope="module")
def server(either: Server) -> Server:
    """On each database: these rules are kept where the rows are."""
    return either


def log(server: Server, run_id: str, *points: tuple[object, int, int]) -> None:
    metrics = [
        {"key": "m", "value": value, "timestamp": timestamp, "step": step}
        for value, timestamp, step in points
    ]
    assert server.post("/runs/log-batch", run_id=run_id, metrics=metrics).status_code == 200


def latest(server: Server, run_id: str) -> object:
    return server.run(run_id)["data"]["metrics"][0]["value"]


def test_the_latest_value_is_the_greatest_of_step_timestamp_value(server: Server) -> None:
    """In this order, however late a smaller one arrives."""
    run_id = server.a_run()
    log(server, run_id, (1, 5, 2), (9, 9, 1))
    assert latest(server, run_id) == 1
    log(server, run_id, (2, 6, 2))
    assert latest(server, run_id) == 2
    log(server, run_id, (7, 6, 2), (3, 6, 2))
    assert latest(server, run_id) == 7


def test_nan_wins_at_a_higher_step_and_loses_a_tie(server: Server) -> None:
    """A tie with a positive value, that is."""
    run_id = server.a_run()
    log(server, run_id, (1, 1, 1), ("NaN", 1, 1))
    assert latest(server, run_id) == 1
    log(server, run_id, ("NaN", 1, 2))
    assert latest(server, run_id) == "NaN"


def test_an_identical_point_counts_once_within_a_batch_and_across(server: Server) -> None:
    """Retries leave no second copy, of NaN as well."""
    run_id = server.a_run()
    for _ in range(2):
        log(server, run_id, (1, 1, 1), (1, 1, 1), ("NaN", 1, 2), ("NaN", 1, 2))

    history = server.get("/metrics/get-history", run_id=run_id, metric_key="m").json()["metrics"]
    assert [point["value"] for point in history] == [1, "NaN"]


def test_nan_satisfies_nothing_but_unequal(server: Server) -> None:
    """In the filter of a search of runs."""
    experiment_id = server.an_experiment()
    log(server, server.a_run(experiment_id), ("NaN", 1, 1))

    def count(clause: str) -> int:
        body = {"experiment_ids": [experiment_id], "filter": f"metrics.m {clause}"}
        return len(server.post("/runs/search", **body).json().get("runs", []))

    assert [count(clause) for clause in ("!= 0", "= 0", "> -1", "<= 0")] == [1, 0, 0, 0]


def test_a_deleted_experiment_keeps_its_name(server: Server) -> None:
    """No other takes it, and it is still found by it."""
    name = "kept by the deleted"
    experiment_id = server.post("/experiments/create", name=name).json()["experiment_id"]
    server.post("/experiments/delete", experiment_id=experiment_id)

    again = server.post("/experiments/create", name=name)

    refused(again, 400, "RESOURCE_ALREADY_EXISTS")
    found = server.get("/experiments/get-by-name", experiment_name=name).json()["experiment"]
    assert (found["experiment_id"], found["lifecycle_stage"]) == (experiment_id, "deleted")


def test_restoring_an_experiment_restores_all_of_its_runs(server: Server) -> None:
    """Those too that were deleted on their own before."""
    experiment_id = server.an_experiment()
    run_ids = [server.a_run(experiment_id) for _ in range(2)]
    server.post("/runs/delete", run_id=run_ids[0])
    server.post("/experiments/delete", experiment_id=experiment_id)
    server.post("/experiments/restore", experiment_id=experiment_id)

    stages = {server.run(run_id)["info"]["lifecycle_stage"] for run_id in run_ids}
    assert stages == {"active"}


def test_a_model_made_anew_starts_at_version_1(server: Server, a_name: str) -> None:
    """After the first of that name was deleted, with its versions."""
    server.a_version(a_name)
    assert server.a_version(a_name)["version"] == "2"
    server.send("DELETE", "/registered-models/delete", name=a_name)

    assert server.a_version(a_name)["version"] == "1"


def test_renaming_a_model_moves_versions_tags_and_aliases(server: Server, a_name: str) -> None:
    """All of it is found under the new name, none under the old."""
    server.a_version(a_name)
    server.post("/registered-models/set-tag", name=a_name, key="k", value="v")
    server.post("/registered-models/alias", name=a_name, alias="live", version="1")
    server.post("/registered-models/rename", name=a_name, new_name=f"{a_name}-new")

    model = get_model(server, f"{a_name}-new")
    assert values(model["tags"]) == {"k": "v"}  # type: ignore[arg-type]
    assert model["aliases"] == [{"alias": "live", "version": "1"}]
    version = server.get("/registered-models/alias", name=f"{a_name}-new", alias="live").json()
    assert version["model_version"]["name"] == f"{a_name}-new"
    assert server.get("/registered-models/get", name=a_name).status_code == 404


def test_a_missing_alias_is_400_and_removing_it_200(server: Server, a_name: str) -> None:
    """Not 404: clients tell a missing alias from a missing model by it."""
    a_model(server, a_name)

    missing = server.get("/registered-models/alias", name=a_name, alias="nobody")

    refused(missing, 400, "INVALID_PARAMETER_VALUE")
    removed = server.send("DELETE", "/registered-models/alias", name=a_name, alias="nobody")
    assert removed.json() == {}
