"""What is known of a version in the documents that other tools read, and signatures beside its files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version as installed_version
from typing import Final

from assay.domain.access import Action
from assay.domain.canonical import as_object, parse_strict, sha256_hex
from assay.domain.errors import FailedPrecondition, InvalidArgument, LimitExceeded
from assay.domain.event_target import version_target
from assay.domain.exact import exact_text
from assay.domain.gate_run import GivenVerdict
from assay.domain.provenance import mlbom, model_card, openlineage, slsa
from assay.domain.provenance.facts import Facts, ResultFact, VerdictFact
from assay.domain.registry import ModelVersion
from assay.services.catalogue import complete_version, get_model, get_version
from assay.services.checkpoints import Checkpoints
from assay.services.context import Context
from assay.services.ledger import Ledger, actor_text
from assay.services.platform import Platform
from assay.storage import evals, model_versions, runs, verdicts, version_signatures
from assay.storage.database import Transaction
from assay.storage.version_signatures import KeptSignature

__all__ = ["Document", "Form", "KeptSignature", "Provenance"]

MAX_SIGNATURE_BYTES: Final = 4 << 20
MAX_SIGNATURES: Final = 100
KINDS: Final = frozenset({"openssf"})


class Form(StrEnum):
    """The forms of a provenance document. `dsse` is `slsa` in an envelope that the server signs."""

    SLSA = "slsa"
    DSSE = "dsse"
    MLBOM = "mlbom"
    OPENLINEAGE = "openlineage"
    MODEL_CARD = "modelcard"


@dataclass(frozen=True, slots=True)
class Document:
    """A document, its media type, and what a file of it is called."""

    text: str
    media_type: str
    file_name: str


_FILES: Final = {
    Form.SLSA: ("application/vnd.in-toto+json", "provenance.intoto.json"),
    Form.DSSE: ("application/vnd.dsse+json", "provenance.dsse.json"),
    Form.MLBOM: ("application/vnd.cyclonedx+json", "mlbom.cdx.json"),
    Form.OPENLINEAGE: ("application/json", "openlineage.json"),
    Form.MODEL_CARD: ("text/markdown; charset=utf-8", "README.md"),
}


class Provenance:
    """Writes documents of versions, and keeps signatures that were made of their files."""

    def __init__(self, platform: Platform, ledger: Ledger, checkpoints: Checkpoints) -> None:
        self._platform = platform
        self._ledger = ledger
        self._checkpoints = checkpoints

    def document(self, context: Context, model: str, version: int | str, form: Form) -> Document:
        """The document as of now. Raises FailedPrecondition for a version without closed lineage."""
        context.require(Action.REGISTRY_READ)
        with self._platform.database.read() as tx:
            facts = _facts(tx, context, model, version)
        media_type, file_name = _FILES[form]
        return Document(self._text(facts, form), media_type, file_name)

    def sign(
        self, context: Context, model: str, version: int | str, kind: str, bundle: str
    ) -> KeptSignature:
        """Keep a signature of the version's files. The server holds no key and does not judge it.

        Raises InvalidArgument for what is not JSON or of no known kind.
        """
        context.require(Action.REGISTRY_WRITE)
        if kind not in KINDS:
            raise InvalidArgument(f"kind must be one of {', '.join(sorted(KINDS))}.", field="kind")
        if len(bundle.encode()) > MAX_SIGNATURE_BYTES:
            raise LimitExceeded("A signature has at most 4 MiB.", field="bundle")
        try:
            json.loads(bundle)
        except ValueError:
            raise InvalidArgument("bundle must be JSON.", field="bundle") from None
        kept = KeptSignature(kind, bundle, sha256_hex(bundle), actor_text(context), context.now_ms)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            found = get_version(tx, get_model(tx, context, model), version)
            if len(version_signatures.list_signatures(tx, found.pk)) >= MAX_SIGNATURES:
                raise LimitExceeded("The version has too many signatures.", field="bundle")
            if version_signatures.add_signature(tx, found.pk, kept):
                self._ledger.record(
                    tx,
                    context,
                    action="version.signed",
                    object=version_target(found.model, found.version),
                    workspace=found.workspace,
                    details={"kind": kind, "signature_sha256": kept.sha256},
                    after=found.artifact_digest,
                )
        return kept

    def signatures(
        self, context: Context, model: str, version: int | str
    ) -> tuple[KeptSignature, ...]:
        """The signatures of a version, oldest first."""
        context.require(Action.REGISTRY_READ)
        with self._platform.database.read() as tx:
            found = get_version(tx, get_model(tx, context, model), version)
            return version_signatures.list_signatures(tx, found.pk)

    def _text(self, facts: Facts, form: Form) -> str:
        if form is Form.SLSA:
            return slsa.statement(facts)
        if form is Form.DSSE:
            key = self._checkpoints.key()
            return slsa.envelope(facts, key.verifier.key_id, key.sign_bytes)
        if form is Form.MLBOM:
            return mlbom.mlbom(facts)
        if form is Form.OPENLINEAGE:
            return openlineage.event(facts)
        return model_card.model_card(facts)


def _facts(tx: Transaction, context: Context, model: str, version: int | str) -> Facts:
    found = complete_version(tx, get_version(tx, get_model(tx, context, model), version))
    canonical, digest = found.lineage_canonical, found.artifact_digest
    if canonical is None or found.fingerprint is None or digest is None or found.run_id is None:
        raise FailedPrecondition(
            f"Version {found.version} of {found.model!r} is unverifiable: it has no closed lineage, "
            "so there is no provenance to write.",
            field="version",
        )
    return _collected(tx, found, canonical, digest)


def _collected(tx: Transaction, found: ModelVersion, canonical: str, digest: str) -> Facts:
    assert found.fingerprint is not None
    assert found.run_id is not None
    run = runs.find_run(tx, found.run_id)
    results = [] if run is None else evals.list_results(tx, [run.pk])
    return Facts(
        workspace=found.workspace,
        model=found.model,
        version=found.version,
        description=found.description,
        created_by=found.created_by,
        created_at_ms=found.created_at_ms,
        fingerprint=found.fingerprint,
        scheme=found.lineage_scheme or "",
        lineage=as_object(parse_strict(canonical, root="lineage"), "lineage"),
        artifact_digest=digest,
        files=model_versions.list_files(tx, found.pk),
        run_id=found.run_id,
        started_at_ms=None if run is None else run.started_at_ms,
        ended_at_ms=None if run is None else run.ended_at_ms,
        aliases=found.aliases,
        verdicts=tuple(map(_verdict, verdicts.verdicts_of_versions(tx, [found.pk])[found.pk])),
        results=tuple(
            ResultFact(result.suite_fingerprint, result.metric, result.value_text, result.items)
            for result in results
        ),
        producer_version=installed_version("assay"),
    )


def _verdict(given: GivenVerdict) -> VerdictFact:
    verdict = given.verdict
    return VerdictFact(
        gate_run_id=given.gate_run_id,
        gate=given.gate,
        gate_version=given.gate_version,
        gate_fingerprint=verdict.gate_fingerprint,
        metric_score=None if verdict.score is None else exact_text(verdict.score),
        outcome=verdict.outcome.value,
        items=verdict.items,
        created_at_ms=given.created_at_ms,
    )
