"""The route that training writes to: a batch of points, params and tags, whole or not at all."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from functools import partial
from typing import Final, Literal

import anyio.to_thread
import msgspec

from assay.domain.access import Action
from assay.domain.errors import InvalidArgument, LimitExceeded
from assay.faces.body import read_body
from assay.faces.endpoint import BATCH_BODY, KIB, Call, Endpoint
from assay.faces.native.dialect import malformed
from assay.services.batch import Columns

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

COMPACT: Final = "application/vnd.assay.batch"
JSON: Final = "application/json"
DECODED_ON_LOOP: Final = 256 * KIB
"""Larger bodies are decoded in a thread, so that other requests need not wait for them."""

# A forged frame asks in vain for more memory than eight MiB.
_UNZSTD: Final[dict[int, int]] = {zstd.DecompressionParameter.window_log_max: 23}
_GZIP: Final = 31

Value = float | Literal["NaN", "Infinity", "-Infinity"]
Row = tuple[str, Value, int, int]


class BatchRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A batch in JSON; a point is `[key, value, step, timestamp_ms]`.

    `writer` and `sequence` name the batch, so that it counts once however often it is sent.
    """

    points: list[Row] = []
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    writer: str | None = None
    sequence: int | None = None

    def columns(self) -> Columns:
        """The points, checked and packed."""
        if not self.points:
            return Columns.of((), (), (), ())
        keys, values, steps, timestamps_ms = zip(*self.points, strict=True)
        return Columns.of(keys, steps, timestamps_ms, values)


class CompactBatch(msgspec.Struct, forbid_unknown_fields=True):
    """A batch in MessagePack: distinct `keys`; per point `k` its key, `s` step, `t` time, `v` value."""

    keys: list[str] = []
    k: list[int] = []
    s: list[int] = []
    t: list[int] = []
    v: list[float] = []
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    writer: str | None = None
    sequence: int | None = None

    def columns(self) -> Columns:
        """The points, checked and packed."""
        return Columns.of(self.keys, self.s, self.t, self.v, key_index=self.k)


_json = msgspec.json.Decoder(BatchRequest)
_msgpack = msgspec.msgpack.Decoder(CompactBatch)


async def write_batch(call: Call) -> None:
    """Answer once all of the batch is durable."""
    decode = _decoder(call)
    encoding = call.request.headers.get("content-encoding", "identity").strip().lower()
    limit = call.endpoint.body_limit
    raw = await read_body(call.request, limit)
    work = partial(_decoded, raw, encoding, limit, decode)
    is_small = len(raw) <= DECODED_ON_LOOP and encoding == "identity"
    batch, columns = work() if is_small else await anyio.to_thread.run_sync(work)
    await call.services.ingest.submit(
        call.context,
        call.path["run_id"],
        columns,
        params=batch.params,
        tags=batch.tags,
        writer=batch.writer,
        sequence=batch.sequence,
    )


Batches = BatchRequest | CompactBatch


def _decoder(call: Call) -> Callable[[bytes], Batches]:
    kind = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == JSON:
        return _json.decode
    if kind == COMPACT:
        return _msgpack.decode
    msg = f"Send a batch as 'Content-Type: {JSON}' or '{COMPACT}' (got {kind[:100]!r})."
    raise InvalidArgument(msg, field="Content-Type")


def _decoded(
    raw: bytes, encoding: str, limit: int, decode: Callable[[bytes], Batches]
) -> tuple[Batches, Columns]:
    try:
        batch = decode(_expanded(raw, encoding, limit))
    except msgspec.DecodeError as error:
        raise malformed(error) from None
    except (RecursionError, UnicodeDecodeError, OverflowError, ValueError):
        msg = "The body is not usable: it is nested too deeply, or holds invalid text or numbers."
        raise InvalidArgument(msg, field="body") from None
    return batch, batch.columns()


def _expanded(raw: bytes, encoding: str, limit: int) -> bytes:
    """The body without its encoding, never more than `limit` bytes."""
    try:
        match encoding:
            case "identity":
                return raw
            case "gzip":
                gunzip = zlib.decompressobj(_GZIP)
                body = gunzip.decompress(raw, limit + 1)
                is_whole = gunzip.eof and not gunzip.unused_data
            case "zstd":
                unzstd = zstd.ZstdDecompressor(options=_UNZSTD)
                body = unzstd.decompress(raw, limit + 1)
                is_whole = unzstd.eof and not unzstd.unused_data
            case _:
                msg = f"Content-Encoding {encoding[:100]!r} is not one of identity, gzip, zstd."
                raise InvalidArgument(msg, field="Content-Encoding")
    except (zlib.error, zstd.ZstdError):
        body, is_whole = b"", False
    if len(body) > limit:
        msg = f"The body is larger than this route's limit of {limit} bytes once unpacked."
        raise LimitExceeded(msg, limit=limit)
    if not is_whole:
        msg = f"The body is not valid {encoding}."
        raise InvalidArgument(msg, field="Content-Encoding")
    return body


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/v1/runs/{run_id}/batch",
        name="runs.batch",
        summary="Write metric points, params and tags of a run, all or nothing",
        permission=Action.TRACKING_WRITE,
        body_limit=BATCH_BODY,
        handler=write_batch,
    ),
)
