"""Looking into the folder of a local blob store, past the store itself."""

import hashlib
from pathlib import Path

from assay.blobs.store import BlobStore

HELLO = b"an assay office tests a metal"
HELLO_DIGEST = hashlib.sha256(HELLO).hexdigest()


def place_of(root: Path, sha256: str) -> Path:
    """Where the documented layout puts a blob."""
    return root / "objects" / sha256[:2] / sha256[2:4] / sha256


def read(store: BlobStore, sha256: str, start: int = 0, length: int | None = None) -> bytes:
    """All bytes of a blob or of a range."""
    return b"".join(store.open(sha256, start, length))


def files_below(root: Path) -> list[Path]:
    """Every file in the folder of the store, temporary ones included."""
    return sorted(path for path in root.rglob("*") if not path.is_dir())


def damage(place: Path, content: bytes) -> None:
    """Change the bytes of a blob behind the back of the store."""
    place.chmod(0o600)
    place.write_bytes(content)
