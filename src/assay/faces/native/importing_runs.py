"""Routes of an import that concern runs, many in one request: a round trip for each would be the cost."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from assay.domain.access import Action
from assay.domain.errors import AppError, Code, LimitExceeded
from assay.domain.tracking import RunStatus
from assay.faces.endpoint import MIB, NO_BODY, SMALL_BODY, Call, Endpoint
from assay.faces.native.run_answers import RunAnswer, whole_run
from assay.services.import_states import MAX_RUNS, KeptRun

BULK_BODY: Final = 16 * MIB
_OURS: Final = frozenset({Code.UNAVAILABLE, Code.DATA_CORRUPTED, Code.INTERNAL})


class SeriesArrival(msgspec.Struct, forbid_unknown_fields=True):
    """Points of one metric in columns; NaN and infinities are texts."""

    steps: list[int]
    timestamps_ms: list[int]
    values: list[float | str]


class RunArrival(msgspec.Struct, forbid_unknown_fields=True):
    """A run as it was, without inputs and files."""

    run_id: str
    experiment_id: str
    name: str
    status: RunStatus
    user_name: str = ""
    started_at_ms: int | None = None
    ended_at_ms: int | None = None
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    series: dict[str, SeriesArrival] = {}


class RunArrivals(msgspec.Struct, forbid_unknown_fields=True):
    """Several of them."""

    runs: list[RunArrival]


class Arrived(msgspec.Struct):
    """The runs that are there now with all their points. One that is missing was refused."""

    run_ids: list[str]


class RunNames(msgspec.Struct, forbid_unknown_fields=True):
    """Which runs are asked about."""

    run_ids: list[str]


class SeriesDigestAnswer(msgspec.Struct):
    """A series: its points, and SHA-256 over its columns of steps, timestamps and values."""

    key: str
    points: int
    sha256: str


class RunState(msgspec.Struct):
    """All that is kept of a run: itself, a digest of every series, and the digest of every file."""

    run: RunAnswer
    series: list[SeriesDigestAnswer]
    files: dict[str, str]


class RunStates(msgspec.Struct):
    """Those of the runs that exist."""

    runs: list[RunState]


async def import_runs(call: Call, body: RunArrivals) -> Arrived:
    """Take runs over, each by itself: one that is refused keeps no other from arriving.

    All are made in one group of writes, and all their points are written in the next.
    """
    if len(body.runs) > MAX_RUNS:
        msg = f"A request brings at most {MAX_RUNS} runs."
        raise LimitExceeded(msg, field="runs", limit=MAX_RUNS)
    made = await asyncio.gather(*(_arrive(call, run) for run in body.runs))
    return Arrived([run.run_id for run, is_there in zip(body.runs, made, strict=True) if is_there])


async def _arrive(call: Call, run: RunArrival) -> bool:
    services, context = call.services, call.context
    try:
        make = services.runs.creation(
            context,
            run_id=run.run_id,
            experiment_id=run.experiment_id,
            name=run.name,
            user_name=run.user_name,
            status=run.status,
            started_at_ms=run.started_at_ms,
            ended_at_ms=run.ended_at_ms,
            params=run.params,
            tags=run.tags,
        )
        await services.ingest.write(make)
        if run.series:
            await _log(call, run)
    except AppError as refusal:
        if refusal.code in _OURS:
            raise
        return False
    return True


async def _log(call: Call, run: RunArrival) -> None:
    series = run.series.values()
    await call.services.ingest.submit_columns(
        call.context,
        run.run_id,
        list(run.series),
        [place for place, each in enumerate(series) for _ in each.steps],
        [step for each in series for step in each.steps],
        [at_ms for each in series for at_ms in each.timestamps_ms],
        [value for each in series for value in each.values],
    )


def run_states(call: Call, body: RunNames) -> RunStates:
    """What a verification compares of several runs."""
    found = call.services.importing.states.kept_runs(call.context, body.run_ids)
    return RunStates([_state(kept) for kept in found])


def run_state(call: Call) -> RunState:
    """What a verification compares of a run, in any lifecycle."""
    return _state(call.services.importing.states.kept_run(call.context, call.path["run_id"]))


def _state(kept: KeptRun) -> RunState:
    return RunState(
        whole_run(kept.run),
        [SeriesDigestAnswer(each.key, each.points, each.sha256) for each in kept.series],
        dict(kept.files),
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/api/v1/import/runs",
        name="import.runs",
        summary="Take over runs with their metrics, params and tags; the answer names those that arrived",
        permission=Action.TRACKING_WRITE,
        body_limit=BULK_BODY,
        handler=import_runs,
        request=RunArrivals,
        response=Arrived,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/import/runs/states",
        name="import.run_states",
        summary="Runs with the digests of their series and files, to compare with their source",
        permission=Action.TRACKING_READ,
        body_limit=SMALL_BODY,
        handler=run_states,
        request=RunNames,
        response=RunStates,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/import/runs/{run_id}",
        name="import.run_state",
        summary="A run with the digests of its series and files, to compare with its source",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=run_state,
        response=RunState,
    ),
)
