"""Step records: what runs record at a step beside numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from assay.blobs.store import Download, put
from assay.domain.access import Action
from assay.domain.errors import DataCorrupted, LimitExceeded, NotFound
from assay.domain.names import check_metric_key, check_text
from assay.domain.paging import bind, decode, encode
from assay.domain.tracking import Page, Run, StepRecord
from assay.services.checks import check_moment, check_page_size, check_step
from assay.services.context import Context
from assay.services.platform import Platform
from assay.services.runs import get_run, open_run
from assay.storage import files, step_records

MAX_RECORDS: Final = 1_000
MAX_PAGE: Final = 1_000
MAX_KIND: Final = 64
INLINE_BYTES: Final = 16 * 1024
"""Texts up to this size stay in the database; longer ones and all bytes go to the blob store."""


class NewRecord(NamedTuple):
    """A record to keep. A `str` is a text such as JSON, `bytes` are a file's content."""

    key: str
    step: int
    kind: str
    timestamp_ms: int
    payload: str | bytes


class Records:
    """Keeps step records and reads them back."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def append(
        self, context: Context, run_id: str, records: Sequence[NewRecord]
    ) -> tuple[StepRecord, ...]:
        """Keep records of an active run, all or none. One per key and step: the last one stays."""
        if len(records) > MAX_RECORDS:
            raise LimitExceeded(
                f"One request brings at most {MAX_RECORDS} records.",
                field="records",
                limit=MAX_RECORDS,
            )
        for position, record in enumerate(records):
            _check(record, f"records[{position}]")
        with self._platform.database.read() as tx:
            open_run(tx, context, run_id)
        kept = tuple(self._keep(record) for record in records)
        with self._platform.database.write() as tx:
            run = open_run(tx, context, run_id)
            for stored in kept:
                if stored.sha256 is not None:
                    files.record_blob(tx, stored.sha256, stored.size_bytes, context.now_ms)
            step_records.set_records(tx, run.pk, kept)
        return kept

    def list(
        self,
        context: Context,
        run_id: str,
        key: str,
        *,
        max_results: int = 100,
        page_token: str | None = None,
    ) -> Page[StepRecord]:
        """The records under a key, by step."""
        check_page_size(max_results, MAX_PAGE)
        binding = bind(["records", run_id, key])
        after = _step_of(page_token, binding)
        with self._platform.database.read() as tx:
            run = get_run(tx, context, Action.TRACKING_READ, run_id)
            found = step_records.list_records(tx, run.pk, key, after, max_results + 1)
        shown = found[:max_results]
        more = len(found) > max_results
        return Page(shown, encode([shown[-1].step], binding) if more else None)

    def keys(self, context: Context, run_id: str) -> tuple[str, ...]:
        """The keys under which a run has records."""
        with self._platform.database.read() as tx:
            run = get_run(tx, context, Action.TRACKING_READ, run_id)
            return step_records.list_keys(tx, run.pk)

    def keys_of_runs(self, context: Context, found: Iterable[Run]) -> dict[str, tuple[str, ...]]:
        """The same for runs that were read just now, by id."""
        held = list(found)
        for workspace in {run.workspace for run in held}:
            context.require(Action.TRACKING_READ, workspace)
        with self._platform.database.read() as tx:
            return {run.run_id: step_records.list_keys(tx, run.pk) for run in held}

    def open(
        self, context: Context, run_id: str, key: str, step: int
    ) -> tuple[StepRecord, Download | None]:
        """A record, with its bytes where they are not in its payload. Raises NotFound."""
        with self._platform.database.read() as tx:
            run = get_run(tx, context, Action.TRACKING_READ, run_id)
            found = step_records.find_record(tx, run.pk, key, check_step(step))
        if found is None:
            raise NotFound(
                f"Run {run_id!r} has no record {key[:100]!r} at step {step}.", field="key"
            )
        if found.sha256 is None:
            return found, None
        try:
            return found, self._platform.blobs.open(found.sha256)
        except NotFound as error:
            raise DataCorrupted(f"The bytes of record {key[:100]!r} are missing.") from error

    def _keep(self, record: NewRecord) -> StepRecord:
        key, step, kind, timestamp_ms, payload = record
        data = payload.encode() if isinstance(payload, str) else payload
        if isinstance(payload, str) and len(data) <= INLINE_BYTES:
            return StepRecord(key, step, kind, timestamp_ms, payload, None, len(data))
        blob = put(self._platform.blobs, [data])
        return StepRecord(key, step, kind, timestamp_ms, None, blob.sha256, blob.size_bytes)


def _check(record: NewRecord, place: str) -> None:
    check_metric_key(record.key, f"{place}.key")
    check_step(record.step, f"{place}.step")
    check_text(record.kind, f"{place}.kind", max_length=MAX_KIND, allow_empty=False)
    check_moment(record.timestamp_ms, f"{place}.timestamp_ms")
    if isinstance(record.payload, str):
        check_text(record.payload, f"{place}.payload", max_length=len(record.payload))


def _step_of(page_token: str | None, binding: str) -> int | None:
    if not page_token:
        return None
    (step,) = decode(page_token, binding, size=1)
    return check_step(step, "page_token")
