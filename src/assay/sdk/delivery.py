"""From frames in a spool to requests of the native API, each frame exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from assay.domain.errors import DataCorrupted
from assay.sdk.client import Client, file_path, url_path
from assay.sdk.errors import ApiError
from assay.sdk.frames import Begin, End, Eval, Frame, Input, Params, Points, Record, Tags, decode
from assay.sdk.notices import Notices
from assay.sdk.outbox import Outbox
from assay.sdk.spool import SpoolReader

BATCH_TYPE: Final = "application/vnd.assay.batch"
MAX_POINTS: Final = 20_000
MAX_TEXTS: Final = 5_000
MAX_RECORDS: Final = 200
READ_BYTES: Final = 1 << 20

_RUNNING: Final = "running"
_LATER: Final = frozenset({0, 401, 403, 408, 429})
_STATES: Final = frozenset({"not_found", "failed_precondition"})


class Blocked(Exception):
    """The server does not take this run at all; what is kept stays kept."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(error.message)
        self.error = error


class NotYet(Exception):
    """The run that a secondary writer joins has not been made by its primary so far."""


@dataclass(slots=True)
class Batch:
    """Frames that travel together, and the offset in the spool where they end."""

    end: int = 0
    frames: int = 0
    points: list[Points] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    point_count: int = 0

    def add(self, frame: Frame, end: int) -> bool:
        """Take a frame in, or answer False: it does not belong into a batch, or this one is full."""
        match frame:
            case Points():
                self.point_count += len(frame.values)
                self.points.append(frame)
            case Params():
                self.params |= frame.values
            case Tags():
                self.tags |= frame.values
            case Record():
                self.records.append(frame)
            case _:
                return False
        self.end = end
        self.frames += 1
        return True

    @property
    def is_full(self) -> bool:
        """Whether no further frame should join."""
        return (
            self.point_count >= MAX_POINTS
            or len(self.params) + len(self.tags) >= MAX_TEXTS
            or len(self.records) >= MAX_RECORDS
        )

    def encoded(self, writer: str) -> bytes:
        """The compact body: columns of points, with params and tags, under (writer, sequence)."""
        keys: dict[str, int] = {}
        index, steps, times, values = [], [], [], []
        for frame in self.points:
            for key, value in frame.values.items():
                index.append(keys.setdefault(key, len(keys)))
                values.append(value)
            steps += [frame.step] * len(frame.values)
            times += [frame.timestamp_ms] * len(frame.values)
        body: dict[str, Any] = {
            "writer": writer,
            "sequence": self.end,
            "keys": list(keys),
            "k": index,
            "s": steps,
            "t": times,
            "v": values,
            "params": self.params,
            "tags": self.tags,
        }
        return msgspec.msgpack.encode(body)


