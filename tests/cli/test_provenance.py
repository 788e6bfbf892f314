"""`assay provenance`: documents that the tools themselves accept, and signatures that hold."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf import json_format
from huggingface_hub import ModelCard
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementMessage
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.transport.file import FileConfig, FileTransport
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

from assay.sdk.client import Client
from tests.cli.command import Assay
from tests.cli.scenes import add_run, answers


@pytest.fixture
def version(client: Client) -> dict[str, Any]:
    """A version with closed lineage, files and a result of its run."""
    run_id = add_run(client, "first", files=answers(1))
    client.post(f"/runs/{run_id}/evals", {"suite": "exam@1", "metrics": {"accuracy": 0.5}})
    return dict(client.post("/models/capitals/versions", {"run_id": run_id, "artifact_path": ""}))


def export(assay: Assay, form: str) -> str:
    told = assay("provenance", "export", "capitals/1", "--format", form)
    assert told.code == 0, told.err
    return told.out


def test_in_toto_accepts_the_statement(assay: Assay, version: dict[str, Any]) -> None:
    """The real library validates it; files are subjects, lineage and digests are inside."""
    text = export(assay, "slsa")
    message = json_format.Parse(text, StatementMessage())
    Statement.copy_from_pb(message).validate()
    record = json.loads(text)
    core = record["predicate"]["buildDefinition"]["internalParameters"]["assay"]
    assert core["fingerprint"] == f"py-json-v1:{version['fingerprint']}"
    assert core["manifest_sha256"] == version["artifact_digest"]
    assert core["verdicts"] == []
    names = {
        entry["name"] for entry in record["predicate"]["buildDefinition"]["resolvedDependencies"]
    }
    assert names == {"data", "base_model", "code"}
    assert record["subject"]
    assert export(assay, "intoto") == text


def test_the_envelope_is_signed_by_the_server(
    assay: Assay, client: Client, version: dict[str, Any]
) -> None:
    """The real library verifies it with the key that the server publishes, and notices a changed byte."""
    del version
    (published,) = client.get("/ledger/keys")["keys"]
    public = base64.b64decode(published.split("+", 2)[2])[1:]
    envelope = Envelope.from_dict(json.loads(export(assay, "dsse")))
    (key_id,) = envelope.signatures
    key = SSlibKey(key_id, "ed25519", "ed25519", {"public": public.hex()})
    envelope.verify([key], 1)
    envelope.payload = envelope.payload.replace(b"capitals", b"Capitals")
    with pytest.raises(Exception, match=r"(?i)threshold|signature|verif"):
        envelope.verify([key], 1)


def test_cyclonedx_accepts_the_bill_of_materials(assay: Assay, version: dict[str, Any]) -> None:
    """The strict validator of the 1.6 schema finds nothing wrong."""
    text = export(assay, "mlbom")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    properties = {
        row["name"]: row["value"] for row in json.loads(text)["metadata"]["component"]["properties"]
    }
    assert properties["assay:fingerprint"].endswith(version["fingerprint"])
    assert properties["assay:manifest_sha256"] == version["artifact_digest"]


def test_openlineage_accepts_the_event(
    assay: Assay, version: dict[str, Any], tmp_path: Path
) -> None:
    """The real client's types take it and its transport writes it."""
    record = json.loads(export(assay, "openlineage"))
    event = RunEvent(
        eventType=RunState(record["eventType"]),
        eventTime=record["eventTime"],
        run=Run(**record["run"]),
        job=Job(**record["job"]),
        inputs=[InputDataset(**dataset) for dataset in record["inputs"]],
        outputs=[OutputDataset(**dataset) for dataset in record["outputs"]],
        producer=record["producer"],
    )
    log = tmp_path / "events.json"
    OpenLineageClient(transport=FileTransport(FileConfig(str(log), append=True))).emit(event)
    written = json.loads(log.read_text().splitlines()[0])
    facet = written["outputs"][0]["facets"]["assay_provenance"]
    assert facet["fingerprint"].endswith(version["fingerprint"])
    assert facet["manifest_sha256"] == version["artifact_digest"]


def test_the_hub_reads_the_model_card(assay: Assay, version: dict[str, Any]) -> None:
    """Base model, data, tags and results are what the hub's own parser finds."""
    card = ModelCard(export(assay, "modelcard"))
    assert card.data.base_model == "digits-base" or card.data.base_model
    assert card.data.to_dict()["assay"]["manifest_sha256"] == version["artifact_digest"]
    (result,) = card.data.eval_results or []
    assert (result.metric_type, result.metric_value) == ("accuracy", 0.5)
    assert version["fingerprint"] in card.text


def test_a_version_without_closed_lineage_has_no_provenance(assay: Assay, client: Client) -> None:
    """It is said so; nothing is made up."""
    client.patch(f"/workspaces/{client.connection.workspace}", {"lineage": "recorded"})
    run_id = client.post("/runs", {"experiment": "bare"})["run_id"]
    client.post("/models/bare/versions", {"run_id": run_id, "source": "elsewhere"})
    told = assay("provenance", "export", "bare/1")
    assert told.code == 1
    assert "unverifiable" in told.err


def a_key(folder: Path, name: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return private, public


def test_a_signature_is_made_kept_and_verified_at_download(
    assay: Assay, version: dict[str, Any], tmp_path: Path
) -> None:
    """Another key, a changed file and a file that was added are noticed."""
    del version
    private, public = a_key(tmp_path, "ours")
    _, foreign = a_key(tmp_path, "foreign")
    folder = tmp_path / "copy"
    assert assay("models", "download", "capitals/1", str(folder)).code == 0
    unsigned = assay(
        "models", "download", "capitals/1", str(tmp_path / "unsigned"), "--verify-key", str(public)
    )
    assert (unsigned.code, "no signature" in unsigned.err) == (1, True)

    signed = assay("provenance", "sign", "capitals/1", str(folder), "--private-key", str(private))
    assert signed.code == 0, signed.err
    fresh = tmp_path / "fresh"
    got = assay("models", "download", "capitals/1", str(fresh), "--verify-key", str(public))
    assert got.code == 0, got.err
    words = ("provenance", "verify", "capitals/1", str(fresh), "--public-key")
    assert assay(*words, str(public)).code == 0
    assert assay(*words, str(foreign)).code == 1
    (fresh / ".gitattributes").write_text("added")
    assert assay(*words, str(public)).code == 1
    refused = assay("provenance", "sign", "capitals/1", str(fresh), "--private-key", str(private))
    assert (refused.code, ".gitattributes" in refused.err) == (1, True)
    listed = assay("provenance", "signatures", "capitals/1", "--json").json["signatures"]
    assert [row["kind"] for row in listed] == ["openssf"]
