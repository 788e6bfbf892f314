"""The classes of attack that MLflow's own servers fell to: one test each, against this face."""

import base64
from collections.abc import Iterator

import httpx2
import pytest

from assay.domain.access import Role
from tests.faces.mlflow.conftest import API, FILES, Server, a_model, refused, start
from tests.faces.mlflow.test_access import a_token, basic

SECRET = "the other team's"
TRICKS = (
    "../../etc/passwd",
    "a/../../etc/passwd",
    "%2e%2e/%2e%2e/etc/passwd",
    "%252e%252e%252fetc",
    "..%2fetc",
    "..\\..\\etc",
    "%5c..%5cetc",
    "/etc/passwd",
    "//etc/passwd",
    "C:/windows",
    "file:///etc/passwd",
    "a\x00b",
    "a%00b",
    "a//b",
    "./a",
)
LOCATIONS = (
    "file:///a/../../etc",
    "s3://bucket/%2e%2e/x",
    "s3://bucket/%252e%252e/x",
    "mlflow-artifacts:/x#/../../etc",
    "http://host/x?y=../../etc",
    "http://host/;..%2f..%2fetc",
    "s3://user:secret@bucket/x",
    "s3://bucket/a\\..\\b",
    "s3://bucket/a\nb",
    "runs:/abc/model",
)


@pytest.mark.parametrize("path", TRICKS)
def test_no_path_like_field_leaves_its_run(server: Server, path: str) -> None:
    """Listing, reading by either page route, uploading and the proxy's own list: all say 400."""
    run_id = server.a_run()
    uploading = {"run_uuid": run_id, "path": path}
    answers = [
        server.get("/artifacts/list", run_id=run_id, path=path),
        server.ask("GET", "/get-artifact", params={"run_id": run_id, "path": path}),
        server.ask("GET", FILES, params={"path": path}),
        server.ask("POST", "/ajax-api/2.0/mlflow/upload-artifact", params=uploading, content=b"x"),
    ]

    for answer in answers:
        assert answer.status_code in {400, 404}, answer.text
        assert "root:" not in answer.text
    assert "files" not in server.get("/artifacts/list", run_id=run_id).json()


@pytest.mark.parametrize("location", LOCATIONS)
def test_a_location_holds_no_tricks(server: Server, a_name: str, location: str) -> None:
    """Neither an experiment's `artifact_location` nor a version's `source`."""
    made = server.post("/experiments/create", name=a_name, artifact_location=location)
    refused(made, 400, "INVALID_PARAMETER_VALUE")
    a_model(server, a_name)
    run_id = server.a_trained_run()

    registered = server.post("/model-versions/create", name=a_name, source=location, run_id=run_id)

    assert registered.status_code in {400, 404}, registered.text
    assert server.get("/model-versions/search", filter=f"name = '{a_name}'").json() == {}


@pytest.mark.parametrize("source", ["sftp://localhost/etc", "http://169.254.169.254/latest"])
def test_a_registered_source_is_never_opened(recording: Server, a_name: str, source: str) -> None:
    """Even where it is recorded: no file of the machine and no address is read through a version."""
    a_model(recording, a_name)
    made = recording.post("/model-versions/create", name=a_name, source=source)
    assert made.status_code == 200

    query = {"name": a_name, "version": "1", "path": "passwd"}
    answer = recording.ask("GET", "/model-versions/get-artifact", params=query)

    refused(answer, 404, "RESOURCE_DOES_NOT_EXIST")
    assert recording.ask("GET", f"{FILES}/registry/{a_name}/1/passwd").status_code == 404


