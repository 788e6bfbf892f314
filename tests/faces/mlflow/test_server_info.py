import msgspec
import pytest

from tests.faces.mlflow.conftest import Server, refused

V3 = "/api/3.0/mlflow"


def test_the_version_is_one_that_clients_know(server: Server) -> None:
    """They compare it with what they need, as plain text."""
    answer = server.ask("GET", "/version")

    assert answer.text.split(".")[0] == "3"
    assert answer.headers["content-type"].startswith("text/plain")


def test_the_server_tells_what_it_can_do(server: Server) -> None:
    """Clients ask before their first transfer of a large file."""
    info = server.ask("GET", f"{V3}/server-info").json()

    assert info["multipart_uploads_enabled"] is False
    assert info["workspaces_enabled"] is True
    assert info["store_type"] == "SqlStore"


def test_workspaces_are_listed_made_and_found(server: Server) -> None:
    """Ours are MLflow's."""
    made = server.ask("POST", f"{V3}/workspaces", json={"name": "team-a", "description": "d"})

    assert made.status_code == 201
    assert server.ask("GET", f"{V3}/workspaces/team-a").json() == made.json()
    listed = server.ask("GET", f"{V3}/workspaces").json()["workspaces"]
    assert {each["name"] for each in listed} >= {"default", "team-a"}
    refused(
        server.ask("POST", f"{V3}/workspaces", json={"name": "team-a"}),
        400,
        "RESOURCE_ALREADY_EXISTS",
    )


def test_a_trace_is_accepted_and_answered(server: Server) -> None:
    """With the word that nothing is left to upload."""
    trace = {"trace_info": {"trace_id": "tr-1", "state": "OK", "tags": {"k": "v"}}}

    answer = server.ask("POST", f"{V3}/traces", json={"trace": trace}).json()

    info = answer["trace"]["trace_info"]
    assert info["trace_id"] == "tr-1"
    assert info["tags"] == {"k": "v", "mlflow.trace.spansLocation": "TRACKING_STORE"}


def test_spans_are_accepted(server: Server) -> None:
    """As OpenTelemetry sends them."""
    answer = server.ask(
        "POST",
        "/v1/traces",
        content=b"\x0a\x00",
        headers={"content-type": "application/x-protobuf", "x-mlflow-experiment-id": "0"},
    )

    assert answer.status_code == 200
    assert answer.content == b""


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"{V3}/traces/search", {}),
        ("/api/2.0/mlflow/traces/link-to-run", {}),
        (f"{V3}/traces/delete-traces", {"traces_deleted": 0}),
    ],
)
def test_there_are_no_traces(server: Server, path: str, body: dict[str, int]) -> None:
    """Searches are empty, and deleting deletes nothing."""
    answer = server.ask("POST", path, json={"experiment_id": "0"})

    assert msgspec.json.decode(answer.content) == body


def test_a_trace_is_not_found(server: Server) -> None:
    """404, at once."""
    refused(server.ask("GET", f"{V3}/traces/tr-1"), 404, "RESOURCE_DOES_NOT_EXIST", "tr-1")


def test_a_workspace_is_described_anew(server: Server) -> None:
    """PATCH sets the description, and nothing else can be set; the ledger tells of it."""
    server.ask("POST", f"{V3}/workspaces", json={"name": "described", "description": "d"})

    changed = server.ask("PATCH", f"{V3}/workspaces/described", json={"description": "new"})

    assert changed.json() == {"workspace": {"name": "described", "description": "new"}}
    assert server.ask("GET", f"{V3}/workspaces/described").json() == changed.json()
    for body in ({}, {"default_artifact_root": "s3://bucket"}):
        refused = server.ask("PATCH", f"{V3}/workspaces/described", json=body)
        assert refused.status_code == 400
        assert refused.json()["error_code"] == "INVALID_PARAMETER_VALUE"
    unknown = server.ask("PATCH", f"{V3}/workspaces/nowhere", json={"description": "new"})
    assert unknown.json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"


def test_an_empty_workspace_is_deleted(server: Server) -> None:
    """Status 204 and no content, as clients expect; its name is free again."""
    server.ask("POST", f"{V3}/workspaces", json={"name": "emptied"})

    gone = server.ask("DELETE", f"{V3}/workspaces/emptied")

    assert (gone.status_code, gone.content) == (204, b"")
    assert server.ask("GET", f"{V3}/workspaces/emptied").status_code == 404
    assert server.ask("DELETE", f"{V3}/workspaces/emptied").status_code == 404
    again = server.ask("POST", f"{V3}/workspaces", json={"name": "emptied"})
    assert again.status_code == 201


@pytest.mark.parametrize("mode", ["RESTRICT", "CASCADE", "SET_DEFAULT"])
def test_a_workspace_that_holds_anything_stays(server: Server, mode: str) -> None:
    """Whatever the mode: nothing is deleted or moved along with a workspace, not even a deleted run."""
    name = f"kept-{mode.lower().replace('_', '-')}"
    server.ask("POST", f"{V3}/workspaces", json={"name": name})
    server.headers["X-MLFLOW-WORKSPACE"] = name
    experiment = server.an_experiment()
    server.post("/experiments/delete", experiment_id=experiment)
    del server.headers["X-MLFLOW-WORKSPACE"]

    refused = server.ask("DELETE", f"{V3}/workspaces/{name}?mode={mode}")

    assert refused.status_code == 400
    assert "it is not empty" in refused.json()["message"]
    assert server.ask("GET", f"{V3}/workspaces/{name}").status_code == 200


@pytest.mark.parametrize("path", ["default", "refused?mode=EVERYTHING"])
def test_some_workspaces_and_modes_are_refused(server: Server, path: str) -> None:
    """The default workspace is the server's own, and a mode is one of three."""
    server.ask("POST", f"{V3}/workspaces", json={"name": "refused"})

    refused = server.ask("DELETE", f"{V3}/workspaces/{path}")

    assert refused.status_code == 400
    assert refused.json()["error_code"] == "INVALID_PARAMETER_VALUE"
