import pytest

from tests.faces.mlflow.conftest import API, FILES, Server, a_model, get_model, refused, values

PROMPT = {"key": "mlflow.prompt.is_prompt", "value": "true"}


@pytest.fixture(scope="module")
def line(server: Server) -> str:
    """A registered model with two versions of one run."""
    run_id = server.a_trained_run()
    for _ in range(2):
        server.a_version("a line", run_id)
    return "a line"


def test_a_version_is_registered_from_a_folder_of_a_run(server: Server, a_name: str) -> None:
    """Numbered from 1, ready at once."""
    run_id = server.a_trained_run()
    a_model(server, a_name)

    made = server.post(
        "/model-versions/create",
        name=a_name,
        source=f"runs:/{run_id}/model",
        run_id=run_id,
        description="d",
        run_link="http://there",
        tags=[{"key": "k", "value": "v"}],
    ).json()["model_version"]

    assert made["version"] == "1"
    assert made["run_id"] == run_id
    assert made["status"] == "READY"
    assert made["current_stage"] == "None"
    assert (made["description"], made["run_link"]) == ("d", "http://there")
    assert values(made["tags"]) == {"k": "v"}
    assert server.get("/model-versions/get", name=a_name, version="1").json() == {
        "model_version": made
    }
    assert get_model(server, a_name)["latest_versions"] == [made]


def test_every_form_of_a_source_freezes_the_same_files(server: Server, a_name: str) -> None:
    """`runs:`, `mlflow-artifacts:`, the address of the proxy, and a version of another model."""
    run_id = server.a_trained_run()
    root = server.root(run_id)
    a_model(server, a_name)
    sources = [
        f"runs:/{run_id}/model",
        f"mlflow-artifacts:/{root}/model",
        f"http://127.0.0.1/api/2.0/mlflow-artifacts/artifacts/{root}/model",
        f"models:/{a_name}/1",
        f"models:/{a_name}/latest",
        f"mlflow-artifacts:/registry/{a_name}/1",
    ]
    for source in sources:
        made = server.post("/model-versions/create", name=a_name, source=source)
        assert made.status_code == 200, made.text

    versions = server.ask("GET", f"/api/v1/models/{a_name}/versions").json()["versions"]
    assert len(versions) == len(sources)
    assert len({version["artifact_digest"] for version in versions}) == 1
    assert len({version["fingerprint"] for version in versions}) == 1


def test_a_copied_version_has_its_sources_run(server: Server, a_name: str, line: str) -> None:
    """A copy keeps the lineage of what it was copied from."""
    a_model(server, a_name)

    made = server.post("/model-versions/create", name=a_name, source=f"models:/{line}/1").json()

    original = server.get("/model-versions/get", name=line, version="1").json()["model_version"]
    assert made["model_version"]["run_id"] == original["run_id"]


def test_a_copy_is_exact_whatever_became_of_the_run(server: Server, a_name: str) -> None:
    """The frozen files and lineage of the first, not what the run holds by now."""
    run_id = server.a_trained_run()
    server.a_version(a_name, run_id)
    server.put_file(run_id, "model/weights.bin", b"others")
    server.post("/runs/delete", run_id=run_id)

    answer = server.post("/model-versions/create", name=a_name, source=f"models:/{a_name}/1")

    assert answer.json()["model_version"]["version"] == "2"
    one, two = (
        server.ask("GET", f"/api/v1/models/{a_name}/versions/{number}").json() for number in "12"
    )
    for field in ("artifact_digest", "fingerprint", "run_id", "is_verifiable"):
        assert one[field] == two[field]
    content = server.ask("GET", f"{FILES}/registry/{a_name}/2/weights.bin").content
    assert content == b"bytes of model/weights.bin"


