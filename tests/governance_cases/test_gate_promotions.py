"""G10-G13, G19-G21, G25, G27-G30: what a promotion weighs, and that there is no other way."""

import json
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError

from assay.domain.access import Action
from assay.domain.errors import AppError, GateBlocked, Incomparable
from assay.domain.gate import gate_fingerprint, gate_text
from assay.domain.paired import pair_seed
from assay.faces.mlflow.routes import endpoints as mlflow_endpoints
from assay.faces.native.routes import ENDPOINTS
from assay.services.assembly import build_services
from assay.services.workspaces import workspace_pk
from assay.storage import gates
from assay.storage.tables.governance import gates as gate_rows
from tests.governance_cases.scene import Court, codes
from tests.support.office import ITEM_COUNT, MODEL, rows


def preview(court: Court, version: int) -> dict[str, Any]:
    """The proposal of a promotion, as a viewer of it gets it."""
    path = f"/models/{MODEL}/promotion-preview"
    status, body = court.call(court.trainer, "POST", path, {"version": version})
    assert status == 200
    return body


def redrawn(gains: list[int], seed: int) -> str:
    """The p-value of a bootstrap of 10,000 rounds, by whoever knows the gains and the seed."""
    draw = Random(seed).random
    lost = sum(sum(gains[int(draw() * len(gains))] for _ in gains) <= 0 for _ in range(10_000))
    return f"{lost + 1}/10001"


def test_g10_the_first_promotion_needs_the_threshold_only(court: Court) -> None:
    """G10: with nobody to beat a pass is enough, and a fail is not."""
    court.a_gate(0.5)
    weak, strong = court.scored("weak", 4), court.scored("strong", 5)

    assert codes(court.promoted(weak)) == ["below_threshold"]
    assert court.promoted(strong)[0] == 200


def test_g11_a_champion_scored_on_another_gate_is_queued_when_the_gate_changes(
    court: Court,
) -> None:
    """G11: its exam waits as soon as the gate is new; until it is over challengers are held."""
    court.a_gate(0.5)
    court.promoted(court.scored("champion", 6))
    court.a_gate(0.4)
    waiting = court.lease(court.runner)
    assert waiting.run.version == 1
    challenger = court.scored("better", 9)

    assert codes(court.promoted(challenger)) == ["champion_not_comparable"]
    court.post_rows(waiting, rows(6))
    assert court.promoted(challenger)[0] == 200


def test_g12_a_champion_whose_exam_breaks_holds_everybody(court: Court) -> None:
    """G12: an error is no score to beat; the exam is queued anew."""
    court.a_gate(0.5)
    court.promoted(court.scored("champion", 6))
    court.a_gate(0.4)
    broken = court.lease(court.runner)
    body = {"nonce": broken.nonce, "fence": broken.run.fence, "reason": "out of memory"}
    court.call(court.runner, "POST", f"/gate-runs/{broken.run.gate_run_id}/fail", body)
    challenger = court.scored("better", 9)

    assert codes(court.promoted(challenger)) == ["champion_not_comparable"]
    assert court.holder() == 1
    assert court.lease(court.runner).run.version == 1


def test_g13_a_gate_changed_between_pass_and_promote_is_a_conflict(court: Court) -> None:
    """G13: 409; yesterday's pass does not open today's gate."""
    court.a_gate(0.5)
    version = court.scored("weights", 6)
    court.a_gate(0.9)

    assert codes(court.promoted(version)) == ["no_verdict"]
    assert court.holder() is None


def test_g13_a_gate_that_is_changed_back_counts_again_and_rollback_needs_none(
    court: Court,
) -> None:
    """G13: the old rules have the old scores; a rollback asks no gate, whatever is in force."""
    suite = court.a_suite().fingerprint
    court.a_gate(0.5, suite=suite)
    court.promoted(court.scored("one", 6))
    court.promoted(court.scored("two", 7))
    court.a_gate(0.9, suite=suite)
    path = f"/models/{MODEL}/rollback"
    assert court.call(court.maintainer, "POST", path, {})[0] == 200
    assert court.holder() == 1
    court.a_gate(0.5, suite=suite)
    third = court.a_version("three")
    court.services.gate_runs.request(court.ask(), MODEL, third.version)
    taken = [court.lease(court.runner)]

    assert taken[0].run.version == third.version
    court.post_rows(taken[0], rows(8))
    assert court.promoted(third)[0] == 200


def test_g19_a_guard_metric_that_regresses_holds(court: Court) -> None:
    """G19: better on the gated metric and worse on a guard than allowed is not better."""
    court.a_gate(0.5, guards=[{"metric": "latency", "max_regression": 0.5}])
    court.promoted(court.scored("a", 6, latency=1))

    assert codes(court.promoted(court.scored("b", 9, latency=1.6))) == ["guard_regression"]
    assert court.promoted(court.scored("c", 8, latency=1.5))[0] == 200


