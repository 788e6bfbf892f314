"""Routes of gate runs: requested by people, leased, scored and ended by gate runners."""

from __future__ import annotations

from functools import partial
from typing import Any

import anyio.to_thread
import msgspec
from starlette.responses import Response

from assay.domain.access import Action
from assay.domain.canonical import parse_strict
from assay.domain.errors import InvalidArgument
from assay.domain.gate_run import GateRun, GateRunReport, GateRunState
from assay.domain.tracking import FileEntry
from assay.faces.endpoint import BATCH_BODY, NO_BODY, SMALL_BODY, Call, Endpoint
from assay.faces.files import file_response
from assay.faces.native.gates import GateAnswer, SuiteAnswer, gate_answer, suite_answer
from assay.faces.native.registry_types import (
    FileAnswer,
    VerdictAnswer,
    file_answer,
    verdict_answer,
)
from assay.services.gate_runs import Lease


class GateRunRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Which version is to be examined under the current gate."""

    model: str
    version: int


class GateRunAnswer(msgspec.Struct):
    """A gate run and, once it has ended, its verdict."""

    gate_run_id: str
    workspace: str
    gate: str
    gate_version: int
    gate_fingerprint: str
    model: str
    version: int
    artifact_digest: str
    state: str
    attempts: int
    leased_by: str | None
    lease_expires_at_ms: int | None
    requested_by: str
    created_at_ms: int
    finished_at_ms: int | None
    verdict: VerdictAnswer | None


class GateRunQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which gate runs."""

    model: str | None = None
    version: int | None = None
    state: list[str] = []
    max_results: int = 100
    page_token: str | None = None


class GateRuns(msgspec.Struct):
    """One page of gate runs, newest first."""

    gate_runs: list[GateRunAnswer]
    next_page_token: str | None


class LeaseRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A runner asks for work for so many seconds."""

    seconds: int = 60
    runner: str = ""


class LeaseAnswer(msgspec.Struct):
    """All that a runner needs for one exam; `nonce` and `fence` prove the lease."""

    gate_run: GateRunAnswer
    nonce: str
    fence: int
    gate: GateAnswer
    suite: SuiteAnswer
    files: list[FileAnswer]


class Leased(msgspec.Struct):
    """The lease, or None when nothing is queued."""

    lease: LeaseAnswer | None


class Heartbeat(msgspec.Struct, forbid_unknown_fields=True):
    """Extend a lease."""

    nonce: str
    fence: int
    seconds: int = 60


class Release(msgspec.Struct, forbid_unknown_fields=True):
    """Give a lease back."""

    nonce: str
    fence: int


class SignatureRequest(msgspec.Struct, forbid_unknown_fields=True):
    """An Ed25519 signature (128 hex digits) over the verdict's statement, by a registered key."""

    key_id: str
    signature: str


class RowsRequest(msgspec.Struct, forbid_unknown_fields=True):
    """One row per item: `{"item_id": …, "metrics": {…}}`. The server computes the score."""

    nonce: str
    fence: int
    rows: msgspec.Raw
    signature: SignatureRequest | None = None


class RowsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """A page of rows."""

    max_results: int = 1_000
    page_token: str | None = None


class RowAnswer(msgspec.Struct):
    """One item and what was measured on it; its question and reference are shown to nobody."""

    item_id: str
    metrics: dict[str, Any]


class RowsAnswer(msgspec.Struct):
    """The verdict with its averages; `rows` is None for whoever may not know the items."""

    verdict: VerdictAnswer
    rows: list[RowAnswer] | None
    next_page_token: str | None


class FailRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The exam could not be held."""

    nonce: str
    fence: int
    reason: str


def request(call: Call, body: GateRunRequest) -> GateRunAnswer:
    """Queue an exam; the open one, if there is one."""
    report = call.services.gate_runs.request(call.context, body.model, body.version)
    return report_answer(report)


def list_gate_runs(call: Call) -> GateRuns:
    """Gate runs by model, version and state."""
    query = call.query(GateRunQuery)
    page = call.services.gate_runs.list(
        call.context,
        model=query.model,
        version=query.version,
        states=[_state(text) for text in query.state],
        max_results=query.max_results,
        page_token=query.page_token,
    )
    return GateRuns([report_answer(report) for report in page.items], page.next_token)


def get_gate_run(call: Call) -> GateRunAnswer:
    """One gate run."""
    return report_answer(call.services.gate_runs.get(call.context, call.path["gate_run_id"]))


def lease(call: Call, body: LeaseRequest) -> Leased:
    """Take the oldest exam that waits."""
    taken = call.services.gate_runs.lease(call.context, seconds=body.seconds, runner=body.runner)
    return Leased(None if taken is None else _lease(taken))


def heartbeat(call: Call, body: Heartbeat) -> GateRunAnswer:
    """Keep a lease."""
    run = call.services.gate_runs.heartbeat(
        call.context,
        call.path["gate_run_id"],
        nonce=body.nonce,
        fence=body.fence,
        seconds=body.seconds,
    )
    return run_answer(run, None)


def release(call: Call, body: Release) -> GateRunAnswer:
    """Give a lease back before its time."""
    run = call.services.gate_runs.release(
        call.context, call.path["gate_run_id"], nonce=body.nonce, fence=body.fence
    )
    return run_answer(run, None)


def read_rows(call: Call) -> RowsAnswer:
    """What was measured: per item for maintainers, auditors and admins, in averages for others."""
    query = call.query(RowsQuery)
    page = call.services.reviews.rows.read(
        call.context,
        call.path["gate_run_id"],
        max_results=query.max_results,
        page_token=query.page_token,
    )
    rows = None
    if page.rows is not None:
        rows = [RowAnswer(row.item_id, dict(row.metrics)) for row in page.rows]
    return RowsAnswer(verdict_answer(page.verdict), rows, page.next_token)


def post_rows(call: Call, body: RowsRequest) -> VerdictAnswer:
    """End the exam with the verdict that the server computes from the rows."""
    # Read strictly: a doubled key or a rounded number would be somebody else's row.
    rows = parse_strict(bytes(body.rows), root="rows", max_bytes=BATCH_BODY)
    if not isinstance(rows, list):
        raise InvalidArgument("rows must be a list.", field="rows")
    given = call.services.gate_runs.post_rows(
        call.context,
        call.path["gate_run_id"],
        nonce=body.nonce,
        fence=body.fence,
        rows=rows,
        signature=None if body.signature is None else msgspec.structs.astuple(body.signature),
    )
    return verdict_answer(given)


def fail(call: Call, body: FailRequest) -> VerdictAnswer:
    """End the exam with the verdict `error`."""
    given = call.services.gate_runs.fail(
        call.context,
        call.path["gate_run_id"],
        nonce=body.nonce,
        fence=body.fence,
        reason=body.reason,
    )
    return verdict_answer(given)


async def download_bundle(call: Call) -> Response:
    """The evaluator's bundle, while the lease is held."""
    open_bundle = partial(
        call.services.gate_runs.open_bundle, call.context, call.path["gate_run_id"]
    )
    info, pieces = await anyio.to_thread.run_sync(open_bundle)
    pieces.close()
    entry = FileEntry("bundle.tar", is_folder=False, size_bytes=info.size_bytes, sha256=info.sha256)
    return await file_response(
        call, entry, lambda start, length: open_bundle(start=start, length=length)[1]
    )


async def download_candidate(call: Call) -> Response:
    """A file of the candidate, while the lease is held."""
    open_file = partial(
        call.services.gate_runs.open_candidate_file,
        call.context,
        call.path["gate_run_id"],
        call.path["path"],
    )
    found, pieces = await anyio.to_thread.run_sync(open_file)
    pieces.close()
    entry = FileEntry(found.path, is_folder=False, size_bytes=found.size_bytes, sha256=found.sha256)
    return await file_response(
        call, entry, lambda start, length: open_file(start=start, length=length)[1]
    )


def report_answer(report: GateRunReport) -> GateRunAnswer:
    """A gate run with its verdict as the API shows it."""
    verdict = report.verdict
    return run_answer(report.run, None if verdict is None else verdict_answer(verdict))


def run_answer(run: GateRun, verdict: VerdictAnswer | None) -> GateRunAnswer:
    """A gate run as the API shows it."""
    return GateRunAnswer(
        gate_run_id=run.gate_run_id,
        workspace=run.workspace,
        gate=run.gate,
        gate_version=run.gate_version,
        gate_fingerprint=run.gate_fingerprint,
        model=run.model,
        version=run.version,
        artifact_digest=run.artifact_digest,
        state=run.state.value,
        attempts=run.attempts,
        leased_by=run.leased_by,
        lease_expires_at_ms=run.lease_expires_at_ms,
        requested_by=run.requested_by,
        created_at_ms=run.created_at_ms,
        finished_at_ms=run.finished_at_ms,
        verdict=verdict,
    )


