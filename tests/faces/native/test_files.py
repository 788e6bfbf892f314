"""Files over HTTP: streamed both ways, with ranges, validators and digests."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote

import httpx2
import pytest

from assay.domain.tracking import FileEntry
from assay.faces import files
from assay.faces.dispatch import Dispatcher
from assay.faces.native import artifacts as routes
from assay.services.artifacts import RunOwner
from tests.support.native_app import ask, native_app, opened
from tests.support.tracking import Tracking

MIB = 1 << 20
DATA = bytes(range(256)) * 40
SHA256 = hashlib.sha256(DATA).hexdigest()


class Rig:
    """The file routes on one run."""

    def __init__(self, tracking: Tracking) -> None:
        self.tracking = tracking
        self.run_id = tracking.a_run().run.run_id
        self.app: Dispatcher = native_app(
            tracking.platform, routes.ENDPOINTS, artifacts=tracking.artifacts
        )

    def url(self, path: str) -> str:
        return f"/api/v1/runs/{self.run_id}/files/{path}"

    def put(self, path: str, content: Any = DATA, **headers: str) -> httpx2.Response:
        return ask(self.app, "PUT", self.url(path), content=content, headers=_headers(headers))

    def get(self, path: str, method: str = "GET", **headers: str) -> httpx2.Response:
        return ask(self.app, method, self.url(path), headers=_headers(headers))

    def paths(self) -> list[str]:
        owner = RunOwner(self.run_id)
        return [e.path for e in self.tracking.artifacts.walk(self.tracking.context, owner)]

    def leftovers(self) -> int:
        """Blobs, and temporary files of uploads that did not end."""
        blobs = self.tracking.platform.blobs
        return len(list(blobs.list())) + blobs.sweep_temporary(-1)


def _headers(given: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in given.items()}


@pytest.fixture
def rig(sqlite_tracking: Tracking) -> Rig:
    return Rig(sqlite_tracking)


def test_a_file_goes_in_and_comes_out(rig: Rig) -> None:
    """The answer to PUT names the digest, GET gives the bytes as a download that cannot run."""
    put = rig.put("model/adapter.bin")
    assert put.status_code == 200
    assert put.json() == {
        "path": "model/adapter.bin",
        "is_folder": False,
        "size_bytes": len(DATA),
        "sha256": SHA256,
    }
    assert put.headers["etag"] == f'"{SHA256}"'
    got = rig.get("model/adapter.bin")
    assert (got.status_code, got.content) == (200, DATA)
    assert got.headers["etag"] == f'"{SHA256}"'
    assert got.headers["content-length"] == str(len(DATA))
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["accept-ranges"] == "bytes"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-security-policy"].startswith("sandbox;")
    assert got.headers["content-disposition"].startswith('attachment; filename="adapter.bin"')


def test_large_files_stream(rig: Rig) -> None:
    """A body without an announced length is taken piece by piece, and comes back whole."""
    pieces = [bytes([number]) * 300_000 for number in range(20)]

    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    assert rig.put("big", body()).json()["size_bytes"] == 6_000_000
    assert rig.get("big").content == b"".join(pieces)


def test_an_empty_file_is_a_file(rig: Rig) -> None:
    """No bytes are bytes too; there is no range of them."""
    rig.put("empty", b"")
    got = rig.get("empty")
    assert (got.status_code, got.content, got.headers["content-length"]) == (200, b"", "0")
    assert rig.get("empty", range="bytes=0-0").status_code == 416


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=5-9", 5, 9),
        ("bytes=10000-", 10_000, len(DATA) - 1),
        ("bytes=-7", len(DATA) - 7, len(DATA) - 1),
        ("bytes=0-999999999", 0, len(DATA) - 1),
        ("bytes=-999999999", 0, len(DATA) - 1),
        (f"bytes={len(DATA) - 1}-{len(DATA)}", len(DATA) - 1, len(DATA) - 1),
    ],
)
def test_a_range_is_a_part(rig: Rig, asked: str, first: int, last: int) -> None:
    """206 says which part of what it is."""
    rig.put("f")
    got = rig.get("f", range=asked)
    assert (got.status_code, got.content) == (206, DATA[first : last + 1])
    assert got.headers["content-range"] == f"bytes {first}-{last}/{len(DATA)}"
    assert got.headers["content-length"] == str(last - first + 1)


@pytest.mark.parametrize(
    "asked", ["items=0-1", "bytes=1-0", "bytes=-", "bytes=0-1,4-5", "bytes=a-b", "bytes=٣-٤"]
)
def test_what_is_no_single_range_gets_the_whole(rig: Rig, asked: str) -> None:
    """A header that is not understood is ignored."""
    rig.put("f")
    got = ask(rig.app, "GET", rig.url("f"), headers=[(b"range", asked.encode())])
    assert (got.status_code, len(got.content)) == (200, len(DATA))


@pytest.mark.parametrize("asked", [f"bytes={len(DATA)}-", "bytes=99999999-99999999", "bytes=-0"])
def test_a_range_beyond_the_end_is_416(rig: Rig, asked: str) -> None:
    """The answer says how long the file is."""
    rig.put("f")
    got = rig.get("f", range=asked)
    assert (got.status_code, got.headers["content-range"]) == (416, f"bytes */{len(DATA)}")


def test_validators_save_the_transfer(rig: Rig) -> None:
    """A client that has the bytes is told so; a range of other bytes becomes the whole file."""
    rig.put("f")
    etag = f'"{SHA256}"'
    for known in (etag, f'"other", W/{etag}', "*"):
        got = rig.get("f", if_none_match=known)
        assert (got.status_code, got.content, got.headers["etag"]) == (304, b"", etag)
    assert rig.get("f", if_none_match='"other"').status_code == 200
    assert rig.get("f", range="bytes=0-1", if_range=etag).status_code == 206
    assert rig.get("f", range="bytes=0-1", if_range='"other"').status_code == 200


def test_head_says_all_but_the_bytes(rig: Rig) -> None:
    """The same headers as GET."""
    rig.put("f.txt")
    head, got = rig.get("f.txt", "HEAD"), rig.get("f.txt")
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "content-length", "content-type", "content-disposition"):
        assert head.headers[name] == got.headers[name]


def test_an_announced_digest_is_checked(rig: Rig) -> None:
    """In either header; bytes that differ are refused and nothing stays."""
    digest = hashlib.sha256(DATA).digest()
    structured = f"sha-512=:AAAA:, sha-256=:{base64.b64encode(digest).decode()}:"
    assert rig.put("a", x_content_sha256=SHA256.upper()).status_code == 200
    assert rig.put("b", content_digest=structured).status_code == 200
    assert rig.leftovers() == 1
    other = base64.b64encode(bytes(32)).decode()
    for headers in (
        {"x_content_sha256": "0" * 64},
        {"content_digest": f"sha-256=:{other}:"},
        {"x_content_sha256": "abc"},
        {"content_digest": "md5=:AAAA:"},
    ):
        refused = rig.put("c", DATA + b"!", **headers)
        assert refused.status_code == 422
        assert refused.json()["error"]["code"] == "invalid_argument"
    assert rig.paths() == ["a", "b"]
    assert rig.leftovers() == 1


def test_a_lost_connection_leaves_nothing(rig: Rig) -> None:
    """An upload that breaks off has no row, no blob and no temporary file."""
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": bytes(MIB), "more_body": True},
        {"type": "http.request", "body": bytes(MIB), "more_body": True},
        {"type": "http.disconnect"},
    ]
    scope = {
        "type": "http",
        "method": "PUT",
        "path": rig.url("f"),
        "query_string": b"",
        "headers": [(b"host", b"assay")],
    }

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: Any) -> None:
        pytest.fail(f"there is nobody to answer: {message}")

    asyncio.run(rig.app(scope, receive, send))  # type: ignore[arg-type]
    assert messages == []
    assert rig.paths() == []
    assert rig.leftovers() == 0


def test_a_small_file_that_breaks_off_never_begins(rig: Rig) -> None:
    """A short body is received whole before anything is written."""
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"half", "more_body": True},
        {"type": "http.disconnect"},
    ]
    scope = {
        "type": "http",
        "method": "PUT",
        "path": rig.url("f"),
        "query_string": b"",
        "headers": [(b"host", b"assay"), (b"content-length", b"8")],
    }

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: Any) -> None:
        pytest.fail(f"there is nobody to answer: {message}")

    asyncio.run(rig.app(scope, receive, send))  # type: ignore[arg-type]
    assert (messages, rig.paths(), rig.leftovers()) == ([], [], 0)


def test_a_reader_that_leaves_lets_go(rig: Rig) -> None:
    """A download that is broken off ends, whatever was left of it."""
    rig.put("big", bytes(8 * MIB))

    async def look() -> None:
        async with opened(rig.app, rig.url("big")) as stream:
            assert await stream.next_piece() is not None
            stream.leave()

    asyncio.run(look())


def test_changed_bytes_never_arrive_whole(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A blob that was altered on the disk ends in a broken transfer, not in a wrong file."""
    rig.put("f", bytes(3 * MIB))
    owner = RunOwner(rig.run_id)
    entry = rig.tracking.artifacts.get(rig.tracking.context, owner, "f")
    folder = rig.tracking.platform.blobs._root  # type: ignore[attr-defined]
    assert entry.sha256 is not None
    place = f"objects/{entry.sha256[:2]}/{entry.sha256[2:4]}/{entry.sha256}"
    os.chmod(place, 0o600, dir_fd=folder)
    altered = os.open(place, os.O_WRONLY, dir_fd=folder)
    os.pwrite(altered, b"!", 2 * MIB)
    os.close(altered)
    with pytest.raises(Exception, match="does not match its digest"):
        rig.get("f")


