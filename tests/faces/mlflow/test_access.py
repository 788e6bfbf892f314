import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.domain.access import Action, Role
from assay.faces.mlflow.routes import PREFIXES, endpoints
from tests.faces.mlflow.conftest import API, FILES, Server, refused, start

OPEN = {"/version", "/api/3.0/mlflow/server-info", "/ajax-api/3.0/mlflow/server-info"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that asks for credentials; requests are the admin's unless said otherwise."""
    data = tmp_path_factory.mktemp("guarded") / "data"
    running = start(data, auth=True)
    token = (data / "admin.token").read_text().strip()
    running.headers["authorization"] = f"Bearer {token}"
    yield running
    running.close()


def a_token(guarded: Server, name: str, role: Role, workspace: str = "default") -> str:
    for path, body in (
        ("/principals", {"name": name, "kind": "user"}),
        ("/roles", {"principal": name, "role": role.value, "workspace": workspace}),
    ):
        method = "PUT" if path == "/roles" else "POST"
        answer = guarded.ask(method, f"/api/v1{path}", json=body)
        assert answer.status_code in {200, 201}, answer.text
    made = guarded.ask("POST", "/api/v1/tokens", json={"principal": name})
    token: str = made.json()["token"]
    return token


def basic(token: str, user: str = "anybody") -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()}


def test_no_route_is_open_but_what_clients_ask_before_they_log_in() -> None:
    """Every endpoint asks for a permission; those of a server's abilities are public."""
    public = {each.path for each in endpoints() if each.permission is Action.PUBLIC}

    assert public == OPEN


def test_every_endpoint_is_below_a_prefix_of_the_face() -> None:
    """Unknown paths there are answered in MLflow's words."""
    stray = {each.path for each in endpoints() if not each.path.startswith(PREFIXES)}

    assert stray == {"/api/2.0mlflow/experiments/search-datasets"}


def test_every_path_of_clients_has_its_twin_for_pages() -> None:
    """The same endpoint, with the same permission and limit."""
    by_path = {(each.method, each.path): each for each in endpoints()}
    for (method, path), each in by_path.items():
        if path.startswith("/api/") and "mlflow/metrics/get-history-bulk" not in path:
            twin = by_path[method, path.replace("/api/", "/ajax-api/", 1)]
            assert (twin.permission, twin.body_limit) == (each.permission, each.body_limit)


def test_two_servers_do_not_share_what_a_face_remembers(tmp_path: Path) -> None:
    """Experiments of one id keep their files in different places."""
    roots = set()
    for name in ("one", "two"):
        running = start(tmp_path / name)
        body = {"name": "e", "artifact_location": f"s3://{name}/runs"}
        experiment_id = running.post("/experiments/create", **body).json()["experiment_id"]
        uri = running.run(running.a_run(experiment_id))["info"]["artifact_uri"]
        roots.add((experiment_id, uri.partition("/runs")[0]))
        running.close()

    assert roots == {("1", "s3://one"), ("1", "s3://two")}