def test_a_prompt_needs_no_lineage_and_is_no_model(server: Server, a_name: str) -> None:
    """A text in versions: never verifiable, no files, held by free aliases alone, never copied."""
    a_model(server, a_name, tags=[PROMPT])
    made = server.post(
        "/model-versions/create",
        name=a_name,
        source="dummy-source",
        tags=[PROMPT, {"key": "mlflow.prompt.text", "value": "Hello"}],
    )

    assert made.status_code == 200, made.text
    native = server.ask("GET", f"/api/v1/models/{a_name}/versions/1").json()
    assert not native["is_verifiable"]
    alias = {"name": a_name, "version": "1"}
    assert server.post("/registered-models/alias", **alias, alias="live").status_code == 200
    held = server.post("/registered-models/alias", **alias, alias="production")
    refused(held, 409, "RESOURCE_CONFLICT")
    stage = server.post("/model-versions/transition-stage", **alias, stage="Production")
    refused(stage, 409, "RESOURCE_CONFLICT")
    copied = server.post("/model-versions/create", name=a_name, source=f"models:/{a_name}/1")
    refused(copied, 400, "INVALID_PARAMETER_VALUE", "prompt")


def test_a_model_does_not_pass_for_a_prompt(server: Server, a_name: str) -> None:
    """The way around closed lineage is shut: what a model is was settled when it was made."""
    a_model(server, a_name)
    body = {"name": a_name, "source": "dummy-source", "tags": [PROMPT]}

    refused(server.post("/model-versions/create", **body), 400, "INVALID_PARAMETER_VALUE", "prompt")
    refused(
        server.post("/registered-models/set-tag", name=a_name, **PROMPT),
        400,
        "INVALID_PARAMETER_VALUE",
        "cannot be changed",
    )


def test_a_prompt_does_not_become_a_model(server: Server, a_name: str) -> None:
    """Its tag stays, and no files are registered under its name."""
    a_model(server, a_name, tags=[PROMPT])
    run_id = server.a_trained_run()

    for answer in (
        server.send("DELETE", "/registered-models/delete-tag", name=a_name, key=PROMPT["key"]),
        server.post("/registered-models/set-tag", name=a_name, key=PROMPT["key"], value="false"),
        server.post("/model-versions/create", name=a_name, source=f"runs:/{run_id}/model"),
    ):
        refused(answer, 400, "INVALID_PARAMETER_VALUE", "prompt")


@pytest.mark.parametrize(
    "source",
    [
        "s3://bucket/model",
        "runs:/{run}/nothing",
        "mlflow-artifacts:/{root}/nothing",
    ],
)
def test_a_source_without_files_is_refused(server: Server, a_name: str, source: str) -> None:
    """The refusal names the folders that the run does have."""
    run_id = server.a_trained_run(files=("model/w.bin", "adapter/a.bin"))
    a_model(server, a_name)
    text = source.format(run=run_id, root=server.root(run_id))

    answer = server.post("/model-versions/create", name=a_name, source=text, run_id=run_id)

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "no files", "'adapter'", "'model'")
    assert "latest_versions" not in get_model(server, a_name)


@pytest.mark.parametrize(
    "source",
    [
        "runs:/{run}/../x",
        "runs:/{run}/%2e%2e/x",
        "runs:/{run}/%252e%252e/x",
        "runs:/{run}/model#/etc",
        "runs:/{run}/model;x",
        "runs:/{run}/model?x",
        "runs:/{run}/a\\b",
        "runs:/",
        "runs://host/{run}/model",
        "mlflow-artifacts:/{root}/../../../etc",
        "mlflow-artifacts:/../../etc/passwd",
        "http://127.0.0.1/api/2.0/mlflow-artifacts/artifacts/..%2f..%2fetc",
        "file:///a/../../etc/passwd",
        "/a/../../etc/passwd",
        "s3://bucket/%00",
        "models:/",
        "models:/m-notanid",
        "",
    ],
)
def test_a_tricky_source_is_refused(server: Server, a_name: str, source: str) -> None:
    """Encoded or not; nothing is registered."""
    run_id = server.a_trained_run()
    a_model(server, a_name)
    text = source.format(run=run_id, root=server.root(run_id))

    answer = server.post("/model-versions/create", name=a_name, source=text)

    assert answer.status_code in {400, 404}
    assert "latest_versions" not in get_model(server, a_name)


