"""The stream of an experiment's runs: what is new or changed comes by itself, whoever wrote it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from assay.domain.access import LOCAL_OWNER, Actor, Role
from assay.domain.tracking import RunStatus
from assay.faces.dispatch import Dispatcher
from assay.faces.native import live as routes
from assay.services import live, run_news, watching_runs
from assay.services.ingest import Ingest
from assay.services.run_news import RunNews
from assay.storage.database import Database, open_database
from tests.support.databases import PostgresqlCluster
from tests.support.native_app import Stream, ask, native_app, opened
from tests.support.platform import an_actor, make_platform
from tests.support.tracking import Tracking, make_tracking

LIVE = "/api/v1/experiments/0/live"


class Rig:
    """A server: tracking, the news of its runs, and the route."""

    def __init__(self, tracking: Tracking) -> None:
        self.tracking = tracking
        self.news = RunNews(tracking.platform)
        self.actor: Actor = LOCAL_OWNER
        self.app: Dispatcher = native_app(
            tracking.platform, routes.ENDPOINTS, lambda: self.actor, run_news=self.news
        )

    def start(self) -> None:
        self.news.start()

    def close(self) -> None:
        self.news.close()


@pytest.fixture
def rig(tracking: Tracking) -> Iterator[Rig]:
    """One server on each engine."""
    with closing(Rig(tracking)) as made:
        made.start()
        yield made


@pytest.fixture
def sqlite_rig(sqlite_tracking: Tracking) -> Iterator[Rig]:
    """One server on SQLite, for what no engine has a say in."""
    with closing(Rig(sqlite_tracking)) as made:
        made.start()
        yield made


async def is_open(stream: Stream) -> None:
    """Returns once the server watches; on PostgreSQL, once it hears the other servers too."""
    assert await stream.next_piece() == b"retry: 2000\n\n"
    assert await stream.next_piece() == b": still here\n\n"


async def next_event(stream: Stream) -> tuple[str, Any]:
    """The name and data of the next event, past comments; a gap of listening is no event here."""
    while True:
        piece = await stream.next_piece()
        assert piece is not None
        for text in piece.decode().strip().split("\n\n"):
            name, _, data = text.partition("\ndata: ")
            if data:
                return name.removeprefix("event: "), json.loads(data)


async def named(stream: Stream, run_id: str) -> list[str]:
    """The run ids of the next event that names this run."""
    while True:
        name, data = await next_event(stream)
        if name == "runs" and run_id in data["run_ids"]:
            ids: list[str] = data["run_ids"]
            return ids


def test_a_new_run_is_told(rig: Rig) -> None:
    """Its id, once it is durable; runs of other experiments are none of the watcher's business."""
    other = rig.tracking.experiments.create(rig.tracking.context, "other").experiment_id

    async def watch() -> tuple[str, list[str]]:
        async with opened(rig.app, LIVE) as stream:
            await is_open(stream)
            rig.tracking.a_run(other)
            made = rig.tracking.a_run().run.run_id
            assert stream.headers["content-type"].startswith("text/event-stream")
            return made, await named(stream, made)

    made, ids = asyncio.run(watch())

    assert ids == [made]
    assert rig.news.hub.watched_pks() == []


@pytest.mark.parametrize("change", ["state", "name", "tag", "untag", "param", "delete", "restore"])
def test_whatever_changes_a_run_is_told(sqlite_rig: Rig, change: str) -> None:
    """Its state, name, tags, params and whether it is in the bin."""
    tracking = sqlite_rig.tracking
    run_id = tracking.a_run(tags={"kept": "no"}).run.run_id
    if change == "restore":
        tracking.runs.delete(tracking.context, run_id)

    def act() -> None:
        context, runs = tracking.context, tracking.runs
        match change:
            case "state":
                runs.update(context, run_id, status=RunStatus.FINISHED)
            case "name":
                runs.update(context, run_id, name="renamed")
            case "tag":
                runs.set_tags(context, run_id, {"kept": "yes"})
            case "untag":
                runs.delete_tag(context, run_id, "kept")
            case "param":
                runs.log_params(context, run_id, {"lr": "1"})
            case "delete":
                runs.delete(context, run_id)
            case _:
                runs.restore(context, run_id)

    async def watch() -> list[str]:
        async with opened(sqlite_rig.app, LIVE) as stream:
            await is_open(stream)
            act()
            return await named(stream, run_id)

    assert asyncio.run(watch()) == [run_id]


def test_what_comes_through_the_queue_is_told(rig: Rig) -> None:
    """A batch's tags and params are written by another thread, in a commit that many share."""
    run_id = rig.tracking.a_run().run.run_id

    async def watch(ingest: Ingest) -> list[str]:
        async with opened(rig.app, LIVE) as stream:
            await is_open(stream)
            await ingest.submit(rig.tracking.context, run_id, params={"lr": "1"}, tags={"a": "b"})
            return await named(stream, run_id)

    with closing(Ingest(rig.tracking.platform)) as ingest:
        ingest.start()
        assert asyncio.run(watch(ingest)) == [run_id]


