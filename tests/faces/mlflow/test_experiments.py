import pytest

from tests.faces.mlflow.conftest import Server, refused, values


def get(server: Server, experiment_id: str) -> dict[str, object]:
    found: dict[str, object] = server.get("/experiments/get", experiment_id=experiment_id).json()[
        "experiment"
    ]
    return found


def test_every_server_has_experiment_0(server: Server) -> None:
    """A client without an experiment logs to the one called Default."""
    found = get(server, "0")

    assert found["name"] == "Default"
    assert found["artifact_location"] == "mlflow-artifacts:/0"
    assert found["lifecycle_stage"] == "active"


def test_an_experiment_is_made_and_found(server: Server, a_name: str) -> None:
    """What was sent comes back, by id and by name."""
    tags = [{"key": "team", "value": "core"}]
    made = server.post("/experiments/create", name=a_name, tags=tags).json()

    found = get(server, made["experiment_id"])
    by_name = server.get("/experiments/get-by-name", experiment_name=a_name).json()["experiment"]

    assert found == by_name
    assert found["name"] == a_name
    assert found["tags"] == tags
    assert found["artifact_location"] == f"mlflow-artifacts:/{made['experiment_id']}"
    assert isinstance(found["creation_time"], int)
    assert found["workspace"] == "default"


def test_a_name_is_taken_once(server: Server, a_name: str) -> None:
    """Also by an experiment in the bin."""
    made = server.post("/experiments/create", name=a_name).json()
    refused(server.post("/experiments/create", name=a_name), 400, "RESOURCE_ALREADY_EXISTS")

    server.post("/experiments/delete", experiment_id=made["experiment_id"])

    refused(server.post("/experiments/create", name=a_name), 400, "RESOURCE_ALREADY_EXISTS")


@pytest.mark.parametrize("name", [None, "", "   ", "x" * 501, 7, ["a"]])
def test_a_bad_name_is_refused(server: Server, name: object) -> None:
    """Blank, too long or no text at all."""
    answer = server.post("/experiments/create", name=name)

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "name")


@pytest.mark.parametrize(
    "location",
    [
        "mlflow-artifacts:/../../etc",
        "mlflow-artifacts:/%2e%2e/etc",
        "mlflow-artifacts:/%252e%252e/etc",
        "s3://bucket/a#/etc/passwd",
        "s3://bucket/a;param",
        "s3://bucket/a?x=1",
        "http://user:secret@host/a",
        "runs:/abc/model",
        "models:/m/1",
        "file:///a\\b",
        "s3://bucket/\x00",
        "s3://" + "x" * 2048,
    ],
)
def test_a_tricky_artifact_location_is_refused(server: Server, a_name: str, location: str) -> None:
    """No location leaves its root, points through another object or carries credentials."""
    answer = server.post("/experiments/create", name=a_name, artifact_location=location)

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "artifact")
    assert server.get("/experiments/get-by-name", experiment_name=a_name).status_code == 404


def test_an_artifact_location_elsewhere_is_kept(server: Server, a_name: str) -> None:
    """The client then writes there itself; its runs are below that place."""
    made = server.post(
        "/experiments/create", name=a_name, artifact_location="s3://bucket/runs"
    ).json()
    run_id = server.a_run(made["experiment_id"])

    assert server.run(run_id)["info"]["artifact_uri"] == f"s3://bucket/runs/{run_id}/artifacts"


@pytest.mark.parametrize(
    ("given", "status"), [("999999", 404), ("-1", 404), ("abc", 400), ("", 400)]
)
def test_an_unknown_experiment_is_said_to_be_unknown(
    server: Server, given: str, status: int
) -> None:
    """A number of no experiment is 404; what is no number is a wrong parameter."""
    assert server.get("/experiments/get", experiment_id=given).status_code == status


def test_an_unknown_name_is_404(server: Server, a_name: str) -> None:
    """Clients make the experiment then."""
    answer = server.get("/experiments/get-by-name", experiment_name=a_name)

    refused(answer, 404, "RESOURCE_DOES_NOT_EXIST")


def test_deleting_takes_the_runs_along_and_restoring_brings_them_back(server: Server) -> None:
    """Experiment and runs go into the bin together."""
    experiment_id = server.an_experiment()
    run_id = server.a_run(experiment_id)

    assert server.post("/experiments/delete", experiment_id=experiment_id).json() == {}
    assert get(server, experiment_id)["lifecycle_stage"] == "deleted"
    assert server.run(run_id)["info"]["lifecycle_stage"] == "deleted"
    assert server.post("/experiments/restore", experiment_id=experiment_id).json() == {}
    assert server.run(run_id)["info"]["lifecycle_stage"] == "active"


def test_deleting_twice_and_restoring_an_active_one_are_404(server: Server) -> None:
    """There is no such experiment in that state."""
    experiment_id = server.an_experiment()
    refused(
        server.post("/experiments/restore", experiment_id=experiment_id),
        404,
        "RESOURCE_DOES_NOT_EXIST",
    )
    server.post("/experiments/delete", experiment_id=experiment_id)
    refused(
        server.post("/experiments/delete", experiment_id=experiment_id),
        404,
        "RESOURCE_DOES_NOT_EXIST",
    )


