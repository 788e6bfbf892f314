"""Opening a file that somebody else wrote, only if it is one."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO


class NotPlainError(OSError):
    """The path leads to a link, a folder, a pipe or a device."""


def open_plain_file(path: Path) -> BinaryIO:
    """Open an ordinary file for reading; a link is not followed, a pipe never waited for.

    Raises `NotPlainError` for anything else, and OSError (FileNotFoundError included) as `open`.
    """
    if path.is_symlink():
        raise NotPlainError(f"{path.name} is a symbolic link")
    # The check above only names the usual case; these flags hold when the path is changed underway.
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise NotPlainError(f"{path.name} is not an ordinary file")
    return os.fdopen(fd, "rb")
