"""What the local blob store moves: `python -m bench.blob_store [FOLDER]`.

Measures the store alone, without HTTP: one blob of 256 MiB in and out, and many small ones.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from assay.blobs.local import LocalBlobStore
from assay.blobs.store import put

MEBIBYTE = 1 << 20
SIZE_MIB = 256
SMALL_BLOBS = 300
ROUNDS = 3


def main() -> None:
    """Print MiB/s for large blobs and blobs/s for small ones, in a folder of the disk to measure."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        store = LocalBlobStore(Path(folder) / "blobs")
        print(f"{SIZE_MIB} MiB, in pieces of    upload MiB/s   download MiB/s   verify MiB/s")
        for piece_bytes in (MEBIBYTE // 16, MEBIBYTE // 4, MEBIBYTE):
            rates = [large(store, piece_bytes) for _ in range(ROUNDS)]
            upload, download, verify = (max(column) for column in zip(*rates, strict=True))
            print(f"{piece_bytes // 1024:8} KiB {upload:24.0f}{download:17.0f}{verify:15.0f}")
        print(f"\nsmall blobs, each durable: {small(store):.0f} a second")
        print(f"the same blobs again:      {small(store):.0f} a second")
        store.close()


def large(store: LocalBlobStore, piece_bytes: int) -> tuple[float, float, float]:
    """Return the rates of writing, reading and verifying one blob, which is deleted again."""
    source = memoryview(os.urandom(4 * MEBIBYTE))
    pieces = [source[at : at + piece_bytes] for at in range(0, len(source), piece_bytes)]
    times = [time.perf_counter()]
    blob = put(store, pieces * (SIZE_MIB // 4))
    times.append(time.perf_counter())
    received = sum(len(piece) for piece in store.open(blob.sha256))
    times.append(time.perf_counter())
    state = store.verify(blob.sha256)
    times.append(time.perf_counter())
    assert (blob.size_bytes, received, state) == (SIZE_MIB * MEBIBYTE, SIZE_MIB * MEBIBYTE, "ok")
    store.delete(blob.sha256)
    first, second, third = (SIZE_MIB / (b - a) for a, b in pairwise(times))
    return first, second, third


def small(store: LocalBlobStore) -> float:
    """Return how many small blobs a second are stored one after the other."""
    started = time.perf_counter()
    for number in range(SMALL_BLOBS):
        put(store, [b"adapter config %d" % number])
    return SMALL_BLOBS / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
