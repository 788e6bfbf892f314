"""The history of an ended run as one Parquet file, made when it is fetched."""

from __future__ import annotations

import io
from typing import Any, Final

from starlette.responses import Response

from assay.domain.access import Action
from assay.domain.errors import FailedPrecondition
from assay.faces.endpoint import NO_BODY, Call, Endpoint
from assay.faces.wandb.addresses import redeem
from assay.faces.wandb.run_reads import PARQUET
from assay.services.client_history import Table, Window


def get(call: Call) -> Response:
    """The file, by a signed address."""
    context, (run_id, first, last) = redeem(call, PARQUET, Action.TRACKING_READ)
    window = Window(int(first), int(last))
    content = encode(call.services.clients.history.table(context, run_id, window))
    headers = {
        "content-type": "application/vnd.apache.parquet",
        "cache-control": "private, no-store",
        "x-content-type-options": "nosniff",
    }
    return Response(content, headers=headers)


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


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/storage/run-history/{token}/{name}",
        name="wandb.get_run_history",
        summary="The history of a run as Parquet, by a signed address",
        permission=Action.PUBLIC,
        body_limit=NO_BODY,
        handler=get,
    ),
)
