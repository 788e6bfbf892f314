"""The server's own key: it signs checkpoints and statements about the ledger, and nothing else."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from assay.domain.checkpoint import (
    KEY_NAME,
    Checkpoint,
    Note,
    VerifierKey,
    checkpoint_body,
    signature_line,
)
from assay.domain.errors import InvalidArgument, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_FILE: Final = "ledger.key"
_SEED: Final = re.compile(r"[0-9a-f]{64}")


class LedgerKey:
    """An Ed25519 key from its 32 secret bytes."""

    def __init__(self, seed: bytes) -> None:
        self._private = _private(seed)
        self.verifier = VerifierKey(KEY_NAME, self._private.public_key().public_bytes_raw())

    def sign_checkpoint(self, checkpoint: Checkpoint) -> str:
        """The checkpoint as a signed note."""
        return self.sign(checkpoint_body(checkpoint))

    def sign_bytes(self, data: bytes) -> bytes:
        """The bare signature of some bytes."""
        return self._private.sign(data)

    def sign(self, body: str) -> str:
        """A text whose last line ends, with a blank line and the signature below it."""
        return f"{body}\n{signature_line(self.verifier, self._private.sign(body.encode()))}"


def load_key(folder: Path, given: str | None, fresh: str) -> LedgerKey:
    """The key `given` (64 hex digits), else that of the folder's file, made from `fresh` if missing.

    Raises InvalidArgument for something that is no key, Unavailable when the file cannot be used.
    """
    if given is not None:
        return LedgerKey(_seed(given.strip(), "ASSAY_SIGNING_KEY"))
    path = folder / KEY_FILE
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        try:
            return LedgerKey(_seed(path.read_text("ascii").strip(), str(path)))
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable(f"Cannot read the ledger's key {path}: {error}.") from error
    except OSError as error:
        raise Unavailable(f"Cannot write the ledger's key {path}: {error.strerror}.") from error
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(fresh + "\n")
        file.flush()
        os.fsync(file.fileno())
    return LedgerKey(_seed(fresh, str(path)))


def is_signed(note: Note, keys: Iterable[VerifierKey]) -> bool:
    """Whether one of the keys signed the note, and no signature that claims to be theirs is wrong."""
    return is_signed_text(note.body, [(s.key_id, s.value) for s in note.signatures], keys)


def is_signed_text(
    body: str, signatures: Iterable[tuple[str, bytes]], keys: Iterable[VerifierKey]
) -> bool:
    """As `is_signed`, for any text and its `(key id, signature)` pairs."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - at the first use
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - at the first use
        Ed25519PublicKey,
    )

    known = {key.key_id: key for key in keys}
    found = False
    for key_id, value in signatures:
        if key_id not in known:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(known[key_id].public).verify(value, body.encode())
        except (InvalidSignature, ValueError):
            return False
        found = True
    return found


def _private(seed: bytes) -> Ed25519PrivateKey:
    # Starting a server is quicker without it, and a client needs it only to check a signature.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )

    return Ed25519PrivateKey.from_private_bytes(seed)


def _seed(text: str, where: str) -> bytes:
    if not _SEED.fullmatch(text):
        raise InvalidArgument(f"{where} does not hold a key: 64 lower-case hex digits are one.")
    return bytes.fromhex(text)
