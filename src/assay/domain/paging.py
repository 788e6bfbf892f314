"""Opaque page tokens: where a listing goes on, bound to the query that it belongs to.

A token is no secret and grants nothing: whoever forges one reads another page of what the same
query may read. The check value catches damage, the binding catches a token of another query.
"""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final

from assay.domain.canonical import (
    JsonScalar,
    JsonValue,
    canonical_text,
    parse_strict,
    sha256_hex,
)
from assay.domain.errors import AppError, InvalidArgument

MAX_TOKEN: Final = 128 * 1024
MAX_VALUES: Final = 64

_CHECK: Final = 12
_ALPHABET: Final = re.compile(r"[A-Za-z0-9_\-]++")


def bind(query: object) -> str:
    """The binding of a query: whatever decides its result and order, as a JSON value."""
    return sha256_hex(canonical_text(query, max_bytes=None))[:32]


def encode(values: Sequence[JsonScalar], binding: str) -> str:
    """A token that carries `values` (any float, NaN and infinities included), for `decode`."""
    payload = canonical_text([binding, *(_packed(value) for value in values)], max_bytes=MAX_TOKEN)
    text = sha256_hex(payload)[:_CHECK] + payload
    return urlsafe_b64encode(text.encode("ascii")).decode("ascii").rstrip("=")


def decode(token: str, binding: str, *, size: int | None = None) -> tuple[JsonScalar, ...]:
    """The values of a token made under the same binding; InvalidArgument on `page_token` otherwise.

    With `size`, a token that does not carry exactly so many values is refused as well.
    """
    payload = _payload(token)
    try:
        parts = parse_strict(payload, root="page_token", max_bytes=MAX_TOKEN)
    except AppError:
        raise _refusal() from None
    if not isinstance(parts, list) or not 1 <= len(parts) <= MAX_VALUES + 1:
        raise _refusal()
    if parts[0] != binding:
        raise InvalidArgument(
            "page_token belongs to another query; start again without it.", field="page_token"
        )
    values = tuple(_unpacked(part) for part in parts[1:])
    if size is not None and len(values) != size:
        raise _refusal()
    return values


def _payload(token: str) -> str:
    if len(token) > 2 * MAX_TOKEN or _ALPHABET.fullmatch(token) is None:
        raise _refusal()
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        text = raw.decode("ascii")
    except (binascii.Error, ValueError):
        raise _refusal() from None
    check, payload = text[:_CHECK], text[_CHECK:]
    if sha256_hex(payload)[:_CHECK] != check:
        raise _refusal()
    return payload


def _packed(value: JsonScalar) -> JsonValue:
    # A float travels as its hexadecimal text: exact, and JSON has neither NaN nor infinities.
    return [value.hex()] if isinstance(value, float) else value


def _unpacked(part: JsonValue) -> JsonScalar:
    if isinstance(part, list):
        if len(part) != 1 or not isinstance(part[0], str) or len(part[0]) > 40:
            raise _refusal()
        try:
            return float.fromhex(part[0])
        except (ValueError, OverflowError):
            raise _refusal() from None
    if isinstance(part, dict):
        raise _refusal()
    return part


def _refusal() -> InvalidArgument:
    return InvalidArgument(
        "page_token is not one that this server made; start again without it.", field="page_token"
    )