@pytest.mark.parametrize(
    "path",
    ["..", "%2e%2e/x", "%252e%252e%252fx", "a/..%2f..%2fx", "%2fetc%2fpasswd", "a%5cb", "a%00b"],
)
def test_no_spelling_of_a_path_leads_out(rig: Rig, path: str) -> None:
    """Encoded once or twice, read or written: refused by name, nothing written."""
    for method in ("PUT", "GET", "DELETE"):
        answer = asyncio.run(_raw(rig.app, method, rig.url(path)))
        assert answer in (422, 404)
        if path != "..":
            assert answer == 422
    assert rig.leftovers() == 0


async def _raw(app: Dispatcher, method: str, target: str) -> int:
    """A request whose path nobody normalises on the way."""
    status: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            status.append(message["status"])

    scope = {
        "type": "http",
        "method": method,
        "path": unquote(target),
        "raw_path": target.encode(),
        "query_string": b"",
        "headers": [(b"host", b"assay")],
    }
    await app(scope, receive, send)  # type: ignore[arg-type]
    return status[0]


def test_a_folder_is_listed_and_removed(rig: Rig) -> None:
    """One level or all files; removing what is not there removes nothing."""
    for path in ("m/a", "m/b/c", "top"):
        rig.put(path, b"1")
    listing = f"/api/v1/runs/{rig.run_id}/artifacts"

    def listed(query: str) -> list[str]:
        answer = ask(rig.app, "GET", listing + query)
        assert answer.status_code == 200
        return [entry["path"] for entry in answer.json()["files"]]

    assert listed("") == ["m", "top"]
    assert listed("?path=m") == ["m/b", "m/a"]
    assert listed("?recursive=true") == ["m/a", "m/b/c", "top"]
    assert listed("?path=none") == []
    assert ask(rig.app, "GET", listing + "?depth=2").status_code == 422
    assert ask(rig.app, "DELETE", rig.url("m")).json() == {"deleted": 2}
    assert ask(rig.app, "DELETE", rig.url("m")).json() == {"deleted": 0}
    assert rig.paths() == ["top"]
    assert rig.get("m/a").status_code == 404


