"""What MLflow's clients rely on about the registry: stages, numbers, names and sources."""

import httpx2
import pytest

from tests.faces.mlflow.conftest import Server, a_model, get_model, refused, values


@pytest.fixture(scope="module")
def server(either: Server) -> Server:
    """On each database: these rules are kept where the rows are."""
    return either


def register(server: Server, name: str, source: str, **ids: object) -> httpx2.Response:
    return server.post("/model-versions/create", name=name, source=source, **ids)


def stage_of(server: Server, name: str, version: str) -> str:
    found = server.get("/model-versions/get", name=name, version=version).json()
    return str(found["model_version"]["current_stage"])


@pytest.mark.parametrize("stage", ["None", "Staging", "Archived"])
def test_a_stage_is_taken_in_any_case_and_shown_in_its_own(
    server: Server, a_name: str, stage: str
) -> None:
    """Production asks for a promotion besides."""
    server.a_version(a_name)
    for spelled in (stage.lower(), stage.upper(), stage):
        answer = server.post(
            "/model-versions/transition-stage",
            name=a_name,
            version="1",
            stage=spelled,
            archive_existing_versions=False,
        )
        assert answer.json()["model_version"]["current_stage"] == stage
        assert stage_of(server, a_name, "1") == stage


def test_a_deleted_versions_number_is_never_given_again(server: Server, a_name: str) -> None:
    """Also where it was the last one; nothing about it can be asked or changed any more."""
    run_id = server.a_trained_run()
    for _ in range(2):
        server.a_version(a_name, run_id)
    assert server.send("DELETE", "/model-versions/delete", name=a_name, version="2").json() == {}

    of = {"name": a_name, "version": "2"}
    for answer in (
        server.get("/model-versions/get", **of),
        server.get("/model-versions/get-download-uri", **of),
        server.post("/model-versions/set-tag", **of, key="k", value="v"),
        server.post("/registered-models/alias", **of, alias="a"),
        server.send("DELETE", "/model-versions/delete", **of),
    ):
        refused(answer, 404, "RESOURCE_DOES_NOT_EXIST")
    assert server.a_version(a_name, run_id)["version"] == "3"


def test_a_rename_to_a_taken_name_changes_nothing(server: Server, a_name: str) -> None:
    """Both models stay what they were."""
    server.a_version(a_name)
    a_model(server, f"{a_name}-taken", tags=[{"key": "k", "value": "v"}])

    answer = server.post("/registered-models/rename", name=a_name, new_name=f"{a_name}-taken")

    refused(answer, 400, "RESOURCE_ALREADY_EXISTS")
    assert len(get_model(server, a_name)["latest_versions"]) == 1  # type: ignore[arg-type]
    taken = get_model(server, f"{a_name}-taken")
    assert "latest_versions" not in taken
    assert values(taken["tags"]) == {"k": "v"}  # type: ignore[arg-type]


def test_a_model_made_anew_has_nothing_of_the_one_before(server: Server, a_name: str) -> None:
    """Neither its tags nor its aliases nor its description."""
    server.a_version(a_name)
    server.post("/registered-models/set-tag", name=a_name, key="k", value="v")
    server.post("/registered-models/alias", name=a_name, alias="live", version="1")
    server.send("PATCH", "/registered-models/update", name=a_name, description="d")
    server.send("DELETE", "/registered-models/alias", name=a_name, alias="live")
    server.send("DELETE", "/registered-models/delete", name=a_name)

    a_model(server, a_name)
    model = get_model(server, a_name)
    assert {"tags", "aliases", "latest_versions", "description"} & set(model) == set()


def test_a_source_is_bound_to_the_run_or_model_that_it_is_of(server: Server, a_name: str) -> None:
    """By every form of address: what is registered as of a run holds that run's files."""
    run_id, other = server.a_trained_run(), server.a_trained_run()
    experiment_id = server.run(run_id)["info"]["experiment_id"]
    model = server.post("/logged-models", experiment_id=experiment_id).json()["model"]["info"]
    strange = f"m-{'0' * 32}"
    root = server.root(run_id)
    a_model(server, a_name)

    for source, ids in (
        (f"runs:/{run_id}/model", {"run_id": other}),
        (f"mlflow-artifacts:/{root}/model", {"run_id": other}),
        (
            f"http://127.0.0.1/api/2.0/mlflow-artifacts/artifacts/{root}/model",
            {"run_id": other},
        ),
        (f"models:/{model['model_id']}", {"model_id": strange}),
        (f"{model['artifact_uri']}", {"model_id": strange}),
    ):
        answer = register(server, a_name, source, **ids)
        assert answer.status_code in {400, 404}, source
    assert "latest_versions" not in get_model(server, a_name)


def test_a_copy_has_the_lineage_of_what_it_copies(server: Server, a_name: str) -> None:
    """By number and by alias; a prompt cannot be copied into a model."""
    first = server.a_version(a_name)
    server.post("/registered-models/alias", name=a_name, alias="live", version="1")
    prompt = {"key": "mlflow.prompt.is_prompt", "value": "true"}
    a_model(server, f"{a_name}-prompt", tags=[prompt])
    text = {"key": "mlflow.prompt.text", "value": "hello"}
    made = server.post(
        "/model-versions/create",
        name=f"{a_name}-prompt",
        source="dummy-source",
        tags=[prompt, text],
    )
    assert made.status_code == 200, made.text
    a_model(server, f"{a_name}-copy")

    for source in (f"models:/{a_name}/1", f"models:/{a_name}@live"):
        answer = register(server, f"{a_name}-copy", source)
        copied = answer.json()["model_version"]
        assert copied["run_id"] == first["run_id"]
    answer = register(server, f"{a_name}-copy", f"models:/{a_name}-prompt/1")
    refused(answer, 400, "INVALID_PARAMETER_VALUE", "prompt")
