from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.canonical import canonical_text
from assay.domain.exact import exact, exact_sum
from assay.domain.gate import (
    GateSpec,
    Guard,
    MetricScore,
    Outcome,
    Score,
    Verdict,
    evaluate,
    gate_fingerprint,
    verdict_digest,
)
from assay.domain.promotion import RULE_VERSION, Contender, Decision, Reason, decide
from assay.domain.registry import VersionState
from tests.domain.examples import vectors

SUITE = "5" * 64
BYTES = {1: "1" * 64, 2: "2" * 64}


def a_gate(threshold: object = "0.6", **changes: Any) -> GateSpec:
    """A gate on accuracy."""
    return replace(GateSpec(SUITE, "accuracy", True, exact(threshold)), **changes)


def a_contender(version: int, score: object, gate: GateSpec, /, **changes: Any) -> Contender:
    """A version whose verdict says what the gate says of `score`; None leaves it unscored."""
    digest = BYTES[version]
    if score is None:
        return Contender(version, digest)
    number = exact(score)
    outcome = evaluate(gate, Score({gate.metric: MetricScore(number * 100, 100)}, 100)).outcome
    verdict = Verdict(outcome, gate_fingerprint(gate), digest, number, 100, {gate.metric: number})
    return Contender(version, digest, replace(verdict, **changes))


def contest(challenger: object, champion: object, gate: GateSpec | None = None) -> Decision:
    """Version 2 with one score against version 1 with another."""
    rules = gate or a_gate()
    return decide(a_contender(2, challenger, rules), a_contender(1, champion, rules), rules)


@pytest.mark.parametrize("case", vectors("promotion")["cases"], ids=lambda case: case["name"])
def test_the_known_contests_end_as_known(case: dict[str, Any]) -> None:
    """Holder and reason equal the published ones."""
    gate = a_gate(case["threshold"], maximize=case["maximize"])
    held = case["champion_score"]
    champion = None if held is None else a_contender(1, held, gate)

    decision = decide(a_contender(2, case["challenger_score"], gate), champion, gate)

    assert case["holder"] == decision.holder
    assert case["reason"] == decision.reason.value.replace("_", " ")
    assert case["reason"] in decision.reasons[0]
    assert decision.promoted is (case["holder"] == "challenger")


@given(
    st.fractions(0, 1, max_denominator=200),
    st.fractions(0, 1, max_denominator=200),
    st.fractions(0, 1, max_denominator=200),
    st.booleans(),
)
def test_promotion_is_passing_and_being_strictly_better(
    ours: Fraction, theirs: Fraction, threshold: Fraction, maximize: bool
) -> None:
    """In both directions, for any scores: the rule, and nothing but the rule."""
    gate = a_gate(threshold, maximize=maximize)
    sign = 1 if maximize else -1
    passes = sign * ours >= sign * threshold
    beats = sign * ours > sign * theirs

    assert contest(ours, theirs, gate).promoted is (passes and beats)
    assert decide(a_contender(2, ours, gate), None, gate).promoted is passes


@pytest.mark.parametrize("items", [3, 7, 1_000_000])
def test_one_item_among_many_decides_and_none_is_a_tie(items: int) -> None:
    """Averages are compared exactly: one more right answer wins, the same number ties."""
    gate = a_gate("0.5")
    right = items * 2 // 3

    def averaged(correct: int) -> Fraction:
        return MetricScore(exact_sum([1] * correct + [0] * (items - correct)), items).mean

    assert contest(averaged(right + 1), averaged(right), gate).promoted
    assert contest(averaged(right), averaged(right), gate).reason is Reason.NOT_STRICTLY_BETTER
    assert not contest(averaged(right - 1), averaged(right), gate).promoted


def test_tenths_tie_as_people_mean_them() -> None:
    """0.1 + 0.2 against 0.3 is a tie, which float averages would call a victory."""
    decision = contest(exact_sum([0.1, 0.2]), 0.3, a_gate(0))
    assert decision.reason is Reason.NOT_STRICTLY_BETTER
    assert "a tie" in decision.reasons[0]