def test_without_a_credential_the_answer_is_401(guarded: Server) -> None:
    """In words that make clients and browsers ask for one."""
    answer = guarded.ask("GET", f"{API}/experiments/get", headers={"authorization": ""})

    refused(answer, 401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize("path", sorted(OPEN))
def test_a_servers_abilities_are_told_without_a_credential(guarded: Server, path: str) -> None:
    """Clients ask before they know how to log in."""
    assert guarded.ask("GET", path, headers={"authorization": ""}).status_code == 200


def test_user_and_password_are_a_token_as_well(guarded: Server) -> None:
    """The client's MLFLOW_TRACKING_PASSWORD may hold it; the user name proves nothing."""
    token = a_token(guarded, "ann", Role.CONTRIBUTOR)

    answer = guarded.ask(
        "POST", f"{API}/experiments/create", json={"name": "by ann"}, headers=basic(token, "eve")
    )

    assert answer.status_code == 200


def test_a_wrong_credential_is_401(guarded: Server) -> None:
    """Whatever its form."""
    for headers in (basic("wrong"), {"authorization": "Bearer wrong"}, {"authorization": "x"}):
        answer = guarded.ask("GET", f"{API}/experiments/get", headers=headers)
        refused(answer, 401, "UNAUTHENTICATED")


def test_a_viewer_reads_and_does_not_write(guarded: Server) -> None:
    """403, which clients show at once."""
    headers = basic(a_token(guarded, "vera", Role.VIEWER))
    read = guarded.ask(
        "GET", f"{API}/experiments/get", params={"experiment_id": "0"}, headers=headers
    )

    assert read.status_code == 200
    for path, body in (
        ("/experiments/create", {"name": "no"}),
        ("/runs/create", {}),
        ("/registered-models/create", {"name": "no"}),
    ):
        answer = guarded.ask("POST", API + path, json=body, headers=headers)
        refused(answer, 403, "PERMISSION_DENIED")


def test_who_may_not_promote_is_told_so(guarded: Server) -> None:
    """A contributor moves free aliases and no protected one."""
    guarded.a_version("guarded model")
    headers = basic(a_token(guarded, "carl", Role.CONTRIBUTOR))
    alias = {"name": "guarded model", "version": "1"}

    free = guarded.ask(
        "POST", f"{API}/registered-models/alias", json={**alias, "alias": "a"}, headers=headers
    )
    held = guarded.ask(
        "POST",
        f"{API}/registered-models/alias",
        json={**alias, "alias": "production"},
        headers=headers,
    )

    assert free.status_code == 200
    refused(held, 403, "PERMISSION_DENIED")


def test_another_workspace_does_not_exist(guarded: Server) -> None:
    """Neither by the header, nor by the id of a run or the path of a file."""
    guarded.ask("POST", "/api/v1/workspaces", json={"name": "other-team"})
    run_id = guarded.a_run()
    guarded.put_file(run_id, "f.txt", b"secret")
    root = guarded.root(run_id)
    headers = basic(a_token(guarded, "otto", Role.MAINTAINER, "other-team"))
    theirs = {**headers, "x-mlflow-workspace": "other-team"}

    for path, query in (
        (f"{API}/runs/get", {"run_id": run_id}),
        (f"{API}/artifacts/list", {"run_id": run_id}),
        (f"{FILES}/{root}/f.txt", {}),
        ("/get-artifact", {"run_id": run_id, "path": "f.txt"}),
    ):
        answer = guarded.ask("GET", path, params=query, headers=theirs)
        assert answer.status_code == 404
        assert b"secret" not in answer.content
    history = {"run_id": run_id, "metric_key": "m"}
    for path in ("get-history", "get-history-bulk"):
        answer = guarded.ask("GET", f"{API}/metrics/{path}", params=history, headers=theirs)
        assert answer.json() in ({}, {"metrics": []})
    assert (
        guarded.ask(
            "POST", f"{API}/runs/search", json={"experiment_ids": ["0"]}, headers=theirs
        ).json()
        == {}
    )
    assert guarded.ask("GET", FILES, params={"path": root}, headers=theirs).json() == {}


def test_the_header_chooses_the_workspace(guarded: Server) -> None:
    """Names live side by side in different workspaces."""
    guarded.ask("POST", "/api/v1/workspaces", json={"name": "third-team"})
    for headers in ({}, {"x-mlflow-workspace": "third-team"}):
        answer = guarded.ask(
            "POST", f"{API}/experiments/create", json={"name": "same name"}, headers=headers
        )
        assert answer.status_code == 200, answer.text


def test_an_unknown_workspace_is_404(guarded: Server) -> None:
    """Before anything is written."""
    answer = guarded.ask(
        "POST",
        f"{API}/experiments/create",
        json={"name": "lost"},
        headers={"x-mlflow-workspace": "no-such-team"},
    )

    refused(answer, 404, "RESOURCE_DOES_NOT_EXIST")


def test_the_name_that_a_client_gives_its_user_is_no_identity(guarded: Server) -> None:
    """It is kept beside the principal that the credential stands for."""
    token = a_token(guarded, "uma", Role.CONTRIBUTOR)
    body = {"experiment_id": "0", "user_id": "boss"}
    made = guarded.ask("POST", f"{API}/runs/create", json=body, headers=basic(token))
    run_id = made.json()["run"]["info"]["run_id"]

    native = guarded.ask("GET", f"/api/v1/runs/{run_id}").json()

    assert made.json()["run"]["info"]["user_id"] == "boss"
    assert "uma" in str(native)
