import sys

import msgspec
import pytest

from tests.faces.mlflow.conftest import Server, refused, values


def point(key: str = "loss", value: object = 0.5, **more: object) -> dict[str, object]:
    return {"key": key, "value": value, "timestamp": 1000, **more}


def metrics(server: Server, run_id: str) -> dict[str, tuple[float, int]]:
    listed = server.run(run_id)["data"].get("metrics", [])
    return {each["key"]: (each["value"], each["step"]) for each in listed}


def history(server: Server, run_id: str, key: str = "loss") -> list[tuple[int, float]]:
    answer = server.get("/metrics/get-history", run_id=run_id, metric_key=key).json()
    return [(each["step"], each["value"]) for each in answer.get("metrics", [])]


def test_a_point_is_logged(server: Server) -> None:
    """An empty object says that it is durable; the step is 0 unless given."""
    run_id = server.a_run()

    assert server.post("/runs/log-metric", run_id=run_id, **point()).json() == {}

    assert server.run(run_id)["data"]["metrics"] == [
        {"key": "loss", "value": 0.5, "timestamp": 1000, "step": 0}
    ]


def test_the_same_point_again_changes_nothing(server: Server) -> None:
    """A client repeats a request whose answer it did not get."""
    run_id = server.a_run()
    for _ in range(3):
        server.post("/runs/log-metric", run_id=run_id, **point(step=1))
        server.post("/runs/log-batch", run_id=run_id, metrics=[point(step=1), point(step=1)])

    assert history(server, run_id) == [(1, 0.5)]


def test_the_latest_point_has_the_greatest_step(server: Server) -> None:
    """The order in which points arrive does not count."""
    run_id = server.a_run()
    for step, value in ((5, 0.1), (9, 0.2), (-3, 0.3)):
        server.post("/runs/log-metric", run_id=run_id, **point(value=value, step=step))

    assert metrics(server, run_id) == {"loss": (0.2, 9)}


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ("NaN", "NaN"),
        ("Infinity", sys.float_info.max),
        ("-Infinity", -sys.float_info.max),
        ("1.25", 1.25),
        (7, 7.0),
        (-0.0, -0.0),
        (5e-324, 5e-324),
    ],
)
def test_every_double_is_kept(server: Server, sent: object, answered: object) -> None:
    """NaN comes back as a word, and an infinity as the largest double, as MLflow answers it."""
    run_id = server.a_run()
    assert server.post("/runs/log-metric", run_id=run_id, **point(value=sent)).status_code == 200
    server.post("/runs/log-batch", run_id=run_id, metrics=[point("batch", sent)])

    found = server.run(run_id)["data"]["metrics"]

    assert [each["value"] for each in found] == [answered, answered]


def test_camel_case_works_on_the_hot_path(server: Server) -> None:
    """Whatever writes protocol buffers as JSON may use these names."""
    run_id = server.a_run()
    body = msgspec.json.encode({"runId": run_id, "key": "loss", "value": 1, "timestamp": "5"})

    assert server.raw("/runs/log-metric", body).json() == {}
    assert metrics(server, run_id) == {"loss": (1.0, 0)}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"key": None}, "Missing value for required parameter 'key'"),
        ({"key": ""}, "Missing value for required parameter 'key'"),
        ({"value": None}, "Missing value for required parameter 'value'"),
        ({"timestamp": None}, "Missing value for required parameter 'timestamp'"),
        ({"value": "foo"}, "Invalid value \"foo\" for parameter 'value' supplied"),
        ({"value": True}, "parameter 'value' supplied"),
        ({"timestamp": "soon"}, "Invalid value \"soon\" for parameter 'timestamp' supplied"),
        ({"timestamp": -1}, "parameter 'timestamp' supplied"),
        ({"step": "x"}, "parameter 'step' supplied"),
        ({"step": 2**63}, "parameter 'step' supplied"),
        ({"key": "a/../b"}, "parameter 'key' supplied"),
        ({"key": "/a"}, "parameter 'key' supplied"),
        ({"key": "a//b"}, "parameter 'key' supplied"),
        ({"key": "bad!"}, "parameter 'key' supplied"),
        ({"key": "k" * 251}, "'key' exceeds the maximum length of 250"),
        ({"key": 5}, "Invalid value 5 for parameter 'key' supplied"),
        ({"run_id": 31}, "Invalid value 31 for parameter 'run_id' supplied"),
    ],
)
def test_a_bad_point_is_refused_by_name(
    server: Server, change: dict[str, object], word: str
) -> None:
    """The message names the parameter, and nothing is written."""
    run_id = server.a_run()

    answer = server.post("/runs/log-metric", **{"run_id": run_id, **point(), **change})

    refused(answer, 400, "INVALID_PARAMETER_VALUE", word)
    assert metrics(server, run_id) == {}


