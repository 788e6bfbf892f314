"""What MLflow's clients rely on about runs: what is kept, what is refused, and what comes with what."""

import pytest

from tests.faces.mlflow.conftest import Server, a_model, refused, values

LARGEST = 1.7976931348623157e308

SYSTEM_TAGS = (
    "mlflow.user",
    "mlflow.source.name",
    "mlflow.source.type",
    "mlflow.source.git.commit",
    "mlflow.source.git.branch",
    "mlflow.source.git.dirty",
    "mlflow.source.git.repoURL",
    "mlflow.source.git.diff",
    "mlflow.note.content",
    "mlflow.autologging",
    "mlflow.loggedArtifacts",
    "mlflow.loggedImages",
)


@pytest.fixture(scope="module")
def server(either: Server) -> Server:
    """On each database: these rules are kept where the rows are."""
    return either


def history(server: Server, run_id: str, key: str = "m") -> list[object]:
    listed = server.get("/metrics/get-history", run_id=run_id, metric_key=key).json()
    return [(point["timestamp"], point["step"], point["value"]) for point in listed["metrics"]]


def test_infinities_come_back_as_the_largest_doubles(server: Server) -> None:
    """From the run and from the history, with either sign."""
    run_id = server.a_run()
    for step, value in enumerate(("-Infinity", "Infinity")):
        point = {"key": "m", "value": value, "timestamp": 1, "step": step}
        assert server.post("/runs/log-metric", run_id=run_id, **point).json() == {}

    assert server.run(run_id)["data"]["metrics"][0]["value"] == LARGEST
    assert history(server, run_id) == [(1, 0, -LARGEST), (1, 1, LARGEST)]


def test_points_that_differ_in_anything_are_all_kept(server: Server) -> None:
    """Timestamp, step and value are what a point is; a history is ordered by them."""
    run_id = server.a_run()
    points = [(2, 1, 1.0), (1, 2, 1.0), (1, 1, 2.0), (1, 1, 1.0)]
    metrics = [{"key": "m", "timestamp": t, "step": s, "value": v} for t, s, v in points]
    server.post("/runs/log-batch", run_id=run_id, metrics=metrics)

    assert history(server, run_id) == sorted(points)


def test_nan_loses_a_tie_with_what_is_positive_and_wins_over_what_is_negative(
    server: Server,
) -> None:
    """In a tie it counts as zero."""
    for other, latest in ((1.0, 1.0), (-1.0, "NaN")):
        run_id = server.a_run()
        points = [{"key": "m", "value": v, "timestamp": 1, "step": 1} for v in (other, "NaN")]
        server.post("/runs/log-batch", run_id=run_id, metrics=points)
        assert server.run(run_id)["data"]["metrics"][0]["value"] == latest


def test_a_changed_param_leaves_nothing_of_its_batch(server: Server) -> None:
    """Params are compared before anything is written, also those in front of the changed one."""
    run_id = server.a_run()
    server.post("/runs/log-parameter", run_id=run_id, key="b", value="1")

    answer = server.post(
        "/runs/log-batch",
        run_id=run_id,
        params=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}],
        metrics=[{"key": "m", "value": 1, "timestamp": 1, "step": 0}],
        tags=[{"key": "t", "value": "v"}],
    )

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "Changing param values is not allowed")
    data = server.run(run_id)["data"]
    assert values(data["params"]) == {"b": "1"}
    assert "metrics" not in data
    assert "t" not in values(data["tags"])


def test_a_param_may_be_sent_again_with_its_value(server: Server) -> None:
    """Alone and in a batch: a retry is no change. The empty value is one as well."""
    run_id = server.a_run()
    for _ in range(2):
        params = [{"key": "a", "value": ""}, {"key": "b", "value": "1"}]
        assert server.post("/runs/log-batch", run_id=run_id, params=params).json() == {}
        again = server.post("/runs/log-parameter", run_id=run_id, key="a", value="")
        assert again.json() == {}

    assert values(server.run(run_id)["data"]["params"]) == {"a": "", "b": "1"}


def test_nothing_is_written_in_a_deleted_experiment(server: Server) -> None:
    """Neither to it nor to its runs, which were deleted with it; all of it can still be read."""
    experiment_id = server.an_experiment()
    run_id = server.a_run(experiment_id)
    server.post("/experiments/delete", experiment_id=experiment_id)

    for path, body in (
        ("/runs/create", {"experiment_id": experiment_id}),
        (
            "/experiments/set-experiment-tag",
            {"experiment_id": experiment_id, "key": "k", "value": "v"},
        ),
        ("/runs/log-parameter", {"run_id": run_id, "key": "p", "value": "v"}),
        ("/runs/log-metric", {"run_id": run_id, "key": "m", "value": 1, "timestamp": 1}),
        ("/runs/set-tag", {"run_id": run_id, "key": "t", "value": "v"}),
        ("/runs/update", {"run_id": run_id, "status": "FAILED"}),
    ):
        answer = server.post(path, **body)
        refused(answer, 400, "INVALID_PARAMETER_VALUE", "'active' state")

    assert server.run(run_id)["info"]["lifecycle_stage"] == "deleted"
    found = server.get("/experiments/get", experiment_id=experiment_id).json()["experiment"]
    assert found["lifecycle_stage"] == "deleted"


def test_a_run_may_name_a_parent_that_is_nowhere(server: Server) -> None:
    """Nesting is a tag that nobody checks, and searches go by it."""
    experiment_id = server.an_experiment()
    tag = {"key": "mlflow.parentRunId", "value": "nowhere"}
    child = server.a_run(experiment_id, tags=[tag])

    body = {"experiment_ids": [experiment_id], "filter": "tags.mlflow.parentRunId = 'nowhere'"}
    found = server.post("/runs/search", **body).json()["runs"]
    assert [run["info"]["run_id"] for run in found] == [child]


def test_the_tags_that_clients_set_of_themselves_are_kept(server: Server) -> None:
    """As they were sent, at the making of a run and later; what was the name comes as the name."""
    sent = {key: f"value of {key}" for key in SYSTEM_TAGS}
    tags = [{"key": key, "value": value} for key, value in sent.items()]
    named = [*tags, {"key": "mlflow.runName", "value": "mine"}]
    first = server.a_run(tags=named)
    second = server.a_run(run_name="mine")
    server.post("/runs/log-batch", run_id=second, tags=tags)

    for run_id in (first, second):
        run = server.run(run_id)
        assert values(run["data"]["tags"]) == {**sent, "mlflow.runName": "mine"}
        assert run["info"]["run_name"] == "mine"


def test_a_logged_model_keeps_where_it_was_registered(server: Server, a_name: str) -> None:
    """The tag that clients write after registering a model is theirs."""
    a_model(server, a_name)
    made = server.post("/logged-models", experiment_id=server.an_experiment()).json()["model"]
    place = f"/logged-models/{made['info']['model_id']}"
    text = f'[{{"name": "{a_name}", "version": "1"}}]'
    server.send("PATCH", f"{place}/tags", tags=[{"key": "mlflow.modelVersions", "value": text}])

    tags = server.get(place).json()["model"]["info"]["tags"]
    assert values(tags) == {"mlflow.modelVersions": text}
