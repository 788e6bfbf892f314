"""Promotion: the only way to a protected alias, and everything that holds it."""

from fractions import Fraction
from pathlib import Path

import pytest

from assay.domain.errors import (
    AppError,
    Conflict,
    DataCorrupted,
    FailedPrecondition,
    GateBlocked,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from assay.domain.gate_run import GateRunState
from assay.domain.registry import MoveKind, VersionState
from assay.domain.tracking import LineagePolicy, Policy
from assay.storage.database import Database
from tests.support.office import CONTRIBUTOR, MAINTAINER, MODEL, Office


def held_because(refusal: pytest.ExceptionInfo[GateBlocked]) -> list[str]:
    codes = refusal.value.details["codes"]
    assert isinstance(codes, list)
    return codes


def test_the_first_champion_needs_only_the_gate(office: Office) -> None:
    """G10: without an incumbent, passing is enough; the move carries its whole evidence."""
    gate = office.a_gate(0.5)
    version = office.a_version()
    office.examine(version, right=5)

    move = office.promote(version, reason="first release")

    assert (move.revision, move.kind, move.from_version, move.to_version) == (
        1,
        MoveKind.PROMOTION,
        None,
        1,
    )
    assert office.holder() == 1
    assert move.decision is not None
    assert move.decision["challenger_score"] == "0.5"
    assert move.decision["rule_version"] == "promotion-v1"
    assert move.decision["gate"] == {
        "name": "holdout",
        "version": 1,
        "fingerprint": gate.fingerprint,
    }
    assert office.story()[-1] == "promotion"
    assert office.events()[-1].after == version.artifact_digest


def test_without_a_gate_nothing_is_promoted(office: Office) -> None:
    """A registry without a gate does not fall back to trusting anybody."""
    version = office.a_version()

    with pytest.raises(GateBlocked) as refusal:
        office.promote(version)

    assert held_because(refusal) == ["no_gate"]
    assert "assay gates create" in refusal.value.message
    assert office.holder() is None


def test_without_a_verdict_the_exam_is_queued_and_the_message_says_what_to_do(
    office: Office,
) -> None:
    """The hold names the gate, what is missing and the next command, in one sentence."""
    office.a_gate()
    version = office.a_version()

    with pytest.raises(GateBlocked) as refusal:
        office.promote(version)

    assert refusal.value.message == (
        "held: gate 'holdout' v1 has no verdict for these bytes (version 1); a gate run was queued: "
        "start `assay gate-runner`, then promote again"
    )
    assert office.story()[-2:] == ["gate_run.queued", "promotion!"]
    (waiting,) = office.services.gate_runs.list(office.ask()).items
    assert waiting.run.state is GateRunState.QUEUED
    assert refusal.value.details["queued"] == [waiting.run.gate_run_id]


def test_asking_twice_queues_one_exam(office: Office) -> None:
    """A second attempt finds the gate run that waits."""
    office.a_gate()
    version = office.a_version()
    for _ in range(2):
        with pytest.raises(GateBlocked):
            office.promote(version)

    assert office.story().count("gate_run.queued") == 1
    assert office.story().count("promotion!") == 2


def test_a_better_challenger_takes_the_alias(office: Office) -> None:
    """Passing the gate and strictly beating the champion moves the alias."""
    office.a_gate()
    office.a_champion(right=6)
    challenger = office.a_version("better")
    office.examine(challenger, right=7)

    move = office.promote(challenger)

    assert (move.revision, move.from_version, move.to_version) == (2, 1, 2)
    assert move.decision is not None
    assert (move.decision["challenger_score"], move.decision["champion_score"]) == ("0.7", "0.6")
    assert office.holder() == 2


def test_a_tie_holds(office: Office) -> None:
    """G9: equal to the champion is not better than the champion."""
    office.a_gate()
    office.a_champion(right=6)
    challenger = office.a_version("equal")
    office.examine(challenger, right=6)

    with pytest.raises(GateBlocked) as refusal:
        office.promote(challenger)

    assert held_because(refusal) == ["not_strictly_better"]
    assert "version 1 keeps 'production'" in refusal.value.message
    assert office.holder() == 1


def test_a_worse_challenger_holds_with_every_reason(office: Office) -> None:
    """Below the threshold and below the champion: both are said."""
    office.a_gate(0.5)
    office.a_champion(right=6)
    challenger = office.a_version("worse")
    office.examine(challenger, right=4)

    with pytest.raises(GateBlocked) as refusal:
        office.promote(challenger)

    assert held_because(refusal) == ["below_threshold", "not_strictly_better"]


def test_what_a_run_says_of_itself_changes_nothing(office: Office) -> None:
    """G2: a boast of 0.99 under the gate's own metric name is not evidence."""
    office.a_gate(0.5)
    run_id = office.a_run({"model/a": b"boast"}, tags={"accuracy": "0.99"})
    office.services.evaluation.log_results(
        office.ask(), run_id, "holdout@boast", {"accuracy": 0.99}
    )
    version = office.services.registration.register(
        office.ask(), MODEL, run_id=run_id, artifact_path="model", tags={"accuracy": "0.99"}
    )
    office.examine(version, right=4)

    with pytest.raises(GateBlocked) as refusal:
        office.promote(version)

    assert held_because(refusal) == ["below_threshold"]


def test_scores_are_compared_exactly(office: Office) -> None:
    """A million items apart by one answer is not a tie, and a third is a third."""
    suite = office.a_suite(items=3)
    office.a_gate("1/3", suite=suite.fingerprint)
    version = office.a_version()

    verdict = office.examine(version, right=1)

    assert verdict.verdict.score == Fraction(1, 3)
    assert office.promote(version).to_version == 1


def test_a_stale_revision_is_a_conflict_and_changes_nothing(office: Office) -> None:
    """P: whoever decided on an older state decides again; nothing is queued or recorded."""
    office.a_gate()
    office.a_champion()
    challenger = office.a_version("better")
    office.examine(challenger, right=9)
    before = office.story()

    with pytest.raises(Conflict) as refusal:
        office.promote(challenger, expected_revision=0)

    assert refusal.value.details["revision"] == 1
    assert office.story() == before
    assert office.promote(challenger, expected_revision=1).revision == 2


def test_a_retried_promotion_answers_the_first_move(office: Office) -> None:
    """The same key and request move the alias once, even after it moved on."""
    office.a_gate()
    first = office.a_version("a")
    office.examine(first, right=5)
    promote = office.services.promotion.promote
    move = promote(office.ask(key="release-1"), MODEL, 1)
    second = office.a_version("b")
    office.examine(second, right=7)
    office.promote(second)

    again = promote(office.ask(key="release-1"), MODEL, 1)

    assert again == move
    assert office.holder() == 2
    with pytest.raises(Conflict):
        promote(office.ask(key="release-1"), MODEL, 2)


def test_a_hold_is_decided_anew_under_the_same_key(office: Office) -> None:
    """A refusal is not remembered: once the gate has passed, the retry goes through."""
    office.a_gate()
    version = office.a_version()
    promote = office.services.promotion.promote
    with pytest.raises(GateBlocked):
        promote(office.ask(key="k"), MODEL, 1)
    office.hand_in(office.lease(), right=9)

    assert promote(office.ask(key="k"), MODEL, version.version).to_version == 1


def test_a_quarantined_version_is_not_promoted_until_it_is_cleared(office: Office) -> None:
    """G25: it may still beat the incumbent: somebody with the role has to say why first."""
    office.a_gate()
    version = office.a_version()
    office.examine(version, right=9)
    office.services.versions.quarantine(office.ask(), MODEL, 1, "smells of leakage")

    with pytest.raises(GateBlocked) as refusal:
        office.promote(version)

    assert held_because(refusal) == ["quarantined"]
    cleared = office.services.versions.clear(office.ask(), MODEL, 1, "checked by hand")
    assert cleared.state is VersionState.REGISTERED
    assert office.promote(version).to_version == 1


def test_an_unverifiable_version_never_holds_a_protected_alias(
    tmp_path: Path, database: Database
) -> None:
    """Without closed lineage no score helps, and no exam is queued for it."""
    office = Office(tmp_path, database, policy=Policy(lineage=LineagePolicy.RECORDED))
    office.a_gate()
    run_id = office.a_run({"model/a": b"a"}, lineage=None)
    version = office.services.registration.register(
        office.ask(), MODEL, run_id=run_id, artifact_path="model"
    )

    with pytest.raises(GateBlocked) as refusal:
        office.promote(version)

    assert "unverifiable_lineage" in held_because(refusal)
    assert refusal.value.details["queued"] == []


def test_a_deleted_version_holds(office: Office) -> None:
    """P: a challenger that was deleted between pass and promotion takes nothing."""
    office.a_gate()
    version = office.a_version()
    office.examine(version, right=9)
    office.services.versions.delete_version(office.ask(), MODEL, 1)

    with pytest.raises(GateBlocked) as refusal:
        office.promote(version)

    assert "deleted" in held_because(refusal)


def test_files_that_are_gone_stop_a_promotion(office: Office) -> None:
    """G14: a version whose bytes are missing or of another size is not served."""
    office.a_gate()
    version = office.a_version()
    office.examine(version, right=9)
    (file,) = office.services.versions.manifest(office.ask(), MODEL, 1)
    office.platform.blobs.delete(file.sha256)

    with pytest.raises(DataCorrupted):
        office.promote(version)

    assert office.holder() is None


def test_a_contributor_does_not_promote_and_the_attempt_is_recorded(office: Office) -> None:
    """Only maintainers promote; who tries otherwise is in the ledger."""
    office.a_gate()
    version = office.a_version()
    office.examine(version, right=9)

    with pytest.raises(PermissionDenied):
        office.services.promotion.promote(office.ask(CONTRIBUTOR), MODEL, version.version)

    attempt = office.events()[-1]
    assert (attempt.action, attempt.outcome, attempt.actor) == ("promotion", "denied", "user:carl")
    maintained = office.services.promotion.promote(office.ask(MAINTAINER), MODEL, 1)
    assert maintained.actor == "user:maria"


def test_a_preview_says_what_would_happen_and_does_nothing(office: Office) -> None:
    """The reasons are shown before the click."""
    office.a_gate()
    version = office.a_version()
    before = office.story()

    held = office.services.promotion.preview(office.ask(), MODEL, 1)
    office.examine(version, right=9)
    after = office.story()
    free = office.services.promotion.preview(office.ask(), MODEL, 1)

    assert not held.decision.promoted
    assert (free.decision.promoted, free.revision, free.champion) == (True, 0, None)
    assert before == office.story()[: len(before)]
    assert office.story() == after
    assert office.holder() is None


def test_every_protected_alias_has_its_own_champion(office: Office) -> None:
    """`champion` is guarded as `production` is."""
    office.a_gate()
    version = office.a_version()

    with pytest.raises(GateBlocked):
        office.services.aliases.set_alias(office.ask(), MODEL, "champion", version.version)

    office.hand_in(office.lease(), right=9)
    assert office.promote(version, "champion").alias == "champion"
    assert office.holder("production") is None


def test_a_protected_alias_in_other_letters_is_no_second_seat(office: Office) -> None:
    """`Production` would have no champion to beat; it is refused, with the spelling that counts."""
    office.a_gate()
    office.a_champion(right=9)
    weaker = office.a_version("weaker")
    office.examine(weaker, right=6)

    for alias in ("Production", "PRODUCTION"):
        with pytest.raises(InvalidArgument, match="'production' here"):
            office.services.aliases.set_alias(office.ask(), MODEL, alias, weaker.version)
        with pytest.raises(InvalidArgument, match="'production' here"):
            office.promote(weaker, alias)

    assert office.holder() == 1
    assert office.services.aliases.list_aliases(office.ask(), MODEL)[0].alias == "production"


def test_promoting_the_holder_again_holds(office: Office) -> None:
    """The champion does not take its own alias a second time."""
    office.a_gate()
    champion = office.a_champion()

    with pytest.raises(GateBlocked) as refusal:
        office.promote(champion)

    assert "already_champion" in held_because(refusal)


def test_what_does_not_exist_is_not_found(office: Office) -> None:
    """An unknown model or version is named, and recorded nowhere."""
    office.a_version()
    promote = office.services.promotion.promote

    for model, version in (("nobody", 1), (MODEL, 9)):
        with pytest.raises(NotFound):
            promote(office.ask(), model, version)
    with pytest.raises(AppError):
        promote(office.ask(), MODEL, "0")


def test_a_model_without_a_gate_of_its_own_is_guarded_by_the_workspace_gate(
    office: Office,
) -> None:
    """The model's own gate comes first, others stay under the workspace's."""
    suite = office.a_suite()
    office.a_gate(0.9, suite=suite.fingerprint)
    office.a_version("x", model="other")
    office.a_gate(0.1, name="easy", suite=suite.fingerprint, model="other")
    version = office.a_version("y")

    current = office.services.gates.current_for

    guard = current(office.ask(), "other")
    assert guard is not None
    assert guard.name == "easy"
    fallback = current(office.ask(), MODEL)
    assert fallback is not None
    assert fallback.name == "holdout"
    assert version.version == 1


def test_the_last_holder_cannot_be_deleted(office: Office) -> None:
    """Promise 8: what an alias holds stays."""
    office.a_gate()
    office.a_champion()

    with pytest.raises(FailedPrecondition):
        office.services.versions.delete_version(office.ask(), MODEL, 1)