@pytest.mark.parametrize("key", ["loss", "eval/loss", "a.b-c_d e:f", "Übung/δ"])
def test_mlflows_keys_are_taken(server: Server, key: str) -> None:
    """Letters of any script, digits, `_ - . / :` and spaces."""
    run_id = server.a_run()

    assert server.post("/runs/log-metric", run_id=run_id, **point(key)).status_code == 200
    assert set(metrics(server, run_id)) == {key}


def test_an_unknown_run_is_404(server: Server) -> None:
    """On every hot route."""
    for path, body in (
        ("/runs/log-metric", point()),
        ("/runs/log-parameter", {"key": "k"}),
        ("/runs/set-tag", {"key": "k"}),
        ("/runs/log-batch", {"metrics": [point()]}),
        ("/runs/log-batch", {}),
    ):
        answer = server.post(path, run_id="e" * 32, **body)
        refused(answer, 404, "RESOURCE_DOES_NOT_EXIST")


def test_a_param_is_written_once(server: Server) -> None:
    """The same value again is fine; another is refused and changes nothing."""
    run_id = server.a_run()
    for _ in range(2):
        assert server.post("/runs/log-parameter", run_id=run_id, key="lr", value="1").json() == {}

    refused(
        server.post("/runs/log-parameter", run_id=run_id, key="lr", value="2"),
        400,
        "INVALID_PARAMETER_VALUE",
        "Changing param values is not allowed",
        "lr",
    )
    assert values(server.run(run_id)["data"]["params"]) == {"lr": "1"}


def test_long_values_are_cut(server: Server) -> None:
    """A param keeps 6,000 characters and a tag 8,000, as with MLflow's default."""
    run_id = server.a_run()
    server.post("/runs/log-parameter", run_id=run_id, key="p", value="x" * 7_000)
    server.post("/runs/set-tag", run_id=run_id, key="t", value="y" * 9_000)
    server.post(
        "/runs/log-batch",
        run_id=run_id,
        params=[{"key": "p2", "value": "x" * 7_000}],
        tags=[{"key": "t2", "value": "y" * 9_000}],
    )

    data = server.run(run_id)["data"]

    assert {key: len(text) for key, text in values(data["params"]).items()} == {
        "p": 6_000,
        "p2": 6_000,
    }
    assert len(values(data["tags"])["t"]) == len(values(data["tags"])["t2"]) == 8_000


def test_an_empty_value_is_a_value(server: Server) -> None:
    """Also when the field is left out."""
    run_id = server.a_run()
    server.post("/runs/log-parameter", run_id=run_id, key="p", value="")
    server.post("/runs/log-parameter", run_id=run_id, key="q")

    assert values(server.run(run_id)["data"]["params"]) == {"p": "", "q": ""}


def test_a_tag_is_replaced(server: Server) -> None:
    """Setting a tag again changes it."""
    run_id = server.a_run()
    for value in ("one", "two"):
        server.post("/runs/set-tag", run_id=run_id, key="k", value=value)

    assert values(server.run(run_id)["data"]["tags"])["k"] == "two"


