"""What came of sending one notice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PostResult:
    """How it went: the status that was answered, or why there is none, in words without secrets."""

    status: int | None
    error: str = ""

    @property
    def is_delivered(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300
