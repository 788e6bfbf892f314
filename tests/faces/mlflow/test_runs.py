import re

import pytest

from tests.faces.mlflow.conftest import Server, refused, values


def test_a_run_comes_back_as_it_was_made(server: Server) -> None:
    """Ids, name, user, times, tags and the place of its files."""
    experiment_id = server.an_experiment()
    made = server.post(
        "/runs/create",
        experiment_id=experiment_id,
        user_id="ann",
        run_name="first",
        start_time=1234,
        tags=[{"key": "k", "value": "v"}],
    ).json()["run"]

    info = made["info"]

    assert re.fullmatch("[0-9a-f]{32}", info["run_id"])
    assert info == {
        "run_id": info["run_id"],
        "run_uuid": info["run_id"],
        "run_name": "first",
        "experiment_id": experiment_id,
        "user_id": "ann",
        "status": "RUNNING",
        "start_time": 1234,
        "artifact_uri": f"mlflow-artifacts:/{experiment_id}/{info['run_id']}/artifacts",
        "lifecycle_stage": "active",
    }
    assert values(made["data"]["tags"]) == {"k": "v", "mlflow.runName": "first"}
    assert server.run(info["run_id"]) == made


def test_a_run_without_an_experiment_goes_to_the_default_one(server: Server) -> None:
    """An empty id is that of the experiment which every server has."""
    made = server.post("/runs/create").json()["run"]

    assert made["info"]["experiment_id"] == "0"


def test_a_run_without_a_name_gets_one(server: Server) -> None:
    """The name is in the info and in the tag alike."""
    run = server.run(server.a_run())

    assert re.fullmatch(r"[a-z]+-[a-z]+-\d+", run["info"]["run_name"])
    assert values(run["data"]["tags"])["mlflow.runName"] == run["info"]["run_name"]


def test_a_name_may_come_as_a_tag(server: Server) -> None:
    """Older clients send the name that way."""
    run = server.run(server.a_run(tags=[{"key": "mlflow.runName", "value": "by tag"}]))

    assert run["info"]["run_name"] == "by tag"


def test_two_different_names_are_refused(server: Server) -> None:
    """Argument and tag must agree."""
    answer = server.post(
        "/runs/create",
        experiment_id="0",
        run_name="one",
        tags=[{"key": "mlflow.runName", "value": "two"}],
    )

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "run_name")


def test_a_run_needs_an_active_experiment(server: Server) -> None:
    """Neither an unknown nor a deleted one takes runs."""
    experiment_id = server.an_experiment()
    server.post("/experiments/delete", experiment_id=experiment_id)

    refused(
        server.post("/runs/create", experiment_id=experiment_id),
        400,
        "INVALID_PARAMETER_VALUE",
        "'active'",
    )
    refused(server.post("/runs/create", experiment_id="99999"), 404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.parametrize(
    ("field", "value"),
    [("start_time", "soon"), ("start_time", -1), ("tags", "x"), ("run_name", 7)],
)
def test_a_wrong_field_is_named(server: Server, field: str, value: object) -> None:
    """The refusal says which parameter it is about."""
    answer = server.post("/runs/create", **{"experiment_id": "0", field: value})

    refused(answer, 400, "INVALID_PARAMETER_VALUE", field)


@pytest.mark.parametrize(
    ("status", "name"),
    [
        ("FINISHED", "FINISHED"),
        ("FAILED", "FAILED"),
        ("KILLED", "KILLED"),
        (3, "FINISHED"),
        ("4", "FAILED"),
    ],
)
def test_a_status_is_a_name_or_a_number(server: Server, status: object, name: str) -> None:
    """What is answered is the name."""
    run_id = server.a_run()

    done = server.post("/runs/update", run_id=run_id, status=status, end_time=99).json()

    assert done["run_info"]["status"] == name
    assert done["run_info"]["end_time"] == 99


def test_a_run_that_ran_is_not_scheduled_again(server: Server) -> None:
    """The life of a run goes forward."""
    answer = server.post("/runs/update", run_id=server.a_run(), status="SCHEDULED")

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "scheduled")


def test_a_bogus_status_is_refused(server: Server) -> None:
    """It is not ignored, and nothing changes."""
    run_id = server.a_run()

    answer = server.post("/runs/update", run_id=run_id, status="DONE")

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "status", "FINISHED")
    assert server.run(run_id)["info"]["status"] == "RUNNING"


def test_renaming_rewrites_the_tag(server: Server) -> None:
    """Name and tag never disagree; an empty name changes nothing."""
    run_id = server.a_run(run_name="old")

    server.post("/runs/update", run_id=run_id, run_name="new")
    server.post("/runs/update", run_id=run_id, run_name="")

    run = server.run(run_id)
    assert run["info"]["run_name"] == "new"
    assert values(run["data"]["tags"])["mlflow.runName"] == "new"


