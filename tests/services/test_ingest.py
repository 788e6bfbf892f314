"""Batches of metric points: whole or not at all, once however often they are sent."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from assay.domain.access import Role
from assay.domain.errors import (
    AlreadyExists,
    AppError,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unavailable,
)
from assay.domain.metric import MetricPoint
from assay.domain.tracking import Lifecycle
from assay.services.batch import Columns
from assay.services.context import Context
from assay.services.ingest import Ingest
from assay.services.ingest_queue import IngestQueue
from assay.services.live import Live
from assay.services.metrics import Metrics
from assay.storage import experiments, params, tags
from assay.storage.database import Database, Transaction
from tests.support.metric_runs import AT_MS, bin_run, make_run
from tests.support.platform import a_context, an_actor, make_platform

CONTEXT = a_context()


def steps(count: int, *, key: str = "loss", start: int = 0) -> list[MetricPoint]:
    """Points of one series, a step each."""
    return [MetricPoint(key, step / 8, 1_000 + step, step) for step in range(start, start + count)]


@pytest.fixture
def ingest(tmp_path: Path, database: Database) -> Iterator[Ingest]:
    """A running ingest."""
    with closing(Ingest(make_platform(tmp_path, database))) as made:
        made.start()
        yield made


@pytest.fixture
def read(tmp_path: Path, database: Database) -> Callable[..., list[float]]:
    """Reads the values of a series."""
    metrics = Metrics(make_platform(tmp_path, database))

    def values(run_id: str = "run-1", key: str = "loss") -> list[float]:
        found: list[float] = metrics.history(CONTEXT, run_id, key).values.tolist()
        return found

    return values


def test_a_batch_is_there_once_it_is_acknowledged(
    database: Database, ingest: Ingest, read: Callable[..., list[float]]
) -> None:
    """Points, params and tags of a batch are readable when submit returns."""
    run_pk = make_run(database, "run-1")

    ingest.submit_sync(CONTEXT, "run-1", steps(3), params={"lr": "0.1"}, tags={"note": "first"})

    assert read() == [0.0, 0.125, 0.25]
    with database.read() as tx:
        assert params.params_of_run(tx, run_pk) == {"lr": "0.1"}
        assert tags.tags_of_run(tx, run_pk) == {"note": "first"}


def test_batches_of_many_requests_are_written_together(
    database: Database, ingest: Ingest, read: Callable[..., list[float]]
) -> None:
    """A hundred requests at once, over several runs, each find their points."""
    for run in range(4):
        make_run(database, f"run-{run}")

    async def all_at_once() -> None:
        await asyncio.gather(
            *(
                ingest.submit(CONTEXT, f"run-{number % 4}", steps(2, start=2 * (number // 4)))
                for number in range(100)
            )
        )

    asyncio.run(all_at_once())

    assert [read(f"run-{run}") for run in range(4)] == [[step / 8 for step in range(50)]] * 4


def test_a_refused_batch_leaves_nothing_and_harms_no_other(
    database: Database, ingest: Ingest, read: Callable[..., list[float]]
) -> None:
    """A param with another value refuses points, params and tags of its batch, and only of its."""
    run_pk = make_run(database, "run-1")
    make_run(database, "run-2")
    ingest.submit_sync(CONTEXT, "run-1", params={"lr": "0.1"})

    async def all_at_once() -> list[BaseException | None]:
        return await asyncio.gather(
            ingest.submit(CONTEXT, "run-1", steps(2)),
            ingest.submit(
                CONTEXT,
                "run-1",
                steps(9, start=50),
                params={"epochs": "3", "lr": "0.2"},
                tags={"note": "refused"},
                writer="w",
                sequence=1,
            ),
            ingest.submit(CONTEXT, "run-2", steps(3), params={"lr": "0.2"}),
            return_exceptions=True,
        )

    first, refused, other = asyncio.run(all_at_once())

    assert (first, other) == (None, None)
    assert isinstance(refused, InvalidArgument)
    assert "'lr'" in str(refused)
    assert (read("run-1"), read("run-2")) == ([0.0, 0.125], [0.0, 0.125, 0.25])
    with database.read() as tx:
        assert params.params_of_run(tx, run_pk) == {"lr": "0.1"}
        assert tags.tags_of_run(tx, run_pk) == {}
    ingest.submit_sync(CONTEXT, "run-1", steps(1, start=50), writer="w", sequence=1)
    assert len(read("run-1")) == 3


def test_params_are_written_once_within_a_group_too(database: Database, ingest: Ingest) -> None:
    """Of two batches that arrive together with different values, the first one wins."""
    run_pk = make_run(database, "run-1")

    async def all_at_once() -> list[BaseException | None]:
        return await asyncio.gather(
            *(ingest.submit(CONTEXT, "run-1", params={"lr": value}) for value in "112"),
            return_exceptions=True,
        )

    outcomes = asyncio.run(all_at_once())

    assert outcomes[:2] == [None, None]
    assert isinstance(outcomes[2], InvalidArgument)
    with database.read() as tx:
        assert params.params_of_run(tx, run_pk) == {"lr": "1"}


def test_a_numbered_batch_counts_once(
    database: Database, ingest: Ingest, read: Callable[..., list[float]]
) -> None:
    """Sent again, a batch is acknowledged and changes nothing, whatever it holds now."""
    run_pk = make_run(database, "run-1")

    async def twice_at_once() -> None:
        await asyncio.gather(
            *(
                ingest.submit(CONTEXT, "run-1", steps(3), writer="trainer", sequence=7)
                for _ in range(2)
            )
        )

    asyncio.run(twice_at_once())
    ingest.submit_sync(
        CONTEXT, "run-1", steps(5), tags={"again": "yes"}, writer="trainer", sequence=7
    )
    ingest.submit_sync(CONTEXT, "run-1", steps(1, start=9), writer="other", sequence=7)

    assert len(read()) == 4
    with database.read() as tx:
        assert tags.tags_of_run(tx, run_pk) == {}


def test_a_repeated_point_is_one_point(
    database: Database, ingest: Ingest, tmp_path: Path, read: Callable[..., list[float]]
) -> None:
    """Within a batch and across batches, and a retry without a number does not inflate the count."""
    make_run(database, "run-1")
    ingest.submit_sync(CONTEXT, "run-1", [*steps(4), *steps(4)])
    ingest.submit_sync(CONTEXT, "run-1", steps(4))

    [series] = Metrics(make_platform(tmp_path, database)).keys(CONTEXT, "run-1")

    assert (len(read()), series.count) == (4, 4)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1e308])
def test_every_double_is_kept(
    database: Database, ingest: Ingest, read: Callable[..., list[float]], value: float
) -> None:
    """NaN, infinities, negative zero and the ends of the range come back as they were sent."""
    make_run(database, "run-1")

    ingest.submit_sync(CONTEXT, "run-1", [MetricPoint("loss", value, 0, -(2**63))])

    assert [repr(found) for found in read()] == [repr(value)]


def deleted_run(database: Database) -> None:
    bin_run(database, make_run(database, "run-1"))


def deleted_experiment(database: Database) -> None:
    make_run(database, "run-1")
    with database.write() as tx:
        found = experiments.find_experiment_by_name(tx, "default", "metrics")
        assert found is not None
        experiments.set_lifecycle(tx, int(found.experiment_id), Lifecycle.DELETED, AT_MS)


@pytest.mark.parametrize("delete", [deleted_run, deleted_experiment])
def test_what_is_deleted_takes_no_points(
    database: Database,
    ingest: Ingest,
    read: Callable[..., list[float]],
    delete: Callable[[Database], None],
) -> None:
    """A deleted run, or a run of a deleted experiment, has to be restored first."""
    delete(database)

    with pytest.raises(FailedPrecondition, match="'active' state"):
        ingest.submit_sync(CONTEXT, "run-1", steps(1))

    assert read() == []


def viewer() -> Context:
    return a_context(an_actor("victor", Role.VIEWER))


def stranger() -> Context:
    return a_context(an_actor("stella", Role.CONTRIBUTOR, workspace="other"), "other")


def gate_runner() -> Context:
    return a_context(an_actor("gate", Role.GATE))


@pytest.mark.parametrize(
    ("context", "refusal"),
    [(viewer(), PermissionDenied), (stranger(), NotFound), (gate_runner(), PermissionDenied)],
)
def test_only_a_contributor_of_the_run_s_workspace_writes(
    database: Database,
    ingest: Ingest,
    read: Callable[..., list[float]],
    context: Context,
    refusal: type[AppError],
) -> None:
    """Whoever may not see the run is told that it does not exist; others that they may not."""
    make_run(database, "run-1")

    with pytest.raises(refusal):
        ingest.submit_sync(context, "run-1", steps(1))

    assert read() == []


def test_an_unknown_run_is_refused(ingest: Ingest) -> None:
    """Points never make a run."""
    with pytest.raises(NotFound, match="run-1"):
        ingest.submit_sync(CONTEXT, "run-1", steps(1))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"run_id": "../etc"}, "run_id"),
        ({"points": [MetricPoint("", 1.0, 0, 0)]}, "points[0].key"),
        ({"points": [*steps(1), MetricPoint("k" * 251, 1.0, 0, 0)]}, "points[1].key"),
        ({"points": [*steps(2), MetricPoint("a\0b", 1.0, 0, 0)]}, "points[2].key"),
        ({"points": [MetricPoint("loss", 1.0, -1, 0)]}, "points[0].timestamp_ms"),
        ({"points": [*steps(3), MetricPoint("loss", 1.0, 0, 2**63)]}, "points[3].step"),
        ({"params": {"lr": "x" * 6_001}}, "params.lr"),
        ({"params": {"": "1"}}, "params"),
        ({"tags": {"note": "\ud800"}}, "tags.note"),
        ({"writer": "w"}, "sequence"),
        ({"sequence": 1}, "writer"),
        ({"writer": "w", "sequence": -1}, "sequence"),
        ({"writer": "w" * 129, "sequence": 1}, "writer"),
    ],
)
def test_a_malformed_batch_names_the_field(
    database: Database, ingest: Ingest, values: dict[str, Any], field: str
) -> None:
    """Refused before it is queued, with what is wrong."""
    make_run(database, "run-1")

    with pytest.raises(InvalidArgument) as refused:
        ingest.submit_sync(CONTEXT, **{"run_id": "run-1", **values})

    assert refused.value.field == field


def test_an_empty_batch_is_fine(
    database: Database, ingest: Ingest, read: Callable[..., list[float]]
) -> None:
    """Nothing to write is not an error, but the run has to exist."""
    make_run(database, "run-1")

    ingest.submit_sync(CONTEXT, "run-1")
    ingest.submit_sync(CONTEXT, "run-1", Columns.of((), (), (), ()))

    assert read() == []


def test_closing_writes_what_was_taken(
    tmp_path: Path, database: Database, read: Callable[..., list[float]]
) -> None:
    """Batches that were queued when the server stops are durable; later ones are refused."""
    make_run(database, "run-1")
    ingest = Ingest(make_platform(tmp_path, database))

    async def stop_while_waiting() -> None:
        waiting = [
            asyncio.ensure_future(ingest.submit(CONTEXT, "run-1", steps(1, start=step)))
            for step in range(20)
        ]
        await asyncio.sleep(0)
        ingest.start()
        await asyncio.to_thread(ingest.close)
        await asyncio.gather(*waiting)
        with pytest.raises(Unavailable, match="stopping"):
            await ingest.submit(CONTEXT, "run-1", steps(1))

    asyncio.run(stop_while_waiting())

    assert len(read()) == 20


def test_a_full_queue_makes_requests_wait_and_then_refuses(
    tmp_path: Path, database: Database, read: Callable[..., list[float]]
) -> None:
    """What does not fit waits in order; what waits too long is refused and never written."""
    make_run(database, "run-1")
    ingest = Ingest(
        make_platform(tmp_path, database), queue=IngestQueue(max_points=10), patience_s=0.05
    )

    async def overfill() -> list[BaseException | None]:
        first = asyncio.ensure_future(ingest.submit(CONTEXT, "run-1", steps(10)))
        await asyncio.sleep(0)
        refused = await asyncio.gather(
            *(ingest.submit(CONTEXT, "run-1", steps(1, start=start)) for start in (20, 30)),
            return_exceptions=True,
        )
        ingest.start()
        await first
        return refused

    refused = asyncio.run(overfill())
    ingest.close()

    assert [type(error) for error in refused] == [Unavailable, Unavailable]
    assert len(read()) == 10


def test_a_cancelled_request_is_withdrawn_while_it_waits_for_room(
    tmp_path: Path, database: Database, read: Callable[..., list[float]]
) -> None:
    """A client that went away before its batch was queued leaves nothing behind."""
    make_run(database, "run-1")
    ingest = Ingest(make_platform(tmp_path, database), queue=IngestQueue(max_points=5))

    async def give_up() -> None:
        first = asyncio.ensure_future(ingest.submit(CONTEXT, "run-1", steps(5)))
        second = asyncio.ensure_future(ingest.submit(CONTEXT, "run-1", steps(5, start=50)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        ingest.start()
        await first

    asyncio.run(give_up())
    ingest.close()

    assert read() == [0.0, 0.125, 0.25, 0.375, 0.5]


class _Flaky:
    """A database whose write transactions fail as told, before they begin to count."""

    def __init__(self, database: Database, failures: Sequence[Exception]) -> None:
        self._database = database
        self._failures = list(failures)
        self.engine = database.engine
        self.read = database.read

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """As the real one, but roll back and raise the next failure at the end."""
        with self._database.write() as tx:
            yield tx
            if self._failures:
                raise self._failures.pop(0)


def test_a_lost_race_is_run_again(
    tmp_path: Path, database: Database, read: Callable[..., list[float]]
) -> None:
    """A transaction that lost to another server is repeated, and counts once."""
    make_run(database, "run-1")
    platform = make_platform(tmp_path, _Flaky(database, [AlreadyExists("race")] * 2))  # type: ignore[arg-type]
    with closing(Ingest(platform)) as ingest:
        ingest.start()
        ingest.submit_sync(CONTEXT, "run-1", steps(2))

    assert read() == [0.0, 0.125]


def test_a_failing_disk_refuses_the_group_and_the_next_one_goes_on(
    tmp_path: Path, database: Database, read: Callable[..., list[float]]
) -> None:
    """Whatever cannot be committed is refused and leaves nothing, ids of new keys included."""
    make_run(database, "run-1")
    platform = make_platform(tmp_path, _Flaky(database, [Unavailable("disk full")]))  # type: ignore[arg-type]
    with closing(Ingest(platform)) as ingest:
        ingest.start()
        with pytest.raises(Unavailable):
            ingest.submit_sync(CONTEXT, "run-1", steps(2, key="never"))
        ingest.submit_sync(CONTEXT, "run-1", steps(1, key="loss"))
        ingest.submit_sync(CONTEXT, "run-1", steps(2, key="never", start=4))

    assert (read(), read(key="never")) == ([0.0], [0.5, 0.625])


def test_a_batch_is_acknowledged_though_nobody_could_be_told(
    tmp_path: Path,
    database: Database,
    read: Callable[..., list[float]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What goes wrong after the commit does not turn a durable batch into a refused one."""
    make_run(database, "run-1")
    hub = Live()

    def fail(run_pks: object) -> list[int]:
        raise ZeroDivisionError(run_pks)

    monkeypatch.setattr(hub, "watched", fail)
    with closing(Ingest(make_platform(tmp_path, database), hub)) as ingest:
        ingest.start()
        ingest.submit_sync(CONTEXT, "run-1", steps(2))

    assert read() == [0.0, 0.125]


def test_one_poisoned_batch_does_not_take_others_with_it(
    tmp_path: Path, database: Database, read: Callable[..., list[float]]
) -> None:
    """When a group fails for a reason that nobody foresaw, its batches are written one by one."""
    make_run(database, "run-1")
    platform = make_platform(tmp_path, _Flaky(database, [ZeroDivisionError()]))  # type: ignore[arg-type]
    ingest = Ingest(platform)

    async def all_at_once() -> None:
        waiting = [
            asyncio.ensure_future(ingest.submit(CONTEXT, "run-1", steps(1, start=step)))
            for step in range(3)
        ]
        await asyncio.sleep(0)
        ingest.start()
        await asyncio.gather(*waiting)

    asyncio.run(all_at_once())
    ingest.close()

    assert read() == [0.0, 0.125, 0.25]
