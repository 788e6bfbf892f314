"""The one error tree. Every refusal that a user can meet is one of these; a face translates the code.

A class's docstring is its entry in the error reference (`docs/reference/errors.md`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Code(StrEnum):
    """The closed set of error codes. Each face owns a total table from these to its own dialect."""

    INVALID_ARGUMENT = "invalid_argument"
    UNAUTHENTICATED = "unauthenticated"
    PERMISSION_DENIED = "permission_denied"
    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_exists"
    CONFLICT = "conflict"
    FAILED_PRECONDITION = "failed_precondition"
    LINEAGE_INCOMPLETE = "lineage_incomplete"
    INCOMPARABLE = "incomparable"
    GATE_BLOCKED = "gate_blocked"
    LIMIT_EXCEEDED = "limit_exceeded"
    UNAVAILABLE = "unavailable"
    DATA_CORRUPTED = "data_corrupted"
    INTERNAL = "internal"


class AppError(Exception):
    """Base of every expected refusal: a code, one sentence that says what to do, and details.

    `field` names the offending input (dotted path); `details` are JSON values that a program can use.
    """

    code: ClassVar[Code] = Code.INTERNAL

    def __init__(self, message: str, *, field: str | None = None, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.details = details


class InvalidArgument(AppError):
    """A field of the request is missing, of the wrong type, too long or not allowed. Nothing was written."""

    code = Code.INVALID_ARGUMENT


class MalformedId(InvalidArgument):
    """An id of a form that no object has. Dialects that know no such error answer that nothing has it."""

    def __init__(self, message: str, *, field: str | None = None, given: str = "") -> None:
        super().__init__(message, field=field)
        self.given = given


class Unauthenticated(AppError):
    """No credential, or one that is unknown, expired or revoked. Send a token as `Authorization: Bearer …`."""

    code = Code.UNAUTHENTICATED


class PermissionDenied(AppError):
    """The credential is known and the object is visible, but the role does not allow this action."""

    code = Code.PERMISSION_DENIED


class NotFound(AppError):
    """The object does not exist, or this credential may not know that it does."""

    code = Code.NOT_FOUND


class AlreadyExists(AppError):
    """An object of that name exists already, perhaps deleted. Choose another name or restore it."""

    code = Code.ALREADY_EXISTS


class Conflict(AppError):
    """The object changed meanwhile (a stale revision, nonce, lease or idempotency key). Read it and decide anew."""

    code = Code.CONFLICT


class FailedPrecondition(AppError):
    """The object is not in a state that allows this: a deleted run, a version that an alias holds, a closed lease."""

    code = Code.FAILED_PRECONDITION


class LineageIncomplete(AppError):
    """A model version needs all five lineage fields; `details.missing` lists those that are absent or empty."""

    code = Code.LINEAGE_INCOMPLETE


class Incomparable(AppError):
    """Runs that were not scored on one and the same eval suite cannot be ranked; `details.groups` lists the suites."""

    code = Code.INCOMPARABLE


class GateBlocked(AppError):
    """The promotion is held. `details.reasons` says why, `details.decision` carries the evidence."""

    code = Code.GATE_BLOCKED


class LimitExceeded(AppError):
    """The body, page, batch or name is larger than the limit that the message states."""

    code = Code.LIMIT_EXCEEDED


class Unavailable(AppError):
    """The server cannot do this now (stopping, or disk or database refuse). Nothing was written; try again."""

    code = Code.UNAVAILABLE


class DataCorrupted(AppError):
    """Stored bytes do not match their digest or format. Nothing is served from them; run `assay audit verify`."""

    code = Code.DATA_CORRUPTED


class Internal(AppError):
    """A fault of the server. The message carries a request id; the detail is in the server's log only."""

    code = Code.INTERNAL