def test_the_name_tag_renames(server: Server) -> None:
    """Setting it alone or in a batch gives the run that name."""
    run_id = server.a_run()
    server.post("/runs/set-tag", run_id=run_id, key="mlflow.runName", value="by tag")
    assert server.run(run_id)["info"]["run_name"] == "by tag"

    server.post(
        "/runs/log-batch", run_id=run_id, tags=[{"key": "mlflow.runName", "value": "by batch"}]
    )
    assert server.run(run_id)["info"]["run_name"] == "by batch"


def test_a_run_is_deleted_and_restored_any_number_of_times(server: Server) -> None:
    """Both are idempotent, and a deleted run can still be read."""
    run_id = server.a_run()
    for action, stage in (("delete", "deleted"), ("restore", "active")):
        for _ in range(2):
            assert server.post(f"/runs/{action}", run_id=run_id).json() == {}
        assert server.run(run_id)["info"]["lifecycle_stage"] == stage


def test_a_deleted_run_is_not_written_to(server: Server) -> None:
    """Whatever the route, the refusal says that the run must be active."""
    run_id = server.a_run()
    server.post("/runs/delete", run_id=run_id)
    point = {"key": "m", "value": 1, "timestamp": 1}
    for path, body in (
        ("/runs/update", {"status": "FINISHED"}),
        ("/runs/log-metric", point),
        ("/runs/log-parameter", {"key": "p", "value": "v"}),
        ("/runs/set-tag", {"key": "t", "value": "v"}),
        ("/runs/delete-tag", {"key": "mlflow.runName"}),
        ("/runs/log-batch", {"metrics": [point]}),
        ("/runs/log-inputs", {"datasets": []}),
    ):
        answer = server.post(path, run_id=run_id, **body)
        refused(answer, 400, "INVALID_PARAMETER_VALUE", "'active' state")


