"""The routes that read series: JSON, binary columns, buckets, and events as they happen."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assay.domain.access import LOCAL_OWNER, Actor, Role
from assay.domain.metric import MetricPoint
from assay.faces.dispatch import Dispatcher
from assay.faces.native import metrics as routes
from assay.series.codec import decode_columns_wire
from assay.services import live, watching
from assay.services.ingest import Ingest
from assay.services.live import Live
from assay.services.metrics import Metrics
from assay.storage.database import Database
from tests.support.metric_runs import make_run
from tests.support.native_app import Stream, ask, native_app, opened
from tests.support.platform import a_context, an_actor, make_platform

CONTEXT = a_context()
EVENTS = "/api/v1/runs/run-1/events"


@dataclass
class Rig:
    """The routes on a database with one run."""

    database: Database
    ingest: Ingest
    live: Live
    app: Dispatcher
    actor: Actor = LOCAL_OWNER

    def get(self, path: str, **query: Any) -> Any:
        answer = ask(self.app, "GET", f"/api/v1/runs/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def log(self, *points: MetricPoint) -> None:
        self.ingest.submit_sync(CONTEXT, "run-1", points)


@pytest.fixture
def rig(tmp_path: Path, database: Database) -> Iterator[Rig]:
    """Ingest and the routes on one database."""
    platform = make_platform(tmp_path, database)
    hub = Live()
    make_run(database, "run-1")
    with closing(Ingest(platform, hub)) as ingest:
        ingest.start()
        made = Rig(database, ingest, hub, None)  # type: ignore[arg-type]
        made.app = native_app(
            platform, routes.ENDPOINTS, lambda: made.actor, metrics=Metrics(platform, hub)
        )
        yield made


def point(step: int, value: float = 0.5, key: str = "loss") -> MetricPoint:
    """A point of a series."""
    return MetricPoint(key, value, 1_000 + step, step)


def test_metrics_are_listed_with_their_summaries(rig: Rig) -> None:
    """By key; NaN and infinities are words."""
    rig.log(point(0, math.inf), point(1, 2.0), point(2, math.nan), point(0, math.nan, "acc"))

    acc, loss = rig.get("run-1/metrics")["metrics"]

    assert loss == {
        "key": "loss",
        "value": "NaN",
        "step": 2,
        "timestamp_ms": 1_002,
        "count": 3,
        "min_value": 2.0,
        "min_step": 1,
        "max_value": "Infinity",
        "max_step": 0,
    }
    assert (acc["value"], acc["min_value"], acc["max_step"]) == ("NaN", None, None)


def test_doubtful_counts_are_settled_on_request(rig: Rig) -> None:
    """`exact=true` reads the series."""
    rig.log(point(0), point(1), point(2))
    rig.log(point(1), point(2), point(5))

    assert rig.get("run-1/metrics", exact="true")["metrics"][0]["count"] == 4


def test_a_history_is_read_in_columns(rig: Rig) -> None:
    """By step, each point once; a range of steps includes both ends."""
    rig.log(point(2, math.nan), point(0, 1.0), point(1, -math.inf), point(0, 1.0))

    whole = rig.get("run-1/history", key="loss")
    part = rig.get("run-1/history", key="loss", start_step=1, end_step=1)

    assert whole == {
        "run_id": "run-1",
        "key": "loss",
        "steps": [0, 1, 2],
        "timestamps_ms": [1_000, 1_001, 1_002],
        "values": [1.0, "-Infinity", "NaN"],
    }
    assert part["steps"] == [1]
    assert rig.get("run-1/history", key="unknown")["steps"] == []


def test_a_history_is_read_in_binary(rig: Rig) -> None:
    """The columns as a browser maps them."""
    rig.log(*(point(step, step / 3) for step in range(100)))

    answer = ask(rig.app, "GET", "/api/v1/runs/run-1/history?key=loss&format=binary")

    assert answer.headers["content-type"] == "application/vnd.assay.columns"
    assert decode_columns_wire(answer.content).values.tolist() == [n / 3 for n in range(100)]


def test_a_json_history_is_bounded(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A series too long for JSON is refused with what to do instead."""
    monkeypatch.setattr(routes, "MAX_JSON_POINTS", 3)
    rig.log(*(point(step) for step in range(4)))

    answer = ask(rig.app, "GET", "/api/v1/runs/run-1/history?key=loss")

    assert answer.status_code == 413
    assert "binary" in answer.json()["error"]["message"]


