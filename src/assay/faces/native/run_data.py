"""Routes of what runs record beside metrics and files: params, tags, inputs, lineage, step records."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator

import anyio.to_thread
import msgspec
from starlette.responses import Response, StreamingResponse

from assay.domain.access import Action
from assay.domain.errors import InvalidArgument
from assay.domain.tracking import Dataset, RunInput, StepRecord
from assay.faces.body import require_json
from assay.faces.endpoint import BATCH_BODY, JSON_BODY, MIB, NO_BODY, Call, Endpoint
from assay.faces.files import pieces_of
from assay.faces.native.run_answers import RunInfo, run_info
from assay.services.records import NewRecord


class ParamsRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Params to add; each is written once."""

    params: dict[str, str]


class TagsRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Tags to set."""

    tags: dict[str, str]


class DatasetRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A dataset as the client describes it."""

    name: str
    digest: str
    source_type: str = ""
    source: str = ""
    schema: str | None = None
    profile: str | None = None


class InputRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A dataset that the run read; the tag `context` says as what."""

    dataset: DatasetRequest
    tags: dict[str, str] = {}


class InputsRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What the run read."""

    inputs: list[InputRequest] = []
    model_ids: list[str] = []


class LineageAnswer(msgspec.Struct):
    """The lineage that the client declared, as it was sent; null when it declared none."""

    run_id: str
    lineage: str | None


class RecordRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A record at a step: a text in `payload`, or bytes in `payload_base64`."""

    key: str
    step: int
    kind: str
    timestamp_ms: int
    payload: str | None = None
    payload_base64: str | None = None


class RecordsRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Records to keep, all or none."""

    records: list[RecordRequest]


class RecordQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which records; without a key only the keys are answered."""

    key: str | None = None
    max_results: int = 100
    page_token: str | None = None


class ContentQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which record."""

    key: str
    step: int


class RecordAnswer(msgspec.Struct):
    """A record; a long or binary content is read at `/records/content`."""

    key: str
    step: int
    kind: str
    timestamp_ms: int
    payload: str | None
    sha256: str | None
    size_bytes: int


class RecordPage(msgspec.Struct):
    """The keys that have records, or the records of one key and the token of the page after them."""

    keys: list[str]
    records: list[RecordAnswer]
    next_page_token: str | None


def log_params(call: Call, body: ParamsRequest) -> None:
    """Add params."""
    call.services.runs.log_params(call.context, call.path["run_id"], body.params)


def set_tags(call: Call, body: TagsRequest) -> None:
    """Set tags."""
    call.services.runs.set_tags(call.context, call.path["run_id"], body.tags)


def delete_tag(call: Call) -> None:
    """Remove a tag."""
    call.services.runs.delete_tag(call.context, call.path["run_id"], call.path["key"])


def log_inputs(call: Call, body: InputsRequest) -> None:
    """Record what the run read."""
    inputs = [
        RunInput(
            Dataset(
                given.dataset.name,
                given.dataset.digest,
                given.dataset.source_type,
                given.dataset.source,
                given.dataset.schema,
                given.dataset.profile,
            ),
            given.tags,
        )
        for given in body.inputs
    ]
    call.services.datasets.log_inputs(call.context, call.path["run_id"], inputs, body.model_ids)


async def declare_lineage(call: Call) -> RunInfo:
    """Keep the body as the run's lineage: as text, so that no number changes its spelling."""
    require_json(call.request)
    raw = b"".join([chunk async for chunk in call.stream()])
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise InvalidArgument("The body is not UTF-8.", field="lineage") from None
    changed = await anyio.to_thread.run_sync(
        call.services.runs.declare_lineage, call.context, call.path["run_id"], text
    )
    return run_info(changed)


def get_lineage(call: Call) -> LineageAnswer:
    """What was declared."""
    found = call.services.runs.get_info(call.context, call.path["run_id"])
    return LineageAnswer(found.run_id, found.lineage)


def append_records(call: Call, body: RecordsRequest) -> None:
    """Keep records."""
    records = [
        NewRecord(
            record.key, record.step, record.kind, record.timestamp_ms, _payload(record, position)
        )
        for position, record in enumerate(body.records)
    ]
    call.services.records.append(call.context, call.path["run_id"], records)


