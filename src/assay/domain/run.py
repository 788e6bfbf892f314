"""The life of a run: which statuses end it and which may follow which."""

from __future__ import annotations

from typing import Final

from assay.domain.errors import FailedPrecondition
from assay.domain.tracking import RunStatus

TERMINAL: Final = frozenset({RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED})


def is_terminal(status: RunStatus) -> bool:
    """Whether the run has ended; a client may still resume it."""
    return status in TERMINAL


def may_follow(old: RunStatus, new: RunStatus) -> bool:
    """Whether a run may go from `old` to `new`.

    A run is scheduled only before it first runs. An ended run may be resumed, and its end
    corrected, as when a scheduler reports that a run marked finished was in fact killed.
    """
    return new is not RunStatus.SCHEDULED or old is RunStatus.SCHEDULED


def check_transition(old: RunStatus, new: RunStatus) -> None:
    """Pass, or FailedPrecondition when `new` may not follow `old`."""
    if not may_follow(old, new):
        raise FailedPrecondition(
            f"A run that is {old.value} cannot become {new.value} again.", field="status"
        )
