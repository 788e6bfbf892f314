"""Keys, other workspaces' objects, and signed addresses."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from starlette.requests import Request

from assay.domain.access import Action, Role
from assay.domain.errors import InvalidArgument
from assay.faces.addresses import base_url
from assay.faces.wandb.plain import RESERVED
from assay.faces.wandb.routes import PREFIXES, endpoints
from assay.server.page import PLACES, Page
from assay.server.settings import parse_external_url
from assay.services.address_tokens import Claims
from tests.faces.wandb.conftest import UPSERT, Server, start

FILES = """mutation($e: String!, $p: String!, $r: String!, $f: [String!]!) { createRunFiles(input: {
  entityName: $e, projectName: $p, runName: $r, files: $f}) { files { name uploadUrl } } }"""
URL = """query($p: String!, $r: String!) { project(name: $p) { run(name: $r) {
  files { edges { node { name directUrl sizeBytes } } } } } }"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that asks for credentials; requests are the admin's unless said otherwise."""
    data = tmp_path_factory.mktemp("guarded") / "data"
    running = start(data, auth=True)
    running.headers["authorization"] = f"Bearer {(data / 'admin.token').read_text().strip()}"
    for name in ("theirs", "ours"):
        assert running.ask("POST", "/api/v1/workspaces", json={"name": name}).status_code == 201
    yield running
    running.close()


def a_key(guarded: Server, name: str, role: Role, workspace: str) -> str:
    """A token of somebody with one role."""
    guarded.ask("POST", "/api/v1/principals", json={"name": name, "kind": "user"})
    given = {"principal": name, "role": role.value, "workspace": workspace}
    assert guarded.ask("PUT", "/api/v1/roles", json=given).status_code in {200, 201}
    made = guarded.ask("POST", "/api/v1/tokens", json={"principal": name})
    token: str = made.json()["token"]
    return token


def by(guarded: Server, key: str) -> Server:
    """The same server, spoken to as W&B's client does with that key."""
    basic = base64.b64encode(f"api:{key}".encode()).decode()
    return replace(guarded, headers={"authorization": f"Basic {basic}"})


def upsert(who: Server, entity: str, name: str = "r1", project: str = "p") -> httpx2.Response:
    """Make a run."""
    given = {"entityName": entity, "modelName": project, "name": name}
    return who.graphql(UPSERT, input=given)


def test_a_token_is_a_key_of_the_form_that_the_client_takes(guarded: Server) -> None:
    """At least forty letters, digits, hyphens or underscores."""
    key = a_key(guarded, "form", Role.VIEWER, "ours")
    assert len(key) >= 40
    assert key.replace("_", "").replace("-", "").isalnum()


@pytest.mark.parametrize("key", ["", "x" * 40, "assay_" + "0" * 80])
def test_a_key_that_is_not_ours_is_refused(guarded: Server, key: str) -> None:
    """401 on every door of the face that is not public."""
    stranger = by(guarded, key)
    assert upsert(stranger, "ours").status_code == 401
    assert stranger.graphql("{ viewer { id } }").status_code == 401
    assert stranger.stream("r1", {}).status_code == 401


def test_another_workspace_does_not_exist(guarded: Server) -> None:
    """Neither its projects, runs and files nor that it is there at all."""
    assert upsert(guarded, "theirs", "secret", "hidden").status_code == 200
    me = by(guarded, a_key(guarded, "stranger", Role.MAINTAINER, "ours"))
    query = '{ project(name: "hidden", entityName: "theirs") { id run(name: "secret") { id } } }'
    assert me.graphql(query).json()["data"] == {"project": None}
    identifier = guarded.data(query)["project"]["run"]["id"]
    read = me.graphql("query($id: ID!) { run(id: $id) { name } }", id=identifier)
    assert read.json()["data"] == {"run": None}
    for mutation in ("stopRun", "deleteRun"):
        query = f"mutation($id: ID!) {{ {mutation}(input: {{id: $id}}) {{ success }} }}"
        assert me.graphql(query, id=identifier).status_code == 404
    assert upsert(me, "theirs").status_code == 404
    path = "/files/theirs/hidden/secret/file_stream"
    assert me.ask("POST", path, json={}).status_code == 404
    answer = me.graphql(FILES, e="theirs", p="hidden", r="secret", f=["x"])
    assert answer.status_code == 404
    teams = me.data("{ viewer { entity teams { edges { node { name } } } } }")["viewer"]
    assert teams["entity"] == "ours"
    assert [edge["node"]["name"] for edge in teams["teams"]["edges"]] == ["ours"]


