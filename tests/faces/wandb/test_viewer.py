"""Who the caller is, with whom, and by which tokens; what a run may be made by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faces.wandb.conftest import Server, start

TEAM = """query($name: String!) { entity(name: $name) { id name available photoUrl readOnly
  readOnlyAdmin isTeam entityType privateOnly storageBytes codeSavingEnabled defaultAccess isPaid
  members { id admin pending email username name photoUrl accountType apiKey } } }"""
VIEWER = "{ viewer { username apiKeys { edges { node { id name description } } } } }"
STATE = """mutation($id: ID!, $state: String!) {
  updateRunState(input: {id: $id, state: $state}) { success } }"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that asks for credentials; its admin speaks."""
    data = tmp_path_factory.mktemp("guarded") / "data"
    running = start(data, auth=True)
    running.headers["authorization"] = f"Bearer {(data / 'admin.token').read_text().strip()}"
    yield running
    running.close()


def a_principal(server: Server, name: str, role: str) -> dict[str, str]:
    """What a new principal of the default workspace sends with its requests."""
    made = {"name": name, "kind": "user", "roles": {"default": [role]}}
    assert server.ask("POST", "/api/v1/principals", json=made).status_code in (200, 201)
    answer = server.ask("POST", "/api/v1/tokens", json={"principal": name, "description": "laptop"})
    return {"authorization": f"Bearer {answer.json()['token']}"}


def test_a_member_sees_himself_and_an_admin_everybody(guarded: Server) -> None:
    """Who has a role is not everybody's business; nothing that the client checks is missing."""
    headers = a_principal(guarded, "ada", "contributor")

    def members(**options: object) -> dict[str, str]:
        body = {"query": TEAM, "variables": {"name": "default"}}
        answer = guarded.ask("POST", "/graphql", json=body, **options)
        entity = answer.json()["data"]["entity"]
        assert (entity["available"], entity["isTeam"], entity["readOnly"]) == (False, True, False)
        assert not [member for member in entity["members"] if member["apiKey"]]
        return {member["username"]: member["accountType"] for member in entity["members"]}

    assert members(headers=headers) == {"ada": "USER"}
    assert {"ada", "admin"} <= members().keys()


def test_a_name_that_is_not_seen_can_be_had(guarded: Server) -> None:
    """Whether there is such a workspace or not, a stranger hears the same; others ask in vain."""
    guarded.ask("POST", "/api/v1/workspaces", json={"name": "theirs"})
    headers = a_principal(guarded, "eve", "contributor")

    def entity(query: str, name: str) -> object:
        body = {"query": query, "variables": {"name": name}}
        return guarded.ask("POST", "/graphql", json=body, headers=headers).json()["data"]["entity"]

    theirs, nobodys = entity(TEAM, "theirs"), entity(TEAM, "nobodys")
    assert isinstance(theirs, dict)
    assert isinstance(nobodys, dict)
    differs = {"id", "name"}
    assert {k: v for k, v in theirs.items() if k not in differs} == {
        k: v for k, v in nobodys.items() if k not in differs
    }
    assert (theirs["available"], theirs["members"]) == (True, [])
    plain = "query($name: String!) { entity(name: $name) { id } }"
    assert [entity(plain, name) for name in ("theirs", "nobodys")] == [None, None]


def test_the_viewer_sees_the_beginning_of_each_of_his_tokens(guarded: Server) -> None:
    """Nothing of the secret, and nobody else's; a revoked one is gone."""
    headers = a_principal(guarded, "bob", "viewer")

    def keys() -> list[dict[str, str]]:
        answer = guarded.ask("POST", "/graphql", json={"query": VIEWER}, headers=headers)
        return [edge["node"] for edge in answer.json()["data"]["viewer"]["apiKeys"]["edges"]]

    (key,) = keys()
    token = headers["authorization"].removeprefix("Bearer ")
    assert token.startswith(f"{key['name']}_")
    assert (len(key["name"]) < len(token) // 3, key["description"]) == (True, "laptop")
    second = guarded.ask("POST", "/api/v1/tokens", json={"principal": "bob"}).json()["token_id"]
    assert len(keys()) == 2
    guarded.ask("DELETE", f"/api/v1/tokens/{second}")
    assert keys() == [key]


def test_a_run_is_made_failed_once(server: Server) -> None:
    """What has ended does not fail again; a failed run may wait for its next try."""
    name = server.a_run()
    identifier = server.run(name)["id"]
    assert server.data(STATE, id=identifier, state="failed")["updateRunState"]["success"] is True
    refused = server.graphql(STATE, id=identifier, state="failed")
    assert (refused.status_code, "invalid state transition" in refused.text) == (400, True)
    server.data(STATE, id=identifier, state="pending")
    assert server.run(name)["state"] == "pending"