@pytest.mark.parametrize("path", ["/runs/update", "/runs/delete", "/runs/restore"])
def test_an_unknown_run_is_404(server: Server, path: str) -> None:
    """For every route that names one."""
    refused(server.post(path, run_id="f" * 32), 404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.parametrize("run_id", ["../etc", "a b", "x" * 257, "run\n"])
def test_an_id_that_no_run_can_have_is_404(server: Server, run_id: str) -> None:
    """An id is letters, digits, `_` and `-`; to a client another one is a run that is not there."""
    refused(server.get("/runs/get", run_id=run_id), 404, "RESOURCE_DOES_NOT_EXIST", "run_id")


def test_a_run_is_named(server: Server) -> None:
    """An empty id is a missing one."""
    refused(server.get("/runs/get", run_id=""), 400, "INVALID_PARAMETER_VALUE", "run_id")


def test_the_older_parameter_name_still_works(server: Server) -> None:
    """`run_uuid` in a query stands for `run_id`."""
    run_id = server.a_run()

    found = server.ask("GET", "/api/2.0/mlflow/runs/get", params={"run_uuid": run_id})

    assert found.json()["run"]["info"]["run_id"] == run_id


def test_a_tag_is_removed_once(server: Server) -> None:
    """Removing a tag that is not there is 404."""
    run_id = server.a_run(tags=[{"key": "k", "value": "v"}])

    assert server.post("/runs/delete-tag", run_id=run_id, key="k").json() == {}
    refused(server.post("/runs/delete-tag", run_id=run_id, key="k"), 404, "RESOURCE_DOES_NOT_EXIST")


def test_a_nested_run_keeps_its_parent_as_a_tag(server: Server) -> None:
    """Pages of runs nest by that tag, and the native name of the relation stays hidden."""
    parent = server.a_run()
    child = server.a_run(tags=[{"key": "mlflow.parentRunId", "value": parent}])

    tags = values(server.run(child)["data"]["tags"])

    assert tags["mlflow.parentRunId"] == parent
    assert not any(key.startswith("assay.") for key in tags)


def test_runs_are_ordered_by_the_parent_that_they_show(server: Server) -> None:
    """Whoever nested them; those without a parent come last in both directions."""
    experiment = server.an_experiment()
    parents = sorted(server.a_run(experiment) for _ in range(3))
    alone = server.a_run()
    children = {}
    for parent in (parents[0], parents[2]):
        tags = [{"key": "mlflow.parentRunId", "value": parent}]
        children[parent] = server.a_run(experiment, tags=tags)
    made = server.ask(
        "POST", "/api/v1/runs", json={"experiment_id": experiment, "parent_run_id": parents[1]}
    )
    children[parents[1]] = made.json()["run_id"]

    for way, expected in (("ASC", parents), ("DESC", parents[::-1])):
        found: list[str] = []
        token = ""
        while not found or token:
            answer = server.post(
                "/runs/search",
                experiment_ids=[experiment],
                order_by=[f"tags.mlflow.parentRunId {way}"],
                max_results=2,
                page_token=token,
            ).json()
            found += [run["info"]["run_id"] for run in answer["runs"]]
            token = answer.get("next_page_token", "")
        assert found[:3] == [children[parent] for parent in expected]
        assert set(found[3:]) == set(parents)
        assert alone not in found


def test_a_run_nested_by_another_client_is_found_by_its_parent(server: Server) -> None:
    """Runs made with a parent by the native API show MLflow's tag, and every clause finds them."""
    experiment = server.an_experiment()
    parent, alone = server.a_run(experiment), server.a_run(experiment)
    theirs = server.a_run(experiment, tags=[{"key": "mlflow.parentRunId", "value": parent}])
    made = server.ask(
        "POST", "/api/v1/runs", json={"experiment_id": experiment, "parent_run_id": parent}
    )
    ours = made.json()["run_id"]

    def found(clause: str) -> set[str]:
        answer = server.post(
            "/runs/search",
            experiment_ids=[experiment],
            filter=f"tags.mlflow.parentRunId {clause}",
        ).json()
        return {run["info"]["run_id"] for run in answer.get("runs", [])}

    assert found(f"= '{parent}'") == {theirs, ours}
    assert found(f"LIKE '{parent[:8]}%'") == {theirs, ours}
    assert found(f"!= '{parent}'") == set()
    assert found("IS NOT NULL") == {theirs, ours}
    assert found("IS NULL") == {parent, alone}
    tags = server.get("/runs/get", run_id=ours).json()["run"]["data"]["tags"]
    assert {"key": "mlflow.parentRunId", "value": parent} in tags


def search(server: Server, experiment_id: str, **query: object) -> list[str]:
    found = server.post("/runs/search", experiment_ids=[experiment_id], **query)
    assert found.status_code == 200, found.text
    return [run["info"]["run_name"] for run in found.json().get("runs", [])]


@pytest.fixture(scope="module")
def sweep(server: Server) -> str:
    """Three runs: a (loss 1, lr 0.1), b (loss 2, lr 0.2, deleted), c (no loss)."""
    experiment_id = server.an_experiment()
    for number, name in enumerate("abc"):
        run_id = server.a_run(experiment_id, run_name=name, start_time=number, user_id="ann")
        if name != "c":
            point = {"key": "eval/loss", "value": number + 1, "timestamp": 1}
            server.post("/runs/log-metric", run_id=run_id, **point)
        server.post("/runs/log-parameter", run_id=run_id, key="lr", value=f"0.{number + 1}")
        server.post("/runs/set-tag", run_id=run_id, key="mlflow.note.content", value=f"note {name}")
    return experiment_id


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["c", "b", "a"]),
        ("metrics.`eval/loss` > 1.5", ["b"]),
        ("metric.\"eval/loss\" >= 1 and params.lr != '0.2'", ["a"]),
        ("params.lr LIKE '0.%' AND tags.mlflow.note.content ILIKE 'NOTE C'", ["c"]),
        ("tags.`mlflow.runName` = 'a'", ["a"]),
        ("run_name = 'b'", ["b"]),
        ("attribute.start_time >= 1", ["c", "b"]),
        ("status = 'RUNNING' AND user_id = 'ann'", ["c", "b", "a"]),
        ("status = 'FINISHED'", []),
        ("metrics.nothing > 0", []),
        ("tags.nothing IS NULL", ["c", "b", "a"]),
    ],
)
def test_filters_find_runs(server: Server, sweep: str, text: str, expected: list[str]) -> None:
    """Metrics, params, tags and attributes, joined by AND."""
    assert search(server, sweep, filter=text) == expected


@pytest.mark.parametrize(
    ("orders", "expected"),
    [
        (["metrics.`eval/loss` DESC"], ["b", "a", "c"]),
        (["metrics.`eval/loss`"], ["a", "b", "c"]),
        (["params.lr DESC"], ["c", "b", "a"]),
        (["attributes.start_time ASC"], ["a", "b", "c"]),
        (["tags.mlflow.note.content"], ["a", "b", "c"]),
    ],
)
def test_orders_sort_runs_with_missing_values_last(
    server: Server, sweep: str, orders: list[str], expected: list[str]
) -> None:
    """A run without the metric stands at the end either way."""
    assert search(server, sweep, order_by=orders) == expected