def test_a_run_id_beside_the_source_must_agree(server: Server, a_name: str) -> None:
    """Nobody registers the files of one run under the name of another."""
    run_id, other = server.a_trained_run(), server.a_trained_run()
    a_model(server, a_name)
    for source in (f"runs:/{run_id}/model", f"mlflow-artifacts:/{server.root(run_id)}/model"):
        answer = server.post("/model-versions/create", name=a_name, source=source, run_id=other)
        refused(answer, 400, "INVALID_PARAMETER_VALUE", "run_id")


def test_an_unknown_run_or_model_is_404(server: Server, a_name: str) -> None:
    """Nothing is registered from what is not there."""
    run_id = server.a_trained_run()
    refused(
        server.post("/model-versions/create", name=a_name, source=f"runs:/{run_id}/model"),
        404,
        "RESOURCE_DOES_NOT_EXIST",
    )
    a_model(server, a_name)
    for source in (f"runs:/{'e' * 32}/model", f"models:/m-{'0' * 32}", "models:/nobody/1"):
        answer = server.post("/model-versions/create", name=a_name, source=source)
        refused(answer, 404, "RESOURCE_DOES_NOT_EXIST")


def test_missing_lineage_is_refused_by_the_names_of_the_fields(server: Server, a_name: str) -> None:
    """All of them at once, with where they usually come from."""
    run_id = server.a_run()
    server.put_file(run_id, "model/w.bin", b"x")
    server.post("/runs/log-parameter", run_id=run_id, key="base", value="tiny")
    a_model(server, a_name)

    answer = server.post("/model-versions/create", name=a_name, source=f"runs:/{run_id}/model")

    refused(
        answer,
        400,
        "INVALID_PARAMETER_VALUE",
        *("data_version", "code_commit", "seed", "dataset_version"),
    )


def test_frozen_files_are_served_by_the_download_address(server: Server, a_name: str) -> None:
    """What was registered is loaded, whatever has become of the run since."""
    run_id = server.a_trained_run(files=("model/MLmodel", "model/data/w.bin"))
    server.a_version(a_name, run_id)
    server.put_file(run_id, "model/MLmodel", b"overwritten")
    server.ask("DELETE", f"/api/2.0/mlflow-artifacts/artifacts/{server.root(run_id)}/model/data")

    uri = server.get("/model-versions/get-download-uri", name=a_name, version="1").json()
    root = uri["artifact_uri"].removeprefix("mlflow-artifacts:/")
    proxy = "/api/2.0/mlflow-artifacts/artifacts"

    listed = server.ask("GET", proxy, params={"path": root}).json()["files"]
    below = server.ask("GET", proxy, params={"path": f"{root}/data"}).json()["files"]
    assert [each["path"] for each in listed] == ["MLmodel", "data"]
    assert [each["path"] for each in below] == ["w.bin"]
    assert server.ask("GET", f"{proxy}/{root}/MLmodel").content == b"bytes of model/MLmodel"
    page = {"name": a_name, "version": "1", "path": "data/w.bin"}
    assert server.ask("GET", "/model-versions/get-artifact", params=page).content == (
        b"bytes of model/data/w.bin"
    )


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_frozen_files_are_never_written(server: Server, line: str, method: str) -> None:
    """Nor removed."""
    path = f"/api/2.0/mlflow-artifacts/artifacts/registry/{line}/1/weights.bin"
    odd = f"/api/2.0/mlflow-artifacts/artifacts/registry/~{line.encode().hex()}/1/weights.bin"

    for each in (path, odd):
        refused(server.ask(method, each), 400, "INVALID_PARAMETER_VALUE", "frozen")


