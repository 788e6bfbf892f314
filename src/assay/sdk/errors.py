"""What a call to the server can raise. `log` and its kin raise none of it."""

from __future__ import annotations

from collections.abc import Mapping


class ApiError(Exception):
    """The server refused a request: `code` says why, `message` is one sentence that says what to do.

    `code` is one of the error reference's (`not_found`, `lineage_incomplete`, `gate_blocked`, …),
    `field` names the offending input, `details` are JSON values, `request_id` finds the request in
    the server's log, `status` is the HTTP status (0 when no answer came).
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str | None = None,
        details: Mapping[str, object] | None = None,
        request_id: str | None = None,
        status: int = 0,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.details: Mapping[str, object] = details or {}
        self.request_id = request_id
        self.status = status

    def __str__(self) -> str:
        return self.message


class ServerUnreachable(ApiError, ConnectionError):
    """No answer came: nothing listens there, the name is unknown, or the line broke (`unreachable`)."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            "unreachable",
            f"Assay at {url} cannot be reached ({reason}). "
            "Start it with `assay serve`, or set ASSAY_URL to where it runs.",
        )
        self.url = url
        self.reason = reason
