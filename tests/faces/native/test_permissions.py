"""Every native route against every role: the records decide, and nothing else lets anybody in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from assay.domain.access import AUTHENTICATED, GRANTS, Action, Role
from assay.faces.endpoint import Endpoint
from assay.faces.native.routes import ENDPOINTS
from tests.support.server import LiveServer

PROTECTED = [endpoint for endpoint in ENDPOINTS if endpoint.permission is not Action.PUBLIC]
CASES = [(endpoint, role) for endpoint in PROTECTED for role in Role]


class Caller:
    """One kept-alive connection and the tokens of one principal for each role."""

    def __init__(self, server: LiveServer) -> None:
        self._address = urlsplit(server.url).netloc
        self.tokens: dict[Role | None, str | None] = {None: None}
        admin = server.token("admin")
        for role in Role:
            kind = "gate" if role is Role.GATE else "user"
            place = "*" if role is Role.ADMIN else "default"
            body = {"name": f"the-{role.value}", "kind": kind, "roles": {place: [role.value]}}
            self.call("POST", "/api/v1/principals", admin, body)
            made = self.call("POST", "/api/v1/tokens", admin, {"principal": body["name"]})
            self.tokens[role] = made[1]["token"]

    def call(
        self, method: str, path: str, token: str | None, body: object = None
    ) -> tuple[int, dict[str, object]]:
        """The status and the JSON of an answer; streams are not read."""
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        connection = HTTPConnection(self._address, timeout=20)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, headers)
            answer = connection.getresponse()
            is_json = answer.headers.get("content-type") == "application/json"
            return answer.status, json.loads(answer.read()) if is_json else {}
        finally:
            connection.close()


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """A server that asks for credentials."""
    with LiveServer(tmp_path_factory.mktemp("permissions") / "data", "--auth") as server:
        yield Caller(server)


def _path(endpoint: Endpoint) -> str:
    # What is named does not exist: an allowed call gets as far as finding that out.
    return re.sub(r"\{[^}]*\}", "1" * 32, endpoint.path)


@pytest.mark.parametrize(
    ("endpoint", "role"), CASES, ids=[f"{role.value}-{e.name}" for e, role in CASES]
)
def test_a_route_admits_the_roles_that_grant_its_permission(
    caller: Caller, endpoint: Endpoint, role: Role
) -> None:
    """A role without the permission is refused with 403; a role with it is not."""
    body = {} if endpoint.request is not None else None

    status, _ = caller.call(endpoint.method, _path(endpoint), caller.tokens[role], body)

    may = endpoint.permission in GRANTS[role] | AUTHENTICATED
    assert (status != 403) == may
    assert status != 401
    assert status < 500


@pytest.mark.parametrize("endpoint", PROTECTED, ids=lambda endpoint: str(endpoint.name))
def test_a_route_refuses_whoever_has_no_credential(caller: Caller, endpoint: Endpoint) -> None:
    """With accounts, an anonymous caller gets 401 from every route that is not public."""
    body = {} if endpoint.request is not None else None

    status, answer = caller.call(endpoint.method, _path(endpoint), None, body)

    assert status == 401
    assert answer["error"]["code"] == "unauthenticated"  # type: ignore[index]


def test_a_refused_verdict_is_in_the_ledger_once(caller: Caller) -> None:
    """An admin who tries to write a verdict is refused, and the attempt is recorded."""
    path = f"/api/v1/gate-runs/{'a' * 32}/rows"
    admin = caller.tokens[Role.ADMIN]

    status, _ = caller.call("POST", path, admin, {"nonce": "x", "fence": 1, "rows": []})

    _, found = caller.call("GET", "/api/v1/ledger?action=verdict.write", admin)
    mine = [event for event in found["events"] if event["details"]["path"] == path]  # type: ignore[union-attr]
    assert status == 403
    assert [event["outcome"] for event in mine] == ["denied"]


def test_a_revoked_token_is_out_at_the_next_request(caller: Caller) -> None:
    """Revocation does not wait for anything to expire."""
    admin = caller.tokens[Role.ADMIN]
    _, made = caller.call("POST", "/api/v1/tokens", admin, {"principal": "the-viewer"})
    token = str(made["token"])
    before, _ = caller.call("GET", "/api/v1/whoami", token)

    caller.call("DELETE", f"/api/v1/tokens/{made['token_id']}", admin)

    after, _ = caller.call("GET", "/api/v1/whoami", token)
    assert (before, after) == (200, 401)


def test_a_token_never_exceeds_its_scope(caller: Caller) -> None:
    """A maintainer's token that was made for reading runs cannot promote."""
    admin = caller.tokens[Role.ADMIN]
    body = {"principal": "the-maintainer", "actions": ["tracking.read"]}
    _, made = caller.call("POST", "/api/v1/tokens", admin, body)
    token = str(made["token"])

    status, _ = caller.call("POST", "/api/v1/models/m/promote", token, {"version": 1})

    reads, _ = caller.call("GET", f"/api/v1/runs/{'a' * 32}", token)
    assert (status, reads) == (403, 404)
