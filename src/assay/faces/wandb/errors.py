"""The one table from our errors to the statuses that the wandb client acts on.

The client retries 408, 429 and 5xx, and shows the message of 400, 401, 403, 404, 410 and 422 at once. It
retries 409 where a run is made, so a conflict is a 400 here. Nothing that may heal is ever a 4xx on
the file stream: the client would give up the rest of the run without a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from assay.domain.errors import AppError, Code

TABLE: Final[Mapping[Code, int]] = {
    Code.INVALID_ARGUMENT: 400,
    Code.UNAUTHENTICATED: 401,
    Code.PERMISSION_DENIED: 403,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 400,
    Code.CONFLICT: 400,
    Code.FAILED_PRECONDITION: 400,
    Code.LINEAGE_INCOMPLETE: 400,
    Code.INCOMPARABLE: 400,
    Code.GATE_BLOCKED: 403,
    Code.LIMIT_EXCEEDED: 413,
    Code.UNAVAILABLE: 503,
    Code.DATA_CORRUPTED: 500,
    Code.INTERNAL: 500,
}
RETRY_AFTER_S: Final = 2


def status_of(error: AppError) -> int:
    """The status of a refusal."""
    return TABLE[error.code]


def headers_of(error: AppError) -> dict[str, str]:
    """The headers of a refusal: how to authenticate, when to try again."""
    if error.code is Code.UNAUTHENTICATED:
        return {"www-authenticate": 'Basic realm="wandb"'}
    if status_of(error) == 503:
        return {"retry-after": str(RETRY_AFTER_S)}
    return {}


def body_of(error: AppError) -> dict[str, object]:
    """The message in both places where the client looks for it."""
    entry: dict[str, object] = {
        "message": error.message,
        "extensions": {"code": error.code.value, "field": error.field},
    }
    return {"errors": [entry], "error": error.message, "data": None}
