"""How a hold is told: one sentence with what is missing and the next step."""

from fractions import Fraction

import pytest

from assay.domain.gate import GateSpec, Outcome, Verdict, gate_fingerprint
from assay.domain.gate_run import Gate
from assay.domain.promotion import Contender, decide
from assay.domain.proposal import Proposal, hold_message
from assay.domain.registry import VersionState

SPEC = GateSpec(suite="a" * 64, metric="accuracy", maximize=True, threshold=Fraction(1, 2))
GATE = Gate(
    pk=1,
    workspace="default",
    name="holdout",
    version=2,
    model=None,
    suite_pk=1,
    suite="exam",
    spec=SPEC,
    fingerprint=gate_fingerprint(SPEC),
    is_current=True,
    created_by="user:a",
    created_at_ms=0,
)


def a_verdict(score: Fraction, outcome: Outcome = Outcome.PASS) -> Verdict:
    return Verdict(outcome, GATE.fingerprint, "d", score, items=10, metrics={"accuracy": score})


def proposed(
    challenger: Contender, champion: Contender | None = None, gate: Gate | None = GATE
) -> Proposal:
    decision = decide(challenger, champion, None if gate is None else gate.spec)
    return Proposal(
        model="digits",
        alias="production",
        revision=4,
        version=challenger.version,
        champion=None if champion is None else champion.version,
        gate=gate,
        decision=decision,
        evidence=("run-1",),
    )


CHAMPION = Contender(1, "d", a_verdict(Fraction(6, 10)))
CASES = [
    (proposed(Contender(2, "d"), gate=None), [], "no gate guards model 'digits'", "gates create"),
    (
        proposed(Contender(2, "d")),
        [2],
        "gate 'holdout' v2 has no verdict for these bytes (version 2)",
        "a gate run was queued: start `assay gate-runner`, then promote again",
    ),
    (
        proposed(Contender(2, "d", a_verdict(Fraction(9, 10))), Contender(1, "d")),
        [1, 2],
        "version 1, which holds 'production', has no score under gate 'holdout' v2",
        "2 gate runs were queued",
    ),
    (
        proposed(Contender(2, "d", a_verdict(Fraction(6, 10))), CHAMPION),
        [],
        "not strictly better: accuracy 0.6 against 0.6 is a tie (gate 'holdout' v2)",
        "version 1 keeps 'production'",
    ),
    (
        proposed(Contender(2, "d", a_verdict(Fraction(1, 10), Outcome.FAIL))),
        [],
        "below threshold: accuracy 0.1 < 0.5",
        "nothing holds 'production'",
    ),
    (
        proposed(
            Contender(2, "d", a_verdict(Fraction(9, 10)), state=VersionState.QUARANTINED), CHAMPION
        ),
        [],
        "quarantined: version 2 was rolled away from",
        "a maintainer may clear it",
    ),
    (
        proposed(Contender(2, "d", a_verdict(Fraction(9, 10)), is_verifiable=False), CHAMPION),
        [],
        "unverifiable lineage",
        "register the files again with closed lineage",
    ),
]


@pytest.mark.parametrize(("proposal", "queued", "why", "then"), CASES)
def test_a_hold_says_why_and_what_to_do_next(
    proposal: Proposal, queued: list[int], why: str, then: str
) -> None:
    """Readable in any client: no digest, one line, reason first, next step last."""
    message = hold_message(proposal, queued)

    assert message.startswith("held: ")
    assert why in message
    assert then in message.rpartition("; ")[2]
    assert "\n" not in message
    assert GATE.fingerprint not in message


def test_the_record_carries_everything_that_was_decided_on() -> None:
    """Gate name, version and fingerprint, both contenders, exact scores, rule version, evidence."""
    record = proposed(Contender(2, "d", a_verdict(Fraction(1, 3))), CHAMPION).as_record()

    assert record["gate"] == {"name": "holdout", "version": 2, "fingerprint": GATE.fingerprint}
    assert (record["challenger"], record["champion"], record["revision"]) == (2, 1, 4)
    assert (record["challenger_score"], record["champion_score"]) == ("1/3", "0.6")
    assert record["rule_version"] == "promotion-v1"
    assert record["gate_runs"] == ["run-1"]
    assert proposed(Contender(2, "d"), gate=None).as_record()["gate"] is None
