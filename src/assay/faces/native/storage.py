"""The route that tells what the server keeps, where, and what waits to be written."""

from __future__ import annotations

from importlib.metadata import version

import msgspec

from assay.domain.access import Action
from assay.faces.endpoint import NO_BODY, Call, Endpoint
from assay.services.census import Count

_VERSION = version("assay")


class DatabaseAnswer(msgspec.Struct):
    """The database: `sqlite` or `postgresql`, its size, and the number of its last migration."""

    engine: str
    size_bytes: int
    schema: int


class BlobStoreAnswer(msgspec.Struct):
    """Where artifact bytes are, and how much more fits (null where nobody knows)."""

    kind: str
    free_bytes: int | None


class BacklogsAnswer(msgspec.Struct):
    """What waits in the process that answers; deliveries to webhooks are counted up to 10,000."""

    ingest_batches: int
    ingest_points: int
    unpacked_runs: int
    webhook_deliveries: int


class BytesAnswer(msgspec.Struct):
    """How many, and how large together."""

    count: int
    size_bytes: int


class PointsAnswer(msgspec.Struct):
    """How many rows, and the metric points in them."""

    count: int
    points: int


class ExperimentSizeAnswer(msgspec.Struct):
    """An experiment that takes much room. A file that two runs name counts twice here."""

    experiment_id: str
    name: str
    workspace: str
    runs: int
    artifact_bytes: int
    points: int


class CountAnswer(msgspec.Struct):
    """What was kept at `counted_at_ms`. Tail rows are as they came in, chunks are packed."""

    counted_at_ms: int
    took_ms: int
    runs: int
    blobs: BytesAnswer
    chunks: PointsAnswer
    tail: PointsAnswer
    largest: list[ExperimentSizeAnswer]


class StorageAnswer(msgspec.Struct):
    """The server's storage. `count` is null until the first count is done."""

    server_version: str
    database: DatabaseAnswer
    blob_store: BlobStoreAnswer
    backlogs: BacklogsAnswer
    count: CountAnswer | None
    is_counting: bool


def get_storage(call: Call) -> StorageAnswer:
    """Sizes now, and counts that are at most as old as they say."""
    found = call.services.storage_reports.get(call.context)
    backlogs = found.backlogs
    return StorageAnswer(
        server_version=_VERSION,
        database=DatabaseAnswer(found.engine, found.database_bytes, found.schema),
        blob_store=BlobStoreAnswer(found.blob_store, found.free_bytes),
        backlogs=BacklogsAnswer(
            backlogs.ingest_batches,
            backlogs.ingest_points,
            backlogs.unpacked_runs,
            backlogs.webhook_deliveries,
        ),
        count=None if found.count is None else _count(found.count),
        is_counting=found.is_counting,
    )


def _count(found: Count) -> CountAnswer:
    return CountAnswer(
        counted_at_ms=found.counted_at_ms,
        took_ms=found.took_ms,
        runs=found.runs,
        blobs=BytesAnswer(*found.blobs),
        chunks=PointsAnswer(*found.chunks),
        tail=PointsAnswer(*found.tail),
        largest=[
            ExperimentSizeAnswer(
                each.where.experiment_id,
                each.where.name,
                each.where.workspace,
                each.runs,
                each.artifact_bytes,
                each.points,
            )
            for each in found.largest
        ],
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/v1/storage",
        name="storage.get",
        summary="What the server keeps and where, what waits to be written, what is largest",
        permission=Action.STORAGE_READ,
        body_limit=NO_BODY,
        handler=get_storage,
        response=StorageAnswer,
    ),
)
