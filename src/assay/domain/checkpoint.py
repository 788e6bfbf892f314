"""Checkpoints: a signed line under the ledger as it was at one moment.

The text is a C2SP signed note: the name of the ledger, the number of its events, the Merkle root
over their hashes, when it was made and the last event's hash; then a blank line and signatures.
The leaf of an event is its hash as 32 bytes. Signing itself lies elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from assay.domain.errors import DataCorrupted
from assay.domain.merkle import HASH_BYTES, leaf_hash

KEY_NAME: Final = "assay-ledger"
MAX_NOTE_BYTES: Final = 8_192
_ED25519: Final = b"\x01"
_SIGNATURE: Final = re.compile(r"— (?P<name>[^\s+]+) (?P<value>[A-Za-z0-9+/=]+)")
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The ledger `origin` with its first `size` events: their Merkle root, and the last one's hash."""

    origin: str
    size: int
    root: bytes
    at_ms: int
    head: str


class Signature(NamedTuple):
    """A signature under a note: the key's name, the first four bytes of its digest, and the bytes."""

    name: str
    key_id: str
    value: bytes


class Note(NamedTuple):
    """A signed checkpoint: what it says, the text that was signed, and by whom."""

    checkpoint: Checkpoint
    body: str
    signatures: tuple[Signature, ...]


class VerifierKey(NamedTuple):
    """A public Ed25519 key with its name; `str()` is the form in which it is handed on."""

    name: str
    public: bytes

    @property
    def key_id(self) -> str:
        """Eight hex digits that tell keys apart."""
        named = self.name.encode() + b"\n" + _ED25519 + self.public
        return hashlib.sha256(named).hexdigest()[:8]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id}+{_base64(_ED25519 + self.public)}"


def event_leaf(event_hash: str) -> bytes:
    """The Merkle leaf of an event, from its hash in hex. DataCorrupted when it is none."""
    if not _HEX.fullmatch(event_hash):
        raise DataCorrupted("An event's hash is not 64 hex digits.")
    return leaf_hash(bytes.fromhex(event_hash))


def origin_of(first_hash: str) -> str:
    """The name of a ledger: it comes from its first event's hash, so no two have the same."""
    return f"assay-ledger/{first_hash[:16]}"


def checkpoint_body(checkpoint: Checkpoint) -> str:
    """The text that is signed."""
    return (
        f"{checkpoint.origin}\n{checkpoint.size}\n{_base64(checkpoint.root)}\n"
        f"at-ms {checkpoint.at_ms}\nhead {checkpoint.head}\n"
    )


def signature_line(key: VerifierKey, signature: bytes) -> str:
    """The line under a note that carries a signature."""
    return f"— {key.name} {_base64(bytes.fromhex(key.key_id) + signature)}\n"


def parse_note(text: str) -> Note:
    """A signed checkpoint. DataCorrupted for anything but the exact text of one."""
    if len(text) > MAX_NOTE_BYTES:
        raise DataCorrupted("This is no checkpoint: it is too long.")
    body, separator, tail = text.partition("\n\n")
    lines = body.split("\n")
    if not separator or len(lines) != 5 or not tail.endswith("\n"):
        raise DataCorrupted("This is no checkpoint: it is not five lines with a signature below.")
    signatures = tuple(_signature(line) for line in tail[:-1].split("\n"))
    origin, size, root, at_ms, head = lines
    at_ms, head = _after(at_ms, "at-ms "), _after(head, "head ")
    if not _NUMBER.fullmatch(size) or not _NUMBER.fullmatch(at_ms) or not _HEX.fullmatch(head):
        raise DataCorrupted("This is no checkpoint: a number or a hash is not one.")
    digest = _bytes(root)
    if len(digest) != HASH_BYTES:
        raise DataCorrupted("This is no checkpoint: its root is not 32 bytes.")
    checkpoint = Checkpoint(origin, int(size), digest, int(at_ms), head)
    if checkpoint_body(checkpoint) != body + "\n":
        raise DataCorrupted("This is no checkpoint: it is not written as one.")
    return Note(checkpoint, body + "\n", signatures)


def parse_key(text: str) -> VerifierKey:
    """A public key in the form `name+id+base64`. DataCorrupted for anything else."""
    name, _, rest = text.strip().partition("+")
    key_id, _, value = rest.partition("+")
    decoded = _bytes(value)
    key = VerifierKey(name, decoded[1:])
    if decoded[:1] != _ED25519 or len(key.public) != HASH_BYTES or key.key_id != key_id:
        raise DataCorrupted("This is no public key of a ledger: name+id+base64 is.")
    return key


def _signature(line: str) -> Signature:
    match = _SIGNATURE.fullmatch(line)
    if match is None:
        raise DataCorrupted("This is no checkpoint: a signature is not one.")
    value = _bytes(match["value"])
    if len(value) != 4 + 64 or _base64(value) != match["value"]:
        raise DataCorrupted("This is no checkpoint: a signature is not one.")
    return Signature(match["name"], value[:4].hex(), value[4:])


def _after(line: str, word: str) -> str:
    if not line.startswith(word):
        raise DataCorrupted(f"This is no checkpoint: the line {word.strip()!r} is missing.")
    return line.removeprefix(word)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise DataCorrupted("This is no checkpoint: it is not base64.") from None