def test_pages_join_to_the_whole(server: Server, sweep: str) -> None:
    """The token of one page brings the next."""
    names, token = [], ""
    for _ in range(3):
        page = server.post(
            "/runs/search", experiment_ids=[sweep], max_results=1, page_token=token
        ).json()
        names += [run["info"]["run_name"] for run in page["runs"]]
        token = page.get("next_page_token", "")

    assert names == ["c", "b", "a"]
    assert token == ""


def test_found_runs_are_whole(server: Server, sweep: str) -> None:
    """Latest metrics, params and tags come along."""
    found = server.post("/runs/search", experiment_ids=[sweep], filter="run_name = 'a'").json()

    data = found["runs"][0]["data"]

    assert data["metrics"] == [{"key": "eval/loss", "value": 1.0, "timestamp": 1, "step": 0}]
    assert values(data["params"]) == {"lr": "0.1"}
    assert values(data["tags"]) == {"mlflow.note.content": "note a", "mlflow.runName": "a"}


@pytest.mark.parametrize(
    "query",
    [
        {"filter": "metrics.a > 1 OR metrics.b > 1"},
        {"filter": "; DROP TABLE runs"},
        {"filter": "params.a > 5"},
        {"filter": "attributes.run_name IN ('a')"},
        {"filter": "nothing.a = 'x'"},
        {"filter": "   "},
        {"order_by": ["metrics.a SIDEWAYS"]},
        {"order_by": ["start_time", "start_time"]},
        {"max_results": 50_001},
        {"max_results": 0},
        {"page_token": "bm90IG91cnM="},
        {"order_by": "start_time"},
        {"experiment_ids": "0"},
        {"experiment_ids": ["abc"]},
    ],
)
def test_a_bad_search_is_refused(server: Server, query: dict[str, object]) -> None:
    """Grammar, limits and tokens are checked, and no database error shows."""
    answer = server.post("/runs/search", **{"experiment_ids": ["0"], **query})

    refused(answer, 400, "INVALID_PARAMETER_VALUE")
    assert "SELECT" not in answer.text


def test_experiments_that_do_not_exist_have_no_runs(server: Server) -> None:
    """A search over unknown experiments is empty, not an error."""
    assert server.post("/runs/search", experiment_ids=["987654"]).json() == {}
    assert server.post("/runs/search").json() == {}


def test_a_run_made_elsewhere_is_found_by_the_tag_for_its_name(server: Server) -> None:
    """`mlflow.runName` is the run's name, whoever gave it, in filters and orders, before and after."""
    experiment_id = server.an_experiment()
    name = server.get("/experiments/get", experiment_id=experiment_id).json()["experiment"]["name"]
    for run_name in ("b", "a"):
        body = {"experiment": name, "name": run_name}
        assert server.ask("POST", "/api/v1/runs", json=body).status_code in {200, 201}
    run_id = server.a_run(experiment_id, run_name="c")
    server.post("/runs/update", run_id=run_id, run_name="renamed")

    def found(text: str) -> list[str]:
        body = {"experiment_ids": [experiment_id], "filter": text}
        runs = server.post("/runs/search", **body, order_by=["tags.`mlflow.runName`"]).json()
        return [run["info"]["run_name"] for run in runs.get("runs", [])]

    assert found("") == ["a", "b", "renamed"]
    assert found("tags.`mlflow.runName` = 'a'") == ["a"]
    assert found("tags.`mlflow.runName` = 'renamed'") == ["renamed"]
    assert found("tags.`mlflow.runName` = 'c'") == []
    assert found("tags.`mlflow.runName` IS NULL") == []


def test_the_tag_for_its_name_cannot_be_taken_from_a_run(server: Server) -> None:
    """It is a view of the name, and a run has one."""
    run_id = server.a_run(run_name="kept")

    assert server.post("/runs/delete-tag", run_id=run_id, key="mlflow.runName").json() == {}

    run = server.run(run_id)
    assert run["info"]["run_name"] == values(run["data"]["tags"])["mlflow.runName"] == "kept"


def test_a_batch_with_metrics_and_a_name_is_one_change(server: Server) -> None:
    """A name that is refused leaves no point behind; a good one comes with them."""
    run_id = server.a_run(run_name="before")
    metrics = [{"key": "m", "value": 1, "timestamp": 1}]

    def send(name: str) -> int:
        tags = [{"key": "mlflow.runName", "value": name}]
        return server.post("/runs/log-batch", run_id=run_id, metrics=metrics, tags=tags).status_code

    assert send("x" * 501) == 400
    assert "metrics" not in server.run(run_id)["data"]
    assert send("after") == 200
    assert server.run(run_id)["info"]["run_name"] == "after"
    assert server.run(run_id)["data"]["metrics"][0]["value"] == 1
