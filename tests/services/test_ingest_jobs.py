"""Other short writes that share the groups of the batches."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from assay.domain.errors import AlreadyExists, AppError, Internal, NotFound, Unavailable
from assay.domain.metric import MetricPoint
from assay.domain.tracking import RunStatus
from assay.services.ingest import Ingest
from assay.services.platform import Platform
from assay.services.runs import Runs
from assay.storage.database import Database, Transaction
from tests.support.metric_runs import make_run
from tests.support.platform import a_context, make_platform

CONTEXT = a_context()
POINT = MetricPoint("loss", 0.5, 1_000, 1)


@pytest.fixture
def platform(tmp_path: Path, database: Database) -> Platform:
    """A platform with a run."""
    make_run(database, "run-1")
    return make_platform(tmp_path, database)


@pytest.fixture
def ingest(platform: Platform) -> Iterator[Ingest]:
    """A running ingest."""
    with closing(Ingest(platform)) as made:
        made.start()
        yield made


def _names(database: Database) -> list[str]:
    with database.read() as tx:
        return [name for (name,) in tx.driver_rows("SELECT name FROM runs ORDER BY name")]


def _rename_and_fail(error: Exception) -> object:
    def act(tx: Transaction) -> None:
        tx.driver_run("UPDATE runs SET name = 'half done'")
        raise error

    return act


def test_a_job_answers_when_it_is_durable(
    ingest: Ingest, platform: Platform, database: Database
) -> None:
    """What it made can be read as soon as its answer is there, and is what was answered."""
    runs = Runs(platform)

    async def make_and_end() -> str:
        made = await ingest.write(runs.creation(CONTEXT, experiment="metrics", name="made"))
        assert runs.get_info(CONTEXT, made.run.run_id) == made.run
        change = runs.change(CONTEXT, made.run.run_id, status=RunStatus.FINISHED, ended_at_ms=9)
        ended = await ingest.write(change)
        assert runs.get_info(CONTEXT, made.run.run_id) == ended
        assert (ended.status, ended.ended_at_ms) == (RunStatus.FINISHED, 9)
        return made.run.name

    assert asyncio.run(make_and_end()) in _names(database)


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (NotFound("Nothing."), NotFound),
        (AlreadyExists("Taken."), AlreadyExists),
        (ZeroDivisionError(), Internal),
    ],
)
def test_a_refused_job_leaves_nothing_and_disturbs_nobody(
    ingest: Ingest, database: Database, error: Exception, seen: type[AppError]
) -> None:
    """Its neighbours in the group are written, whole."""
    before = _names(database)

    async def together() -> Sequence[object]:
        return await asyncio.gather(
            ingest.submit(CONTEXT, "run-1", [POINT], params={"a": "1"}),
            ingest.write(_rename_and_fail(error)),  # type: ignore[arg-type]
            ingest.write(lambda tx: tx.driver_run("UPDATE runs SET user_name = 'neighbour'")),
            ingest.submit(CONTEXT, "run-1", tags={"b": "2"}),
            return_exceptions=True,
        )

    written, refused, changed, tagged = asyncio.run(together())
    assert (written, tagged) == (None, None)
    assert isinstance(refused, seen)
    assert changed == len(before)
    assert _names(database) == before
    with database.read() as tx:
        assert tx.driver_rows("SELECT DISTINCT user_name FROM runs") == [("neighbour",)]


def test_a_job_that_is_alone_and_refused_leaves_nothing(ingest: Ingest, database: Database) -> None:
    """It is told so in its own words at the first try, and what comes next is written."""
    before = _names(database)
    tries = []

    def act(tx: Transaction) -> None:
        tries.append(tx.driver_run("UPDATE runs SET name = 'half done'"))
        raise AlreadyExists("It is there.")

    with pytest.raises(AlreadyExists, match=r"It is there\."):
        asyncio.run(ingest.write(act))
    assert tries == [len(before)]
    assert _names(database) == before
    asyncio.run(ingest.submit(CONTEXT, "run-1", tags={"b": "2"}))


def test_a_stopped_ingest_takes_no_jobs(ingest: Ingest) -> None:
    """What comes after the end is refused, not lost."""
    ingest.close()
    with pytest.raises(Unavailable, match="stopping"):
        asyncio.run(ingest.write(lambda tx: tx.driver_run("UPDATE runs SET name = 'late'")))