def test_g20_lower_is_better_where_the_suite_says_so(court: Court) -> None:
    """G20: on a minimised metric the smaller value wins and the larger one holds."""
    court.a_gate(5, metric="latency")
    court.promoted(court.scored("a", 5, latency=4))

    assert codes(court.promoted(court.scored("slow", 5, latency=4.5))) == ["not_strictly_better"]
    assert court.promoted(court.scored("fast", 5, latency=3))[0] == 200


def test_g21_no_gate_wants_more_items_than_its_suite_has(court: Court) -> None:
    """G21: such a gate is refused, and rows of fewer items than the suite's are no score at all."""
    suite = court.a_suite(items=8).fingerprint
    body = {
        "name": "strict",
        "spec": {"suite": suite, "metric": "accuracy", "threshold": 0, "min_items": 9},
    }
    assert court.call(court.maintainer, "POST", "/gates", body)[0] == 422
    body["spec"]["min_items"] = 8  # type: ignore[index]
    assert court.call(court.maintainer, "POST", "/gates", body)[0] == 201
    lease = court.leased()
    assert court.post_rows(lease, rows(7, 7))[0] == 422
    assert court.post_rows(lease, rows(8, 8))[0] == 200


def test_g21_fewer_items_than_the_minimum_are_inconclusive(court: Court) -> None:
    """G21: under a gate that wants more than was scored the verdict is `inconclusive`, and holds."""
    usual = court.a_gate(0.5)
    spec = replace(usual.spec, min_items=ITEM_COUNT + 1)
    with court.platform.database.write() as tx:
        # No door takes such a gate; a database from elsewhere could hold one.
        gates.retire_gate(tx, usual.pk)
        gates.insert_gate(
            tx,
            workspace_pk(tx, "default"),
            name="strict",
            version=1,
            model_pk=None,
            suite_pk=usual.suite_pk,
            fingerprint=gate_fingerprint(spec),
            canonical=gate_text(spec),
            created_by="user:mia",
            now_ms=court.clock.now,
        )
    lease = court.leased()

    status, verdict = court.post_rows(lease, rows(ITEM_COUNT))

    assert (status, verdict["outcome"], verdict["score"]) == (200, "inconclusive", "1")
    path = f"/models/{MODEL}/promote"
    held = codes(court.call(court.maintainer, "POST", path, {"version": lease.run.version}))
    assert held == ["verdict_inconclusive", "too_few_items"]
    assert court.holder() is None


def test_g25_a_version_that_was_rolled_back_is_not_promoted_again(court: Court) -> None:
    """G25: an auto-promoter may not bring it back though it still beats the champion."""
    court.a_gate(0.5)
    court.promoted(court.scored("one", 6))
    best = court.scored("two", 9)
    court.promoted(best)
    court.call(court.maintainer, "POST", f"/models/{MODEL}/rollback", {"reason": "it insults"})

    assert codes(court.promoted(best)) == ["quarantined"]
    assert court.holder() == 1


def test_g27_two_gates_cannot_be_current(court: Court) -> None:
    """G27: the database itself refuses a second current gate for the same models."""
    first, second = court.a_gate(0.5), court.a_gate(0.6)
    assert not court.services.gates.get(court.ask(), first.name)[0].is_current

    with pytest.raises((AppError, DBAPIError)), court.platform.database.write() as tx:
        tx.execute(update(gate_rows).where(gate_rows.c.id == first.pk).values(is_current=1))

    current = court.services.gates.current_for
    court.a_version()
    found = current(court.ask(), MODEL)
    assert found is not None
    assert found.fingerprint == second.fingerprint


def test_g28_the_paired_test_is_the_same_bit_for_bit(court: Court) -> None:
    """G28: asked twice, the answer is the same text; wins, losses and p-value are the pinned ones."""
    court.a_gate(0.5)
    court.promoted(court.scored("one", range(6)))
    challenger = court.scored("two", [*range(5), 6, 7, 8])

    first, again = preview(court, challenger.version), preview(court, challenger.version)

    assert json.dumps(first) == json.dumps(again)
    paired = first["paired"]
    assert (paired["wins"], paired["losses"], paired["ties"], paired["items"]) == (3, 1, 6, 10)
    assert paired["p_value"] == "0.3125"  # (4 + 1) / 2**4
    assert paired["method"] == "mcnemar_exact"
    ours, theirs = first["gate_runs"]
    assert paired["seed"] == str(pair_seed(theirs, ours))
    assert first["promoted"], "under a strict gate the test is advice"


def test_g28_a_bootstrap_draws_the_same_numbers_everywhere(court: Court) -> None:
    """G28: on values that are not 0 or 1 the seeded bootstrap gives one fraction, here and elsewhere."""
    court.a_gate(5, metric="latency")
    numbers = count(1)

    def examined(content: str, faster: int) -> int:
        lease = court.leased(content)
        given = rows(5)
        for i, row in enumerate(given):
            row["metrics"]["latency"] = 2.5 - (i < faster) * 0.25 * (i + 1)
        assert court.post_rows(lease, given)[0] == 200
        return next(numbers)

    first = examined("one", 2)
    court.services.promotion.promote(court.ask(), MODEL, first)
    paired = preview(court, examined("two", 6))["paired"]

    assert paired["method"] == "paired_bootstrap"
    assert paired["rounds"] == 10_000
    assert paired["p_value"] == redrawn([0, 0, 3, 4, 5, 6, 0, 0, 0, 0], int(paired["seed"]))
    elsewhere = build_services(court.platform, accounts=False).promotion.preview
    assert elsewhere(court.ask(), MODEL, 2).as_record()["paired"] == paired


