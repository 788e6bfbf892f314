"""Many hands at once: one order of moves, no lost or doubled revision, never a wrong champion."""

import threading
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise

from assay.domain.errors import AppError, Conflict, GateBlocked
from assay.domain.registry import AliasMove, MoveKind
from assay.services.audit import Audit
from tests.support.office import MODEL, RUNNER, Office

THREADS = 16


def together(work: Sequence[Callable[[], object]]) -> list[object]:
    """Start all at the same moment; what each answered, or the refusal that it met."""
    start = threading.Barrier(len(work))
    answers: list[object] = [None] * len(work)

    def run(index: int) -> None:
        start.wait()
        try:
            answers[index] = work[index]()
        except AppError as refusal:
            answers[index] = refusal

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def examined(office: Office, scores: Sequence[int], *, items: int) -> list[int]:
    """Versions with these scores under one gate."""
    office.a_gate(0, suite=office.a_suite(items=items).fingerprint)
    numbers = []
    for index, right in enumerate(scores):
        version = office.a_version(f"candidate {index}")
        office.examine(version, right)
        numbers.append(version.version)
    return numbers


def test_of_many_promotions_the_best_one_holds_in_the_end(office: Office) -> None:
    """P4, P5: 16 challengers at once: every revision once, each champion better than the last."""
    scores = [3, 15, 8, 1, 12, 16, 5, 10, 2, 14, 7, 11, 4, 13, 9, 6]
    versions = examined(office, scores, items=16)
    score_of = dict(zip(versions, scores, strict=True))
    promote = office.services.promotion.promote

    answers = together([lambda v=version: promote(office.ask(), MODEL, v) for version in versions])

    moves = [answer for answer in answers if isinstance(answer, AliasMove)]
    holds = [answer for answer in answers if isinstance(answer, GateBlocked)]
    assert len(moves) + len(holds) == THREADS
    assert sorted(move.revision for move in moves) == list(range(1, len(moves) + 1))
    holders = [move.to_version for move in sorted(moves, key=lambda move: move.revision)]
    reached = [score_of[holder] for holder in holders if holder is not None]
    assert reached == sorted(set(reached))
    assert score_of[office.holder() or 0] == 16
    assert Audit.verify(office.platform.database).is_ok


def test_with_an_expected_revision_exactly_one_wins(office: Office) -> None:
    """Compare and set: 16 decided on the same state, one acts on it."""
    versions = examined(office, list(range(1, THREADS + 1)), items=16)
    promote = office.services.promotion.promote

    answers = together(
        [
            lambda v=version: promote(office.ask(), MODEL, v, expected_revision=0)
            for version in versions
        ]
    )

    assert sum(isinstance(answer, AliasMove) for answer in answers) == 1
    assert sum(isinstance(answer, Conflict) for answer in answers) == THREADS - 1
    assert len(office.services.aliases.alias_history(office.ask(), MODEL, "production")) == 1


def test_one_key_moves_the_alias_once(office: Office) -> None:
    """A client that retries on 16 connections gets 16 times the same move."""
    (version,) = examined(office, [5], items=16)
    promote = office.services.promotion.promote

    answers = together([lambda: promote(office.ask(key="release"), MODEL, version)] * THREADS)

    assert all(answer == answers[0] for answer in answers)
    assert isinstance(answers[0], AliasMove)
    assert office.story().count("promotion") == 1


def test_rollbacks_and_promotions_at_once_keep_one_history(office: Office) -> None:
    """P5: promotions, rollbacks and free aliases interleave; the audit replays them exactly."""
    versions = examined(office, list(range(1, 9)), items=16)
    for version in versions[:4]:
        office.services.promotion.promote(office.ask(), MODEL, version)
    services = office.services

    together(
        [
            *(
                lambda v=version: services.promotion.promote(office.ask(), MODEL, v)
                for version in versions[4:]
            ),
            *(lambda: services.promotion.rollback(office.ask(), MODEL) for _ in range(4)),
            *(
                lambda v=version: services.aliases.set_alias(office.ask(), MODEL, "staging", v)
                for version in versions
            ),
        ]
    )

    history = services.aliases.alias_history(office.ask(), MODEL, "production")
    assert [move.revision for move in history] == list(range(1, len(history) + 1))
    for before, after in pairwise(history):
        assert after.from_version == before.to_version
    kinds = {move.kind for move in history}
    assert kinds <= {MoveKind.PROMOTION, MoveKind.ROLLBACK}
    assert Audit.verify(office.platform.database).is_ok


def test_a_gate_that_changes_meanwhile_never_lets_an_old_pass_through(office: Office) -> None:
    """G13: in the ledger's order no promotion follows a gate that it did not pass."""
    versions = examined(office, list(range(1, 9)), items=16)
    services = office.services
    fingerprint = services.evaluation.get_suite(office.ask(), "capitals").fingerprint

    def tighten() -> object:
        rules = {"suite": fingerprint, "metric": "accuracy", "threshold": 1}
        return services.gates.create(office.ask(), "holdout", rules)

    together(
        [
            *(
                lambda v=version: services.promotion.promote(office.ask(), MODEL, v)
                for version in versions
            ),
            tighten,
        ]
    )

    story = [event for event in office.events() if event.outcome == "allowed"]
    actions = [event.action for event in story]
    assert "promotion" not in actions[len(actions) - actions[::-1].index("gate.created") :]
    assert Audit.verify(office.platform.database).is_ok


def test_many_registrations_take_every_number_once(office: Office) -> None:
    """Version numbers have no gap and no twin, whoever registers when."""
    runs = [office.a_run({"model/a": str(n).encode()}) for n in range(THREADS)]
    register = office.services.registration.register

    together(
        [
            lambda r=run: register(office.ask(), MODEL, run_id=r, artifact_path="model")
            for run in runs
        ]
    )

    page = office.services.versions.search_versions(office.ask())
    assert sorted(v.version for v in page.items) == list(range(1, THREADS + 1))
    assert office.story().count("model.registered") == 1


def test_many_runners_share_the_work_without_doubling_it(office: Office) -> None:
    """A gate run is leased to one runner at a time and gets one verdict."""
    office.a_gate(0)
    for number in range(6):
        office.a_version(f"v{number}")
        office.services.gate_runs.request(office.ask(), MODEL, number + 1)

    def work() -> list[Fraction | None]:
        done = []
        while (lease := office.services.gate_runs.lease(office.ask(RUNNER))) is not None:
            done.append(office.hand_in(lease, right=lease.run.version).verdict.score)
        return done

    answers = together([work] * 8)

    scores = [score for answer in answers for score in answer]  # type: ignore[attr-defined]
    assert sorted(scores) == [Fraction(n, 10) for n in range(1, 7)]
    assert office.story().count("verdict.written") == 6
    assert office.story().count("gate_run.leased") == 6