def test_logged_models_have_files_too(sqlite_tracking: Tracking) -> None:
    """The same routes, under the model's id."""
    rig = Rig(sqlite_tracking)
    model = sqlite_tracking.logged_models.create(sqlite_tracking.context, "0", name="m")
    url = f"/api/v1/logged-models/{model.model_id}/files/MLmodel"
    assert ask(rig.app, "PUT", url, content=b"flavor: x").status_code == 200
    got = ask(rig.app, "GET", url)
    assert (got.content, got.headers["content-type"]) == (
        b"flavor: x",
        "text/plain; charset=utf-8",
    )
    assert rig.paths() == []


@pytest.mark.parametrize(
    ("name", "plain", "exact"),
    [
        ("a.txt", "a.txt", "a.txt"),
        ('a"b\\c.txt', "a_b_c.txt", "a%22b%5Cc.txt"),
        ("ünï 模.bin", "_n_ _.bin", "%C3%BCn%C3%AF%20%E6%A8%A1.bin"),
        ("100%.csv", "100_.csv", "100%25.csv"),
        ("a;b.csv", "a;b.csv", "a%3Bb.csv"),
    ],
)
def test_a_name_survives_the_header(name: str, plain: str, exact: str) -> None:
    """Old clients get a plain name, the others the exact one; no name ends the header."""
    header = files.content_disposition(name)
    assert header == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("page.html", "text/html; charset=utf-8"),
        ("x.JSON", "application/json"),
        ("MLmodel", "text/plain; charset=utf-8"),
        ("noext", "application/octet-stream"),
        ("x.pkl", "application/octet-stream"),
    ],
)
def test_content_types_come_from_names(name: str, kind: str) -> None:
    """Whatever is not known is bytes; whatever is known is sandboxed all the same."""
    headers = files.file_headers(FileEntry(name, is_folder=False, size_bytes=1, sha256="0" * 64))
    assert headers["content-type"] == kind
    assert headers["content-security-policy"].startswith("sandbox;")
