"""What the server keeps and where, what waits to be written, and what takes most of the room."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from assay.domain.access import Action, is_allowed
from assay.services.census import Census, Count, ExperimentSize
from assay.services.compaction import Compaction
from assay.services.context import Context
from assay.services.ingest import Ingest
from assay.services.platform import Platform
from assay.storage.census import database_bytes, waiting_deliveries
from assay.storage.migrate import schema_number

MAX_DELIVERIES: Final = 10_000
"""Waiting deliveries are counted up to here."""


@dataclass(frozen=True, slots=True)
class Backlogs:
    """What waits in this process (batches and points to be written, runs to be packed) and for receivers."""

    ingest_batches: int
    ingest_points: int
    unpacked_runs: int
    webhook_deliveries: int


@dataclass(frozen=True, slots=True)
class StorageReport:
    """How it stands now; `count` is as old as it says, None while the first one is under way."""

    engine: str
    database_bytes: int
    schema: int
    blob_store: str
    free_bytes: int | None
    backlogs: Backlogs
    count: Count | None
    is_counting: bool


class StorageReports:
    """Tells those who look after the server what it keeps."""

    def __init__(
        self,
        platform: Platform,
        ingest: Ingest,
        compaction: Compaction,
        census: Census | None = None,
    ) -> None:
        self._platform = platform
        self._ingest = ingest
        self._compaction = compaction
        self._census = census or Census(platform)

    def get(self, context: Context) -> StorageReport:
        """The report. Of the largest experiments only those whose runs the caller may read.

        Raises PermissionDenied or NotFound.
        """
        context.require(Action.STORAGE_READ)
        count = self._census.latest()
        with self._platform.database.read() as tx:
            size_bytes, schema = database_bytes(tx), schema_number(tx)
            deliveries = waiting_deliveries(tx, MAX_DELIVERIES)
        batches, points = self._ingest.load()
        return StorageReport(
            engine=self._platform.database.engine.value,
            database_bytes=size_bytes,
            schema=schema,
            blob_store=self._platform.blobs.kind,
            free_bytes=self._platform.blobs.free_bytes(),
            backlogs=Backlogs(batches, points, self._compaction.load(), deliveries),
            count=None if count is None else _visible(count, context),
            is_counting=self._census.is_counting,
        )

    def close(self) -> None:
        """Stop counting."""
        self._census.close()


def _visible(count: Count, context: Context) -> Count:
    def may_see(size: ExperimentSize) -> bool:
        return is_allowed(context.actor, Action.TRACKING_READ, size.where.workspace)

    return replace(count, largest=tuple(filter(may_see, count.largest)))