def test_charts_get_buckets(rig: Rig) -> None:
    """Several series in one answer, each in at most so many rows."""
    rig.log(*(point(step, float(step)) for step in range(100)), point(0, math.nan, "acc"))
    body = {"run_ids": ["run-1"], "keys": ["loss", "acc", "unknown"], "buckets": 10}

    answer = ask(rig.app, "POST", "/api/v1/runs/buckets", json=body).json()

    loss, acc = answer["series"]
    assert (loss["key"], sum(loss["counts"]), len(loss["counts"])) == ("loss", 100, 10)
    assert (loss["minima"][0], loss["maxima"][-1], loss["lasts"][0]) == (0.0, 99.0, 9.0)
    assert (acc["key"], acc["means"], acc["counts"]) == ("acc", ["NaN"], [1])


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "run-1/history", {}, 422),
        ("GET", "run-1/history?key=loss&format=xml", {}, 422),
        ("GET", "run-1/history?key=loss&key=acc", {}, 422),
        ("GET", "run-1/history?key=loss&start_step=x", {}, 422),
        ("GET", "run-1/history?key=loss&start_step=99999999999999999999", {}, 422),
        ("GET", "run-1/metrics?exact=perhaps", {}, 422),
        ("GET", "run-9/history?key=loss", {}, 404),
        ("GET", "run-9/metrics", {}, 404),
        ("GET", "run-9/events", {}, 404),
        ("POST", "buckets", {"json": {"run_ids": ["run-9"], "keys": ["loss"]}}, 404),
        ("POST", "buckets", {"json": {"run_ids": "run-1", "keys": ["loss"]}}, 422),
        ("POST", "buckets", {"json": {"run_ids": ["run-1"]}}, 422),
        ("POST", "buckets", {"json": {"run_ids": [], "keys": [], "buckets": 0}}, 422),
        ("POST", "buckets", {"json": {"run_ids": ["run-1"] * 1_001, "keys": ["loss"]}}, 413),
        ("POST", "buckets", {"json": {"run_ids": [], "keys": [], "axis": "value"}}, 422),
    ],
)
def test_bad_questions_get_an_error(
    rig: Rig, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    """Missing, repeated or malformed parameters, unknown runs, too much at once."""
    answer = ask(rig.app, method, f"/api/v1/runs/{path}", **options)

    assert answer.status_code == status
    assert answer.json()["error"]["code"]


@pytest.mark.parametrize("path", ["metrics", "history?key=loss", "events"])
def test_strangers_find_no_run(rig: Rig, path: str) -> None:
    """Whoever may not see the workspace is told that there is no such run."""
    rig.actor = an_actor("stella", Role.VIEWER, workspace="other")

    assert ask(rig.app, "GET", f"/api/v1/runs/run-1/{path}").status_code == 404


async def next_event(stream: Stream) -> tuple[str, Any]:
    """The next event with its data; comments and waiting times are passed over."""
    while True:
        piece = await stream.next_piece()
        assert piece is not None
        for text in piece.decode().strip().split("\n\n"):
            name, _, data = text.partition("\ndata: ")
            if data:
                return name.removeprefix("event: "), json.loads(data)


def test_points_are_shown_as_they_are_written(rig: Rig) -> None:
    """Once they are durable, with words for what JSON cannot say; other runs are not shown."""
    make_run(rig.database, "run-2")

    async def watch() -> tuple[str, Any]:
        async with opened(rig.app, EVENTS) as stream:
            assert await stream.next_piece() == b"retry: 2000\n\n"
            assert (await stream.next_piece() or b"").startswith(b":")
            await rig.ingest.submit(CONTEXT, "run-2", [point(7)])
            await rig.ingest.submit(CONTEXT, "run-1", [point(0), point(1, math.nan)])
            assert stream.headers["content-type"].startswith("text/event-stream")
            return await next_event(stream)

    name, data = asyncio.run(watch())

    assert name == "points"
    assert data["points"] == [["loss", 0.5, 0, 1_000], ["loss", "NaN", 1, 1_001]]
    assert rig.live.watched([1, 2]) == []


def test_a_watcher_that_missed_points_is_told(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a message holds: the newest are shown, and a gap says to read the history."""
    monkeypatch.setattr(live, "MAX_PENDING_POINTS", 3)

    async def watch() -> bytes:
        async with opened(rig.app, EVENTS) as stream:
            await stream.next_piece()
            await stream.next_piece()
            await rig.ingest.submit(CONTEXT, "run-1", [point(step) for step in range(8)])
            return await stream.next_piece() or b""

    points, gap = asyncio.run(watch()).decode().strip().split("\n\n")

    assert [row[2] for row in json.loads(points.partition("data: ")[2])["points"]] == [5, 6, 7]
    assert gap == "event: gap\ndata: {}"


def test_a_large_batch_shows_the_latest_of_each_series(rig: Rig) -> None:
    """Watchers are not flooded: of thousands of points they see the last ones."""

    async def watch() -> bytes:
        async with opened(rig.app, EVENTS) as stream:
            await stream.next_piece()
            await stream.next_piece()
            batch = [point(step, key=key) for step in range(1_000) for key in ("loss", "acc")]
            await rig.ingest.submit(CONTEXT, "run-1", batch)
            return await stream.next_piece() or b""

    points, gap = asyncio.run(watch()).decode().strip().split("\n\n")

    rows = json.loads(points.partition("data: ")[2])["points"]
    assert sorted((row[0], row[2]) for row in rows) == [("acc", 999), ("loss", 999)]
    assert gap.startswith("event: gap")


def test_a_quiet_stream_says_that_it_lives(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comments keep proxies from closing it, and its end makes clients come back."""
    monkeypatch.setattr(watching, "POLL_S", 0.01)

    async def listen() -> list[tuple[str, bool]]:
        news = watching.watch(
            Metrics(make_platform(Path("unused"), rig.database), rig.live),
            CONTEXT,
            "run-1",
            heartbeat_s=0.02,
            max_watch_s=1.0,
        )
        return [("points" if item.items else "alive", item.is_whole) async for item in news]

    heard = asyncio.run(listen())

    assert set(heard) == {("alive", True)}
    assert len(heard) > 2


def test_a_stopping_server_ends_the_stream(rig: Rig) -> None:
    """Nobody keeps a server from stopping by watching."""

    async def watch() -> bytes | None:
        async with opened(rig.app, EVENTS) as stream:
            await stream.next_piece()
            await stream.next_piece()
            rig.live.close()
            piece: bytes | None = b"-"
            while piece is not None:
                piece = await stream.next_piece()
            return piece

    assert asyncio.run(watch()) is None


def test_what_another_server_writes_is_shown_too(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL several servers share a database: the last points are looked up regularly."""
    if not Metrics(make_platform(tmp_path, rig.database)).has_other_servers:
        # One process owns a SQLite file, so there is nobody else to look for.
        return
    monkeypatch.setattr(watching, "POLL_S", 0.02)
    rig.log(point(0))
    other = Ingest(make_platform(tmp_path, rig.database))
    other.start()

    async def watch() -> list[Any]:
        async with opened(rig.app, EVENTS) as stream:
            await stream.next_piece()
            await stream.next_piece()
            await other.submit(CONTEXT, "run-1", [point(3), point(4)])
            _, data = await next_event(stream)
            rows: list[Any] = data["points"]
            return rows

    rows = asyncio.run(watch())
    other.close()

    assert rows == [["loss", 0.5, 4, 1_004]]
