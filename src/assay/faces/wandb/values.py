"""Scalars of the W&B face, kept as what they are: JSON in text, numbers beyond 32 bits, moments."""

from __future__ import annotations

import base64
import binascii
import json
import math
from datetime import UTC, datetime
from typing import Any

from assay.domain.errors import InvalidArgument, LimitExceeded

MAX_JSON_CHARS = 16 * 1024 * 1024


def moment(at_ms: int | None) -> str | None:
    """A moment as the client parses it: UTC, without a zone, to the second."""
    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def node_id(kind: str, *parts: str) -> str:
    """An opaque id of an object: its kind and its names, which `read_node_id` gives back."""
    text = ":".join([kind, *(part.replace("%", "%25").replace(":", "%3A") for part in parts)])
    return base64.urlsafe_b64encode(text.encode()).decode()


def read_node_id(kind: str, text: str, field: str = "id") -> list[str]:
    """The names in an id. Raises InvalidArgument for an id that is none of this kind."""
    try:
        plain = base64.urlsafe_b64decode(text.encode()).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        plain = ""
    head, *parts = plain.split(":")
    if head != kind or not parts:
        raise InvalidArgument(f"{field} is not the id of a {kind}.", field=field)
    return [part.replace("%3A", ":").replace("%25", "%") for part in parts]


def read_json(text: str | None, field: str) -> Any:
    """JSON as the client writes it: `NaN` and infinities are numbers. None for no text.

    Raises InvalidArgument for what is no JSON, LimitExceeded for more than it may have.
    """
    if text is None or not text.strip():
        return None
    if len(text) > MAX_JSON_CHARS:
        raise LimitExceeded(f"{field} is longer than {MAX_JSON_CHARS} characters.", field=field)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidArgument(f"{field} must be JSON.", field=field) from None


def read_object(text: str | None, field: str) -> dict[str, Any]:
    """As `read_json`, for a JSON object; no text is an empty one."""
    value = read_json(text, field)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidArgument(f"{field} must be a JSON object.", field=field)
    return value


def json_text(value: Any) -> str:
    """JSON text, in which NaN and infinities are bare words, as the client itself writes them."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def strict(value: Any) -> Any:
    """The same value with NaN and infinities as texts, for JSON that every parser reads."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, dict):
        return {key: strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    return value
