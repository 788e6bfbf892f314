"""`assay provenance`: a version's documents for other tools, and signatures of its files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from assay.cli.lookup import parse_reference, version_of, version_path
from assay.cli.model_signing import sign_folder, verify_folder
from assay.cli.options import DEFAULTS, Options
from assay.cli.output import print_json, print_table, say, when
from assay.cli.verify import verify_copy
from assay.cli.version_files import manifest_of
from assay.domain.errors import FailedPrecondition

app = App(name="provenance")

Form = Literal["slsa", "intoto", "dsse", "mlbom", "openlineage", "modelcard"]
Key = Annotated[Path, Parameter(metavar="FILE")]


@app.command
def export(
    model: str,
    /,
    *,
    form: Annotated[Form, Parameter(name="--format")] = "slsa",
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], metavar="FILE")] = None,
    options: Options = DEFAULTS,
) -> None:
    """Write a version's provenance: fingerprint, manifest digest and verdicts are in every form.

    Args:
        model: NAME@ALIAS or NAME/VERSION.
        form: in-toto/SLSA, the same in an envelope that the server signs, CycloneDX ML-BOM,
            OpenLineage event, or a Hugging Face model card.
        output: Write it there instead of on the terminal.
    """
    client = options.client()
    reference = parse_reference(model)
    address = version_path(reference.name, version_of(client, reference)) + "/provenance"
    text = client.request("GET", address, params={"format": form}).content.decode()
    if output is None:
        say(text)
        return
    output.write_text(text, encoding="utf-8")
    say(f"{form} written to {output}.")


@app.command
def sign(
    model: str,
    folder: Path,
    /,
    *,
    private_key: Key,
    options: Options = DEFAULTS,
) -> None:
    """Sign a version's files with a key of yours (OpenSSF model signing) and keep the signature here.

    The folder is what `assay models download` wrote; it is compared with the version first, and has to
    hold nothing else. The key stays on this machine.

    Args:
        model: NAME@ALIAS or NAME/VERSION.
        folder: The version's files.
        private_key: An elliptic-curve private key (PEM).
    """
    client = options.client()
    reference = parse_reference(model)
    number = version_of(client, reference)
    digest, entries = manifest_of(client, reference.name, number)
    compared = verify_copy(entries, folder)
    known = {entry.path for entry in entries}
    others = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    strange = [path for path in others if path not in known]
    if compared.missing or compared.differing or strange:
        wrong = [*compared.missing, *compared.differing, *strange][:5]
        raise FailedPrecondition(
            f"{folder} is not version {number} of {reference.name!r}: {', '.join(wrong)}.",
            field="folder",
        )
    bundle = sign_folder(folder, private_key)
    kept = client.post(
        version_path(reference.name, number) + "/signatures", {"kind": "openssf", "bundle": bundle}
    )
    if options.json:
        print_json({"model": reference.name, "version": number, "artifact_digest": digest, **kept})
        return
    say(f"Signed {reference.name} version {number} ({len(entries)} files).")


@app.command
def verify(
    model: str,
    folder: Path,
    /,
    *,
    public_key: Key,
    options: Options = DEFAULTS,
) -> None:
    """Check that a folder holds exactly the files that the owner of a key has signed.

    Args:
        model: NAME@ALIAS or NAME/VERSION.
        folder: The downloaded files.
        public_key: The signer's public key (PEM).
    """
    client = options.client()
    reference = parse_reference(model)
    number = version_of(client, reference)
    address = version_path(reference.name, number) + "/signatures"
    signatures = client.get(address)["signatures"]
    verify_folder(folder, public_key, [row["bundle"] for row in signatures])
    if options.json:
        print_json({"model": reference.name, "version": number, "verified": True})
        return
    say(f"The files of {reference.name} version {number} are signed by this key.")


@app.command
def signatures(model: str, /, *, options: Options = DEFAULTS) -> None:
    """List the signatures that are kept beside a version's files.

    Args:
        model: NAME@ALIAS or NAME/VERSION.
    """
    client = options.client()
    reference = parse_reference(model)
    address = version_path(reference.name, version_of(client, reference)) + "/signatures"
    found = client.get(address)["signatures"]
    if options.json:
        print_json({"signatures": found})
        return
    print_table(
        ["kind", "sha256", "since", "by"],
        [
            [row["kind"], row["sha256"], when(row["created_at_ms"]), row["created_by"]]
            for row in found
        ],
        empty="No signatures. Make one with `assay provenance sign MODEL FOLDER --private-key KEY`.",
    )
