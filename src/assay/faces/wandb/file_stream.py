"""POST /files/{entity}/{project}/{run}/file_stream: what a run logs, in batches that may come again.

All of a batch is durable before it is answered. What may heal is answered 503, so that the client tries
again; a 4xx would end its deliveries for good, without a word.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import structlog

from assay.domain.access import Action
from assay.domain.errors import AppError, Code, InvalidArgument, LimitExceeded, Unavailable
from assay.faces.endpoint import MIB, Call, Endpoint
from assay.faces.wandb.ask import Ask
from assay.faces.wandb.dialect import RawBody
from assay.faces.wandb.history_lines import (
    Gathered,
    gather_console,
    gather_events,
    gather_history,
    gather_summary,
    read_line,
)
from assay.faces.wandb.packing import unpacked
from assay.faces.wandb.projects import context_of
from assay.faces.wandb.run_nodes import CONSOLE_FILE, EVENTS_FILE, HISTORY_FILE, RunNode, find_run
from assay.faces.wandb.values import json_text
from assay.services.batch import MAX_POINTS
from assay.services.client_runs import Heard, LineRange
from assay.services.context import Context
from assay.services.records import MAX_RECORDS

STREAM_BODY: Final = 64 * MIB
SUMMARY_FILE: Final = "wandb-summary.json"
MAX_LINE: Final = 2**40
MAX_SUMMARY_KEYS: Final = 20_000
_PERMANENT: Final = frozenset(
    {Code.UNAUTHENTICATED, Code.PERMISSION_DENIED, Code.NOT_FOUND, Code.FAILED_PRECONDITION}
)
_log = structlog.get_logger("assay.wandb")


class Part(msgspec.Struct):
    """Some lines of one file."""

    offset: int = 0
    content: list[str] = []


class Delivery(msgspec.Struct):
    """A batch. An empty one says that the run is alive."""

    files: dict[str, Part] = {}
    uploaded: list[str] | None = None
    complete: bool | None = None
    exitcode: int | None = None
    preempting: bool | None = None
    dropped: Any = None


def receive(call: Call, body: RawBody) -> dict[str, Any]:
    """Take a batch; say whether the run is to stop."""
    delivery = _read(body)
    ask = Ask(call)
    entity, project, name = (call.path[part] for part in ("entity", "project", "run"))
    try:
        node = find_run(ask, entity, project, name)
        context = context_of(ask, entity)
        context.require(Action.TRACKING_WRITE)
        return _take(call, context, node, delivery)
    except AppError as error:
        if error.code in _PERMANENT or error.code is Code.UNAVAILABLE:
            raise
        _log.exception("a batch could not be taken", run=name[:100])
        msg = f"The batch could not be taken now: {error.message}"
        raise Unavailable(msg) from error


def _read(body: RawBody) -> Delivery:
    try:
        delivery = msgspec.json.decode(unpacked(body, STREAM_BODY), type=Delivery)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = f"The body is no batch of a file stream: {str(error)[:200]}"
        raise InvalidArgument(msg, field="body") from None
    for file, part in delivery.files.items():
        if not 0 <= part.offset < MAX_LINE:
            raise InvalidArgument("An offset must be a line number.", field=f"files.{file[:100]}")
    if len(delivery.files) > 100:
        raise LimitExceeded("A batch has at most 100 files.", limit=100)
    return delivery


def _take(call: Call, context: Context, node: RunNode, delivery: Delivery) -> dict[str, Any]:
    clients, run_id = call.services.clients.runs, node.run.run_id
    writer = _writer(call)
    gathered, lines = Gathered(), {}
    for file, part in delivery.files.items():
        if not part.content or file == SUMMARY_FILE:
            continue
        tail = part.content[-1] if file in (HISTORY_FILE, EVENTS_FILE) else ""
        lines[file] = LineRange(part.offset, len(part.content), tail[:100_000])
        if file == HISTORY_FILE:
            gather_history(part.content, part.offset, context.now_ms, gathered)
        elif file == EVENTS_FILE:
            gather_events(part.content, part.offset, context.now_ms, gathered)
        elif file == CONSOLE_FILE:
            ordinal = clients.ordinal_of(context, run_id, file, writer) if writer else 0
            gather_console(part.content, part.offset, ordinal, context.now_ms, gathered)
    first_step = min(gathered.history_steps, default=None)
    summary = _summary(delivery)
    logged = frozenset(gathered.keys)
    # Not before the end: a summary may come before the rows that it sums up.
    last = (summary or read_line(node.summary) or {}) if delivery.complete else {}
    alone = gather_summary(node, last, context.now_ms, gathered)
    _keep(call, context, run_id, gathered)
    heard = Heard(
        writer=writer,
        lines=lines,
        summary=None if summary is None else json_text(summary),
        nested=gathered.nested,
        logged_keys=logged,
        summary_keys=alone,
        first_step=first_step,
        exit_code=delivery.exitcode,
        is_complete=bool(delivery.complete),
        is_preempting=bool(delivery.preempting),
    )
    said = clients.hear(context, run_id, heard)
    return {"exitcode": said.exit_code, "limits": {}, "stopped": bool(said.stop_requested)}


def _keep(call: Call, context: Context, run_id: str, gathered: Gathered) -> None:
    """Make points and records durable. Again changes nothing."""
    for columns in gathered.columns(MAX_POINTS):
        call.services.ingest.submit_sync(context, run_id, columns)
    for start in range(0, len(gathered.records), MAX_RECORDS):
        part = gathered.records[start : start + MAX_RECORDS]
        call.services.records.append(context, run_id, part)


def _writer(call: Call) -> str:
    """The client's id of the process, where several write to one run; else nothing."""
    headers = call.request.headers
    if headers.get("x-wandb-use-async-filestream", "").lower() != "true":
        return ""
    writer = headers.get("x-wandb-async-client-id") or headers.get("x-wandb-client-id") or ""
    return writer[:128] if writer.isascii() and writer.isprintable() else ""


def _summary(delivery: Delivery) -> dict[str, Any] | None:
    part = delivery.files.get(SUMMARY_FILE)
    return None if part is None or not part.content else read_line(part.content[-1])


ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path="/files/{entity}/{project}/{run}/file_stream",
        name="wandb.file_stream",
        summary="A batch of what a run logs",
        permission=Action.TRACKING_WRITE,
        body_limit=STREAM_BODY,
        handler=receive,
        request=RawBody,
    ),
)