def test_a_batch_brings_everything_at_once(server: Server) -> None:
    """Points, params and tags; the latest of each metric is answered."""
    run_id = server.a_run()
    points = [point(f"m{i % 3}", i, step=i) for i in range(30)]

    answer = server.post(
        "/runs/log-batch",
        run_id=run_id,
        metrics=points,
        params=[{"key": "p", "value": "v"}],
        tags=[{"key": "t", "value": "w"}],
    )

    assert answer.json() == {}
    assert metrics(server, run_id) == {"m0": (27.0, 27), "m1": (28.0, 28), "m2": (29.0, 29)}
    data = server.run(run_id)["data"]
    assert values(data["params"]) == {"p": "v"}
    assert values(data["tags"])["t"] == "w"


def test_a_batch_is_all_or_nothing(server: Server) -> None:
    """One param that cannot change takes the whole batch with it."""
    run_id = server.a_run()
    server.post("/runs/log-parameter", run_id=run_id, key="lr", value="1")

    answer = server.post(
        "/runs/log-batch",
        run_id=run_id,
        metrics=[point()],
        params=[{"key": "new", "value": "1"}, {"key": "lr", "value": "2"}],
        tags=[{"key": "t", "value": "v"}],
    )

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "lr")
    data = server.run(run_id)["data"]
    assert "metrics" not in data
    assert values(data["params"]) == {"lr": "1"}
    assert "t" not in values(data["tags"])


def test_a_param_twice_in_a_batch_is_refused(server: Server) -> None:
    """Even with one value; of a tag the last counts."""
    run_id = server.a_run()
    twice = [{"key": "k", "value": "1"}, {"key": "k", "value": "2"}]

    refused(
        server.post("/runs/log-batch", run_id=run_id, params=twice),
        400,
        "INVALID_PARAMETER_VALUE",
        "Duplicate parameter keys",
    )
    assert server.post("/runs/log-batch", run_id=run_id, tags=twice).json() == {}
    assert values(server.run(run_id)["data"]["tags"])["k"] == "2"


@pytest.mark.parametrize(
    ("metric_count", "param_count", "tag_count"),
    [(1001, 0, 0), (0, 101, 0), (0, 0, 101), (900, 100, 1)],
)
def test_a_batch_has_limits(
    server: Server, metric_count: int, param_count: int, tag_count: int
) -> None:
    """1,000 metrics, 100 params, 100 tags, 1,000 in all; beyond, nothing is written."""
    run_id = server.a_run()

    answer = server.post(
        "/runs/log-batch",
        run_id=run_id,
        metrics=[point(f"m{i}") for i in range(metric_count)],
        params=[{"key": f"p{i}", "value": "v"} for i in range(param_count)],
        tags=[{"key": f"t{i}", "value": "v"} for i in range(tag_count)],
    )

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "at most")
    assert metrics(server, run_id) == {}


def test_a_full_batch_is_taken(server: Server) -> None:
    """The limits themselves are allowed."""
    run_id = server.a_run()

    answer = server.post(
        "/runs/log-batch",
        run_id=run_id,
        metrics=[point(f"m{i}") for i in range(800)],
        params=[{"key": f"p{i}", "value": "v"} for i in range(100)],
        tags=[{"key": f"t{i}", "value": "v"} for i in range(100)],
    )

    assert answer.json() == {}
    assert len(metrics(server, run_id)) == 800


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"metrics": [{"key": "k", "value": 1}]}, "'metrics[0].timestamp'"),
        ({"metrics": [{"key": "k", "timestamp": 1}]}, "'metrics[0].value'"),
        ({"metrics": [{"value": 1, "timestamp": 1}]}, "'metrics[0].key'"),
        ({"metrics": [point(), point("../x")]}, "'metrics[1].name'"),
        ({"metrics": [point(), point(timestamp=-5)]}, "'metrics[1].timestamp'"),
        ({"metrics": "foo"}, "'metrics'"),
        ({"params": [{"value": "v"}]}, "'params[0].key'"),
        ({"params": [{"key": "a!b"}]}, "'params[0].key'"),
        ({"tags": [{"key": "k", "value": 5}]}, "'tags[0].value'"),
    ],
)
def test_a_bad_batch_names_the_place(server: Server, body: dict[str, object], word: str) -> None:
    """The message leads to the item, and nothing is written."""
    run_id = server.a_run()

    answer = server.post("/runs/log-batch", run_id=run_id, **body)

    refused(answer, 400, "INVALID_PARAMETER_VALUE", word)
    assert metrics(server, run_id) == {}


