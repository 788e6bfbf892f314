"""Our error codes in HTTP, and the JSON that carries them."""

from __future__ import annotations

from collections.abc import Mapping

from assay.domain.errors import AppError, Code

STATUS: Mapping[Code, int] = {
    Code.INVALID_ARGUMENT: 422,
    Code.UNAUTHENTICATED: 401,
    Code.PERMISSION_DENIED: 403,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.CONFLICT: 409,
    Code.FAILED_PRECONDITION: 409,
    Code.LINEAGE_INCOMPLETE: 422,
    Code.INCOMPARABLE: 409,
    Code.GATE_BLOCKED: 409,
    Code.LIMIT_EXCEEDED: 413,
    Code.UNAVAILABLE: 503,
    Code.DATA_CORRUPTED: 500,
    Code.INTERNAL: 500,
}


def status_of(error: AppError) -> int:
    """The HTTP status of a refusal; a wrong method or path is 404."""
    return STATUS[error.code]


def body_of(error: AppError, request_id: str) -> dict[str, object]:
    """The JSON of a refusal: code, sentence, the field it is about, details, request id."""
    body: dict[str, object] = {
        "code": error.code.value,
        "message": error.message,
        "request_id": request_id,
    }
    if error.field is not None:
        body["field"] = error.field
    if error.details:
        body["details"] = error.details
    return {"error": body}
