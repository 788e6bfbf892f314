"""CycloneDX 1.6, as a bill of materials of one machine-learning model."""

from __future__ import annotations

import json
import math

from assay.domain.canonical import JsonValue
from assay.domain.provenance.facts import Facts, moment, stable_uuid, uri_of


def mlbom(facts: Facts) -> str:
    """The model with its card, the data and the base model that it came from, and its files."""
    ref = f"{facts.name}@{facts.version}"
    data, base = f"data:{facts.text('data_version')}", f"model:{facts.text('base_model')}"
    files: list[JsonValue] = [
        {
            "type": "file",
            "bom-ref": f"file:{file.path}",
            "name": file.path,
            "hashes": [{"alg": "SHA-256", "content": file.sha256}],
        }
        for file in facts.files
    ]
    serial = stable_uuid("mlbom", facts.artifact_digest, facts.fingerprint, *_verdict_ids(facts))
    record: dict[str, JsonValue] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": moment(facts.created_at_ms),
            "tools": {
                "components": [
                    {"type": "application", "name": "assay", "version": facts.producer_version}
                ]
            },
            "component": _model(facts, ref, data),
        },
        "components": [
            {
                "type": "data",
                "bom-ref": data,
                "name": facts.text("data_version"),
                "data": [{"type": "dataset", "name": facts.text("data_version")}],
            },
            {
                "type": "machine-learning-model",
                "bom-ref": base,
                "name": facts.text("base_model"),
                "externalReferences": [
                    {"type": "distribution", "url": uri_of("model", facts.text("base_model"))}
                ],
            },
            *files,
        ],
        "dependencies": [
            {
                "ref": ref,
                "dependsOn": [data, base, *(f"file:{file.path}" for file in facts.files)],
            }
        ],
    }
    return json.dumps(record, indent=2, ensure_ascii=False)


def _model(facts: Facts, ref: str, data: str) -> dict[str, JsonValue]:
    model: dict[str, JsonValue] = {
        "type": "machine-learning-model",
        "bom-ref": ref,
        "name": facts.name,
        "version": str(facts.version),
        "hashes": [{"alg": "SHA-256", "content": facts.artifact_digest}],
        "modelCard": {
            "modelParameters": {"datasets": [{"ref": data}]},
            "quantitativeAnalysis": {"performanceMetrics": _metrics(facts)},
        },
        "properties": _properties(facts),
    }
    if facts.description:
        model["description"] = facts.description
    return model


def _properties(facts: Facts) -> list[JsonValue]:
    pairs = [
        ("assay:fingerprint", f"{facts.scheme}:{facts.fingerprint}"),
        ("assay:manifest_sha256", facts.artifact_digest),
        ("assay:code_commit", facts.text("code_commit")),
        ("assay:run_id", facts.run_id),
        *(("assay:verdict", name) for name in _verdict_ids(facts)),
        *(("assay:alias", alias) for alias in facts.aliases),
    ]
    return [{"name": name, "value": value} for name, value in pairs]


def _verdict_ids(facts: Facts) -> list[str]:
    return [verdict.gate_run_id for verdict in facts.verdicts]


def _metrics(facts: Facts) -> list[JsonValue]:
    judged: list[JsonValue] = [
        {
            "type": f"gate {verdict.gate} v{verdict.gate_version}: {verdict.outcome}",
            "value": "" if verdict.metric_score is None else verdict.metric_score,
        }
        for verdict in facts.verdicts
    ]
    told: list[JsonValue] = [
        {"type": result.metric, "value": result.value_text, "slice": result.suite}
        for result in facts.results
        if result.value_text != "NaN" and not math.isnan(float(result.value_text))
    ]
    return judged + told
