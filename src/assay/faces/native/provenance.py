"""Routes of provenance: a version's documents, and the signatures of its files."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from assay.domain.access import Action
from assay.domain.errors import InvalidArgument
from assay.faces.endpoint import MIB, NO_BODY, Call, Endpoint
from assay.services.provenance import Form, KeptSignature

SIGNATURE_BODY = 8 * MIB


class FormQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The form of the document; `intoto` is another word for `slsa`."""

    format: str = Form.SLSA.value


class SignatureRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A signature as its tool wrote it: `openssf` is a Sigstore bundle of model-signing."""

    bundle: str
    kind: str = "openssf"


class SignatureAnswer(msgspec.Struct):
    """A signature that is kept beside the files. The server does not judge it."""

    kind: str
    bundle: str
    sha256: str
    created_by: str
    created_at_ms: int


class SignaturesAnswer(msgspec.Struct):
    """A version's signatures, oldest first."""

    signatures: list[SignatureAnswer]


def export(call: Call) -> Response:
    """A document of a version."""
    name = call.query(FormQuery).format
    form = _form(name)
    document = call.services.provenance.document(
        call.context, call.path["name"], call.path["version"], form
    )
    return Response(
        document.text,
        media_type=document.media_type,
        headers={
            "content-disposition": f'attachment; filename="{document.file_name}"',
            "cache-control": "no-store",
        },
    )


def sign(call: Call, body: SignatureRequest) -> SignatureAnswer:
    """Keep a signature."""
    kept = call.services.provenance.sign(
        call.context, call.path["name"], call.path["version"], body.kind, body.bundle
    )
    return _signature(kept)


def list_signatures(call: Call) -> SignaturesAnswer:
    """The signatures of a version."""
    found = call.services.provenance.signatures(
        call.context, call.path["name"], call.path["version"]
    )
    return SignaturesAnswer([_signature(kept) for kept in found])


def _form(name: str) -> Form:
    if name == "intoto":
        return Form.SLSA
    try:
        return Form(name)
    except ValueError:
        known = ", ".join(form.value for form in Form)
        raise InvalidArgument(f"format must be one of {known}.", field="format") from None


def _signature(kept: KeptSignature) -> SignatureAnswer:
    return SignatureAnswer(kept.kind, kept.bundle, kept.sha256, kept.created_by, kept.created_at_ms)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/v1/models/{name}/versions/{version}/provenance",
        name="provenance.export",
        summary="A version's provenance: slsa, dsse, mlbom, openlineage or modelcard",
        permission=Action.REGISTRY_READ,
        body_limit=NO_BODY,
        handler=export,
        query=FormQuery,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/models/{name}/versions/{version}/signatures",
        name="provenance.sign",
        summary="Keep a signature beside a version's files",
        permission=Action.REGISTRY_WRITE,
        body_limit=SIGNATURE_BODY,
        handler=sign,
        request=SignatureRequest,
        response=SignatureAnswer,
        status=201,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/models/{name}/versions/{version}/signatures",
        name="provenance.signatures",
        summary="The signatures of a version's files, oldest first",
        permission=Action.REGISTRY_READ,
        body_limit=NO_BODY,
        handler=list_signatures,
        response=SignaturesAnswer,
    ),
)
