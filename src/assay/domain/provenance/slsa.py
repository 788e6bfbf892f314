"""in-toto Statement v1 with a SLSA provenance v1 predicate, bare or in a signed DSSE envelope."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Final

from assay.domain.canonical import JsonValue, canonical_text
from assay.domain.provenance.facts import PRODUCER, Facts, commit_of, moment, uri_of

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://slsa.dev/provenance/v1"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
BUILD_TYPE: Final = "urn:assay:training:v1"


def statement(facts: Facts) -> str:
    """The statement: every file is a subject, data, base model and code are what it was built from."""
    return json.dumps(_statement(facts), indent=2, ensure_ascii=False)


def envelope(facts: Facts, key_id: str, sign: Callable[[bytes], bytes]) -> str:
    """The statement in a DSSE envelope, signed over the pre-authentication encoding."""
    payload = canonical_text(_statement(facts), max_bytes=None).encode()
    kind = PAYLOAD_TYPE.encode()
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    return json.dumps(
        {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"keyid": key_id, "sig": base64.b64encode(sign(signed)).decode()}],
        },
        indent=2,
    )


def _statement(facts: Facts) -> dict[str, JsonValue]:
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": file.path, "digest": {"sha256": file.sha256}} for file in facts.files],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "config": facts.lineage["config"],
                    "seed": facts.lineage["seed"],
                },
                "internalParameters": {
                    "assay": {
                        **facts.core(),
                        "model": facts.name,
                        "version": facts.version,
                        "registered_by": facts.created_by,
                    }
                },
                "resolvedDependencies": _dependencies(facts),
            },
            "runDetails": {
                "builder": {"id": PRODUCER, "version": {"assay": facts.producer_version}},
                "metadata": _metadata(facts),
                "byproducts": [
                    {
                        "name": f"verdict/{verdict.gate_run_id}",
                        "uri": f"urn:assay:gate-run:{verdict.gate_run_id}",
                        "annotations": {
                            "gate": f"{verdict.gate} v{verdict.gate_version}",
                            "gate_fingerprint": verdict.gate_fingerprint,
                            "outcome": verdict.outcome,
                            "score": verdict.metric_score,
                            "items": verdict.items,
                        },
                    }
                    for verdict in facts.verdicts
                ],
            },
        },
    }


def _dependencies(facts: Facts) -> list[JsonValue]:
    code = facts.text("code_commit")
    source: dict[str, JsonValue] = {"name": "code", "uri": uri_of("code", code)}
    commit = commit_of(code)
    if commit is not None:
        source["digest"] = {"gitCommit": commit}
    return [
        {"name": "data", "uri": uri_of("data", facts.text("data_version"))},
        {"name": "base_model", "uri": uri_of("model", facts.text("base_model"))},
        source,
    ]


def _metadata(facts: Facts) -> dict[str, JsonValue]:
    known: dict[str, JsonValue] = {"invocationId": f"urn:assay:run:{facts.run_id}"}
    if facts.started_at_ms is not None:
        known["startedOn"] = moment(facts.started_at_ms)
    if facts.ended_at_ms is not None:
        known["finishedOn"] = moment(facts.ended_at_ms)
    return known
