"""What clients send of traces without being asked. Assay keeps no traces: it answers, at little cost.

A client that traces must neither fail nor wait because of its tracking server. So what it sends is
accepted and dropped, and what it asks for is empty.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import field
from starlette.responses import Response

from assay.domain.access import Action
from assay.domain.errors import NotFound
from assay.faces.endpoint import MIB, Call, Endpoint
from assay.faces.mlflow.routing import AJAX_V2, AJAX_V3, V3, Nothing, get, post, send
from assay.faces.mlflow.views import Json, present
from assay.faces.mlflow.wire import Int64, Message

OTLP: Final = "/v1/traces"
OTLP_LIMIT: Final = 64 * MIB
# Tells the client that nothing is left to upload.
_SPANS_TAG: Final = "mlflow.trace.spansLocation"
_SPANS_KEPT: Final = "TRACKING_STORE"


class StartTrace(Message):
    """POST traces."""

    trace: dict[str, Any] = field(default_factory=dict)


def start(call: Call, message: StartTrace) -> Json:
    """Answer the trace as it was sent."""
    del call
    info = message.trace.get("trace_info", message.trace.get("traceInfo"))
    if not isinstance(info, dict):
        info = {}
    tags = info.get("tags")
    known = tags if isinstance(tags, dict) else {}
    return {"trace": {"trace_info": {**info, "tags": {**known, _SPANS_TAG: _SPANS_KEPT}}}}


class StartOlderTrace(Message):
    """POST and PATCH of traces in the protocol's second version: the fields are those of its info."""

    experiment_id: str = ""
    timestamp_ms: Int64 | None = None
    status: str | int = "IN_PROGRESS"
    request_metadata: list[dict[str, Any]] = field(default_factory=list)
    tags: list[dict[str, Any]] = field(default_factory=list)


class Assess(Message):
    """POST and PATCH of an assessment."""

    assessment: dict[str, Any] = field(default_factory=dict)


def start_older(call: Call, message: StartOlderTrace) -> Json:
    """Answer the info of a trace of the second version, named here."""
    trace_id = call.path.get("trace_id") or f"tr-{call.services.platform.token_hex(16)}"
    return {
        "trace_info": present(
            request_id=trace_id,
            experiment_id=message.experiment_id,
            timestamp_ms=message.timestamp_ms,
            status=message.status,
            request_metadata=message.request_metadata,
            tags=message.tags,
        )
    }


def assess(call: Call, message: Assess) -> Json:
    """Answer the assessment as it was sent, named here if it is new."""
    given = dict(message.assessment)
    given["assessment_id"] = (
        call.path.get("assessment_id") or f"a-{call.services.platform.token_hex(16)}"
    )
    given.setdefault("trace_id", call.path["trace_id"])
    return {"assessment": given}


def no_correlation(call: Call, message: Nothing) -> Json:
    """Of nothing with nothing."""
    del call, message
    return {"npmi": "NaN", "npmi_smoothed": "NaN"}


async def drop_spans(call: Call) -> Response:
    """Read spans to the end and drop them."""
    async for _ in call.stream():
        pass
    return Response(b"", 200, {"content-type": "application/x-protobuf"})


def nothing(call: Call, message: Nothing) -> Json:
    """There are none."""
    del call, message
    return {}


def none_deleted(call: Call, message: Nothing) -> Json:
    """There was nothing to delete."""
    del call, message
    return {"traces_deleted": 0}


def unknown(call: Call, message: Nothing) -> Json:
    """No trace is kept here."""
    del message
    asked = call.request.query_params
    trace_id = call.path.get("trace_id") or asked.get("trace_id") or asked.get("request_id") or ""
    msg = f"Trace {trace_id[:200]!r} does not exist: Assay keeps no traces."
    raise NotFound(msg, field="trace_id")


_READ: Final = Action.TRACKING_READ
_WRITE: Final = Action.TRACKING_WRITE
_DELETE: Final = Action.TRACKING_DELETE
_ONE: Final = "/traces/{trace_id}"
_ASSESSMENTS: Final = "/traces/{trace_id}/assessments"
_ASSESSMENT: Final = "/traces/{trace_id}/assessments/{assessment_id}"

ENDPOINTS: tuple[Endpoint, ...] = (
    post("/traces", "Accept a trace", _WRITE, start, StartTrace, root=V3),
    post("/traces/search", "No traces", _READ, nothing, Nothing, root=V3),
    get("/traces/batchGet", "No traces", _READ, nothing, Nothing, root=V3),
    post("/traces/batchGetInfos", "No traces", _READ, nothing, Nothing, root=V3),
    post("/traces/metrics", "No traces", _READ, nothing, Nothing, root=V3),
    get("/traces/get", "No such trace", _READ, unknown, Nothing, root=V3),
    post("/traces/delete-traces", "Nothing to delete", _DELETE, none_deleted, Nothing, root=V3),
    get(_ONE, "No such trace", _READ, unknown, Nothing, root=V3),
    send("PATCH", f"{_ONE}/tags", "Accept a tag", _WRITE, nothing, Nothing, root=V3),
    send("DELETE", f"{_ONE}/tags", "Accept a removal", _WRITE, nothing, Nothing, root=V3),
    post("/traces/calculate-filter-correlation", "None", _READ, no_correlation, Nothing, root=V3),
    post(_ASSESSMENTS, "Accept an assessment", _WRITE, assess, Assess, root=V3),
    get(_ASSESSMENT, "No such assessment", _READ, unknown, Nothing, root=V3),
    send("PATCH", _ASSESSMENT, "Accept an assessment", _WRITE, assess, Assess, root=V3),
    send("DELETE", _ASSESSMENT, "Nothing to delete", _WRITE, nothing, Nothing, root=V3),
    get("/unified-traces", "No traces", _READ, nothing, Nothing),
    get("/get-online-trace-details", "No such trace", _READ, unknown, Nothing),
    get("/traces", "No traces", _READ, nothing, Nothing),
    post("/traces", "Accept a trace", _WRITE, start_older, StartOlderTrace),
    send("PATCH", _ONE, "Accept a trace's end", _WRITE, start_older, StartOlderTrace),
    get(f"{_ONE}/info", "No such trace", _READ, unknown, Nothing),
    post("/traces/delete-traces", "Nothing to delete", _DELETE, none_deleted, Nothing),
    post("/traces/link-to-run", "Accept a link", _WRITE, nothing, Nothing),
    post("/traces/link-prompts", "Accept a link", _WRITE, nothing, Nothing),
    send("PATCH", f"{_ONE}/tags", "Accept a tag", _WRITE, nothing, Nothing),
    send("DELETE", f"{_ONE}/tags", "Accept a removal", _WRITE, nothing, Nothing),
)
PAGE_ENDPOINTS: tuple[Endpoint, ...] = tuple(
    get("/get-trace-artifact", "No such trace", _READ, unknown, Nothing, root=root)
    for root in (AJAX_V2, AJAX_V3)
)
OTLP_ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path=OTLP,
        name="mlflow.post" + OTLP,
        summary="Accept spans and drop them",
        permission=_WRITE,
        body_limit=OTLP_LIMIT,
        handler=drop_spans,
    ),
)
