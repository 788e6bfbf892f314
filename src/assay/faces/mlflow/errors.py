"""The one table from our errors to MLflow's: the status that its client acts on, and its error code.

The client retries 408, 429, 500, 502, 503 and 504 for minutes. So a refusal is 400, 401, 403, 404 or
409, which the client shows at once; only what trying again can heal is 503.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from assay.domain.errors import AppError, Code, MalformedId
from assay.faces.mlflow.words import reworded


class Foreign(NamedTuple):
    """A status and the error code that belongs to it."""

    status: int
    error_code: str


_INVALID: Final = Foreign(400, "INVALID_PARAMETER_VALUE")
_CONFLICT: Final = Foreign(409, "RESOURCE_CONFLICT")

TABLE: Final[Mapping[Code, Foreign]] = {
    Code.INVALID_ARGUMENT: _INVALID,
    Code.UNAUTHENTICATED: Foreign(401, "UNAUTHENTICATED"),
    Code.PERMISSION_DENIED: Foreign(403, "PERMISSION_DENIED"),
    Code.NOT_FOUND: Foreign(404, "RESOURCE_DOES_NOT_EXIST"),
    Code.ALREADY_EXISTS: Foreign(400, "RESOURCE_ALREADY_EXISTS"),
    Code.CONFLICT: _CONFLICT,
    Code.FAILED_PRECONDITION: _INVALID,
    Code.LINEAGE_INCOMPLETE: _INVALID,
    Code.INCOMPARABLE: _INVALID,
    Code.GATE_BLOCKED: _CONFLICT,
    Code.LIMIT_EXCEEDED: _INVALID,
    Code.UNAVAILABLE: Foreign(503, "TEMPORARILY_UNAVAILABLE"),
    Code.DATA_CORRUPTED: Foreign(500, "DATA_LOSS"),
    Code.INTERNAL: Foreign(500, "INTERNAL_ERROR"),
}

_USUAL: Final[Mapping[str, str]] = {
    "data_version": "data_version from the param dataset_version or from mlflow.log_input",
    "code_commit": "code_commit from the git checkout that the script runs in",
    "config": "config from the other params",
    "base_model": "base_model from the param base, base_model or model_name_or_path",
    "seed": "seed from the param seed",
}

_NOBODY_HAS_IT: Final = TABLE[Code.NOT_FOUND]
UNKNOWN_ENDPOINT: Final = Foreign(404, "ENDPOINT_NOT_FOUND")
NOT_IMPLEMENTED: Final = Foreign(501, "NOT_IMPLEMENTED")


def foreign(error: AppError) -> Foreign:
    """What the client is told for an error of ours."""
    if error.details.get("unknown_endpoint"):
        return UNKNOWN_ENDPOINT
    if isinstance(error, MalformedId):
        return _NOBODY_HAS_IT
    return TABLE[error.code]


def body_of(error: AppError) -> dict[str, str]:
    """The error object: MLflow's code and what the person at the other end needs to know."""
    message = reworded(error)
    if error.code is Code.LINEAGE_INCOMPLETE:
        message = f"{message} {_advice(error)}"
    return {"error_code": foreign(error).error_code, "message": message}


def _advice(error: AppError) -> str:
    missing = error.details.get("missing")
    named = [str(name) for name in missing] if isinstance(missing, list) else []
    usual = "; ".join(_USUAL[name] for name in named if name in _USUAL)
    tags = ", ".join(f"assay.lineage.{name}" for name in named)
    return f"Usual sources: {usual}. Or set the run's tags {tags}, and register again."
