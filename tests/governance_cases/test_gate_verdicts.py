"""G1-G9, G14, G18, G26: verdicts come from leased runners and exact rows, or not at all."""

import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from assay.domain.evaluation import Item
from assay.domain.gate import (
    Outcome,
    Score,
    Verdict,
    evaluate,
    gate_fingerprint,
    parse_gate,
    recompute,
)
from assay.domain.promotion import Contender, Reason, decide
from assay.storage import model_versions
from tests.domain.suites import a_suite, a_task
from tests.governance_cases.scene import Court, codes
from tests.support.blob_folders import damage, place_of
from tests.support.office import MODEL, rows


def test_g01_a_trainer_posts_no_verdict_and_the_attempt_is_recorded(court: Court) -> None:
    """G1: a contributor with the lease's own nonce is refused, and the ledger tells of it."""
    court.a_gate(0.5)
    lease = court.leased()

    status, answer = court.post_rows(lease, rows(10), court.trainer)

    assert (status, answer["error"]["code"]) == (403, "permission_denied")
    assert court.verdicts() == 0
    denied = [e for e in court.events() if e.outcome == "denied" and e.actor == "user:carl"]
    assert [event.action for event in denied] == ["verdict.write"]


def test_g02_a_metric_named_like_the_gate_is_no_evidence(court: Court) -> None:
    """G2: params, tags and results that a run reports of itself promote nobody."""
    suite = court.a_suite().fingerprint
    court.a_gate(0.5, suite=suite)
    boast = {"accuracy": "1.0", "verdict": "pass"}
    version = court.a_version(params=boast, tags=boast)
    assert version.run_id is not None
    report = court.services.evaluation.log_results
    report(court.ask(court.trainer), version.run_id, suite, {"accuracy": 1.0})

    assert codes(court.promoted(version)) == ["no_verdict"]


def test_g03_an_admin_posts_no_verdict_either(court: Court) -> None:
    """G3: neither the admin nor the maintainer nor the owner of the machine judges."""
    court.a_gate(0.5)
    lease = court.leased()

    for actor in (court.admin, court.maintainer):
        assert court.post_rows(lease, rows(10), actor)[0] == 403

    assert court.verdicts() == 0


def test_g04_a_verdict_for_another_run_or_nonce_is_a_conflict(court: Court) -> None:
    """G4: rows count for the exam, nonce and fence that they were leased for, and once."""
    court.a_gate(0.5)
    first, second = court.leased("one"), court.leased("two")

    assert court.post_rows(first, rows(10), nonce=second.nonce)[0] == 409
    assert court.post_rows(first, rows(10), fence=second.run.fence + 1)[0] == 409
    assert court.post_rows(first, rows(3))[0] == 200
    assert court.post_rows(first, rows(10))[0] == 409
    assert court.verdicts() == 1


def test_g05_an_expired_lease_is_fenced_off(court: Court) -> None:
    """G5: the runner that was replaced writes nothing, however late; the second one does."""
    court.a_gate(0.5)
    late = court.leased()
    court.clock.advance(60_000)
    assert court.post_rows(late, rows(10))[0] == 409

    second = court.lease(court.runner_two)

    assert second.run.fence == late.run.fence + 1
    assert court.post_rows(late, rows(10))[0] == 409
    assert court.post_rows(second, rows(4), court.runner_two)[0] == 200
    assert court.post_rows(late, rows(10))[0] == 409
    assert court.verdicts() == 1


def test_g06_an_aggregate_without_items_is_refused(sqlite_court: Court) -> None:
    """G6: a score is not a row per item."""
    sqlite_court.a_gate(0.5)
    lease = sqlite_court.leased()

    aggregate = [{"item_id": "all", "metrics": {"accuracy": 1, "latency": 1}}]
    for given in (aggregate, [], {"accuracy": 1}):
        status, answer = sqlite_court.post_rows(lease, given)
        assert (status, answer["error"]["code"]) == (422, "invalid_argument")

    assert sqlite_court.verdicts() == 0


