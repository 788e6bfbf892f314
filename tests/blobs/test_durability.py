"""An upload that is interrupted anywhere is either acknowledged and whole, or leaves nothing."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.blobs.local import LocalBlobStore
from assay.blobs.store import BlobInfo, put
from assay.domain.errors import Unavailable

CONTENT = [b"some ", b"weights"]
BLOB = BlobInfo(hashlib.sha256(b"some weights").hexdigest(), 12)

# What changes the disk on the way from the first byte to the acknowledgement.
STEPS = ("open", "mkdir", "write", "fchmod", "fsync", "rename")


def intercept(
    monkeypatch: pytest.MonkeyPatch, before: Callable[[str, tuple[Any, ...]], None]
) -> None:
    """Call `before` with name and arguments ahead of each step of the operating system."""

    def wrapped(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def step(*arguments: Any, **options: Any) -> Any:
            before(name, arguments)
            return real(*arguments, **options)

        return step

    for name in STEPS:
        monkeypatch.setattr(os, name, wrapped(name))


def test_nothing_is_acknowledged_before_it_is_durable(
    store: LocalBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File synced before it gets its name; then the folder of the name, new folders before that."""
    events: list[str] = []

    def note(name: str, arguments: tuple[Any, ...]) -> None:
        if name in ("fsync", "rename"):
            inside = Path(f"/proc/self/fd/{arguments[0]}").readlink() if name == "fsync" else None
            events.append(f"{name} {inside.name if inside else 'to the digest'}")

    if not Path("/proc/self/fd").exists():
        pytest.skip("the names of open files are read from /proc")
    with store.begin() as upload:
        upload.write(b"some weights")
        (temporary,) = Path(f"/proc/self/fd/{store._incoming}").readlink().iterdir()
        intercept(monkeypatch, note)
        upload.commit()
    first, second = BLOB.sha256[:2], BLOB.sha256[2:4]
    assert events == [
        f"fsync {temporary.name}",
        f"fsync {first}",
        "fsync objects",
        "rename to the digest",
        f"fsync {second}",
    ]


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_step_that_fails_is_a_refusal_that_leaves_nothing_half_done(
    store: LocalBlobStore, root: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Each step in turn: `Unavailable`, no temporary file, no damaged blob; then it works."""
    for failing in range(100):
        remaining = [failing]

        def fail(_name: str, _arguments: tuple[Any, ...], remaining: list[int] = remaining) -> None:
            remaining[0] -= 1
            if remaining[0] == -1:
                raise OSError(code, os.strerror(code))

        with monkeypatch.context() as patch:
            intercept(patch, fail)
            try:
                put(store, CONTENT)
                break
            except Unavailable:
                pass
        assert list((root / "incoming").iterdir()) == []
        # After the rename the bytes are there, whole, though nobody was told so.
        assert store.verify(BLOB.sha256) in ("missing", "ok")
    assert failing >= len(STEPS)
    assert store.verify(BLOB.sha256) == "ok"


KILLED_AT_A_STEP = """
import os, signal, sys
from pathlib import Path
from assay.blobs.local import LocalBlobStore
from assay.blobs.store import put

store = LocalBlobStore(Path(sys.argv[1]), min_free_bytes=0)
remaining = int(sys.argv[2])

def dying(real):
    def step(*arguments, **options):
        global remaining
        remaining -= 1
        if remaining < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)
    return step

for name in sys.argv[3].split(","):
    setattr(os, name, dying(getattr(os, name)))
print(put(store, [b"some ", b"weights"]).sha256, flush=True)
"""


def test_a_kill_at_any_step_loses_nothing_that_was_acknowledged(root: Path) -> None:
    """The next process finds the blob whole or not at all, sweeps the rest and can store it."""
    is_acknowledged = False
    step = 0
    while not is_acknowledged:
        folder = root / str(step)
        arguments = [
            sys.executable,
            "-c",
            KILLED_AT_A_STEP,
            str(folder),
            str(step),
            ",".join(STEPS),
        ]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)
        is_acknowledged = done.stdout.strip() == BLOB.sha256
        assert done.returncode == (0 if is_acknowledged else -signal.SIGKILL), done.stderr
        after = LocalBlobStore(folder, min_free_bytes=0)
        assert after.verify(BLOB.sha256) in (["ok"] if is_acknowledged else ["missing", "ok"])
        after.sweep_temporary(older_than_s=0)
        assert list((folder / "incoming").iterdir()) == []
        assert put(after, CONTENT) == BLOB
        assert list(after.list()) == [BLOB]
        after.close()
        step += 1
    assert step > len(STEPS)
