"""Leases: who holds one now, and whose answer comes too late."""

from dataclasses import replace
from typing import Any

import pytest

from assay.domain.errors import Conflict
from assay.domain.gate import Outcome
from assay.domain.gate_run import GateRun, GateRunState, check_lease, is_decisive

NOW = 1_000
NONCE = "n" * 32
LEASED = GateRun(
    pk=1,
    gate_run_id="g",
    workspace="default",
    gate_pk=1,
    gate="holdout",
    gate_version=1,
    gate_fingerprint="f",
    version_pk=1,
    model="m",
    version=1,
    artifact_digest="d",
    state=GateRunState.LEASED,
    fence=3,
    attempts=3,
    leased_by="gate:runner",
    lease_expires_at_ms=NOW + 1,
    requested_by="user:a",
    created_at_ms=0,
    finished_at_ms=None,
)


def check(run: GateRun, **changes: Any) -> None:
    proof: dict[str, Any] = {
        "kept_nonce": NONCE,
        "nonce": NONCE,
        "fence": 3,
        "runner": "gate:runner",
        "now_ms": NOW,
    }
    check_lease(run, **{**proof, **changes})


def test_the_holder_passes_until_the_lease_ends() -> None:
    """The last millisecond still counts, the next does not."""
    check(LEASED)

    with pytest.raises(Conflict, match="expired"):
        check(LEASED, now_ms=NOW + 1)


@pytest.mark.parametrize(
    ("run", "changes", "why"),
    [
        (replace(LEASED, state=GateRunState.DONE), {}, "verdict already"),
        (replace(LEASED, state=GateRunState.CANCELLED), {}, "cancelled"),
        (replace(LEASED, state=GateRunState.QUEUED), {}, "not leased"),
        (LEASED, {"kept_nonce": None}, "not leased"),
        (LEASED, {"runner": "gate:other"}, "another runner"),
        (LEASED, {"nonce": "x" * 32}, "stale"),
        (LEASED, {"nonce": ""}, "stale"),
        (LEASED, {"nonce": "ü"}, "stale"),
        (LEASED, {"fence": 2}, "stale"),
    ],
)
def test_every_other_answer_is_a_conflict(run: GateRun, changes: dict[str, Any], why: str) -> None:
    """The message says why this lease writes nothing."""
    with pytest.raises(Conflict, match=why):
        check(run, **changes)


def test_a_verdict_from_rows_stands_and_a_broken_exam_may_be_held_again() -> None:
    """Pass, fail and inconclusive are final for these bytes; error and expired are not."""
    final = {outcome for outcome in Outcome if is_decisive(outcome)}

    assert final == {Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE}


def test_what_is_open_waits_for_its_verdict() -> None:
    """Queued and leased are open; a lease is over when its time is."""
    states = {state for state in GateRunState if replace(LEASED, state=state).is_open}

    assert states == {GateRunState.QUEUED, GateRunState.LEASED}
    assert LEASED.is_lease_over(NOW + 1)
    assert not LEASED.is_lease_over(NOW)
    assert not replace(LEASED, state=GateRunState.DONE).is_lease_over(NOW + 1)
