import re

import pytest

from tests.faces.mlflow.conftest import FILES, Server, refused, values


def a_model(
    server: Server, experiment_id: str | None = None, **fields: object
) -> dict[str, object]:
    where = experiment_id or server.an_experiment()
    answer = server.post("/logged-models", experiment_id=where, **fields)
    assert answer.status_code == 200, answer.text
    info: dict[str, object] = answer.json()["model"]["info"]
    return info


def test_a_logged_model_comes_back_as_it_was_made(server: Server) -> None:
    """Pending, with its id, its files' place, params and tags."""
    experiment_id = server.an_experiment()
    run_id = server.a_run(experiment_id)
    made = server.post(
        "/logged-models",
        experiment_id=experiment_id,
        name="clf",
        model_type="agent",
        source_run_id=run_id,
        params=[{"key": "p", "value": "v"}],
        tags=[{"key": "t", "value": "w"}],
    ).json()["model"]

    info = made["info"]

    assert re.fullmatch("m-[0-9a-f]{32}", info["model_id"])
    assert info["name"] == "clf"
    assert info["status"] == "LOGGED_MODEL_PENDING"
    assert info["source_run_id"] == run_id
    assert info["artifact_uri"] == (
        f"mlflow-artifacts:/{experiment_id}/models/{info['model_id']}/artifacts"
    )
    assert values(info["tags"]) == {"t": "w"}
    assert values(made["data"]["params"]) == {"p": "v"}
    assert server.get(f"/logged-models/{info['model_id']}").json()["model"] == made


def test_a_logged_model_without_a_name_gets_one(server: Server) -> None:
    """As a run does."""
    assert a_model(server)["name"]


@pytest.mark.parametrize("name", ["a/b", "a:b", "a.b", "a%b", 'a"b', "a'b", "   "])
def test_a_bad_name_is_refused(server: Server, name: str) -> None:
    """Names stand in URIs and filters."""
    answer = server.post("/logged-models", experiment_id="0", name=name)

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "name")


@pytest.mark.parametrize(
    ("status", "name"),
    [
        ("LOGGED_MODEL_READY", "LOGGED_MODEL_READY"),
        (2, "LOGGED_MODEL_READY"),
        ("LOGGED_MODEL_UPLOAD_FAILED", "LOGGED_MODEL_UPLOAD_FAILED"),
    ],
)
def test_the_end_of_its_upload_is_said(server: Server, status: object, name: str) -> None:
    """As a name or as a number."""
    model_id = a_model(server)["model_id"]

    answer = server.send("PATCH", f"/logged-models/{model_id}", model_id=model_id, status=status)

    assert answer.json()["model"]["info"]["status"] == name


@pytest.mark.parametrize("status", [None, "DONE", 9])
def test_a_bogus_status_is_refused(server: Server, status: object) -> None:
    """The model stays pending."""
    model_id = a_model(server)["model_id"]

    refused(
        server.send("PATCH", f"/logged-models/{model_id}", status=status),
        400,
        "INVALID_PARAMETER_VALUE",
        "status",
    )


def test_tags_and_params_are_added(server: Server) -> None:
    """Tags can be removed, by a key with slashes as well; params stay."""
    model_id = a_model(server)["model_id"]
    path = f"/logged-models/{model_id}"

    server.send("PATCH", f"{path}/tags", tags=[{"key": "a/b", "value": "1"}])
    server.post(f"{path}/params", params=[{"key": "p", "value": "1"}])
    found = server.get(path).json()["model"]
    assert values(found["info"]["tags"]) == {"a/b": "1"}
    assert values(found["data"]["params"]) == {"p": "1"}

    assert server.ask("DELETE", f"/api/2.0/mlflow{path}/tags/a%2Fb").json() == {}
    assert "tags" not in server.get(path).json()["model"]["info"]


def test_a_deleted_model_is_gone_unless_asked_for(server: Server) -> None:
    """`allow_deleted` reads what is in the bin."""
    path = f"/logged-models/{a_model(server)['model_id']}"

    assert server.send("DELETE", path).json() == {}

    refused(server.get(path), 404, "RESOURCE_DOES_NOT_EXIST")
    assert server.get(path, allow_deleted="true").status_code == 200
    refused(server.get(path, allow_deleted="yes"), 400, "INVALID_PARAMETER_VALUE")


