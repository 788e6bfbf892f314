"""Collections on the wire: drafts, files with ranges, pages, edges, links and refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.domain.access import LOCAL_OWNER, Actor, Role
from assay.domain.collection import NewVersion
from assay.faces.native.collections import ENDPOINTS
from assay.services.assembly import build_services
from assay.storage.database import Database
from tests.support.native_app import ask, native_app
from tests.support.platform import START_MS, a_context, an_actor, make_platform

VERSIONS = "/api/v1/collection-versions"
Send = Callable[..., Any]


@pytest.fixture
def who() -> list[Actor]:
    """Who the next request comes from."""
    return [LOCAL_OWNER]


@pytest.fixture
def send(tmp_path: Path, sqlite_database: Database, who: list[Actor]) -> Send:
    services = build_services(make_platform(tmp_path, sqlite_database), accounts=False)
    services.workspaces.ensure_defaults(START_MS)
    app = native_app(
        services.platform, ENDPOINTS, who=lambda: who[0], collections=services.collections
    )
    return lambda method, path, **options: ask(app, method, path, **options)


def put(send: Send, content: bytes = b"0123456789", name: str = "mix") -> dict[str, Any]:
    """A committed version of one file."""
    body = {"name": name, "type": "dataset", "aliases": ["a"], "metadata": '{"n": 1}'}
    draft = send("POST", VERSIONS, json=body)
    assert draft.status_code == 201, draft.text
    address = f"{VERSIONS}/{draft.json()['version_id']}"
    assert send("PUT", f"{address}/files/d/x.bin", content=content).status_code == 200
    done = send("POST", f"{address}/commit")
    assert done.status_code == 200, done.text
    answer: dict[str, Any] = done.json()
    return answer


def test_a_version_is_made_found_and_read_in_part(send: Send) -> None:
    """By number and alias; a range of a file with its digest as the validator."""
    made = put(send)
    assert (made["version"], made["state"], made["aliases"]) == ("v0", "committed", ["a", "latest"])
    for reference in ("v0", "a", "latest"):
        found = send("GET", f"/api/v1/collections/mix/versions/{reference}").json()
        assert found["version_id"] == made["version_id"]
    files = send("GET", f"{VERSIONS}/{made['version_id']}/files").json()["files"]
    part = send(
        "GET",
        f"{VERSIONS}/{made['version_id']}/files/d/x.bin",
        headers={"range": "bytes=2-4"},
    )
    assert (part.status_code, part.content) == (206, b"234")
    assert part.headers["etag"] == f'"{files[0]["sha256"]}"'


def test_a_digest_that_is_wrong_leaves_nothing(send: Send) -> None:
    """The draft has no file after a refused upload, and the commit is of nothing."""
    draft = send("POST", VERSIONS, json={"name": "mix", "type": "dataset"}).json()
    address = f"{VERSIONS}/{draft['version_id']}"
    wrong = {"x-content-sha256": "0" * 64}
    assert send("PUT", f"{address}/files/x", content=b"x", headers=wrong).status_code == 422
    assert send("POST", f"{address}/commit").json()["file_count"] == 0


@pytest.mark.parametrize("path", ["../x", "a/../../x", "%2e%2e/x", "a//b"])
def test_no_path_leads_out_of_a_version(send: Send, path: str) -> None:
    """In no spelling."""
    draft = send("POST", VERSIONS, json={"name": "mix", "type": "dataset"}).json()
    answer = send("PUT", f"{VERSIONS}/{draft['version_id']}/files/{path}", content=b"x")
    assert answer.status_code in {404, 405, 422}


def test_versions_and_collections_are_listed_and_changed(send: Send) -> None:
    """Newest first; tags, aliases and time to live by one request; deletion says what holds."""
    first, second = put(send, b"1"), put(send, b"2")
    put(send, b"3", name="other")
    listed = send("GET", "/api/v1/collections?type=dataset").json()["collections"]
    assert [one["name"] for one in listed] == ["mix", "other"]
    versions = send("GET", "/api/v1/collections/mix/versions").json()["versions"]
    assert [one["version"] for one in versions] == ["v1", "v0"]
    change = {"tags": ["t"], "ttl_s": 60, "add_aliases": ["b"], "remove_aliases": ["a"]}
    changed = send("PATCH", f"{VERSIONS}/{second['version_id']}", json=change).json()
    assert (changed["tags"], changed["ttl_s"], changed["aliases"]) == (["t"], 60, ["b", "latest"])
    held = send("DELETE", f"{VERSIONS}/{second['version_id']}")
    assert (held.status_code, "'b' names it" in held.text) == (409, True)
    gone = send("DELETE", f"{VERSIONS}/{first['version_id']}")
    assert gone.status_code in {200, 204}
    assert send("GET", f"{VERSIONS}/{first['version_id']}").status_code == 404


def test_references_are_kept_and_never_opened(send: Send) -> None:
    """Their bytes are not here."""
    draft = send("POST", VERSIONS, json={"name": "refs", "type": "dataset"}).json()
    address = f"{VERSIONS}/{draft['version_id']}"
    body = {"references": [{"path": "x", "reference": "s3://b/x", "digest": "etag"}]}
    assert send("POST", f"{address}/references", json=body).status_code == 200
    assert send("POST", f"{address}/commit").json()["file_count"] == 1
    assert send("GET", f"{address}/files/x").status_code == 404


def test_others_see_nothing_and_viewers_write_nothing(send: Send, who: list[Actor]) -> None:
    """Another workspace's people get 404, a viewer's change 403."""
    made = put(send)
    address = f"{VERSIONS}/{made['version_id']}"
    who[0] = an_actor("vi", Role.VIEWER)
    assert send("GET", address).status_code == 200
    assert send("PATCH", address, json={"tags": ["x"]}).status_code == 403
    who[0] = an_actor("eve", Role.CONTRIBUTOR, workspace="elsewhere")
    assert send("GET", address).status_code == 404
    assert send("GET", f"{address}/files/d/x.bin").status_code == 404


def test_a_version_is_found_by_the_id_of_its_client(
    tmp_path: Path, sqlite_database: Database
) -> None:
    """As a list of one or of none, so that a page that asks is never refused."""
    services = build_services(make_platform(tmp_path, sqlite_database), accounts=False)
    services.workspaces.ensure_defaults(START_MS)
    new = NewVersion(name="seen", type="run_table", client_id="c" * 128)
    made = services.collections.drafts.begin(a_context(), "0", new)
    app = native_app(services.platform, ENDPOINTS, collections=services.collections)
    found = ask(app, "GET", f"{VERSIONS}?client_id={'c' * 128}").json()["versions"]
    assert [one["version_id"] for one in found] == [made.version_id]
    assert ask(app, "GET", f"{VERSIONS}?client_id=other").json()["versions"] == []
    assert ask(app, "GET", VERSIONS).status_code == 422


def test_a_version_stands_where_it_was_made_and_where_it_was_linked(send: Send) -> None:
    """Each collection with the number that the version has there."""
    made = put(send)
    address = f"{VERSIONS}/{made['version_id']}"
    linked = send("POST", f"{address}/links", json={"experiment_id": "0", "name": "shelf"})
    assert linked.status_code == 201, linked.text
    found = send("GET", f"{address}/memberships").json()["versions"]
    assert [(one["collection"]["name"], one["version"]) for one in found] == [
        ("mix", "v0"),
        ("shelf", "v0"),
    ]
    assert send("GET", f"{VERSIONS}/nothing/memberships").status_code == 404
