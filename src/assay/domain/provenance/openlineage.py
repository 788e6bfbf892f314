"""One OpenLineage event: the run that read the data and wrote the version."""

from __future__ import annotations

import json
from typing import Final

from assay.domain.canonical import JsonValue
from assay.domain.provenance.facts import PRODUCER, Facts, moment, stable_uuid

EVENT_SCHEMA: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_VERSION_SCHEMA: Final = (
    "https://openlineage.io/spec/facets/1-0-1/DatasetVersionDatasetFacet.json"
    "#/$defs/DatasetVersionDatasetFacet"
)
_SOURCE_SCHEMA: Final = (
    "https://openlineage.io/spec/facets/1-0-1/SourceCodeLocationJobFacet.json"
    "#/$defs/SourceCodeLocationJobFacet"
)
_OWN_SCHEMA: Final = "urn:assay:schema:provenance:v1"


def event(facts: Facts) -> str:
    """A COMPLETE event at the moment of registration, or of the run's end where that is known."""
    at_ms = facts.created_at_ms if facts.ended_at_ms is None else facts.ended_at_ms
    record: dict[str, JsonValue] = {
        "eventType": "COMPLETE",
        "eventTime": moment(at_ms),
        "producer": PRODUCER,
        "schemaURL": EVENT_SCHEMA,
        "run": {
            "runId": stable_uuid("run", facts.workspace, facts.run_id),
            "facets": {
                "assay_provenance": _facet(
                    _OWN_SCHEMA,
                    {
                        **facts.core(),
                        "run_id": facts.run_id,
                        "config": facts.lineage["config"],
                        "seed": facts.lineage["seed"],
                    },
                )
            },
        },
        "job": {
            "namespace": f"assay:{facts.workspace}",
            "name": f"train {facts.model}",
            "facets": {
                "sourceCodeLocation": _facet(
                    _SOURCE_SCHEMA,
                    {"type": "git", "url": "", "version": facts.text("code_commit")},
                )
            },
        },
        "inputs": [
            _dataset("data", facts.text("data_version"), facts.text("data_version")),
            _dataset("model", facts.text("base_model"), facts.text("base_model")),
        ],
        "outputs": [
            _dataset(f"registry:{facts.workspace}", facts.model, str(facts.version), facts.core())
        ],
    }
    return json.dumps(record, indent=2, ensure_ascii=False)


def _facet(schema: str, members: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {"_producer": PRODUCER, "_schemaURL": schema, **members}


def _dataset(
    namespace: str, name: str, version: str, core: dict[str, JsonValue] | None = None
) -> dict[str, JsonValue]:
    facets: dict[str, JsonValue] = {"version": _facet(_VERSION_SCHEMA, {"datasetVersion": version})}
    if core is not None:
        facets["assay_provenance"] = _facet(_OWN_SCHEMA, core)
    return {"namespace": f"assay:{namespace}", "name": name, "facets": facets}