def test_its_files_are_below_its_own_root(server: Server) -> None:
    """Written, listed and read; the folder of another experiment has none."""
    info = a_model(server)
    root = str(info["artifact_uri"]).removeprefix("mlflow-artifacts:/")
    path = f"/logged-models/{info['model_id']}/artifacts"
    server.ask("PUT", f"{FILES}/{root}/data/w.bin", content=b"weights")

    listed = server.get(f"{path}/directories", artifact_directory_path="data").json()
    read = server.ask(
        "GET", f"/ajax-api/2.0/mlflow{path}/files", params={"artifact_file_path": "data/w.bin"}
    )

    assert listed["root_uri"] == info["artifact_uri"]
    assert listed["files"] == [{"path": "data/w.bin", "is_dir": False, "file_size": 7}]
    assert read.content == b"weights"
    wrong = root.replace(str(info["experiment_id"]), "424242", 1)
    refused(server.ask("GET", f"{FILES}/{wrong}/data/w.bin"), 404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.parametrize("path", ["../x", "%2e%2e/x", "/etc/passwd"])
def test_no_path_of_a_model_leaves_its_root(server: Server, path: str) -> None:
    """Listing and reading refuse it."""
    place = f"/logged-models/{a_model(server)['model_id']}/artifacts"

    refused(
        server.get(f"{place}/directories", artifact_directory_path=path),
        400,
        "INVALID_PARAMETER_VALUE",
        "Invalid path",
    )
    refused(
        server.get(f"{place}/files", artifact_file_path=path),
        400,
        "INVALID_PARAMETER_VALUE",
        "Invalid path",
    )


@pytest.fixture(scope="module")
def zoo(server: Server) -> str:
    """Three models: a (acc 0.5), b (acc 0.9), c without metrics."""
    experiment_id = server.an_experiment()
    run_id = server.a_run(experiment_id)
    for name, score in (("a", 0.5), ("b", 0.9), ("c", None)):
        info = a_model(server, experiment_id, name=name, source_run_id=run_id)
        if score is not None:
            server.post(
                "/runs/log-metric",
                run_id=run_id,
                key="acc",
                value=score,
                timestamp=1,
                model_id=info["model_id"],
                dataset_name="test",
                dataset_digest="d",
            )
        server.send("PATCH", f"/logged-models/{info['model_id']}", status="LOGGED_MODEL_READY")
    return experiment_id


def names(server: Server, **query: object) -> list[str]:
    answer = server.post("/logged-models/search", **query)
    assert answer.status_code == 200, answer.text
    return [model["info"]["name"] for model in answer.json().get("models", [])]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"filter": "name = 'a'"}, ["a"]),
        ({"filter": "metrics.acc > 0.6"}, ["b"]),
        ({"filter": "status = 'READY'", "order_by": [{"field_name": "name"}]}, ["a", "b", "c"]),
        (
            {"order_by": [{"field_name": "metrics.acc", "ascending": False}]},
            ["b", "a", "c"],
        ),
        (
            {
                "order_by": [
                    {"field_name": "metrics.acc", "ascending": True, "dataset_name": "test"}
                ]
            },
            ["a", "b", "c"],
        ),
        (
            {"filter": "metrics.acc > 0", "datasets": [{"dataset_name": "other"}]},
            [],
        ),
        ({"datasets": [{"dataset_name": "other"}]}, []),
        ({"filter": "name = 'c'", "datasets": [{"dataset_name": "test"}]}, []),
        ({"datasets": [{"dataset_name": "other"}, {"dataset_name": "test"}]}, ["b", "a"]),
        (
            {
                "filter": "metrics.acc > 0.6",
                "datasets": [{"dataset_name": "test"}],
            },
            ["b"],
        ),
    ],
)
def test_a_search_finds_models(
    server: Server, zoo: str, query: dict[str, object], expected: list[str]
) -> None:
    """By attribute, by metric, and by metric on a dataset."""
    assert names(server, experiment_ids=[zoo], **query) == expected


def test_pages_of_models_join(server: Server, zoo: str) -> None:
    """Two pages of two."""
    order = [{"field_name": "name"}]
    first = server.post(
        "/logged-models/search", experiment_ids=[zoo], max_results=2, order_by=order
    ).json()

    rest = names(
        server,
        experiment_ids=[zoo],
        max_results=2,
        order_by=order,
        page_token=first["next_page_token"],
    )

    assert [model["info"]["name"] for model in first["models"]] + rest == ["a", "b", "c"]


@pytest.mark.parametrize(
    "query",
    [
        {"experiment_ids": []},
        {"max_results": 0},
        {"filter": "bogus = 1"},
        {"order_by": [{"ascending": True}]},
        {"order_by": [{"field_name": "name", "dataset_digest": "d"}]},
        {"datasets": [{"dataset_digest": "d"}]},
        {"page_token": "xyz"},
    ],
)
def test_a_bad_search_of_models_is_refused(
    server: Server, zoo: str, query: dict[str, object]
) -> None:
    """Each with a message for the one who asked."""
    answer = server.post("/logged-models/search", **{"experiment_ids": [zoo], **query})

    refused(answer, 400, "INVALID_PARAMETER_VALUE")