@pytest.mark.parametrize("name", ["a%2fb", "a%252fb", "a%3ab", "%61bc", "a/b", "a:b", "..", "a\nb"])
def test_no_model_is_named_like_another_in_disguise(server: Server, name: str) -> None:
    """A name that some part of the way would decode into another is refused."""
    made = server.post("/registered-models/create", name=name)

    refused(made, 400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("name", ["page.html", "image.svg", "code.js", "MLmodel", "conf.yaml"])
def test_artifacts_are_inert_bytes(server: Server, name: str) -> None:
    """Attachments without sniffing: nothing that a run uploads is a page of this origin."""
    run_id = server.a_run()
    server.put_file(run_id, name, b"<script>alert(1)</script>")

    for answer in (
        server.ask("GET", f"{FILES}/{server.root(run_id)}/{name}"),
        server.ask("GET", "/get-artifact", params={"run_id": run_id, "path": name}),
    ):
        assert answer.status_code == 200
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_an_error_does_not_reflect_markup(server: Server) -> None:
    """What came in a header or a field goes back as JSON, and is never taken for a page."""
    hostile = "<script>alert(1)</script>"
    for answer in (
        server.raw("/runs/create", b"{}", **{"content-type": hostile}),
        server.get("/runs/get", run_id=hostile),
        server.ask("GET", f"{API}/{hostile}"),
    ):
        assert answer.status_code in {400, 404}
        assert answer.headers["content-type"].startswith("application/json")
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "filter_text",
    ["name = 'x'; DROP TABLE runs", "name = 'x' OR 1=1", "tags.a RLIKE '(a+)+$'", "a" * 200_000],
)
def test_a_filter_is_no_way_in(server: Server, filter_text: str) -> None:
    """No SQL, no regular expressions, no endless text; and the answer tells nothing of the database."""
    answer = server.post("/experiments/search", max_results=5, filter=filter_text)

    refused(answer, 400, "INVALID_PARAMETER_VALUE")
    assert not any(word in answer.text for word in ("SELECT", "sqlite", "sqlalchemy"))


def test_a_forged_page_token_is_refused(server: Server) -> None:
    """A giant offset in MLflow's own form is no token here."""
    token = base64.b64encode(b'{"offset": 1000000000000}').decode()

    answer = server.post("/experiments/search", max_results=5, page_token=token)

    refused(answer, 400, "INVALID_PARAMETER_VALUE")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with accounts and two teams; requests are the admin's unless said otherwise."""
    data = tmp_path_factory.mktemp("attacked") / "data"
    running = start(data, auth=True)
    running.headers["authorization"] = f"Bearer {(data / 'admin.token').read_text().strip()}"
    for team in ("red", "blue"):
        running.ask("POST", "/api/v1/workspaces", json={"name": team})
    yield running
    running.close()


@pytest.fixture(scope="module")
def eve(guarded: Server) -> dict[str, str]:
    """A maintainer of the blue team alone."""
    return basic(a_token(guarded, "eve", Role.MAINTAINER, "blue"))


@pytest.fixture(scope="module")
def red_run(guarded: Server) -> dict[str, str]:
    """What the red team has: an experiment, a run with a metric and a file, a model."""
    red = {"x-mlflow-workspace": "red"}

    def post(path: str, body: dict[str, object]) -> dict[str, object]:
        answer = guarded.ask("POST", API + path, json=body, headers=red)
        assert answer.status_code == 200, answer.text
        found: dict[str, object] = answer.json()
        return found

    experiment_id = str(post("/experiments/create", {"name": SECRET})["experiment_id"])
    run: dict[str, dict[str, str]] = post("/runs/create", {"experiment_id": experiment_id})["run"]  # type: ignore[assignment]
    run_id = run["info"]["run_id"]
    post("/runs/log-metric", {"run_id": run_id, "key": "m", "value": 7, "timestamp": 1})
    post("/registered-models/create", {"name": SECRET})
    return {"experiment_id": experiment_id, "run_id": run_id}