@pytest.mark.parametrize("what", ["missing", "duplicate", "foreign"])
def test_g07_a_missing_doubled_or_foreign_item_is_refused(sqlite_court: Court, what: str) -> None:
    """G7: the items are exactly the frozen ones, each once; the refusal counts the others."""
    sqlite_court.a_gate(0.5)
    lease = sqlite_court.leased()
    given = rows(10)
    if what == "missing":
        given = given[:-1]
    elif what == "duplicate":
        given[-1] = given[0]
    else:
        given[-1] = {**given[-1], "item_id": "easy"}

    status, answer = sqlite_court.post_rows(lease, given)

    assert status == 422
    assert answer["error"]["details"][what]
    assert sqlite_court.verdicts() == 0


@pytest.mark.parametrize("value", [math.nan, math.inf, True, "0.9", 1.0000001, -0.1, None, [1]])
def test_g08_values_outside_the_domain_are_refused(sqlite_court: Court, value: object) -> None:
    """G8: NaN, infinities, booleans, text and numbers beyond the bounds are no scores."""
    sqlite_court.a_gate(0.5)
    lease = sqlite_court.leased()
    given = rows(10)
    given[3]["metrics"]["accuracy"] = value

    assert sqlite_court.post_rows(lease, given)[0] == 422
    assert sqlite_court.verdicts() == 0


def test_g08_a_negative_zero_is_a_zero(sqlite_court: Court) -> None:
    """G8: -0.0 is a legal 0 and moves no score."""
    sqlite_court.a_gate(0.5)
    lease = sqlite_court.leased()
    given = rows(9)
    given[9]["metrics"]["accuracy"] = -0.0

    status, answer = sqlite_court.post_rows(lease, given)

    assert (status, answer["score"]) == (200, "0.9")


def test_g09_equality_passes_the_threshold_and_holds_against_the_champion(court: Court) -> None:
    """G9: at the threshold is a pass; the champion's own score is a tie, and a tie holds."""
    court.a_gate(0.6)
    first, second = court.scored("first", 6), court.scored("second", 6)

    assert court.promoted(first)[0] == 200
    assert codes(court.promoted(second)) == ["not_strictly_better"]


def test_g09_sums_are_exact() -> None:
    """G9: 0.1 + 0.2 against 0.3 is a tie, and one in 10^6 is a win."""
    spec = parse_gate({"suite": "a" * 64, "metric": "m", "direction": "maximize", "threshold": 0})
    fingerprint = gate_fingerprint(spec)

    def side(version: int, score: Fraction) -> Contender:
        verdict = Verdict(Outcome.PASS, fingerprint, "b" * 64, score, 10**6)
        return Contender(version, "b" * 64, verdict)

    tenths = [Fraction("0.1") + Fraction("0.2"), Fraction("0.3")]
    tie = decide(side(2, tenths[0] / 2), side(1, tenths[1] / 2), spec)
    near = decide(side(2, Fraction(500_001, 10**6)), side(1, Fraction(500_000, 10**6)), spec)
    assert tie.reason is Reason.NOT_STRICTLY_BETTER
    assert near.reason is Reason.PROMOTED


def test_g09_many_rows_add_up_without_rounding() -> None:
    """G9: the recomputed mean of many floats is the exact one."""
    items = [{"id": f"q{i}", "digest": f"{i:064x}"} for i in range(10_000)]
    suite = a_suite(a_task(items=items))
    metric = next(iter(suite.metrics()))
    given: list[Any] = [
        {"item_id": item.item_id, "metrics": dict.fromkeys(suite.metrics(), 0.1)}
        for task in suite.tasks
        for item in task.items
    ]
    score: Score = recompute(suite, given)
    assert score.metrics[metric].mean == Fraction("0.1")


