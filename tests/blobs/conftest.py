"""A blob store in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.blobs.local import LocalBlobStore


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the store keeps its files."""
    return tmp_path / "data" / "blobs"


@pytest.fixture
def store(root: Path) -> Iterator[LocalBlobStore]:
    """An empty store."""
    opened = LocalBlobStore(root, min_free_bytes=0)
    yield opened
    opened.close()