def test_a_write_that_failed_is_not_told(rig: Rig) -> None:
    """What was rolled back never was."""
    run_id = rig.tracking.a_run(params={"lr": "1"}).run.run_id
    told: list[int] = []
    rig.tracking.database.on_runs_changed = told.extend

    with pytest.raises(Exception, match="not allowed"):
        rig.tracking.runs.log_params(rig.tracking.context, run_id, {"lr": "2"})
    assert told == []

    made = rig.tracking.a_run()
    assert told == [made.run.pk]


def test_many_changes_at_once_are_a_gap(sqlite_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The watcher reads the list anew instead of a list of names."""
    monkeypatch.setattr(run_news, "MAX_NAMED", 1)

    async def watch() -> str:
        async with opened(sqlite_rig.app, LIVE) as stream:
            await is_open(stream)
            pks = {sqlite_rig.tracking.a_run().run.pk for _ in range(3)}
            sqlite_rig.news.note(pks)
            while True:
                name, _ = await next_event(stream)
                if name == "gap":
                    return name

    assert asyncio.run(watch()) == "gap"


def test_watchers_are_counted(sqlite_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than the server takes is told to come later, and leaves no trace."""
    monkeypatch.setattr(live, "MAX_SUBSCRIPTIONS", 0)

    answer = ask(sqlite_rig.app, "GET", LIVE)

    assert answer.status_code == 503
    assert sqlite_rig.news.hub.watched_pks() == []


def test_a_stopping_server_ends_the_stream(rig: Rig) -> None:
    """Nobody keeps a server from stopping by watching."""

    async def watch() -> bytes | None:
        async with opened(rig.app, LIVE) as stream:
            await is_open(stream)
            await asyncio.to_thread(rig.news.close)
            piece: bytes | None = b"-"
            while piece is not None:
                piece = await stream.next_piece()
            return piece

    assert asyncio.run(watch()) is None


def test_a_quiet_stream_says_that_it_lives_and_ends(sqlite_tracking: Tracking) -> None:
    """Comments keep proxies from closing it; its end makes the page come back with its credential."""
    news = RunNews(sqlite_tracking.platform)

    async def listen() -> int:
        watched = watching_runs.watch_runs(
            news, sqlite_tracking.context, "0", heartbeat_s=0.0, max_watch_s=0.5
        )
        heard = [each async for each in watched]
        assert all(not each.items and each.is_whole for each in heard)
        return len(heard)

    assert asyncio.run(listen()) > 1


def test_strangers_find_no_experiment(sqlite_rig: Rig) -> None:
    """Neither one that is not there, nor one of a workspace that they may not see."""
    assert ask(sqlite_rig.app, "GET", "/api/v1/experiments/77/live").status_code == 404
    sqlite_rig.actor = an_actor("eve", Role.VIEWER, workspace="elsewhere")
    assert ask(sqlite_rig.app, "GET", LIVE).status_code == 404


@pytest.fixture
def neighbours(
    tmp_path: Path, postgresql_cluster: PostgresqlCluster, postgresql_database: Database
) -> Iterator[tuple[Rig, Rig]]:
    """Two servers on one PostgreSQL database."""
    with postgresql_database.read() as tx:
        name = tx.driver("SELECT current_database()").scalar_one()
    with closing(open_database(postgresql_cluster.url(str(name)))) as other:
        first = Rig(make_tracking(tmp_path / "first", postgresql_database))
        second = Rig(Tracking(make_platform(tmp_path / "second", other), first.tracking.clock))
        second.news._sender = "the-second"
        with closing(first), closing(second):
            first.start()
            second.start()
            yield first, second


def test_another_server_is_heard(neighbours: tuple[Rig, Rig]) -> None:
    """What one server writes is told by the other, and each run once."""
    here, there = neighbours

    async def watch() -> tuple[str, list[str]]:
        async with opened(here.app, LIVE) as stream:
            await is_open(stream)
            # The first words of the listener: from now on the others are heard.
            assert (await next_event(stream))[0] == "gap"
            made = there.tracking.runs.create(
                there.tracking.context, experiment_id="0", run_id="f" * 32
            )
            return made.run.run_id, await named(stream, made.run.run_id)

    made, ids = asyncio.run(watch())

    assert ids == [made]


def test_a_server_that_was_cut_off_hears_again(
    neighbours: tuple[Rig, Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It connects anew and says that something may have been missed."""
    monkeypatch.setattr(run_news, "RETRY_S", 0.05)
    here, there = neighbours

    async def watch() -> list[str]:
        async with opened(here.app, LIVE) as stream:
            await is_open(stream)
            assert (await next_event(stream))[0] == "gap"
            with there.tracking.database.write() as tx:
                tx.driver(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND left(query, 6) = 'LISTEN'"
                )
            assert (await next_event(stream))[0] == "gap"
            made = there.tracking.runs.create(
                there.tracking.context, experiment_id="0", run_id="e" * 32
            )
            return await named(stream, made.run.run_id)

    assert asyncio.run(watch()) == ["e" * 32]
