"""The batch route: JSON and MessagePack, packed or not, whole or refused with the place named."""

from __future__ import annotations

import gzip
import json
import math
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from assay.domain.access import LOCAL_OWNER, Actor, Role
from assay.faces.dispatch import Dispatcher
from assay.faces.endpoint import BATCH_BODY
from assay.faces.native import ingest as routes
from assay.services.ingest import Ingest
from assay.services.metrics import Metrics
from assay.storage import params, tags
from assay.storage.database import Database
from tests.support.metric_runs import bin_run, make_run
from tests.support.native_app import ask, native_app
from tests.support.platform import a_context, an_actor, make_platform

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PATH = "/api/v1/runs/run-1/batch"
JSON = {"content-type": "application/json"}
COMPACT = {"content-type": "application/vnd.assay.batch"}
POINTS = [["loss", 0.5, 0, 1_000], ["loss", "NaN", 1, 1_001], ["acc", 1, 1, 1_002]]


@dataclass
class Rig:
    """The route on a database with one run."""

    database: Database
    run_pk: int
    metrics: Metrics
    app: Dispatcher
    actor: Actor = LOCAL_OWNER

    def post(self, content: bytes, headers: dict[str, str] | None = None) -> httpx2.Response:
        return ask(self.app, "POST", PATH, content=content, headers=headers or JSON)

    def send(self, **body: Any) -> httpx2.Response:
        return self.post(json.dumps(body).encode())

    def values(self, key: str = "loss") -> list[float]:
        found: list[float] = self.metrics.history(a_context(), "run-1", key).values.tolist()
        return found


@pytest.fixture
def rig(tmp_path: Path, sqlite_database: Database) -> Iterator[Rig]:
    """A running ingest behind the route."""
    platform = make_platform(tmp_path, sqlite_database)
    with closing(Ingest(platform)) as service:
        service.start()
        made = Rig(sqlite_database, make_run(sqlite_database, "run-1"), Metrics(platform), None)  # type: ignore[arg-type]
        made.app = native_app(platform, routes.ENDPOINTS, lambda: made.actor, ingest=service)
        yield made


def compact(**changes: Any) -> dict[str, Any]:
    """A small batch in the compact form."""
    batch = {
        "keys": ["loss", "acc"],
        "k": [0, 1, 0],
        "s": [0, 0, 1],
        "t": [1_000, 1_000, 1_001],
        "v": [0.5, 1.0, math.nan],
    }
    return batch | changes


def test_a_json_batch_is_written(rig: Rig) -> None:
    """Points with their words for what JSON cannot say, params and tags."""
    answer = rig.send(points=POINTS, params={"lr": "0.1"}, tags={"note": "x"})

    assert (answer.status_code, answer.json()) == (200, {})
    assert repr(rig.values()) == "[0.5, nan]"
    assert rig.values("acc") == [1.0]
    with rig.database.read() as tx:
        assert params.params_of_run(tx, rig.run_pk) == {"lr": "0.1"}
        assert tags.tags_of_run(tx, rig.run_pk) == {"note": "x"}


def test_a_compact_batch_is_written_once(rig: Rig) -> None:
    """MessagePack with numbered keys; its writer and sequence make a retry harmless."""
    body = msgspec.msgpack.encode(compact(writer="trainer", sequence=3, tags={"note": "x"}))

    answers = [rig.post(body, COMPACT).status_code for _ in range(2)]

    assert answers == [200, 200]
    assert repr(rig.values()) == "[0.5, nan]"
    assert rig.values("acc") == [1.0]


def test_an_empty_object_is_a_batch_of_nothing(rig: Rig) -> None:
    """Neither points nor params nor tags is no error."""
    assert rig.send().status_code == 200


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("GZIP", gzip.compress), ("zstd", zstd.compress)],
)
def test_a_packed_body_is_unpacked(rig: Rig, encoding: str, pack: Callable[[bytes], bytes]) -> None:
    """Content-Encoding gzip and zstd, for JSON and MessagePack."""
    for body, headers in (
        (json.dumps({"points": POINTS}).encode(), JSON),
        (msgspec.msgpack.encode(compact()), COMPACT),
    ):
        packed = {**headers, "content-encoding": encoding}
        assert rig.post(pack(body), packed).status_code == 200

    assert len(rig.values()) == 2


