"""Directories held open, reached without symbolic links, and what a refusing disk is called."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from assay.domain.errors import DataCorrupted, Unavailable

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# How the system answers when a symbolic link, or a file, stands where a directory should be.
_MISPLACED: Final = frozenset({errno.ELOOP, errno.ENOTDIR})


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what the system refuses into `Unavailable`, and a planted link into `DataCorrupted`.

    `FileNotFoundError` passes: to its callers absence is an answer.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in _MISPLACED:
            raise DataCorrupted("A link or a file stands in the way in the blob store.") from error
        reason = os.strerror(error.errno) if error.errno else "unknown reason"
        raise Unavailable(f"The disk of the blob store refuses: {reason}.") from error


def open_directory(name: str, parent: int | None = None) -> int:
    """Open a directory of `parent`. Raises `FileNotFoundError` or as `refusals` does."""
    with refusals():
        return os.open(name, _DIRECTORY, dir_fd=parent)


def ensure_directory(name: str, parent: int) -> int:
    """Open a directory of `parent` that only this user may enter, making it if need be."""
    with refusals(), suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent)
    return open_directory(name, parent)


def ensure_root(path: Path) -> int:
    """Open a directory that only this user may enter, making it and its parents durably."""
    absolute = path.resolve()
    missing = [place for place in (absolute, *absolute.parents) if not place.exists()]
    with refusals():
        absolute.mkdir(mode=0o700, parents=True, exist_ok=True)
        for place in missing:
            with directory(str(place.parent)) as parent:
                os.fsync(parent)
        opened = open_directory(str(absolute))
        os.fchmod(opened, 0o700)
    return opened


@contextmanager
def directory(name: str, parent: int | None = None) -> Iterator[int]:
    """Hold a directory of `parent` open for a block. Raises as `open_directory` does."""
    opened = open_directory(name, parent)
    try:
        yield opened
    finally:
        os.close(opened)