@pytest.mark.parametrize("name", ["plain-name_1.0", "with space", "ümlaut", "a+b&c", "100 %", "~x"])
def test_a_download_address_holds_any_name(server: Server, name: str) -> None:
    """Names that a URI would change travel in another form."""
    server.a_version(name)

    uri = server.get("/model-versions/get-download-uri", name=name, version="1").json()

    path = uri["artifact_uri"].removeprefix("mlflow-artifacts:/")
    answer = server.ask("GET", f"/api/2.0/mlflow-artifacts/artifacts/{path}/weights.bin")
    assert answer.content == b"bytes of model/weights.bin"


@pytest.mark.parametrize("path", ["../../x", "%2e%2e/x", "/etc/passwd", "a\\..\\b"])
def test_no_path_of_a_version_leaves_it(server: Server, line: str, path: str) -> None:
    """The page's route refuses it too."""
    page = {"name": line, "version": "1", "path": path}

    answer = server.ask("GET", "/model-versions/get-artifact", params=page)

    refused(answer, 400, "INVALID_PARAMETER_VALUE", "Invalid path")


@pytest.mark.parametrize(
    ("version", "status"),
    [("99", 404), ("0", 404), ("-1", 404), ("x", 400), ("", 400), ("1.5", 400)],
)
def test_an_unknown_version_is_said_to_be_unknown(
    server: Server, line: str, version: str, status: int
) -> None:
    """A number that is not there is 404; what is no number is a wrong parameter."""
    assert server.get("/model-versions/get", name=line, version=version).status_code == status


def test_a_version_is_described_and_tagged(server: Server, a_name: str) -> None:
    """An update without a description changes nothing."""
    server.a_version(a_name)
    of = {"name": a_name, "version": "1"}

    server.send("PATCH", "/model-versions/update", **of, description="d")
    server.send("PATCH", "/model-versions/update", **of)
    server.post("/model-versions/set-tag", **of, key="k", value="v")
    found = server.get("/model-versions/get", **of).json()["model_version"]
    assert (found["description"], values(found["tags"])) == ("d", {"k": "v"})

    for _ in range(2):
        answer = server.send("DELETE", "/model-versions/delete-tag", **of, key="k")
        assert answer.json() == {}
    assert "tags" not in server.get("/model-versions/get", **of).json()["model_version"]


def test_versions_are_searched(server: Server, line: str) -> None:
    """By model, run and number; a page of one goes on with the next."""
    text = f"name = '{line}'"
    found = server.get("/model-versions/search", filter=text, order_by="version_number ASC").json()
    run_id = found["model_versions"][0]["run_id"]
    first = server.get("/model-versions/search", filter=text, max_results=1).json()

    assert [version["version"] for version in found["model_versions"]] == ["1", "2"]
    assert len(first["model_versions"]) == 1
    assert first["next_page_token"]
    text = f"run_id = '{run_id}' AND {text}"
    by_run = server.get("/model-versions/search", filter=text).json()
    assert len(by_run["model_versions"]) == 2


def test_versions_that_are_equal_in_an_order_go_by_name_whatever_changed_last(
    server: Server, a_name: str
) -> None:
    """Names rise and numbers fall; only without an order the last change counts."""
    run_id = server.a_trained_run()
    for name in (f"{a_name}-z", f"{a_name}-a", f"{a_name}-a", f"{a_name}-m"):
        server.a_version(name, run_id)
    server.post(
        "/model-versions/set-tag", name=f"{a_name}-z", version="1", key="changed", value="last"
    )

    text = f"name LIKE '{a_name}-%'"
    found = server.get(
        "/model-versions/search", filter=text, order_by="version_number DESC"
    ).json()["model_versions"]

    shown = [(each["name"].rpartition("-")[2], each["version"]) for each in found]
    assert shown == [("a", "2"), ("a", "1"), ("m", "1"), ("z", "1")]


def test_a_deleted_version_is_gone_and_its_number_never_comes_back(
    server: Server, a_name: str
) -> None:
    """The next version goes on counting."""
    run_id = server.a_trained_run()
    server.a_version(a_name, run_id)
    server.a_version(a_name, run_id)
    assert server.send("DELETE", "/model-versions/delete", name=a_name, version="2").json() == {}

    refused(
        server.get("/model-versions/get", name=a_name, version="2"), 404, "RESOURCE_DOES_NOT_EXIST"
    )
    assert server.a_version(a_name, run_id)["version"] == "3"