def bomb(pack: Callable[[bytes], bytes]) -> bytes:
    """Much in little."""
    return pack(b" " * (BATCH_BODY + 1))


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (bomb(gzip.compress), "gzip", 413),
        (bomb(zstd.compress), "zstd", 413),
        (b"not packed", "gzip", 422),
        (b"not packed", "zstd", 422),
        (gzip.compress(b"{}")[:-4], "gzip", 422),
        (gzip.compress(b"{}") + b"more", "gzip", 422),
        (zstd.compress(b"{}") + b"more", "zstd", 422),
        (b"{}", "br", 422),
    ],
    # Packed bytes carry the time, so they cannot name a case.
    ids=["gzip bomb", "zstd bomb", "no gzip", "no zstd", "cut", "gzip+", "zstd+", "unknown"],
)
def test_a_body_that_does_not_unpack_is_refused(
    rig: Rig, body: bytes, encoding: str, status: int
) -> None:
    """Too much once unpacked, damaged, cut, followed by more, or in an unknown encoding."""
    answer = rig.post(body, {**JSON, "content-encoding": encoding})

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"points": [*POINTS, ["loss", 0.5, 0]]}, "points[3]"),
        ({"points": [["loss", "nan", 0, 0]]}, "points[0][1]"),
        ({"points": [["loss", None, 0, 0]]}, "points[0][1]"),
        ({"points": [["loss", True, 0, 0]]}, "points[0][1]"),
        ({"points": [*POINTS, ["loss", 0.5, 0.5, 0]]}, "points[3][2]"),
        ({"points": [["loss", 0.5, "0", 0]]}, "points[0][2]"),
        ({"points": [[5, 0.5, 0, 0]]}, "points[0][0]"),
        ({"points": [{"key": "loss"}]}, "points[0]"),
        ({"points": {"loss": 1}}, "points"),
        ({"points": [["loss", 0.5, 2**63, 0]]}, "points[0].step"),
        ({"points": [*POINTS, ["loss", 0.5, 0, -1]]}, "points[3].timestamp_ms"),
        ({"points": [["", 0.5, 0, 0]]}, "points[0].key"),
        ({"points": [*POINTS, ["x" * 251, 0.5, 0, 0]]}, "points[3].key"),
        ({"point": []}, "point"),
        ({"params": {"lr": 0.1}}, "params[...]"),
        ({"tags": ["note"]}, "tags"),
        ({"writer": "w"}, "sequence"),
        ({"writer": 5, "sequence": 1}, "writer"),
        ({"writer": "w", "sequence": "1"}, "sequence"),
        ([], "body"),
    ],
)
def test_a_malformed_json_batch_is_refused_with_its_place(rig: Rig, body: Any, field: str) -> None:
    """The answer names the field, and for points the row; nothing of the batch is written."""
    answer = rig.post(json.dumps(body).encode())

    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == field
    assert rig.values() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"points":[["loss",NaN,0,0]]}',
        b'{"points":[["loss",1e400,0,0]]}',
        b'{"points":[["lo\xffss",1,0,0]]}',
        b'{"points":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"\x00" * 100,
    ],
)
def test_what_is_not_json_is_refused(rig: Rig, body: bytes) -> None:
    """Damaged, with NaN literals, with numbers beyond a double, with bad text, nested too deeply."""
    answer = rig.post(body)

    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "invalid_argument"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"k": [0, 2, 0]}, "points"),
        ({"k": [0, -1, 0]}, "points"),
        ({"s": [0, 1]}, "points"),
        ({"t": [0, 1, -1]}, "points[2].timestamp_ms"),
        ({"s": [0, 1, 2**63]}, "points[2].step"),
        ({"keys": ["loss", ""]}, "points[1].key"),
        ({"v": [0.0, "x", 0.0]}, "v[1]"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_malformed_compact_batch_is_refused(
    rig: Rig, changes: dict[str, Any], field: str
) -> None:
    """The compact form is checked as strictly."""
    answer = rig.post(msgspec.msgpack.encode(compact(**changes)), COMPACT)

    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x91" * 100_000, struct.pack(">BI", 0xDD, 2**31)])
def test_what_is_not_messagepack_is_refused(rig: Rig, body: bytes) -> None:
    """Empty, unused bytes, nested too deeply, or announcing more than it brings."""
    assert rig.post(body, COMPACT).status_code == 422


@pytest.mark.parametrize("kind", ["text/plain", "", "application/octet-stream", "application/xml"])
def test_another_content_type_is_refused(rig: Rig, kind: str) -> None:
    """A web page elsewhere can post text/plain without asking; it is not taken for JSON."""
    answer = rig.post(b"{}", {"content-type": kind})

    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "Content-Type")


def test_a_body_over_the_limit_is_refused(rig: Rig) -> None:
    """By its announced length, before it is read."""
    answer = rig.post(b" " * (BATCH_BODY + 1))

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "limit_exceeded")


def test_a_batch_over_the_limit_of_points_is_refused(rig: Rig) -> None:
    """At most 100,000 points a request, also when it is decoded in a thread."""
    rows = [["loss", 0.5, step, step] for step in range(100_001)]

    answer = rig.send(points=rows)

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "limit_exceeded")
    assert rig.values() == []


def test_a_large_batch_is_written(rig: Rig) -> None:
    """A body that is decoded in a thread is written like any other."""
    rows = [["loss", step / 7, step, step] for step in range(20_000)]

    assert rig.send(points=rows).status_code == 200
    assert len(rig.values()) == 20_000


def test_refusals_of_the_service_become_answers(rig: Rig) -> None:
    """A deleted run, a param with another value, an unknown run, a stranger: each with its status."""
    rig.send(params={"lr": "1"})
    assert rig.send(points=POINTS, params={"lr": "2"}).status_code == 422
    unknown = ask(rig.app, "POST", "/api/v1/runs/run-9/batch", json={"points": POINTS})
    assert unknown.status_code == 404
    odd = ask(rig.app, "POST", "/api/v1/runs/..%2F..%2Fetc/batch", json={"points": POINTS})
    assert odd.status_code in (404, 422)
    rig.actor = an_actor("stella", Role.CONTRIBUTOR, workspace="other")
    assert rig.send(points=POINTS).status_code == 404
    rig.actor = an_actor("victor", Role.VIEWER)
    assert rig.send(points=POINTS).status_code == 403
    rig.actor = LOCAL_OWNER
    bin_run(rig.database, rig.run_pk)
    assert rig.send(points=POINTS).status_code == 409
    assert rig.values() == []
