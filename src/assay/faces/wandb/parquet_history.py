"""The history of an ended run as one Parquet file, made when it is fetched."""

from __future__ import annotations

import hashlib
import io
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

import anyio.to_thread
from starlette.responses import Response

from assay.domain.access import Action
from assay.domain.errors import FailedPrecondition
from assay.domain.tracking import FileEntry
from assay.faces.endpoint import MIB, NO_BODY, Call, Endpoint
from assay.faces.files import PIECE_BYTES, file_response
from assay.faces.wandb.addresses import redeem
from assay.faces.wandb.run_reads import PARQUET
from assay.services.client_history import Table, Window

PARQUET_TYPE: Final = "application/vnd.apache.parquet"
KEPT_BYTES: Final = 64 * MIB


class Bytes:
    """Bytes on their way out, piece by piece."""

    def __init__(self, data: memoryview) -> None:
        self._data = data

    def __next__(self) -> bytes:
        """The next piece, or StopIteration."""
        if not self._data:
            raise StopIteration
        piece, self._data = self._data[:PIECE_BYTES], self._data[PIECE_BYTES:]
        return bytes(piece)

    def close(self) -> None:
        """Nothing is held."""


class Files:
    """The files that were asked for last: a client reads one in several ranges."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, ...], bytes] = OrderedDict()

    def find(self, place: tuple[str, ...], make: Callable[[], bytes]) -> bytes:
        """The file of a place, made unless it is still there."""
        with self._lock:
            found = self._kept.get(place)
        if found is None:
            found = make()
            with self._lock:
                self._kept[place] = found
                while sum(map(len, self._kept.values())) > KEPT_BYTES and len(self._kept) > 1:
                    self._kept.popitem(last=False)
        return found


class ParquetRoutes:
    """The route of the files."""

    def __init__(self) -> None:
        self._files = Files()

    async def get(self, call: Call) -> Response:
        """The file, or a range of it, by a signed address."""
        content = await anyio.to_thread.run_sync(self._content, call)
        entry = FileEntry(
            "history.parquet",
            is_folder=False,
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )

        def read(start: int, length: int | None) -> Bytes:
            end = None if length is None else start + length
            return Bytes(memoryview(content)[start:end])

        return await file_response(call, entry, read, media_type=PARQUET_TYPE)

    def _content(self, call: Call) -> bytes:
        context, (run_id, first, last, stamp) = redeem(call, PARQUET, Action.TRACKING_READ)
        window = Window(int(first), int(last))
        # Asked for each time: who may no longer read the run gets no bytes that are still at hand.
        call.services.runs.get_info(context, run_id)
        return self._files.find(
            (run_id, first, last, stamp),
            lambda: encode(call.services.clients.history.table(context, run_id, window)),
        )

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The records."""
        return (
            Endpoint(
                method="GET",
                path="/storage/run-history/{token}/{name}",
                name="wandb.get_run_history",
                summary="The history of a run as Parquet, by a signed address",
                permission=Action.PUBLIC,
                body_limit=NO_BODY,
                handler=self.get,
            ),
        )


def encode(table: Table) -> bytes:
    """Columns `_step`, `_timestamp` and one for each key, null where a step has none of it."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional, and slow to import
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        msg = "Parquet needs an extra: pip install 'assay[parquet]'."
        raise FailedPrecondition(msg) from error
    columns: dict[str, Any] = {
        "_step": pa.array(table.steps, pa.int64()),
        "_timestamp": pa.array(table.timestamps_ms / 1000.0, pa.float64()),
    }
    for key, (values, there) in table.columns.items():
        if key not in columns:
            # NaN is a value; what is not there is null.
            columns[key] = pa.array(values, pa.float64(), mask=~there, from_pandas=False)
    out = io.BytesIO()
    parquet.write_table(pa.table(columns), out, compression="zstd")
    return out.getvalue()
