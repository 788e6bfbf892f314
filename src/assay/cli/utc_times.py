"""Moments on the command line: always in UTC, always said so."""

from __future__ import annotations

from datetime import UTC, datetime

from assay.domain.errors import InvalidArgument


def parse_utc(text: str, name: str) -> int:
    """UTC epoch milliseconds of an ISO 8601 moment that ends in Z or has an offset.

    Raises InvalidArgument for a moment without a zone: an hour of it may come twice a year.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidArgument(
            f"{name} is a moment with its zone, such as 2026-02-28T12:00Z, not {text!r}."
        )
    return round(moment.astimezone(UTC).timestamp() * 1000)