@pytest.mark.parametrize("outcome", [Outcome.INCONCLUSIVE, Outcome.ERROR, Outcome.EXPIRED])
@pytest.mark.parametrize("score", [Fraction(99, 100), None])
def test_only_a_pass_can_promote(outcome: Outcome, score: Fraction | None) -> None:
    """Any other outcome holds, even beside a splendid score."""
    gate = a_gate()
    challenger = a_contender(2, "0.99", gate, outcome=outcome, score=score)
    decision = decide(challenger, a_contender(1, "0.61", gate), gate)
    assert decision.reason.value == f"verdict_{outcome.value}"
    assert outcome.value in decision.reasons[0]


def test_a_fail_that_meets_the_threshold_still_holds() -> None:
    """The verdict's word and its score must both pass."""
    gate = a_gate()
    failed = a_contender(2, "0.99", gate, outcome=Outcome.FAIL)
    assert decide(failed, None, gate).reason is Reason.VERDICT_FAIL
    boasted = a_contender(2, "0.1", gate, outcome=Outcome.PASS)
    assert decide(boasted, None, gate).reason is Reason.BELOW_THRESHOLD
    empty = a_contender(2, "0.9", gate, score=None)
    assert decide(empty, None, gate).reason is Reason.VERDICT_ERROR


def test_without_a_gate_or_a_verdict_nothing_moves() -> None:
    """No gate and no verdict are holds of their own."""
    gate = a_gate()
    assert decide(a_contender(2, "0.9", gate), None, None).codes == (Reason.NO_GATE,)
    assert decide(a_contender(2, None, gate), None, gate).codes == (Reason.NO_VERDICT,)


def test_a_verdict_counts_only_for_its_bytes_and_its_gate() -> None:
    """A verdict for other files or under another gate is no evidence, however high."""
    gate = a_gate()
    swapped = a_contender(2, "0.9", gate, artifact_digest="9" * 64)
    older = a_contender(2, "0.9", gate, gate_fingerprint=gate_fingerprint(a_gate("0.5")))
    assert decide(swapped, None, gate).codes == (Reason.WRONG_BYTES,)
    assert decide(older, None, gate).codes == (Reason.WRONG_GATE,)


@pytest.mark.parametrize(
    "changes",
    [
        {"gate_fingerprint": "8" * 64},
        {"artifact_digest": "9" * 64},
        {"outcome": Outcome.ERROR},
        {"outcome": Outcome.INCONCLUSIVE},
        {"outcome": Outcome.EXPIRED},
        {"score": None},
    ],
)
def test_a_champion_without_a_score_under_the_current_gate_must_be_scored_first(
    changes: dict[str, Any],
) -> None:
    """An incomparable champion is not beaten by default."""
    gate = a_gate()
    champion = a_contender(1, "0.1", gate, **changes)
    decision = decide(a_contender(2, "0.9", gate), champion, gate)
    assert decision.codes == (Reason.CHAMPION_NOT_COMPARABLE,)
    unscored = decide(a_contender(2, "0.9", gate), a_contender(1, None, gate), gate)
    assert unscored.codes == (Reason.CHAMPION_NOT_COMPARABLE,)


def test_a_champion_that_fails_a_new_gate_is_comparable() -> None:
    """Failing the harder gate is a score, and that score can be beaten."""
    gate = a_gate("0.7")
    assert contest("0.8", "0.65", gate).promoted


def test_standing_is_checked_before_scores() -> None:
    """Deleted, quarantined, unverifiable, or already there: held, with every reason said."""
    gate = a_gate()
    good = a_contender(2, "0.9", gate)
    champion = a_contender(1, "0.95", gate)
    for state, reason in (
        (VersionState.DELETED, Reason.DELETED),
        (VersionState.QUARANTINED, Reason.QUARANTINED),
    ):
        decision = decide(replace(good, state=state), champion, gate)
        assert decision.codes == (reason, Reason.NOT_STRICTLY_BETTER)
        assert len(decision.reasons) == 2
    unverifiable = decide(replace(good, is_verifiable=False), None, gate)
    assert unverifiable.codes == (Reason.UNVERIFIABLE,)
    without_files = decide(Contender(2, None), None, gate)
    assert without_files.codes == (Reason.UNVERIFIABLE, Reason.NO_VERDICT)
    assert decide(good, good, gate).codes == (Reason.ALREADY_CHAMPION,)