class Delivery:
    """Sends one spool, a unit at a time, in order.

    A batch is announced in the ack before it is sent, so that whoever comes after a crash sends the
    very same one again, which the server then recognises. A delivery that is not live sends what a
    process has left behind: it neither takes up a run that has ended since nor ends it anew. Not
    thread-safe.
    """

    def __init__(
        self, reader: SpoolReader, client: Client, notices: Notices, *, is_live: bool = True
    ) -> None:
        self.reader = reader
        self.client = client
        self.point_count = 0
        self._notices = notices
        self._is_live = is_live
        self._begin: Begin | None = None
        self._most_frames = READ_BYTES

    @property
    def begin(self) -> Begin | None:
        """How the run began, once the server knows it."""
        return self._begin if self.reader.ack.acked_offset else None

    def step(self) -> bool:
        """Send the next unit; False when no whole frame is left.

        Raises Blocked when the run as a whole is not taken, ApiError or NotYet when it may be later,
        DataCorrupted for a frame of another version, OSError when the spool cannot be read.
        """
        if self._begin is None and not self._load_begin():
            return False
        frames = self.reader.read(
            max(READ_BYTES, self.reader.ack.inflight_end - self.reader.offset)
        )
        if not frames:
            return False
        first, end = decode(frames[0][0]), frames[0][1]
        batch = self._batch(frames)
        try:
            if batch.frames:
                end = batch.end
                self._send_batch(batch)
            else:
                self._send_alone(first)
        except ApiError as error:
            if error.status in _LATER or error.status >= 500:
                raise
            if isinstance(first, Begin) or _is_of_the_run(error):
                raise Blocked(error) from error
            self._refused(error, batch, end)
            return True
        self._most_frames = READ_BYTES
        self.point_count += batch.point_count
        self.reader.acknowledge(end, self.client.url)
        return True

    def _load_begin(self) -> bool:
        first = self.reader.first()
        if first is None:
            return False
        frame = decode(first)
        if not isinstance(frame, Begin):
            msg = f"{self.reader.path} does not start as the spool of a run does."
            raise DataCorrupted(msg)
        self._begin = frame
        if frame.workspace != self.client.connection.workspace:
            self.client = self.client.within(frame.workspace)
        return True

    def _batch(self, frames: Sequence[tuple[bytes, int]]) -> Batch:
        batch = Batch()
        inflight_end = self.reader.ack.inflight_end
        for payload, end in frames[: self._most_frames]:
            if inflight_end and end > inflight_end:
                break
            if not batch.add(decode(payload), end):
                break
            if batch.is_full and not inflight_end:
                break
        return batch

    def _send_batch(self, batch: Batch) -> None:
        assert self._begin is not None
        run = url_path("runs", self._begin.run_id)
        self.reader.announce(batch.end, self.client.url)
        if batch.points or batch.params or batch.tags:
            self.client.request(
                "POST",
                f"{run}/batch",
                content=batch.encoded(self.reader.writer),
                headers={"Content-Type": BATCH_TYPE},
                idempotent=True,
            )
        if batch.records:
            records = [
                {
                    "key": record.key,
                    "step": record.step,
                    "kind": record.kind,
                    "timestamp_ms": record.timestamp_ms,
                    "payload": record.payload,
                }
                for record in batch.records
            ]
            self._post(f"{run}/records", {"records": records})

    def _send_alone(self, frame: Frame) -> None:
        assert self._begin is not None
        run = url_path("runs", self._begin.run_id)
        match frame:
            case Begin():
                self._create(frame)
            case Input():
                dataset = {
                    "name": frame.name,
                    "digest": frame.digest,
                    "source_type": frame.source_type,
                    "source": frame.source,
                }
                self._post(f"{run}/inputs", {"inputs": [{"dataset": dataset, "tags": frame.tags}]})
            case Eval():
                self._post(
                    f"{run}/evals",
                    {"suite": frame.suite, "metrics": frame.metrics, "items": frame.items},
                )
            case End():
                self._end(run, frame)

    def _create(self, begin: Begin) -> None:
        address = url_path("runs", begin.run_id)
        run = self._joined(begin, address) if begin.experiment is None else self._made(begin)
        if not begin.is_primary:
            return
        # Another writer may have created the run first, knowing less of it; or it is being resumed.
        changes: dict[str, object] = {}
        if begin.name is not None and run.get("name") != begin.name:
            changes["name"] = begin.name
        if run.get("status") != _RUNNING and self._is_live:
            changes["status"] = _RUNNING
        if changes:
            self.client.patch(address, changes)
        if begin.lineage is not None and run.get("lineage") != begin.lineage:
            self.client.request(
                "PUT",
                f"{address}/lineage",
                # As text: reading and writing it again could change how a number is spelled.
                content=begin.lineage.encode(),
                headers={"Content-Type": "application/json"},
            )

    def _made(self, begin: Begin) -> Any:
        return self._post(
            "/runs",
            {
                "experiment": begin.experiment,
                "run_id": begin.run_id,
                "name": begin.name,
                "user_name": begin.user_name,
                "started_at_ms": begin.started_at_ms,
                "parent_run_id": begin.parent_run_id,
                "lineage": begin.lineage,
            },
        )

    def _joined(self, begin: Begin, address: str) -> Any:
        try:
            return self.client.get(address)
        except ApiError as error:
            if error.code == "not_found" and not begin.is_primary:
                msg = f"Run {begin.run_id} is joined here and has not been started anywhere yet."
                raise NotYet(msg) from error
            raise

    def _end(self, address: str, end: End) -> None:
        if not self._is_live:
            found = self.client.get(address)
            if found["status"] != _RUNNING and (found["ended_at_ms"] or 0) > end.ended_at_ms:
                return
        self.client.patch(address, {"status": end.status, "ended_at_ms": end.ended_at_ms})

    def _post(self, path: str, json: object) -> Any:
        # Everything that is sent here is recognised by the server when it comes a second time.
        answer = self.client.request("POST", path, json=json, idempotent=True)
        return answer.json if isinstance(answer.json, dict) else {}

    def _refused(self, error: ApiError, batch: Batch, end: int) -> None:
        if batch.frames > 1:
            # One frame is to blame: halve until it stands alone, so that it does not cost the others.
            self._most_frames = batch.frames // 2
            self.reader.announce(0, self.client.url)
            return
        self._notices.once(
            "refused",
            f"the server refused something that this run recorded: {error.message} "
            f"It is kept aside next to {self.reader.path}; everything else goes on.",
        )
        self.reader.set_aside(end)
        self.reader.acknowledge(end, self.client.url)


def _is_of_the_run(error: ApiError) -> bool:
    """Whether the run is deleted or unknown (or the server is), rather than one thing wrong in it."""
    return error.code in _STATES and error.field != "path"


def send_file(client: Client, run_id: str, outbox: Outbox, notices: Notices) -> bool:
    """Send the oldest file of an outbox; False when none waits. Raises as `Delivery.step` does."""
    waiting = outbox.oldest()
    if waiting is None:
        return False
    path = waiting.described.path
    try:
        client.upload(
            f"{url_path('runs', run_id, 'files')}/{file_path(path)}",
            waiting.content,
            sha256=waiting.described.sha256,
        )
    except ApiError as error:
        if error.status in _LATER or error.status >= 500:
            raise
        if _is_of_the_run(error):
            raise Blocked(error) from error
        notices.once("refused file", f"the server refused the file {path!r}: {error.message}")
        outbox.set_aside(waiting)
    else:
        outbox.remove(waiting)
    return True
