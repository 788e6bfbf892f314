"""A Hugging Face model card: metadata that the hub reads, and the facts for people."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from assay.domain.canonical import JsonValue, canonical_text
from assay.domain.provenance.facts import Facts, ResultFact, moment


def model_card(facts: Facts) -> str:
    """A README.md: YAML between dashes (JSON is YAML, too), then what can be checked."""
    return "\n".join(["---", *_metadata(facts), "---", "", *_body(facts)]) + "\n"


def _metadata(facts: Facts) -> Iterator[str]:
    members: dict[str, JsonValue] = {
        "base_model": facts.text("base_model"),
        "datasets": [facts.text("data_version")],
        "tags": ["assay", *facts.aliases],
        "model_name": facts.model,
        "assay": {**facts.core(), "run_id": facts.run_id, "version": facts.version},
    }
    numbers = [result for result in facts.results if _number(result) is not None]
    if numbers:
        members["model-index"] = [
            {"name": facts.model, "results": [_result(result) for result in numbers]}
        ]
    for name, value in members.items():
        yield f"{name}: {json.dumps(value)}"


def _number(result: ResultFact) -> float | None:
    value = float(result.value_text)
    return value if math.isfinite(value) else None


def _result(result: ResultFact) -> JsonValue:
    return {
        "task": {"type": "text-generation"},
        "dataset": {"type": result.suite, "name": result.suite},
        "metrics": [{"type": result.metric, "value": _number(result), "verified": False}],
    }


def _body(facts: Facts) -> Iterator[str]:
    yield f"# {_plain(facts.model)} version {facts.version}"
    yield ""
    if facts.description:
        yield from (_plain(facts.description), "")
    yield f"Registered {moment(facts.created_at_ms)} by {_plain(facts.created_by)}."
    yield from ("", "## Lineage", "", "| | |", "|---|---|")
    yield f"| fingerprint | `{facts.scheme}:{facts.fingerprint}` |"
    yield f"| files | `sha256:{facts.artifact_digest}` (digest of the manifest) |"
    for field, label in (
        ("data_version", "data"),
        ("base_model", "base model"),
        ("code_commit", "code"),
        ("seed", "seed"),
        ("config", "config"),
    ):
        value = facts.lineage[field]
        text = value if isinstance(value, str) else canonical_text(value, max_bytes=None)
        yield f"| {label} | {_plain(text)} |"
    if facts.verdicts:
        yield from (
            "",
            "## Verdicts",
            "",
            "| gate | outcome | score | items | verdict |",
            "|---|---|---|---|---|",
        )
        for verdict in facts.verdicts:
            yield (
                f"| {_plain(verdict.gate)} v{verdict.gate_version} | {verdict.outcome} | "
                f"{verdict.metric_score or ''} | {verdict.items} | `{verdict.gate_run_id}` |"
            )
    if facts.results:
        yield from (
            "",
            "## Results, as the run tells them",
            "",
            "| suite | metric | value |",
            "|---|---|---|",
        )
        for result in facts.results:
            yield f"| {_plain(result.suite)} | {_plain(result.metric)} | {result.value_text} |"


def _plain(text: str) -> str:
    for character in "\\`*_[]<>|#":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())