def test_whoever_may_only_read_cannot_write(guarded: Server) -> None:
    """403 with the reason."""
    assert upsert(guarded, "ours", "read-only").status_code == 200
    viewer = by(guarded, a_key(guarded, "reader", Role.VIEWER, "ours"))
    refused = upsert(viewer, "ours", "mine")
    assert refused.status_code == 403
    assert "tracking.write" in refused.json()["errors"][0]["message"]
    answer = viewer.graphql(FILES, e="ours", p="p", r="read-only", f=["x"])
    assert answer.status_code == 403
    path = "/files/ours/p/read-only/file_stream"
    assert viewer.ask("POST", path, json={}).status_code == 403


def test_two_projects_may_have_runs_of_one_id(server: Server) -> None:
    """The client mints ids per project; each run keeps to itself."""
    for project in ("twins-a", "twins-b"):
        given = {"modelName": project, "name": "same", "displayName": project}
        made = server.data(UPSERT, input=given)["upsertBucket"]
        assert made["inserted"] is True
    assert server.run("same", "twins-a")["displayName"] == "twins-a"
    assert server.run("same", "twins-b")["displayName"] == "twins-b"


def an_upload(server: Server, path: str = "a.txt") -> tuple[str, str]:
    """A run, and where a file of it may be put."""
    name = server.a_run("files")
    answer = server.data(FILES, e="default", p="files", r=name, f=[path])
    return name, answer["createRunFiles"]["files"][0]["uploadUrl"]


def test_a_file_goes_in_and_out_by_signed_addresses(server: Server) -> None:
    """Neither needs a credential, and the bytes are the same."""
    name, url = an_upload(server)
    assert server.ask("PUT", url, content=b"content").status_code == 200
    (edge,) = server.data(URL, p="files", r=name)["project"]["run"]["files"]["edges"]
    assert edge["node"]["sizeBytes"] == 7
    assert server.ask("GET", edge["node"]["directUrl"]).content == b"content"
    part = server.ask("GET", edge["node"]["directUrl"], headers={"range": "bytes=3-"})
    assert (part.status_code, part.content) == (206, b"tent")


def test_an_altered_address_is_refused(server: Server) -> None:
    """Any other byte, an address for something else, and no token at all."""
    name, url = an_upload(server)
    head, _, tail = url.rpartition("/")
    base, _, token = head.rpartition("/")
    for other in (token[:-2] + "AA", token[1:], "x" + token, token.partition(".")[0], "x.y"):
        assert server.ask("PUT", f"{base}/{other}/{tail}", content=b"x").status_code == 403
    reading = url.replace("/run-put/", "/run-get/")
    assert server.ask("GET", reading).status_code == 403
    assert server.run(name, "files")["files"]["edges"] == []


def test_an_expired_address_is_refused(server: Server) -> None:
    """Addresses live for hours, not for ever."""
    services = server.app.services
    name = server.a_run("files")
    now_ms = services.platform.now_ms()
    for life_ms, status in ((-1, 403), (60_000, 200)):
        claims = Claims(
            purpose="run-put",
            action=Action.TRACKING_WRITE.value,
            workspace="default",
            actor="somebody",
            expires_at_ms=now_ms + life_ms,
            parts=(name, "a.txt"),
        )
        url = f"/storage/run-put/{services.address_tokens.sign(claims)}/a.txt"
        assert server.ask("PUT", url, content=b"x").status_code == status


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "a\\b", "%2e%2e/x", ""])
def test_no_path_leads_out_of_a_run(server: Server, path: str) -> None:
    """No address is given out for it."""
    name = server.a_run("files")
    assert server.graphql(FILES, e="default", p="files", r=name, f=[path]).status_code == 400


def test_addresses_follow_the_proxy_in_front(server: Server) -> None:
    """They are absolute, as the client reached the server; nonsense in a header is passed over."""
    name = server.a_run("files")
    body = {"query": FILES, "variables": {"e": "default", "p": "files", "r": name, "f": ["x"]}}
    proxy = {
        "x-forwarded-proto": "https",
        "x-forwarded-host": "assay.example",
        "x-forwarded-prefix": "/w",
    }
    bad = {
        "x-forwarded-proto": "javascript",
        "x-forwarded-host": "a b/c",
        "x-forwarded-prefix": "//x",
    }
    for headers, start_of in (
        (proxy, "https://assay.example/w/storage/"),
        (bad, "http://127.0.0.1/storage/"),
    ):
        answer = server.ask("POST", "/graphql", json=body, headers=headers).json()
        url = answer["data"]["createRunFiles"]["files"][0]["uploadUrl"]
        assert url.startswith(start_of)