@pytest.mark.slow
def test_g09_a_million_rows_tell_a_near_tie_from_a_tie() -> None:
    """G9: scored from 10^6 rows each, one item more wins, and the tenths of both orders tie exactly."""
    count = 10**6
    names = [f"q{i}" for i in range(count)]
    small = a_suite()
    items = tuple(Item(name, f"{i:064x}") for i, name in enumerate(names))
    suite = replace(small, tasks=(replace(small.tasks[0], items=items),))
    (metric,) = suite.metrics()
    spec = parse_gate(
        {"suite": "a" * 64, "metric": metric, "direction": "maximize", "threshold": "0.1"}
    )

    def side(version: int, values: list[float]) -> Contender:
        given = [
            {"item_id": name, "metrics": {metric: value}}
            for name, value in zip(names, values, strict=True)
        ]
        said = evaluate(spec, recompute(suite, given))
        digest = f"{version:064x}"
        verdict = Verdict(said.outcome, gate_fingerprint(spec), digest, said.score, said.items)
        return Contender(version, digest, verdict)

    tenths = [0.1] * (count - 1) + [0.2]
    champion, twin = side(1, tenths), side(2, tenths[::-1])
    near = side(3, [0.1] * (count - 2) + [0.2, 0.1000001])

    assert decide(twin, champion, spec).reason is Reason.NOT_STRICTLY_BETTER
    won = decide(near, champion, spec)
    assert won.reason is Reason.PROMOTED
    assert won.challenger_score == Fraction("0.1000001000001")
    assert won.champion_score == Fraction("0.1000001")


def test_g14_bytes_swapped_on_disk_after_the_pass_are_refused(court: Court, tmp_path: Path) -> None:
    """G14: a candidate whose frozen file has other bytes of the same size takes no alias, whatever its verdict."""
    court.a_gate(0.5)
    version = court.scored("weights", 9)
    with court.platform.database.read() as tx:
        (file,) = model_versions.list_files(tx, version.pk)
    damage(place_of(tmp_path / "blobs", file.sha256), b"Weights")

    status, answer = court.promoted(version)

    assert (status, answer["error"]["code"]) == (500, "data_corrupted")
    assert court.holder() is None


def test_g18_a_runner_killed_mid_run_leaves_one_verdict(court: Court) -> None:
    """G18: its lease expires, the exam is handed out again, and ends once."""
    court.a_gate(0.5)
    killed = court.leased()
    court.clock.advance(61_000)
    again = court.lease(court.runner)
    assert again.run.gate_run_id == killed.run.gate_run_id

    assert court.post_rows(again, rows(7))[0] == 200

    assert court.verdicts() == 1
    assert court.services.gate_runs.lease(court.ask(court.runner)) is None


def test_g18_a_lease_that_is_given_back_is_handed_out_at_once(court: Court) -> None:
    """G18: a runner that stops releases its lease; the attempt does not count, its nonce is dead."""
    court.a_gate(0.5)
    lease = court.leased()
    body = {"nonce": lease.nonce, "fence": lease.run.fence}
    path = f"/gate-runs/{lease.run.gate_run_id}/release"

    status, answer = court.call(court.runner, "POST", path, body)

    assert (status, answer["state"], answer["attempts"]) == (200, "queued", 0)
    assert court.post_rows(lease, rows(10))[0] == 409
    assert court.call(court.runner, "POST", path, body)[0] == 409
    second = court.lease(court.runner_two)
    assert second.run.fence == lease.run.fence + 1
    assert court.post_rows(second, rows(6), court.runner_two)[0] == 200


def test_g26_a_gate_that_times_out_holds(court: Court) -> None:
    """G26: an exam that nobody ends in time has the verdict `expired`, and promotes nobody."""
    court.a_gate(0.5)
    version = court.a_version()
    court.services.gate_runs.request(court.ask(), MODEL, version.version)
    for _ in range(5):
        court.lease(court.runner)
        court.clock.advance(61_000)
    assert court.services.gate_runs.lease(court.ask(court.runner)) is None

    assert codes(court.promoted(version)) == ["verdict_expired"]
    assert court.holder() is None
