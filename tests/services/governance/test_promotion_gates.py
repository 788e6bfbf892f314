"""Gates at a promotion: changed ones, other versions' verdicts, directions and guards."""

import pytest

from assay.domain.errors import GateBlocked
from tests.support.office import MODEL, RUNNER, Office, rows


def held_because(refusal: pytest.ExceptionInfo[GateBlocked]) -> list[str]:
    codes = refusal.value.details["codes"]
    assert isinstance(codes, list)
    return codes


def test_a_changed_gate_makes_the_champion_be_scored_again_first(office: Office) -> None:
    """G11: the champion's old score counts no longer; both exams are queued, the alias stays."""
    office.a_gate(0.5)
    office.a_champion(right=9)
    challenger = office.a_version("better")
    office.examine(challenger, right=10)
    office.a_gate(0.4)
    champions = office.lease()
    assert champions.run.version == 1

    with pytest.raises(GateBlocked) as refusal:
        office.promote(challenger)

    assert held_because(refusal) == ["no_verdict"]
    queued = refusal.value.details["queued"]
    assert isinstance(queued, list)
    assert len(queued) == 2
    assert "2 gate runs were queued" in refusal.value.message
    office.hand_in(office.lease(), right=10)
    with pytest.raises(GateBlocked) as refusal:
        office.promote(challenger)
    assert held_because(refusal) == ["champion_not_comparable"]
    assert "version 1, which holds 'production', has no score" in refusal.value.message
    office.hand_in(champions, right=9)
    assert office.promote(challenger).to_version == 2


def test_a_champion_that_cannot_be_scored_holds_the_challenger(office: Office) -> None:
    """G12: an exam of the champion that broke is no score to be beaten; it is held anew."""
    office.a_gate(0.5)
    office.a_champion()
    office.a_gate(0.4)
    challenger = office.a_version("better")
    lease = office.lease()
    assert lease.run.version == 1
    office.examine(challenger, right=10)
    office.services.gate_runs.fail(
        office.ask(RUNNER),
        lease.run.gate_run_id,
        nonce=lease.nonce,
        fence=lease.run.fence,
        reason="the scorer crashed",
    )

    with pytest.raises(GateBlocked) as refusal:
        office.promote(challenger)

    assert held_because(refusal) == ["champion_not_comparable"]
    assert office.holder() == 1
    office.hand_in(office.lease(), right=9)
    assert office.promote(challenger).to_version == 2


def test_a_gate_that_changes_between_pass_and_promote_counts(office: Office) -> None:
    """G13: a pass of yesterday's gate does not open today's."""
    office.a_gate(0.5)
    version = office.a_version()
    office.examine(version, right=6)
    office.a_gate(0.9)

    with pytest.raises(GateBlocked) as refusal:
        office.promote(version)

    assert held_because(refusal) == ["no_verdict"]
    assert office.holder() is None


def test_a_verdict_counts_for_its_own_version_only(office: Office) -> None:
    """G4: another version's pass is worth nothing, even of the same model and gate."""
    office.a_gate()
    office.examine(office.a_version("good"), right=10)
    other = office.a_version("other bytes")

    with pytest.raises(GateBlocked) as refusal:
        office.promote(other)

    assert held_because(refusal) == ["no_verdict"]


def test_lower_is_better_where_the_suite_says_so(office: Office) -> None:
    """G20: with a minimised metric the smaller value wins, and a larger one holds."""
    suite = office.a_suite()
    office.services.gates.create(
        office.ask(),
        "speed",
        {"suite": suite.fingerprint, "metric": "latency", "threshold": 5},
    )

    def examined(content: str, latency: float) -> int:
        version = office.a_version(content)
        office.services.gate_runs.request(office.ask(), MODEL, version.version)
        lease = office.lease()
        office.services.gate_runs.post_rows(
            office.ask(RUNNER),
            lease.run.gate_run_id,
            nonce=lease.nonce,
            fence=lease.run.fence,
            rows=rows(5, latency=latency),
        )
        return version.version

    promote = office.services.promotion.promote
    promote(office.ask(), MODEL, examined("a", 4))
    with pytest.raises(GateBlocked):
        promote(office.ask(), MODEL, examined("slow", 4.5))
    assert promote(office.ask(), MODEL, examined("fast", 3)).to_version == 3


def test_a_guard_metric_that_gets_worse_holds(office: Office) -> None:
    """G19: better on the gated metric, worse on a guard beyond what is allowed: held."""
    suite = office.a_suite()
    guards = [{"metric": "latency", "max_regression": 0.5}]
    office.a_gate(0.5, suite=suite.fingerprint, guards=guards)

    def examined(content: str, right: int, latency: float) -> int:
        version = office.a_version(content)
        office.services.gate_runs.request(office.ask(), MODEL, version.version)
        lease = office.lease()
        office.services.gate_runs.post_rows(
            office.ask(RUNNER),
            lease.run.gate_run_id,
            nonce=lease.nonce,
            fence=lease.run.fence,
            rows=rows(right, latency=latency),
        )
        return version.version

    promote = office.services.promotion.promote
    promote(office.ask(), MODEL, examined("a", 6, 1))
    with pytest.raises(GateBlocked) as refusal:
        promote(office.ask(), MODEL, examined("b", 9, 1.6))
    assert held_because(refusal) == ["guard_regression"]
    assert promote(office.ask(), MODEL, examined("c", 8, 1.5)).to_version == 3


def test_a_new_gate_version_with_the_same_rules_keeps_the_scores(office: Office) -> None:
    """Scores belong to the rules, not to the number of their version."""
    office.a_gate(0.5)
    version = office.a_version()
    office.examine(version, right=6)
    again = office.a_gate(0.5)

    assert again.version == 2
    assert office.promote(version).to_version == 1