@pytest.mark.parametrize("body", ["{", '{"value": NaN}', "[]", '{"run_id": "\\ud800"}'])
def test_a_body_that_is_no_json_object_writes_nothing(server: Server, body: str) -> None:
    """A bare NaN is no JSON; a client that means it sends a text."""
    for path in ("/runs/log-metric", "/runs/log-batch", "/runs/log-parameter", "/runs/set-tag"):
        refused(server.raw(path, body), 400, "INVALID_PARAMETER_VALUE", "body")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_is_declared_as_json(server: Server, kind: str) -> None:
    """A web page elsewhere can send other types without being asked."""
    run_id = server.a_run()
    body = msgspec.json.encode({"run_id": run_id, **point()})

    answer = server.raw("/runs/log-metric", body, **{"content-type": kind})

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "Content-Type")
    assert metrics(server, run_id) == {}


def test_a_body_over_the_limit_is_refused(server: Server) -> None:
    """Before it is read."""
    refused(
        server.raw("/runs/log-metric", b" " * (300 * 1024)), 400, "INVALID_PARAMETER_VALUE", "limit"
    )


def test_a_charset_after_the_content_type_is_fine(server: Server) -> None:
    """The type has to start with application/json."""
    run_id = server.a_run()
    body = msgspec.json.encode({"run_id": run_id, **point()})

    kind = {"content-type": "application/json; charset=utf-8"}
    assert server.raw("/runs/log-metric", body, **kind).json() == {}


def test_a_metric_of_a_logged_model_is_kept_with_its_dataset(server: Server) -> None:
    """Such points belong to the run and to the model."""
    experiment_id = server.an_experiment()
    run_id = server.a_run(experiment_id)
    model = server.post("/logged-models", experiment_id=experiment_id, name="m").json()["model"]
    model_id = model["info"]["model_id"]
    on = {"model_id": model_id, "dataset_name": "d", "dataset_digest": "x"}

    server.post("/runs/log-metric", run_id=run_id, **point("a"), **on)
    server.post("/runs/log-batch", run_id=run_id, metrics=[{**point("b"), **on}])

    data = server.get(f"/logged-models/{model_id}").json()["model"]["data"]
    assert {(each["key"], each["dataset_name"], each["run_id"]) for each in data["metrics"]} == {
        ("a", "d", run_id),
        ("b", "d", run_id),
    }
    assert set(metrics(server, run_id)) == {"a", "b"}


def test_a_refused_batch_does_not_rename_the_run(server: Server) -> None:
    """The name is part of the batch."""
    run_id = server.a_run(run_name="before")
    server.post("/runs/log-parameter", run_id=run_id, key="lr", value="1")
    name = {"key": "mlflow.runName", "value": "after"}

    for params in ([{"key": "lr", "value": "2"}], []):
        server.post(
            "/runs/log-batch",
            run_id=run_id,
            metrics=[point()],
            params=params,
            tags=[name if params else {**name, "value": "line\nbreak"}],
        )

    assert server.run(run_id)["info"]["run_name"] == "before"
    assert metrics(server, run_id) == {}


def test_a_metric_of_an_unknown_model_is_refused_as_a_whole(server: Server) -> None:
    """Nothing stays of it, neither with the run."""
    run_id = server.a_run()
    lost = {"model_id": "m-" + "0" * 32}

    for path, body in (
        ("/runs/log-metric", {**point(), **lost}),
        ("/runs/log-batch", {"metrics": [point(), {**point("b"), **lost}]}),
    ):
        refused(server.post(path, run_id=run_id, **body), 404, "RESOURCE_DOES_NOT_EXIST")
    assert metrics(server, run_id) == {}