def guarded(ours: object, theirs: object, **limits: Any) -> Decision:
    """A better version with a guard metric `latency`, lower is better."""
    guard = replace(Guard("latency", False, exact(0)), **limits)
    gate = a_gate(guards=(guard,))

    def with_latency(version: int, score: str, latency: object) -> Contender:
        metrics = {"accuracy": exact(score)}
        if latency is not None:
            metrics["latency"] = exact(latency)
        return a_contender(version, score, gate, metrics=metrics)

    return decide(with_latency(2, "0.9", ours), with_latency(1, "0.7", theirs), gate)


def test_a_guard_metric_may_not_regress_beyond_its_limit() -> None:
    """Exactly the limit passes, more holds; relative limits are shares of the champion's value."""
    assert guarded("1.0", "1.0").promoted
    assert guarded("1.1", "1.0").codes == (Reason.GUARD_REGRESSION,)
    assert guarded("1.1", "1.0", max_regression=exact("0.1")).promoted
    assert guarded("11", "10", max_regression=exact("0.1"), relative=True).promoted
    assert not guarded("11.01", "10", max_regression=exact("0.1"), relative=True).promoted
    assert guarded("0.9", "1.0", maximize=True).codes == (Reason.GUARD_REGRESSION,)
    assert guarded("1.1", "1.0", maximize=True).promoted


def test_a_guard_that_was_not_scored_holds() -> None:
    """A missing guard metric, on either side, is not a passed guard."""
    assert guarded(None, "1.0").codes == (Reason.GUARD_NOT_SCORED,)
    assert guarded("1.0", None).codes == (Reason.GUARD_NOT_SCORED,)


def test_too_few_items_hold() -> None:
    """A score on fewer items than the gate wants does not count."""
    gate = a_gate(min_items=101)
    thin = a_contender(2, "0.9", gate, outcome=Outcome.PASS)
    assert decide(thin, None, gate).codes == (Reason.TOO_FEW_ITEMS,)


def test_approvals_count_distinct_people_who_may_approve() -> None:
    """Those barred do not count, and nobody counts twice."""
    gate = a_gate(approvals=2)
    good = a_contender(2, "0.9", gate)
    assert decide(good, None, gate).codes == (Reason.APPROVALS_MISSING,)
    assert not decide(good, None, gate, approvals=["ann", "ann"]).promoted
    assert not decide(good, None, gate, approvals=["ann", "bob"], barred=["bob"]).promoted
    assert decide(good, None, gate, approvals=["ann", "bob"], barred=["eve"]).promoted


def test_a_decision_carries_its_evidence() -> None:
    """Rule version, gate, bytes and verdicts are named by digest, and scores are exact text."""
    gate = a_gate()
    challenger, champion = a_contender(2, "0.66", gate), a_contender(1, Fraction(61, 99), gate)
    decision = decide(challenger, champion, gate)
    assert challenger.verdict is not None
    assert champion.verdict is not None

    record = decision.as_record()

    assert record["rule_version"] == RULE_VERSION
    assert record["challenger_score"] == "0.66"
    assert record["champion_score"] == "61/99"
    assert record["evidence"] == {
        "gate": gate_fingerprint(gate),
        "challenger_artifact": BYTES[2],
        "challenger_verdict": verdict_digest(challenger.verdict),
        "champion_artifact": BYTES[1],
        "champion_verdict": verdict_digest(champion.verdict),
    }
    assert canonical_text(record)


def test_all_reasons_are_said_and_the_gravest_leads() -> None:
    """Whoever is held learns everything at once."""
    gate = a_gate(approvals=1)
    challenger = replace(a_contender(2, "0.5", gate), state=VersionState.QUARANTINED)
    decision = decide(challenger, a_contender(1, "0.7", gate), gate)
    assert decision.codes == (
        Reason.QUARANTINED,
        Reason.BELOW_THRESHOLD,
        Reason.NOT_STRICTLY_BETTER,
        Reason.APPROVALS_MISSING,
    )
    assert decision.reason is Reason.QUARANTINED
    assert len(decision.reasons) == 4
