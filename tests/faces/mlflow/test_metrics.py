import pytest

from tests.faces.mlflow.conftest import Server, refused

POINTS = [(step, 1000 + step, float(step % 7)) for step in range(50)]


@pytest.fixture(scope="module")
def run_id(server: Server) -> str:
    """A run with 50 points of `loss`."""
    made = server.a_run()
    log(server, made, POINTS)
    return made


def log(server: Server, run_id: str, points: list[tuple[int, int, float]]) -> None:
    metrics = [
        {"key": "loss", "value": value, "timestamp": at, "step": step} for step, at, value in points
    ]
    assert server.post("/runs/log-batch", run_id=run_id, metrics=metrics).status_code == 200


def points(body: dict[str, object]) -> list[tuple[int, int, float]]:
    listed: list[dict[str, object]] = body.get("metrics", [])  # type: ignore[assignment]
    return [(p["step"], p["timestamp"], p["value"]) for p in listed]  # type: ignore[misc]


def test_a_history_without_a_limit_is_whole(server: Server, run_id: str) -> None:
    """All points, each with key, value, timestamp and step."""
    answer = server.get("/metrics/get-history", run_id=run_id, metric_key="loss").json()

    assert points(answer) == POINTS
    assert answer["metrics"][0] == {"key": "loss", "value": 0.0, "timestamp": 1000, "step": 0}
    assert "next_page_token" not in answer


def test_a_history_is_ordered_by_timestamp_then_step_then_value(server: Server) -> None:
    """MLflow's order, whatever the order of arrival."""
    run_id = server.a_run()
    given = [(5, 10, 1.0), (1, 20, 1.0), (1, 10, 2.0), (1, 10, 1.0)]
    log(server, run_id, given)

    answer = server.get("/metrics/get-history", run_id=run_id, metric_key="loss").json()

    assert points(answer) == [(1, 10, 1.0), (1, 10, 2.0), (5, 10, 1.0), (1, 20, 1.0)]


@pytest.mark.parametrize("size", [1, 7, 50, 49])
def test_pages_of_a_history_join_to_the_whole(server: Server, run_id: str, size: int) -> None:
    """Each token brings the next page, and the last page has none."""
    found: list[tuple[int, int, float]] = []
    token = ""
    for _ in range(51):
        answer = server.get(
            "/metrics/get-history",
            run_id=run_id,
            metric_key="loss",
            max_results=size,
            page_token=token,
        ).json()
        found += points(answer)
        token = answer.get("next_page_token", "")
        if not token:
            break

    assert found == POINTS


@pytest.mark.parametrize(
    "query", [{"metric_key": "none"}, {"run_id": "d" * 32}, {"run_id": "d" * 32, "max_results": 5}]
)
def test_an_unknown_run_or_key_has_an_empty_history(
    server: Server, run_id: str, query: dict[str, object]
) -> None:
    """Clients ask for metrics that may not be there."""
    answer = server.get("/metrics/get-history", **{"run_id": run_id, "metric_key": "loss", **query})

    assert answer.status_code == 200
    assert answer.json() == {}


@pytest.mark.parametrize(
    "query", [{"max_results": 0}, {"max_results": -1}, {"page_token": "eyJvZmZzZXQiOiAyfQ=="}]
)
def test_a_bad_page_is_refused(server: Server, run_id: str, query: dict[str, object]) -> None:
    """A size is positive and a token is one of ours."""
    answer = server.get("/metrics/get-history", run_id=run_id, metric_key="loss", **query)

    refused(answer, 400, "INVALID_PARAMETER_VALUE")


def test_a_history_names_run_and_key(server: Server, run_id: str) -> None:
    """Both are required."""
    refused(server.get("/metrics/get-history", run_id=run_id), 400, "INVALID_PARAMETER_VALUE")
    refused(server.get("/metrics/get-history", metric_key="k"), 400, "INVALID_PARAMETER_VALUE")


def test_histories_come_in_bulk_for_pages(server: Server, run_id: str) -> None:
    """Points carry their run; unknown runs are left out."""
    other = server.a_run()
    log(server, other, POINTS[:3])
    query = [("run_id", run_id), ("run_id", other), ("run_id", "d" * 32), ("metric_key", "loss")]

    answer = server.ask("GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk", params=query).json()

    by_run = {each["run_id"] for each in answer["metrics"]}
    assert by_run == {run_id, other}
    assert len(answer["metrics"]) == 53


def test_a_bulk_answer_has_a_limit(server: Server, run_id: str) -> None:
    """`max_results` counts the points of all runs together."""
    query = {"run_id": run_id, "metric_key": "loss", "max_results": 5}

    answer = server.ask("GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk", params=query)

    assert len(answer.json()["metrics"]) == 5


@pytest.mark.parametrize(
    "query",
    [
        [("metric_key", "loss")],
        [("run_id", "a")],
        [("metric_key", "loss"), *(("run_id", f"r{i}") for i in range(101))],
    ],
)
def test_a_bulk_request_names_runs_and_a_key(server: Server, query: list[tuple[str, str]]) -> None:
    """At least one run, at most 100, and the key."""
    answer = server.ask("GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk", params=query)

    refused(answer, 400, "INVALID_PARAMETER_VALUE")


def test_samples_keep_the_first_and_the_last(server: Server, run_id: str) -> None:
    """A chart of few points still spans the whole run."""
    answer = server.get(
        "/metrics/get-history-bulk-interval", run_ids=[run_id], metric_key="loss", max_results=10
    ).json()

    steps = [each["step"] for each in answer["metrics"]]
    assert len(steps) <= 10
    assert (steps[0], steps[-1]) == (0, 49)
    assert {each["run_id"] for each in answer["metrics"]} == {run_id}


def test_samples_of_a_range_stay_in_it(server: Server, run_id: str) -> None:
    """Both ends are included."""
    answer = server.get(
        "/metrics/get-history-bulk-interval",
        run_ids=[run_id],
        metric_key="loss",
        start_step=10,
        end_step=14,
    ).json()

    assert [each["step"] for each in answer["metrics"]] == [10, 11, 12, 13, 14]


@pytest.mark.parametrize(
    "query",
    [
        {"start_step": 1},
        {"end_step": 1},
        {"start_step": 5, "end_step": 1},
        {"max_results": 0},
        {"max_results": 2501},
        {"run_ids": []},
        {"run_ids": ["r"] * 101},
        {"metric_key": ""},
    ],
)
def test_a_bad_interval_is_refused(server: Server, run_id: str, query: dict[str, object]) -> None:
    """Ends go together and in order; sizes and numbers of runs are bounded."""
    asked = {"run_ids": [run_id], "metric_key": "loss", **query}

    answer = server.get("/metrics/get-history-bulk-interval", **asked)

    refused(answer, 400, "INVALID_PARAMETER_VALUE")