def test_an_experiment_is_renamed(server: Server, a_name: str) -> None:
    """The new name finds it, and a taken one is refused."""
    experiment_id, other = server.an_experiment(), server.an_experiment()

    assert (
        server.post("/experiments/update", experiment_id=experiment_id, new_name=a_name).json()
        == {}
    )
    refused(
        server.post("/experiments/update", experiment_id=other, new_name=a_name),
        400,
        "RESOURCE_ALREADY_EXISTS",
    )

    found = server.get("/experiments/get-by-name", experiment_name=a_name).json()
    assert found["experiment"]["experiment_id"] == experiment_id


def test_a_deleted_experiment_is_not_renamed(server: Server, a_name: str) -> None:
    """The refusal is one that clients show at once."""
    experiment_id = server.an_experiment()
    server.post("/experiments/delete", experiment_id=experiment_id)

    answer = server.post("/experiments/update", experiment_id=experiment_id, new_name=a_name)

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "'active'")


def test_tags_are_set_and_removed(server: Server) -> None:
    """Setting again replaces; removing what is not there is 404."""
    experiment_id = server.an_experiment()
    for value in ("one", "two"):
        server.post(
            "/experiments/set-experiment-tag", experiment_id=experiment_id, key="k", value=value
        )
    assert values(get(server, experiment_id)["tags"]) == {"k": "two"}  # type: ignore[arg-type]

    remove = ("/experiments/delete-experiment-tag",)
    assert server.post(*remove, experiment_id=experiment_id, key="k").json() == {}
    refused(
        server.post(*remove, experiment_id=experiment_id, key="k"), 404, "RESOURCE_DOES_NOT_EXIST"
    )


@pytest.mark.parametrize(("key", "value"), [("a/../b", "v"), ("k" * 251, "v"), ("k", "v" * 20_001)])
def test_a_bad_tag_is_refused(server: Server, key: str, value: str) -> None:
    """Keys are paths in normal form of at most 250 characters, values have at most 20,000."""
    answer = server.post(
        "/experiments/set-experiment-tag",
        experiment_id=server.an_experiment(),
        key=key,
        value=value,
    )

    refused(answer, 400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("max_results", [None, 0, -1, 50_001])
def test_a_search_says_how_many_it_wants(server: Server, max_results: int | None) -> None:
    """Without a legal number of results a search is refused."""
    answer = server.post("/experiments/search", max_results=max_results)

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "max_results")


def test_a_search_pages_newest_first(server: Server, a_name: str) -> None:
    """Pages join to the whole, in the order of the wish."""
    ids = [
        server.post("/experiments/create", name=f"{a_name}-{i}").json()["experiment_id"]
        for i in range(5)
    ]
    found: list[str] = []
    token = ""
    while True:
        page = server.post(
            "/experiments/search",
            max_results=2,
            filter=f"name LIKE '{a_name}-%'",
            order_by=["name DESC"],
            page_token=token,
        ).json()
        found += [each["experiment_id"] for each in page["experiments"]]
        token = page.get("next_page_token", "")
        if not token:
            break

    assert found == ids[::-1]


def test_a_search_by_get_is_the_same(server: Server) -> None:
    """Both methods are declared."""
    found = server.get("/experiments/search", max_results=1, filter="name = 'Default'").json()

    assert [each["experiment_id"] for each in found["experiments"]] == ["0"]


@pytest.mark.parametrize(
    ("view", "expected"), [("ACTIVE_ONLY", ["a"]), ("DELETED_ONLY", ["b"]), (3, ["a", "b"])]
)
def test_a_view_chooses_the_lifecycle(
    server: Server, a_name: str, view: object, expected: list[str]
) -> None:
    """Experiments in the bin are found when asked for."""
    for end in ("a", "b"):
        made = server.post("/experiments/create", name=f"{a_name}{end}").json()
        if end == "b":
            server.post("/experiments/delete", experiment_id=made["experiment_id"])

    found = server.post(
        "/experiments/search",
        max_results=10,
        view_type=view,
        filter=f"name LIKE '{a_name}%'",
        order_by=["name"],
    ).json()

    assert [each["name"] for each in found["experiments"]] == [a_name + end for end in expected]


def test_an_empty_answer_is_an_empty_object(server: Server) -> None:
    """Empty lists are left out."""
    found = server.post("/experiments/search", max_results=1, filter="name = 'no such one'")

    assert found.json() == {}


@pytest.mark.parametrize("prefix", ["/api/2.0", "/ajax-api/2.0"])
def test_the_paths_of_pages_are_twins(server: Server, prefix: str) -> None:
    """Web pages use another prefix for the same endpoints."""
    found = server.ask("GET", f"{prefix}/mlflow/experiments/get", params={"experiment_id": "0"})

    assert found.json()["experiment"]["name"] == "Default"