def list_records(call: Call) -> RecordPage:
    """The keys, or the records of one key."""
    query, run_id = call.query(RecordQuery), call.path["run_id"]
    records = call.services.records
    if query.key is None:
        return RecordPage(list(records.keys(call.context, run_id)), [], None)
    page = records.list(
        call.context,
        run_id,
        query.key,
        max_results=query.max_results,
        page_token=query.page_token,
    )
    return RecordPage([query.key], [_record(found) for found in page.items], page.next_token)


async def read_record(call: Call) -> Response:
    """A record's content: its text, or its bytes."""
    query = call.query(ContentQuery)
    record, download = await anyio.to_thread.run_sync(
        call.services.records.open, call.context, call.path["run_id"], query.key, query.step
    )
    headers = {
        "content-disposition": "attachment",
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'",
        "cache-control": "private, no-cache",
    }
    if download is None:
        return Response((record.payload or "").encode(), media_type="text/plain", headers=headers)
    headers["content-length"] = str(record.size_bytes)
    body: AsyncIterator[bytes] = pieces_of(download)
    return StreamingResponse(body, media_type="application/octet-stream", headers=headers)


def _payload(record: RecordRequest, position: int) -> str | bytes:
    place = f"records[{position}]"
    if (record.payload is None) == (record.payload_base64 is None):
        raise InvalidArgument(
            f"{place} needs either payload or payload_base64.", field=f"{place}.payload"
        )
    if record.payload is not None:
        return record.payload
    try:
        return base64.b64decode(record.payload_base64 or "", validate=True)
    except binascii.Error:
        field = f"{place}.payload_base64"
        raise InvalidArgument(f"{field} is not base64.", field=field) from None


def _record(found: StepRecord) -> RecordAnswer:
    return RecordAnswer(
        found.key,
        found.step,
        found.kind,
        found.timestamp_ms,
        found.payload,
        found.sha256,
        found.size_bytes,
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/api/v1/runs/{run_id}/params",
        name="runs.log_params",
        summary="Add params to a run; each is written once",
        permission=Action.TRACKING_WRITE,
        body_limit=JSON_BODY,
        handler=log_params,
        request=ParamsRequest,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/runs/{run_id}/tags",
        name="runs.set_tags",
        summary="Set tags of a run",
        permission=Action.TRACKING_WRITE,
        body_limit=JSON_BODY,
        handler=set_tags,
        request=TagsRequest,
    ),
    Endpoint(
        method="DELETE",
        path="/api/v1/runs/{run_id}/tags/{key:path}",
        name="runs.delete_tag",
        summary="Remove a tag of a run",
        permission=Action.TRACKING_WRITE,
        body_limit=NO_BODY,
        handler=delete_tag,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/runs/{run_id}/inputs",
        name="runs.log_inputs",
        summary="Record the datasets and logged models that a run read",
        permission=Action.TRACKING_WRITE,
        body_limit=BATCH_BODY,
        handler=log_inputs,
        request=InputsRequest,
    ),
    Endpoint(
        method="PUT",
        path="/api/v1/runs/{run_id}/lineage",
        name="runs.declare_lineage",
        summary="Declare what a run was made from: the body is the record, kept as sent",
        permission=Action.TRACKING_WRITE,
        body_limit=2 * MIB,
        handler=declare_lineage,
        response=RunInfo,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/runs/{run_id}/lineage",
        name="runs.get_lineage",
        summary="The lineage that a run's client declared",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=get_lineage,
        response=LineageAnswer,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/runs/{run_id}/records",
        name="runs.append_records",
        summary="Keep texts, tables or media that a run recorded at steps",
        permission=Action.TRACKING_WRITE,
        body_limit=BATCH_BODY,
        handler=append_records,
        request=RecordsRequest,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/runs/{run_id}/records",
        name="runs.list_records",
        summary="The step records of a run under one key, or the keys that have some",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=list_records,
        query=RecordQuery,
        response=RecordPage,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/runs/{run_id}/records/content",
        name="runs.read_record",
        summary="The content of one step record",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=read_record,
        query=ContentQuery,
    ),
)