@pytest.mark.parametrize("prefix", ["/api/2.0/mlflow", "/ajax-api/2.0/mlflow"])
def test_no_side_door_is_open_to_who_has_not_logged_in(
    guarded: Server, red_run: dict[str, str], prefix: str
) -> None:
    """Pages' twins, bulk histories and files ask for the same credential as the front door."""
    anonymous = {"authorization": ""}
    run_id = red_run["run_id"]
    asked: list[tuple[str, str, dict[str, str]]] = [
        ("GET", f"{prefix}/runs/get", {"run_id": run_id}),
        ("GET", f"{prefix}/metrics/get-history", {"run_id": run_id, "metric_key": "m"}),
        ("GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk", {"run_id": run_id}),
        ("GET", "/get-artifact", {"run_id": run_id, "path": "x"}),
        ("GET", "/model-versions/get-artifact", {"name": SECRET, "version": "1", "path": "x"}),
        ("POST", f"{prefix}/runs/log-inputs", {}),
        ("POST", f"{prefix}/runs/search", {}),
        ("POST", "/ajax-api/2.0/mlflow/upload-artifact", {"run_uuid": run_id, "path": "x"}),
        ("PUT", f"{FILES}/0/{run_id}/artifacts/x", {}),
    ]
    for method, path, query in asked:
        answer = guarded.ask(method, path, params=query, headers=anonymous)
        refused(answer, 401, "UNAUTHENTICATED")


def test_a_header_does_not_open_another_teams_workspace(
    guarded: Server, eve: dict[str, str], red_run: dict[str, str]
) -> None:
    """Whoever spells the team's name into a header is still nobody there."""
    for name in ("red", "RED", " red", "red,blue", "../red"):
        headers = {**eve, "x-mlflow-workspace": name}
        for answer in (
            guarded.ask("GET", f"{API}/registered-models/search", headers=headers),
            guarded.ask(
                "POST", f"{API}/experiments/search", json={"max_results": 10}, headers=headers
            ),
        ):
            assert answer.status_code in {400, 403, 404} or answer.json() == {}, answer.text
            assert SECRET not in answer.text


def test_neither_searches_nor_histories_tell_of_another_team(
    guarded: Server, eve: dict[str, str], red_run: dict[str, str]
) -> None:
    """By ids that are known, by filters, and in bulk: nothing, as for what does not exist."""
    headers = {**eve, "x-mlflow-workspace": "blue"}
    run_id, experiment_id = red_run["run_id"], red_run["experiment_id"]

    def ask(method: str, path: str, **options: object) -> httpx2.Response:
        return guarded.ask(method, path, headers=headers, **options)

    answers = [
        ask("POST", f"{API}/runs/search", json={"experiment_ids": [experiment_id]}),
        ask(
            "POST",
            f"{API}/runs/search",
            json={"experiment_ids": [experiment_id], "filter": "metrics.m = 7"},
        ),
        ask(
            "GET",
            "/ajax-api/2.0/mlflow/metrics/get-history-bulk",
            params={"run_id": [run_id], "metric_key": "m"},
        ),
        ask(
            "GET",
            "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval",
            params={"run_ids": [run_id], "metric_key": "m", "max_results": 10},
        ),
        ask("POST", f"{API}/experiments/search-datasets", json={"experiment_ids": [experiment_id]}),
        ask("GET", f"{API}/registered-models/search", params={"filter": f'name = "{SECRET}"'}),
    ]

    for answer in answers:
        body = answer.json() if answer.status_code == 200 else {}
        assert not any(body.values()), answer.text


def test_another_teams_run_is_no_source_of_a_version(
    guarded: Server, eve: dict[str, str], red_run: dict[str, str]
) -> None:
    """Registering is no way to read files that one may not read."""
    headers = {**eve, "x-mlflow-workspace": "blue"}
    guarded.ask("POST", f"{API}/registered-models/create", json={"name": "mine"}, headers=headers)
    for source in (f"runs:/{red_run['run_id']}/", f"models:/{SECRET}/1", f"models:/{SECRET}@a"):
        body = {"name": "mine", "source": source}
        answer = guarded.ask("POST", f"{API}/model-versions/create", json=body, headers=headers)
        refused(answer, 404, "RESOURCE_DOES_NOT_EXIST")
