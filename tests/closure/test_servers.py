"""lakeFS, hubs and buckets: the real clients against servers on loopback.

No lakeFS server can be installed here. The one below answers with the models of lakeFS's own SDK, so
it keeps to the contract; that is not the same as having been tried against a live server.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import lakefs_sdk
import pytest

from assay.closure.look_up import look_up
from assay.closure.reach import Reach
from assay.domain.closure import Finding, Source, Status
from assay.domain.references import ReferenceKind, parse_base, parse_data
from tests.closure.places import Answering, a_reach, serving
from tests.support.bucket_server import KEY, SECRET, BucketServer

COMMIT = "c" * 64
REVISION = "d" * 40
OBJECTS = {"train/a.txt": b"one\n", "train/b.txt": b"two\n"}


class LakeFS:
    """What the lakeFS server has; a test takes things away."""

    def __init__(self) -> None:
        self.objects = dict(OBJECTS)
        self.recorded = dict(OBJECTS)
        self.refused = False
        self.released: threading.Event | None = None
        self.asked: list[str] = []

    def answer(self, address: str) -> tuple[int, object]:
        """Status and body of a request: a model of the SDK, or the bytes of an object."""
        if self.refused:
            return 401, an_error("error authenticating request")
        split = urlsplit(address)
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        place = split.path.removeprefix("/api/v1/repositories/data/")
        if place == f"commits/{COMMIT}":
            return 200, a_commit()
        if place == f"refs/{COMMIT}/objects/ls":
            return 200, self.listing(query.get("prefix", ""))
        path = query.get("path", "")
        if path not in self.recorded:
            return 404, an_error("not found")
        if path not in self.objects:
            return 410, an_error("object expired")
        if place == f"refs/{COMMIT}/objects/stat":
            return 200, self.stat(path)
        if place == f"refs/{COMMIT}/objects":
            return 200, self.objects[path]
        return 404, an_error("not found")

    def listing(self, prefix: str) -> lakefs_sdk.ObjectStatsList:
        found = [self.stat(path) for path in sorted(self.recorded) if path.startswith(prefix)]
        pages = lakefs_sdk.Pagination(
            has_more=False, next_offset="", results=len(found), max_per_page=1000
        )
        return lakefs_sdk.ObjectStatsList(pagination=pages, results=found)

    def stat(self, path: str) -> lakefs_sdk.ObjectStats:
        content = self.recorded[path]
        return lakefs_sdk.ObjectStats(
            path=path,
            path_type="object",
            physical_address=f"local://{path}",
            checksum=hashlib.md5(content, usedforsecurity=False).hexdigest(),
            size_bytes=len(content),
            mtime=1,
        )


@pytest.fixture
def lake() -> LakeFS:
    return LakeFS()


@pytest.fixture
def lake_url(lake: LakeFS) -> Iterator[str]:
    """A server by the contract of lakeFS."""

    class Contract(Answering, BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            lake.asked.append(f"{self.command} {self.path}")
            if lake.released is not None:
                lake.released.wait(30)
            status, body = lake.answer(self.path)
            if isinstance(body, bytes):
                self.answer(status, body, {"content-type": "application/octet-stream"})
            else:
                text = body.to_json().encode()  # type: ignore[attr-defined]
                self.answer(status, text, {"content-type": "application/json"})

    with serving(Contract) as url:
        yield url


def an_error(message: str) -> lakefs_sdk.Error:
    return lakefs_sdk.Error(message=message)


def a_commit() -> lakefs_sdk.Commit:
    return lakefs_sdk.Commit(
        id=COMMIT,
        parents=[],
        committer="a",
        message="m",
        creation_date=1,
        meta_range_id="",
        metadata={},
    )


def ask_lake(url: str, tmp_path: Path, path: str, *, deep: bool = False) -> Finding:
    source = Source("lake", ReferenceKind.LAKEFS, url, credentials="ASSAY_SOURCE_LAKE")
    reach = a_reach(tmp_path, secret=lambda _name: "key:secret")
    reference = parse_data(f"lakefs://data/{COMMIT}/{path}")
    return look_up(reach, [source], reference, deep=deep)


@pytest.mark.parametrize("path", ["", "train/a.txt", "train/"])
@pytest.mark.parametrize("deep", [False, True])
def test_c3_lakefs_objects_that_are_there_are_ok(
    lake_url: str, tmp_path: Path, path: str, deep: bool
) -> None:
    """The commit, one object of it, and all below a folder."""
    found = ask_lake(lake_url, tmp_path, path, deep=deep)

    assert found.status is Status.OK, found


def test_c3_a_lakefs_commit_that_is_gone_is_missing(lake_url: str, tmp_path: Path) -> None:
    """404 of the commit."""
    source = Source("lake", ReferenceKind.LAKEFS, lake_url)
    reference = parse_data(f"lakefs://data/{'e' * 64}/train/a.txt")

    found = look_up(a_reach(tmp_path), [source], reference, deep=False)

    assert found.status is Status.MISSING


def test_c3_a_lakefs_object_that_clean_up_removed_is_missing(
    lake: LakeFS, lake_url: str, tmp_path: Path
) -> None:
    """The commit still lists it; its bytes are gone (410)."""
    del lake.objects["train/b.txt"]

    assert ask_lake(lake_url, tmp_path, "train/b.txt").status is Status.MISSING
    assert ask_lake(lake_url, tmp_path, "train/").status is Status.MISSING


def test_c3_a_lakefs_object_with_other_bytes_is_corrupt(
    lake: LakeFS, lake_url: str, tmp_path: Path
) -> None:
    """Its length is the same; only reading it shows."""
    lake.objects["train/a.txt"] = b"ONE\n"

    assert ask_lake(lake_url, tmp_path, "train/a.txt").status is Status.OK
    assert ask_lake(lake_url, tmp_path, "train/a.txt", deep=True).status is Status.CORRUPT


def test_c9_lakefs_with_revoked_credentials_is_unknown(
    lake: LakeFS, lake_url: str, tmp_path: Path
) -> None:
    """401 says nothing about the data, and the message holds no secret."""
    lake.refused = True

    found = ask_lake(lake_url, tmp_path, "train/a.txt")

    assert found.status is Status.UNKNOWN
    assert "secret" not in found.message


def test_c10_lakefs_that_hangs_is_unknown(lake: LakeFS, lake_url: str, tmp_path: Path) -> None:
    """The child process that waits for it is ended."""
    lake.released = threading.Event()
    source = Source("lake", ReferenceKind.LAKEFS, lake_url)
    reference = parse_data(f"lakefs://data/{COMMIT}/train/a.txt")

    found = look_up(a_reach(tmp_path, timeout_s=3.0), [source], reference, deep=False)
    lake.released.set()

    assert found.status is Status.UNKNOWN


def test_c12_lakefs_is_only_read(lake: LakeFS, lake_url: str, tmp_path: Path) -> None:
    """Every request is a GET or a HEAD."""
    ask_lake(lake_url, tmp_path, "train/", deep=True)

    assert lake.asked
    assert {line.split()[0] for line in lake.asked} <= {"GET", "HEAD"}


@pytest.mark.parametrize(
    ("status", "sha", "expected"),
    [
        (200, REVISION, Status.OK),
        (200, "e" * 40, Status.UNSUPPORTED),
        (404, "", Status.MISSING),
        (401, "", Status.UNKNOWN),
        (500, "", Status.UNKNOWN),
        (302, "", Status.UNKNOWN),
    ],
)
def test_c3_a_hub_says_what_it_has(tmp_path: Path, status: int, sha: str, expected: Status) -> None:
    """A hub hides what one may not see behind 401, and what redirects is not followed."""
    asked = []

    class Hub(Answering, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.answer(status, f'{{"sha": "{sha}"}}'.encode(), {"location": "/elsewhere"})

    with serving(Hub) as url:
        source = Source("hub", ReferenceKind.HF, url)
        reference = parse_data(f"hf://datasets/org/name@{REVISION}")
        found = look_up(a_reach(tmp_path), [source], reference, deep=False)

    assert found.status is expected
    assert asked == [f"/api/datasets/org/name/revision/{REVISION}"]


@pytest.mark.parametrize("deep", [False, True])
def test_c3_a_bucket_says_which_versions_it_has(tmp_path: Path, deep: bool) -> None:
    """The version id is part of the question; without one any bytes would do."""
    asked = []

    class Bucket(Answering, BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            asked.append(self.path)
            split = urlsplit(self.path)
            version = parse_qs(split.query).get("versionId", [""])[0]
            if split.path != "/bucket/train.txt" or version != "v1":
                self.answer(404, b"<Error><Code>NoSuchVersion</Code></Error>")
                return
            self.answer(
                200, b"data", {"last-modified": "Wed, 01 Jan 2025 00:00:00 GMT", "etag": '"x"'}
            )

    with serving(Bucket) as url:
        source = Source("bucket", ReferenceKind.S3, f"{url}/bucket")
        reach = a_reach(tmp_path)
        answers = [
            look_up(reach, [source], parse_data(f"s3://{text}"), deep=deep).status
            for text in (
                "bucket/train.txt?versionId=v1",
                "bucket/train.txt?versionId=v2",
                "bucket/train.txt",
                "other/train.txt?versionId=v1",
            )
        ]

    assert answers == [Status.OK, Status.MISSING, Status.UNSUPPORTED, Status.UNKNOWN]
    assert all("versionId=" in path for path in asked)


@pytest.mark.timeout(180)
def test_c3_c9_a_real_bucket_says_which_versions_it_has(tmp_path: Path) -> None:
    """SeaweedFS: a version that is there, one that was deleted, one that never was, and wrong credentials."""
    with BucketServer(tmp_path / "s3") as server:
        server.create_bucket("data", versioned=True)
        old, new = (server.put("/data/train/a.txt", content) for content in (b"one", b"two"))
        gone = server.put("/data/train/a.txt", b"three")
        assert server.request("DELETE", "/data/train/a.txt", f"versionId={gone}")[0] == 204
        secrets = {"ASSAY_SOURCE_RIGHT": f"{KEY}:{SECRET}", "ASSAY_SOURCE_WRONG": f"{KEY}:another"}
        reach = replace(a_reach(tmp_path), secret=secrets.get)

        def ask(path: str, *, deep: bool = False, who: str = "RIGHT") -> tuple[Status, str]:
            source = Source(
                "s", ReferenceKind.S3, f"{server.url}/data", credentials=f"ASSAY_SOURCE_{who}"
            )
            found = look_up(reach, [source], parse_data(f"s3://data/train/{path}"), deep=deep)
            return found.status, found.message

        there = (Status.OK, "The bucket has that version.")
        missing = (Status.MISSING, "The bucket has no such version of the object.")
        assert ask(f"a.txt?versionId={old}") == there
        assert ask(f"a.txt?versionId={new}") == there
        assert ask(f"a.txt?versionId={gone}") == missing
        assert ask(f"b.txt?versionId={new}", deep=True) == missing
        assert ask(f"a.txt?versionId={old}", deep=True)[1].startswith("3 bytes were read")
        refused = (Status.UNKNOWN, "The bucket refuses the credentials.")
        assert ask(f"a.txt?versionId={old}", deep=True, who="WRONG") == refused


def test_c3_a_server_that_is_away_is_unknown(tmp_path: Path) -> None:
    """Of every kind that is asked over the network."""
    away = "http://127.0.0.1:9"
    reach = a_reach(tmp_path)
    for kind, text in (
        (ReferenceKind.LAKEFS, f"lakefs://data/{COMMIT}/x"),
        (ReferenceKind.HF, f"hf://datasets/a/b@{REVISION}"),
        (ReferenceKind.S3, "s3://bucket/key?versionId=v"),
    ):
        found = look_up(reach, [Source("s", kind, away)], parse_data(text), deep=False)
        assert found.status is Status.UNKNOWN, (kind, found)


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/",
        "http://10.0.0.1/",
        "http://[::1]/",
        "file:///etc",
        "http://u:p@h.org/",
    ],
)
def test_an_address_inside_is_not_asked(tmp_path: Path, location: str) -> None:
    """Even if such a source got into the database, it is looked at again each time."""
    source = Source("hub", ReferenceKind.HF, location)
    reference = parse_base(f"hf://org/name@{REVISION}")

    found = look_up(a_reach(tmp_path), [source], reference, deep=False)

    assert found.status is Status.UNKNOWN


def test_a_name_that_resolves_to_an_address_inside_is_not_asked() -> None:
    """What a name means is looked at when it is asked, not when it was set up."""
    reach = Reach(resolver=lambda _host, _port: ["10.0.0.1"])
    source = Source("hub", ReferenceKind.HF, "https://hub.example.org")
    reference = parse_base(f"hf://org/name@{REVISION}")

    found = look_up(reach, [source], reference, deep=False)

    assert found.status is Status.UNKNOWN
    assert "not public" in found.message


def test_a_reference_without_a_source_is_unknown() -> None:
    """A text of a user alone never makes the server ask anybody."""
    for text in (
        f"hf://datasets/a/b@{REVISION}",
        "file:/etc/passwd",
        f"git:{REVISION}@{REVISION}:x",
    ):
        assert look_up(Reach(), [], parse_data(text), deep=True).status is Status.UNKNOWN


def test_a_plain_text_is_unsupported() -> None:
    """Nobody could look it up."""
    assert (
        look_up(Reach(), [], parse_data("v7 of the corpus"), deep=True).status is Status.UNSUPPORTED
    )