def test_links_of_the_client_lead_to_the_page(server: Server) -> None:
    """The page looks them up as whoever is signed in there; nobody learns from the redirect what exists."""
    name = server.a_run("linked")
    for path in (f"/default/linked/runs/{name}", "/default/linked", "/default/no-such/runs/none"):
        answer = server.ask("GET", path)
        assert answer.status_code == 302
        assert answer.headers["location"].endswith(f"/open{path}")
    assert server.ask("GET", "/authorize").headers["location"].endswith("/settings")


def test_no_address_of_the_page_is_taken_for_a_link() -> None:
    """The first parts of the page's addresses, and of what is packed with it, are no entities."""
    packed = {path.split("/")[1] for path in Page()._files if path.count("/") > 1}
    assert set(PLACES) | packed <= set(RESERVED)


def test_telemetry_is_not_taken(server: Server) -> None:
    """404, upon which the client stops to send."""
    assert server.ask("POST", "/sdk/otel/v1/metrics", content=b"").status_code == 404


def test_every_public_route_is_signed_or_says_nothing() -> None:
    """A route that asks for no permission serves a signed address, a link or readiness."""
    public = {each.path for each in endpoints() if each.permission is Action.PUBLIC}
    plain = {"/ready", "/healthz", "/authorize", "/oidc/token", "/sdk/otel/{rest:path}"}
    assert {
        path
        for path in public - plain
        if "{token}" not in path and not path.startswith("/{entity:entity}/")
    } == set()
    assert PREFIXES


def test_a_proxy_elsewhere_is_not_believed(server: Server) -> None:
    """Only a proxy on this machine may say how it was reached; others need the setting."""
    scope = {
        "type": "http",
        "scheme": "http",
        "headers": [(b"host", b"assay.example:7475"), (b"x-forwarded-host", b"evil.example")],
    }
    far = {**scope, "client": ("192.0.2.7", 1)}
    near = {**scope, "client": ("127.0.0.1", 1)}
    named = {**far, "state": {"external_url": "https://assay.example/base"}}
    assert base_url(Request(far)) == "http://assay.example:7475"
    assert base_url(Request(near)) == "http://evil.example"
    assert base_url(Request(named)) == "https://assay.example/base"


def test_the_external_address_of_the_settings_leads_to_the_files(tmp_path: Path) -> None:
    """Every signed address begins with it, and the server answers to its name."""
    server = start(tmp_path / "data", external_url="https://assay.example/base")
    try:
        name = server.a_run("files")
        given = {"e": "default", "p": "files", "r": name, "f": ["x"]}
        headers = {"host": "assay.example"}
        answer = server.ask(
            "POST", "/graphql", json={"query": FILES, "variables": given}, headers=headers
        )
        url = answer.json()["data"]["createRunFiles"]["files"][0]["uploadUrl"]
        assert url.startswith("https://assay.example/base/storage/run-put/")
    finally:
        server.close()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", None),
        ("https://assay.example", "https://assay.example"),
        ("http://[::1]:8443/a/b/", "http://[::1]:8443/a/b"),
    ],
)
def test_an_external_address_is_kept_without_its_last_slash(text: str, address: str | None) -> None:
    """An empty one is none."""
    assert parse_external_url(text) == address


@pytest.mark.parametrize(
    "text",
    ["assay.example", "ftp://x", "https://", "https://u:p@x", "https://x?y", "http://x:port"],
)
def test_an_external_address_that_is_none_is_refused(text: str) -> None:
    """It has a scheme and a host, and neither credentials nor a query."""
    with pytest.raises(InvalidArgument):
        parse_external_url(text)


def test_pages_elsewhere_may_read_at_a_signed_address_alone(server: Server) -> None:
    """A preflight allows GET; an answer for an address that is not valid allows nothing."""
    name, url = an_upload(server)
    assert server.ask("PUT", url, content=b"content").status_code == 200
    asked = {"origin": "https://elsewhere.example", "access-control-request-method": "GET"}
    allowed = server.ask("OPTIONS", url, headers=asked).headers
    assert allowed["access-control-allow-methods"] == "GET"
    (edge,) = server.data(URL, p="files", r=name)["project"]["run"]["files"]["edges"]
    read = server.ask("GET", edge["node"]["directUrl"], headers=asked)
    assert read.headers["access-control-allow-origin"] == "*"
    altered = server.ask("GET", edge["node"]["directUrl"].replace("/run-get/", "/run-get/x"))
    assert "access-control-allow-origin" not in altered.headers


def test_identities_of_others_are_not_exchanged(server: Server) -> None:
    """404, and the answer names what to use."""
    answer = server.ask("POST", "/oidc/token", content=b"")
    assert (answer.status_code, "WANDB_API_KEY" in answer.text) == (404, True)