def _lease(lease: Lease) -> LeaseAnswer:
    return LeaseAnswer(
        gate_run=run_answer(lease.run, None),
        nonce=lease.nonce,
        fence=lease.run.fence,
        gate=gate_answer(lease.gate),
        suite=suite_answer(lease.suite),
        files=[file_answer(entry) for entry in lease.files],
    )


def _state(text: str) -> GateRunState:
    try:
        return GateRunState(text)
    except ValueError:
        known = ", ".join(GateRunState)
        raise InvalidArgument(f"state is one of {known}, not {text!r}.", field="state") from None


_RUN = "/api/v1/gate-runs/{gate_run_id}"

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/api/v1/gate-runs",
        name="gate_runs.request",
        summary="Queue a version for the exam of its current gate",
        permission=Action.GATE_REQUEST,
        body_limit=SMALL_BODY,
        handler=request,
        request=GateRunRequest,
        response=GateRunAnswer,
        status=201,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/gate-runs",
        name="gate_runs.list",
        summary="Gate runs with their verdicts",
        permission=Action.GATE_READ,
        body_limit=NO_BODY,
        handler=list_gate_runs,
        query=GateRunQuery,
        response=GateRuns,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/gate-runs/lease",
        name="gate_runs.lease",
        summary="A gate runner takes the oldest exam that waits",
        permission=Action.GATE_RUN,
        body_limit=SMALL_BODY,
        handler=lease,
        request=LeaseRequest,
        response=Leased,
    ),
    Endpoint(
        method="GET",
        path=_RUN,
        name="gate_runs.get",
        summary="One gate run with its verdict",
        permission=Action.GATE_READ,
        body_limit=NO_BODY,
        handler=get_gate_run,
        response=GateRunAnswer,
    ),
    Endpoint(
        method="POST",
        path=f"{_RUN}/heartbeat",
        name="gate_runs.heartbeat",
        summary="Keep a lease",
        permission=Action.GATE_RUN,
        body_limit=SMALL_BODY,
        handler=heartbeat,
        request=Heartbeat,
        response=GateRunAnswer,
    ),
    Endpoint(
        method="POST",
        path=f"{_RUN}/release",
        name="gate_runs.release",
        summary="Give a lease back before its time",
        permission=Action.GATE_RUN,
        body_limit=SMALL_BODY,
        handler=release,
        request=Release,
        response=GateRunAnswer,
    ),
    Endpoint(
        method="GET",
        path=f"{_RUN}/rows",
        name="gate_runs.read_rows",
        summary="What a gate run measured, per item for those who may know the items",
        permission=Action.GATE_READ,
        body_limit=NO_BODY,
        handler=read_rows,
        query=RowsQuery,
        response=RowsAnswer,
    ),
    Endpoint(
        method="GET",
        path=f"{_RUN}/bundle",
        name="gate_runs.bundle",
        summary="The evaluator, for the runner that holds the lease",
        permission=Action.GATE_RUN,
        body_limit=NO_BODY,
        handler=download_bundle,
    ),
    Endpoint(
        method="GET",
        path=_RUN + "/files/{path:path}",
        name="gate_runs.file",
        summary="A file of the candidate, for the runner that holds the lease",
        permission=Action.GATE_RUN,
        body_limit=NO_BODY,
        handler=download_candidate,
    ),
    Endpoint(
        method="POST",
        path=f"{_RUN}/rows",
        name="gate_runs.rows",
        summary="Post per-item rows; the server computes the verdict",
        permission=Action.VERDICT_WRITE,
        body_limit=BATCH_BODY,
        handler=post_rows,
        request=RowsRequest,
        response=VerdictAnswer,
    ),
    Endpoint(
        method="POST",
        path=f"{_RUN}/fail",
        name="gate_runs.fail",
        summary="Say that the exam could not be held",
        permission=Action.VERDICT_WRITE,
        body_limit=SMALL_BODY,
        handler=fail,
        request=FailRequest,
        response=VerdictAnswer,
    ),
)