def test_the_ajax_twin_of_the_registry_is_there(server: Server, line: str) -> None:
    """Web pages read the same."""
    path = API.replace("/api/", "/ajax-api/") + "/registered-models/get"

    assert server.ask("GET", path, params={"name": line}).status_code == 200


@pytest.mark.parametrize("source", ["file:///etc/passwd", "/etc", "relative/model", "file:x"])
def test_a_local_path_is_no_source(
    server: Server, recording: Server, a_name: str, source: str
) -> None:
    """Whatever the policy: it is another path on every machine, and no run keeps files there."""
    for each in (server, recording):
        run_id = each.a_trained_run()
        a_model(each, a_name)
        for run in ({}, {"run_id": run_id}):
            answer = each.post("/model-versions/create", name=a_name, source=source, **run)
            refused(
                answer, 400, "INVALID_PARAMETER_VALUE", "To use a local path as a model version"
            )


def test_where_lineage_is_recorded_any_address_is_taken(recording: Server, a_name: str) -> None:
    """The version is there, and unverifiable."""
    a_model(recording, a_name)
    for source in ("s3://bucket/model", "https://example.com/model", "dbfs:/models/a"):
        made = recording.post("/model-versions/create", name=a_name, source=source)
        assert made.status_code == 200, made.text
        assert made.json()["model_version"].get("source", "") == source

    listed = recording.ask("GET", f"/api/v1/models/{a_name}/versions").json()["versions"]
    assert {version["is_verifiable"] for version in listed} == {False}
    uri = recording.get("/model-versions/get-download-uri", name=a_name, version="1").json()
    assert uri == {"artifact_uri": "s3://bucket/model"}


def test_an_unverifiable_version_never_takes_a_protected_alias(
    recording: Server, a_name: str
) -> None:
    """Other aliases it may have."""
    a_model(recording, a_name)
    recording.post("/model-versions/create", name=a_name, source="s3://bucket/model")
    of = {"name": a_name, "version": "1"}

    assert recording.post("/registered-models/alias", **of, alias="candidate").json() == {}
    answer = recording.post("/registered-models/alias", **of, alias="production")
    assert answer.status_code == 409
    assert answer.json()["error_code"] == "RESOURCE_CONFLICT"


def test_traversal_is_refused_even_where_any_source_is_taken(
    recording: Server, a_name: str
) -> None:
    """A source is kept as text, but not that text."""
    a_model(recording, a_name)

    answer = recording.post("/model-versions/create", name=a_name, source="s3://b/../../etc")

    refused(
        answer,
        400,
        "INVALID_PARAMETER_VALUE",
        "Invalid model version source",
        "If supplying a source as an http, https,",
    )


def test_a_logged_model_names_the_versions_that_were_made_of_it(
    recording: Server, a_name: str
) -> None:
    """In the tag that MLflow's clients read, in the order of their making."""
    a_model(recording, a_name)
    made = recording.post("/logged-models", experiment_id="0", name="m").json()["model"]["info"]
    model_id = made["model_id"]
    path = f"{made['artifact_uri'].removeprefix('mlflow-artifacts:/')}/w.bin"
    recording.ask("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{path}", content=b"w")
    recording.send("PATCH", f"/logged-models/{model_id}", status="LOGGED_MODEL_READY")

    for _ in range(2):
        answer = recording.post(
            "/model-versions/create", name=a_name, source=f"models:/{model_id}", model_id=model_id
        )
        assert answer.status_code == 200, answer.text

    info = recording.get(f"/logged-models/{model_id}").json()["model"]["info"]
    expected = f'[{{"name": "{a_name}", "version": 1}}, {{"name": "{a_name}", "version": 2}}]'
    assert values(info["tags"]) == {"mlflow.modelVersions": expected}
