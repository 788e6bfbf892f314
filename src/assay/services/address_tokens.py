"""Tokens in addresses: whoever holds one may do one thing to one object until it expires.

They are for addresses that a client calls without its credential. The key is the database's, so that
every server beside it accepts what another one signed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import threading
from typing import Final

import msgspec

from assay.domain.errors import PermissionDenied
from assay.services.platform import Platform
from assay.storage import facts

KEY_FACT: Final = "signing_key"
MAX_TOKEN: Final = 8_192


class Claims(msgspec.Struct, frozen=True, array_like=True):
    """What a token allows, to whom it was given, and of which object."""

    purpose: str
    action: str
    workspace: str
    actor: str
    expires_at_ms: int
    parts: tuple[str, ...]


class AddressTokens:
    """Signs and opens tokens with the database's key, which is made when it is first needed."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._key: bytes | None = None
        self._lock = threading.Lock()

    def sign(self, claims: Claims) -> str:
        """A token of letters, digits, `-`, `_` and one dot."""
        body = _encode(msgspec.json.encode(claims))
        return f"{body}.{_encode(self._mac(body))}"

    def open(self, token: str, purpose: str, action: str, now_ms: int) -> Claims:
        """What a token claims. Raises PermissionDenied unless it is ours, of this use, and not expired."""
        body, _, mac = token.partition(".")
        if len(token) > MAX_TOKEN or not hmac.compare_digest(
            _encode(self._mac(body)).encode(), mac.encode()
        ):
            raise PermissionDenied("This address is not one that this server gave out.")
        claims = msgspec.json.decode(_decode(body), type=Claims)
        if claims.purpose != purpose or claims.action != action:
            raise PermissionDenied("This address was given out for something else.")
        if claims.expires_at_ms <= now_ms:
            raise PermissionDenied("This address has expired; ask for a new one.")
        return claims

    def _mac(self, body: str) -> bytes:
        return hmac.digest(self._secret(), body.encode(), hashlib.sha256)

    def _secret(self) -> bytes:
        with self._lock:
            if self._key is None:
                fresh = self._platform.token_hex(32)
                with self._platform.database.write() as tx:
                    self._key = bytes.fromhex(facts.ensure_fact(tx, KEY_FACT, fresh))
            return self._key


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise PermissionDenied("This address is not one that this server gave out.") from None
