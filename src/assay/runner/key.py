"""The gate runner's own key: made here, kept in a file that only its user reads, never sent anywhere."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from assay.domain.errors import AlreadyExists, FailedPrecondition
from assay.domain.verdict_statement import Statement, key_id_of, statement_text

HEADER: Final = "assay gate-runner key, Ed25519: "
_FILE_BYTES_MAX: Final = 1_024


@dataclass(frozen=True, slots=True)
class RunnerKey:
    """An Ed25519 key pair. Its private half shows in no text of this object."""

    public_key: str
    _private: Any = field(repr=False)

    @property
    def key_id(self) -> str:
        """The name under which the key is registered."""
        return key_id_of(self.public_key)

    def sign(self, statement: Statement) -> str:
        """The signature over the statement, in hex."""
        signature: bytes = self._private.sign(statement_text(statement).encode())
        return signature.hex()


def make_key(path: Path) -> RunnerKey:
    """A new key in a new file with mode 0600. Raises AlreadyExists: a key is never overwritten."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - only for keys
        Ed25519PrivateKey,
    )

    private = Ed25519PrivateKey.generate()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise AlreadyExists(f"{path} exists already; a key is never overwritten.") from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(f"{HEADER}{private.private_bytes_raw().hex()}\n")
        file.flush()
        os.fsync(file.fileno())
    return _pair(private)


def load_key(path: Path) -> RunnerKey:
    """The key in that file. Raises FailedPrecondition for a file that others may read, or is no key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - only for keys
        Ed25519PrivateKey,
    )

    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(_FILE_BYTES_MAX)
    except OSError as error:
        raise FailedPrecondition(f"Cannot read the key {path}: {error.strerror}.") from None
    if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
        raise FailedPrecondition(f"The key {path} must be a file that only you may read (0600).")
    try:
        text = content.decode("ascii").strip()
        seed = bytes.fromhex(text.removeprefix(HEADER)) if text.startswith(HEADER) else b""
        private = Ed25519PrivateKey.from_private_bytes(seed)
    except ValueError:
        raise FailedPrecondition(
            f"{path} is no key; make one with `assay gate-runner keygen`."
        ) from None
    return _pair(private)


def _pair(private: Any) -> RunnerKey:
    return RunnerKey(private.public_key().public_bytes_raw().hex(), private)
