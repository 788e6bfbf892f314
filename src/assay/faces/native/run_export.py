"""Routes that hand out an experiment's runs as one file."""

from __future__ import annotations

import msgspec
from starlette.responses import Response, StreamingResponse

from assay.domain.access import Action
from assay.domain.tracking import View
from assay.faces.endpoint import NO_BODY, Call, Endpoint
from assay.services.run_export import RunTable, as_csv, as_parquet, export_runs


class ExportQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which runs, in which order."""

    filter: str = ""
    order_by: list[str] = []
    view: View = View.ACTIVE


def export_csv(call: Call) -> Response:
    """The runs as CSV."""
    return StreamingResponse(
        as_csv(_table(call)), media_type="text/csv; charset=utf-8", headers=_headers(call, "csv")
    )


def export_parquet(call: Call) -> Response:
    """The runs as Parquet."""
    return Response(
        as_parquet(_table(call)),
        media_type="application/vnd.apache.parquet",
        headers=_headers(call, "parquet"),
    )


def _table(call: Call) -> RunTable:
    query = call.query(ExportQuery)
    call.services.experiments.get(call.context, call.path["experiment_id"])
    return export_runs(
        call.services.search,
        call.context,
        call.path["experiment_id"],
        filter=query.filter,
        order_by=query.order_by,
        view=query.view,
    )


def _headers(call: Call, suffix: str) -> dict[str, str]:
    # The id was looked up, so it is a number.
    name = f"experiment-{call.path['experiment_id']}-runs.{suffix}"
    return {
        "content-disposition": f'attachment; filename="{name}"',
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/v1/experiments/{experiment_id}/runs.csv",
        name="runs.export-csv",
        summary="All runs of an experiment that match, as CSV",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=export_csv,
        query=ExportQuery,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/experiments/{experiment_id}/runs.parquet",
        name="runs.export-parquet",
        summary="All runs of an experiment that match, as Parquet (needs the extra `parquet`)",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=export_parquet,
        query=ExportQuery,
    ),
)
