"""What a run tells its user: on standard error, each kind of thing once, and never by raising."""

from __future__ import annotations

import sys
import threading


class Notices:
    """Tells a thing the first time it happens and counts it every time; if quiet, it only counts."""

    def __init__(self, *, is_quiet: bool = False) -> None:
        self._is_quiet = is_quiet
        self._lock = threading.Lock()
        self.counts: dict[str, int] = {}

    def once(self, kind: str, message: str) -> None:
        """Count `kind`, and say `message` if it is the first of its kind."""
        with self._lock:
            count = self.counts.get(kind, 0) + 1
            self.counts[kind] = count
        if count == 1 and not self._is_quiet:
            say(message)

    def count(self, kind: str) -> int:
        """How often `kind` has happened."""
        return self.counts.get(kind, 0)


def say(message: str) -> None:
    """A line on standard error, if there is one."""
    try:
        sys.stderr.write(f"assay: {message}\n")
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        return
