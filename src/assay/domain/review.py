"""Reviews of a promotion: approvals by other people, freeze windows, break-glass, and runners' keys.

Times are UTC epoch milliseconds: a window has no time zone, and no hour of it is skipped or repeated.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

BREAK_GLASS_MS: Final = 15 * 60 * 1000
"""How long a break-glass request waits for its second person."""

MAX_FREEZE_MS: Final = 366 * 24 * 3_600_000


class SignaturePolicy(StrEnum):
    """Whether verdicts need a registered runner key's signature."""

    OFF = "off"
    REQUIRE = "require"


class BreakGlassState(StrEnum):
    """`open` waits for its second person until it expires."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class RunnerKey:
    """A gate runner's public key, registered for a workspace."""

    pk: int
    key_id: str
    workspace: str
    runner: str
    public_key: str
    created_by: str
    created_at_ms: int
    retired_at_ms: int | None
    revoked_at_ms: int | None
    void_from_ms: int | None
    revoke_reason: str

    @property
    def state(self) -> str:
        """`active`, `retired` (what it signed stands) or `revoked`."""
        if self.revoked_at_ms is not None:
            return "revoked"
        return "active" if self.retired_at_ms is None else "retired"

    def is_void(self, written_at_ms: int) -> bool:
        """Whether a verdict that was written then and signed with this key counts for nothing."""
        return self.void_from_ms is not None and written_at_ms >= self.void_from_ms


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's consent to exactly one promotion: these bytes, this gate, this alias revision."""

    pk: int
    approval_id: str
    model: str
    version: int
    alias: str
    alias_revision: int
    artifact_digest: str
    gate_fingerprint: str
    approver: str
    principal_id: int | None
    reason: str
    created_at_ms: int
    withdrawn_at_ms: int | None

    def is_for(self, artifact_digest: str | None, gate_fp: str | None, revision: int) -> bool:
        """Whether it is about exactly this promotion, and still stands."""
        return (
            self.withdrawn_at_ms is None
            and self.artifact_digest == artifact_digest
            and self.gate_fingerprint == gate_fp
            and self.alias_revision == revision
        )


@dataclass(frozen=True, slots=True)
class FreezeWindow:
    """From `starts_at_ms` (included) to `ends_at_ms` (not included) no promotion is made."""

    pk: int
    freeze_id: str
    workspace: str
    alias: str | None
    starts_at_ms: int
    ends_at_ms: int
    reason: str
    created_by: str
    created_at_ms: int
    lifted_by: str | None
    lifted_at_ms: int | None


@dataclass(frozen=True, slots=True)
class BreakGlassRequest:
    """An admin's wish to move a protected alias past its gate, until a second person confirms it.

    It is about the version of key `version_pk`, whatever is called like it later.
    """

    pk: int
    version_pk: int
    request_id: str
    workspace: str
    model: str
    version: int
    alias: str
    alias_revision: int
    artifact_digest: str
    reason: str
    requested_by: str
    requester_id: int
    created_at_ms: int
    expires_at_ms: int
    state: BreakGlassState
    closed_by: str | None
    closed_at_ms: int | None

    def is_waiting(self, now_ms: int) -> bool:
        """Whether it can be confirmed: open, not expired, and not asked from the future."""
        return (
            self.state is BreakGlassState.OPEN and self.created_at_ms <= now_ms < self.expires_at_ms
        )


def counting_approvals(
    approvers: Collection[str], barred: Collection[str], promoter: str | None
) -> frozenset[str]:
    """The distinct people whose approval counts.

    Those `barred` never do; whoever promotes counts only beside somebody else.
    """
    valid = frozenset(approvers) - frozenset(barred)
    return frozenset() if valid <= {promoter} else valid


def freeze_in_force(
    windows: Iterable[FreezeWindow], alias: str, now_ms: int, latest_ms: int
) -> FreezeWindow | None:
    """The window that holds a promotion of `alias` now; of several the one that ends last.

    `latest_ms` is the latest time that was recorded. A clock that was set back proves nothing: every
    window that the time between the two touches holds.
    """
    until_ms = max(now_ms, latest_ms)
    holding = [
        window
        for window in windows
        if window.lifted_at_ms is None
        and window.alias in {None, alias}
        and window.starts_at_ms <= until_ms
        and window.ends_at_ms > now_ms
    ]
    return max(holding, key=lambda window: (window.ends_at_ms, window.pk), default=None)


def frozen_sentence(window: FreezeWindow) -> str:
    """Why a promotion is held, and until when."""
    why = f": {window.reason}" if window.reason else ""
    return f"frozen until {utc_text(window.ends_at_ms)}{why}"


def utc_text(at_ms: int) -> str:
    """A moment as `2026-02-28T23:59:59.999Z`, the milliseconds only where there are any."""
    seconds, milliseconds = divmod(at_ms, 1000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{milliseconds:03d}Z" if milliseconds else f"{text}Z"