def test_g28_a_paired_gate_wants_a_significant_win(court: Court) -> None:
    """G28: with an alpha a strict win that could be luck holds, and a clear one does not."""
    court.a_gate(0.1, comparison="paired", alpha="0.05")
    court.promoted(court.scored("one", range(2)))
    court.clock.advance(1)
    lucky, clear = court.scored("lucky", range(3)), court.scored("clear", range(9))

    assert codes(court.promoted(lucky)) == ["not_significant"]
    status, move = court.promoted(clear)

    assert status == 200
    assert move["decision"]["paired"]["p_value"] == "0.0078125"
    assert move["decision"]["paired"]["attempts"] == 2


def test_g29_no_route_moves_a_protected_alias_in_another_way(court: Court) -> None:
    """G29: set, remove, copy, prompt and stage end at the one door; every route is asked for."""
    court.a_gate(0.5)
    version = court.scored("weights", 3)
    alias = f"/models/{MODEL}/aliases/production"

    assert codes(court.call(court.maintainer, "PUT", alias, {"version": 1})) == ["below_threshold"]
    assert codes(court.promoted(version)) == ["below_threshold"]
    court.a_version("other", model="twin")
    copy = court.services.registration.copy
    twin = copy(court.ask(), MODEL, of_model="twin", of_version=1)
    assert codes(court.promoted(twin)) == ["no_verdict"]
    with pytest.raises(GateBlocked):
        court.services.stages.transition(court.ask(court.maintainer), MODEL, 1, "production")
    assert court.call(court.maintainer, "DELETE", alias)[0] == 200
    assert court.holder() is None

    movers = {
        endpoint.name
        for endpoint in (*ENDPOINTS, *mlflow_endpoints())
        if endpoint.permission in {Action.PROMOTE, Action.BREAK_GLASS_CONFIRM}
    }
    assert movers == {
        "promotion.promote",
        "promotion.rollback",
        "break_glass.confirm",
        "break_glass.cancel",
        # These change a version's standing, and no alias.
        "versions.clear",
        "versions.quarantine",
    }


def test_g29_a_prompt_without_lineage_takes_no_protected_alias(court: Court) -> None:
    """G29: what is kept under any lineage policy is unverifiable for ever, and says so."""
    court.a_gate(0.5)
    tags = {"mlflow.prompt.is_prompt": "true"}
    court.services.registry.create_model(court.ask(), "greeting", tags=tags)
    court.services.registration.register_prompt(
        court.ask(), "greeting", tags={**tags, "mlflow.prompt.text": "Hello"}
    )

    path = "/models/greeting/promote"
    held = codes(court.call(court.maintainer, "POST", path, {"version": 1}))

    assert "unverifiable_lineage" in held


def test_g30_a_sweep_with_mixed_or_absent_suites_has_no_winner(court: Court) -> None:
    """G30: runs that were not scored on one suite are named, and nobody wins."""
    suites = [court.a_suite(name).fingerprint for name in ("one", "two")]
    runs = [court.a_run({"model/a": str(i).encode()}) for i in range(3)]
    for run, suite in zip(runs, suites, strict=False):
        court.services.evaluation.log_results(court.ask(), run, suite, {"accuracy": 0.5})

    for group in (runs, runs[:2], runs[1:]):
        with pytest.raises(Incomparable) as refusal:
            court.services.winners.select(court.ask(), "accuracy", run_ids=group)
        assert refusal.value.details["groups"]


def test_items_are_named_to_those_with_the_right(court: Court, tmp_path: Path) -> None:
    """G2: contributors see averages; maintainers and auditors see item ids; nobody references."""
    court.a_gate(0.5)
    lease = court.leased()
    court.post_rows(lease, rows(7))
    path = f"/gate-runs/{lease.run.gate_run_id}/rows"

    status, sums = court.call(court.trainer, "GET", path)
    assert (status, sums["rows"], sums["verdict"]["score"]) == (200, None, "0.7")
    status, first = court.call(court.maintainer, "GET", f"{path}?max_results=6")
    _, rest = court.call(
        court.maintainer, "GET", f"{path}?max_results=6&page_token={first['next_page_token']}"
    )
    found = [*first["rows"], *rest["rows"]]
    assert [row["item_id"] for row in found] == [f"q{i:03d}" for i in range(10)]
    assert rest["next_page_token"] is None
    assert "capitals 3" not in json.dumps(found)
    assert court.call(court.runner, "GET", path)[0] == 403
