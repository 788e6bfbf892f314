import pytest

from tests.faces.mlflow.conftest import Server, refused


@pytest.fixture
def model(server: Server, a_name: str) -> str:
    """A model with two versions."""
    run_id = server.a_trained_run()
    server.a_version(a_name, run_id)
    server.a_version(a_name, run_id)
    return a_name


def set_alias(server: Server, name: str, alias: str, version: str = "1") -> object:
    answer = server.post("/registered-models/alias", name=name, alias=alias, version=version)
    assert answer.status_code == 200, answer.text
    return answer.json()


def holder(server: Server, name: str, alias: str) -> str:
    answer = server.get("/registered-models/alias", name=name, alias=alias)
    version: str = answer.json()["model_version"]["version"]
    return version


def test_an_alias_that_is_not_protected_moves_freely(server: Server, model: str) -> None:
    """Set, set again, moved and removed; model and version show it."""
    for version in ("1", "1", "2"):
        assert set_alias(server, model, "challenger", version) == {}
        assert holder(server, model, "challenger") == version

    found = server.get("/registered-models/get", name=model).json()["registered_model"]
    assert found["aliases"] == [{"alias": "challenger", "version": "2"}]
    version = server.get("/model-versions/get", name=model, version="2").json()["model_version"]
    assert version["aliases"] == ["challenger"]

    for _ in range(2):
        answer = server.send("DELETE", "/registered-models/alias", name=model, alias="challenger")
        assert answer.json() == {}
    refused(
        server.get("/registered-models/alias", name=model, alias="challenger"),
        400,
        "INVALID_PARAMETER_VALUE",
        "challenger",
    )


@pytest.mark.parametrize("alias", ["production", "champion"])
def test_a_protected_alias_is_held_at_once(server: Server, model: str, alias: str) -> None:
    """With a status that clients do not repeat, and a message that says what is missing."""
    answer = server.post("/registered-models/alias", name=model, alias=alias, version="1")

    refused(answer, 409, "RESOURCE_CONFLICT", "gate")
    refused(
        server.get("/registered-models/alias", name=model, alias=alias),
        400,
        "INVALID_PARAMETER_VALUE",
    )


def test_latest_is_the_greatest_version(server: Server, model: str) -> None:
    """It is reserved, so nobody can set it."""
    assert holder(server, model, "latest") == "2"
    for alias in ("latest", "v1", "V22"):
        answer = server.post("/registered-models/alias", name=model, alias=alias, version="1")
        refused(answer, 400, "INVALID_PARAMETER_VALUE", "reserved")


@pytest.mark.parametrize("alias", ["a b", "a/b", "", "ä", "x" * 256])
def test_a_bad_alias_is_refused(server: Server, model: str, alias: str) -> None:
    """Letters, digits, `_` and `-`."""
    answer = server.post("/registered-models/alias", name=model, alias=alias, version="1")

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "alias")


@pytest.mark.parametrize(("version", "status"), [("9", 404), ("x", 400), ("0", 404)])
def test_an_alias_names_a_version_that_is_there(
    server: Server, model: str, version: str, status: int
) -> None:
    """An unknown one is 404."""
    answer = server.post("/registered-models/alias", name=model, alias="a", version=version)

    assert answer.status_code == status


def test_an_alias_of_an_unknown_model_is_404(server: Server) -> None:
    """Unlike an unknown alias of a model that is there."""
    refused(
        server.get("/registered-models/alias", name="nobody", alias="a"),
        404,
        "RESOURCE_DOES_NOT_EXIST",
    )


def test_what_an_alias_holds_is_not_deleted(server: Server, model: str) -> None:
    """Neither the version, nor by way of a detour."""
    set_alias(server, model, "challenger")

    refused(
        server.send("DELETE", "/model-versions/delete", name=model, version="1"),
        400,
        "INVALID_PARAMETER_VALUE",
        "challenger",
    )
    assert holder(server, model, "challenger") == "1"


def stage(server: Server, name: str, version: str = "1") -> str:
    found = server.get("/model-versions/get", name=name, version=version).json()["model_version"]
    shown: str = found["current_stage"]
    return shown


def transition(server: Server, name: str, to: str, version: str = "1", **more: object) -> object:
    return server.post(
        "/model-versions/transition-stage", name=name, version=version, stage=to, **more
    )


@pytest.mark.parametrize(
    ("sent", "shown"),
    [("staging", "Staging"), ("ARCHIVED", "Archived"), ("none", "None"), ("Staging", "Staging")],
)
def test_a_stage_is_a_label_in_any_case(server: Server, model: str, sent: str, shown: str) -> None:
    """What is answered is its usual spelling."""
    transition(server, model, sent)

    assert stage(server, model) == shown


def test_the_stage_production_takes_a_promotion(server: Server, model: str) -> None:
    """Older clients load by stage, so the label is no way around the gate."""
    answer = transition(server, model, "Production")

    refused(answer, 409, "RESOURCE_CONFLICT", "gate")  # type: ignore[arg-type]
    assert stage(server, model) == "None"


def test_others_are_archived_when_asked_for(server: Server, model: str) -> None:
    """One version is in the stage, the others are set aside."""
    transition(server, model, "Staging", "1")
    transition(server, model, "Staging", "2", archive_existing_versions=True)

    assert (stage(server, model, "1"), stage(server, model, "2")) == ("Archived", "Staging")


@pytest.mark.parametrize("to", ["None", "Archived"])
def test_only_active_stages_archive_others(server: Server, model: str, to: str) -> None:
    """The refusal is one that clients do not repeat."""
    answer = transition(server, model, to, archive_existing_versions=True)

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "archive_existing_versions")  # type: ignore[arg-type]


def test_an_unknown_stage_is_refused(server: Server, model: str) -> None:
    """The stages are listed."""
    answer = transition(server, model, "Prod")

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "Staging, Production")  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_latest_version_of_each_stage_is_listed(
    server: Server, model: str, method: str
) -> None:
    """By default of every stage, else of those named."""
    transition(server, model, "Staging", "1")

    def latest(**body: object) -> set[tuple[str, str]]:
        path = "/registered-models/get-latest-versions"
        answer = (
            server.get(path, name=model, **body)
            if method == "GET"
            else server.post(path, name=model, **body)
        )
        listed = answer.json().get("model_versions", [])
        return {(version["version"], version["current_stage"]) for version in listed}

    assert latest() == {("1", "Staging"), ("2", "None")}
    assert latest(stages=["staging"]) == {("1", "Staging")}
    assert latest(stages=["Archived"]) == set()
