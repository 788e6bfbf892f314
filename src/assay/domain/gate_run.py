"""Gate runs: a queued exam of one version, leased to one runner at a time, ended by one verdict."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from assay.domain.errors import Conflict
from assay.domain.gate import GateSpec, Outcome, Verdict
from assay.domain.verdict_statement import VerdictSignature

MAX_ATTEMPTS: Final = 5
"""How often a gate run is handed out; after that it ends with the verdict `expired`."""

SAID: Final = " (it said: "
"""Before what a scorer wrote on its terminal, in a verdict's reasons: it may name items."""

MIN_LEASE_S: Final = 5
MAX_LEASE_S: Final = 3_600


class GateRunState(StrEnum):
    """`queued` and `leased` are open; `done` has its verdict, `cancelled` will never have one."""

    QUEUED = "queued"
    LEASED = "leased"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class EvalSuite:
    """A stored suite: its label, its fingerprint, and its bundle where it can be run here."""

    pk: int
    workspace: str
    name: str
    fingerprint: str
    bundle_sha256: str | None
    item_count: int
    created_by: str
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class Gate:
    """One frozen version of a gate. `model` None: it guards every model without a gate of its own."""

    pk: int
    workspace: str
    name: str
    version: int
    model: str | None
    suite_pk: int
    suite: str
    spec: GateSpec
    fingerprint: str
    is_current: bool
    created_by: str
    created_at_ms: int

    @property
    def title(self) -> str:
        """How a sentence names it."""
        return f"gate {self.name!r} v{self.version}"


@dataclass(frozen=True, slots=True)
class GivenVerdict:
    """A verdict as it was written: by which runner, from which rows, with the gate's reasons."""

    pk: int
    gate_run_id: str
    gate: str
    gate_version: int
    model_version: int
    verdict: Verdict
    reasons: tuple[str, ...]
    rows_sha256: str | None
    runner: str
    created_at_ms: int
    signature: VerdictSignature | None = None


@dataclass(frozen=True, slots=True)
class GateRun:
    """An exam of one version's exact bytes under one gate version."""

    pk: int
    gate_run_id: str
    workspace: str
    gate_pk: int
    gate: str
    gate_version: int
    gate_fingerprint: str
    version_pk: int
    model: str
    version: int
    artifact_digest: str
    state: GateRunState
    fence: int
    attempts: int
    leased_by: str | None
    lease_expires_at_ms: int | None
    requested_by: str
    created_at_ms: int
    finished_at_ms: int | None

    @property
    def is_open(self) -> bool:
        """Whether it still waits for its verdict."""
        return self.state in {GateRunState.QUEUED, GateRunState.LEASED}

    def is_lease_over(self, now_ms: int) -> bool:
        """Whether a runner held it and let the time pass."""
        expires = self.lease_expires_at_ms
        return self.state is GateRunState.LEASED and expires is not None and expires <= now_ms


def check_lease(
    run: GateRun, *, kept_nonce: str | None, nonce: str, fence: int, runner: str, now_ms: int
) -> None:
    """Pass for the runner that holds the lease now, or Conflict saying why it does not.

    A lease is held by whoever was handed its nonce and fence last, until it expires: a runner that
    was slow and was replaced can write nothing any more.
    """
    name = f"Gate run {run.gate_run_id!r}"
    if run.state is GateRunState.DONE:
        raise Conflict(f"{name} has its verdict already; a second one is refused.")
    if run.state is GateRunState.CANCELLED:
        raise Conflict(f"{name} was cancelled, because its gate or its version changed.")
    if run.state is GateRunState.QUEUED or kept_nonce is None:
        raise Conflict(f"{name} is not leased; lease it first.")
    if run.leased_by != runner:
        raise Conflict(f"{name} is leased to another runner.")
    if not hmac.compare_digest(kept_nonce.encode(), nonce.encode()) or fence != run.fence:
        raise Conflict(f"{name} was leased anew since: this nonce and fence are stale.")
    if run.is_lease_over(now_ms):
        raise Conflict(f"The lease of {name[0].lower() + name[1:]} has expired; lease it again.")


def without_items(given: GivenVerdict) -> GivenVerdict:
    """The verdict for a reader who may not know the items: what a scorer said is left out."""
    return replace(given, reasons=tuple(reason.partition(SAID)[0] for reason in given.reasons))


def is_decisive(outcome: Outcome) -> bool:
    """Whether an exam is over for these bytes: a verdict from rows stands, a broken run may be retried."""
    return outcome not in {Outcome.ERROR, Outcome.EXPIRED}


@dataclass(frozen=True, slots=True)
class GateRunReport:
    """A gate run with the verdict that ended it, if it has one."""

    run: GateRun
    verdict: GivenVerdict | None
