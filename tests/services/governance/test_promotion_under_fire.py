"""Promotion under fire, P4 to P24; docs/dev/testing.md numbers the cases.

P1 to P3 and P15 need real servers: tests/e2e/test_promotion_crash.py and test_linearizability.py.
P17 is in test_promotion_clashes.py.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise

import psycopg
import pytest

from assay.domain.access import Role
from assay.domain.errors import (
    AppError,
    Conflict,
    DataCorrupted,
    FailedPrecondition,
    GateBlocked,
    NotFound,
    PermissionDenied,
    Unavailable,
)
from assay.domain.registry import AliasMove, ModelVersion, MoveKind
from assay.domain.webhook_target import AllowedHosts
from assay.services.audit import Audit
from assay.services.importing import ArrivingVersion
from assay.services.webhook_delivery import LEASE_MS, WebhookDelivery
from assay.services.webhook_post import WebhookPost
from assay.services.webhooks import Webhooks
from assay.storage.database import PostgresqlDatabase
from tests.services.governance.test_races import examined, together
from tests.support.office import MODEL, Office
from tests.support.platform import an_actor
from tests.support.receiver import Receiver

HOUR_MS = 3_600_000
CLIENTS = 50


def pair(office: Office, first: int, second: int) -> tuple[ModelVersion, ModelVersion]:
    """Two challengers of a champion with five right answers."""
    office.a_gate(0)
    office.a_champion(right=5)
    found = [office.a_version(f"challenger {right}") for right in (first, second)]
    for version, right in zip(found, (first, second), strict=True):
        office.examine(version, right)
    return found[0], found[1]


def moves(office: Office) -> list[AliasMove]:
    return list(office.services.aliases.alias_history(office.ask(), MODEL, "production"))


def check_history(office: Office) -> None:
    """Every revision once, each move from where the last one went, and a green audit."""
    history = moves(office)
    assert [move.revision for move in history] == list(range(1, len(history) + 1))
    for before, after in pairwise(history):
        assert after.from_version == before.to_version
    assert Audit.verify(office.platform.database).findings == []


@pytest.mark.parametrize("better_first", [True, False])
def test_p4_of_two_challengers_the_better_one_holds_whoever_commits_first(
    office: Office, better_first: bool
) -> None:
    """P4: first the better one, then the other is held; or both in turn; the end is the same."""
    better, other = pair(office, 8, 6)
    order = (better, other) if better_first else (other, better)
    held = 0
    for version in order:
        try:
            office.promote(version)
        except GateBlocked:
            held += 1
    assert held == better_first
    assert office.holder() == better.version
    check_history(office)


def test_p5_two_challengers_and_a_rollback_in_between(office: Office) -> None:
    """P5: whatever order they come to, every move was right when it was made."""
    versions = examined(office, [3, 5, 7, 9], items=16)
    office.services.promotion.promote(office.ask(), MODEL, versions[0])
    office.services.promotion.promote(office.ask(), MODEL, versions[1])

    together(
        [
            lambda: office.services.promotion.promote(office.ask(), MODEL, versions[2]),
            lambda: office.services.promotion.rollback(office.ask(), MODEL),
            lambda: office.services.promotion.promote(office.ask(), MODEL, versions[3]),
        ]
    )

    score = dict(zip(versions, [3, 5, 7, 9], strict=True))
    for move in moves(office):
        if move.kind is MoveKind.PROMOTION and move.from_version is not None:
            assert move.to_version is not None
            assert score[move.to_version] > score[move.from_version]
    check_history(office)


def test_p6_a_champions_score_on_another_suite_does_not_count(office: Office) -> None:
    """P6: under a gate on another suite the champion is scored again before anyone beats it."""
    office.a_gate(0)
    champion = office.a_champion(right=2)
    office.a_gate(0, suite=office.a_suite("rivers").fingerprint)
    challenger = office.a_version("challenger")

    with pytest.raises(GateBlocked):
        office.promote(challenger)
    assert office.holder() == champion.version
    for _ in range(2):
        lease = office.lease()
        office.hand_in(lease, right=9 if lease.run.version == challenger.version else 10)
    with pytest.raises(GateBlocked):
        office.promote(challenger)
    assert office.holder() == champion.version


def test_p7_a_gate_that_changed_since_the_champion_was_scored(office: Office) -> None:
    """P7: neither side's score under the former rules lets anybody through."""
    better, _ = pair(office, 9, 8)
    office.a_gate(
        0.1, suite=office.services.evaluation.get_suite(office.ask(), "capitals").fingerprint
    )

    with pytest.raises(GateBlocked) as held:
        office.promote(better)

    assert len(held.value.details["queued"]) == 2  # type: ignore[arg-type]
    assert office.holder() == 1


def test_p8_a_challenger_deleted_between_pass_and_promotion(office: Office) -> None:
    """P8: a tombstone takes no alias, whatever it scored."""
    better, _ = pair(office, 9, 8)
    office.services.versions.delete_version(office.ask(), MODEL, better.version)
    with pytest.raises(GateBlocked):
        office.promote(better)
    assert office.holder() == 1
    check_history(office)


def test_p9_a_version_that_an_alias_holds_is_never_deleted(office: Office) -> None:
    """P9: refused always, also while promotions go on; so is one that a rollback could return to."""
    versions = examined(office, list(range(1, 9)), items=16)
    office.services.promotion.promote(office.ask(), MODEL, versions[0])

    def delete(version: int) -> object:
        return office.services.versions.delete_version(office.ask(), MODEL, version)

    together(
        [lambda v=v: office.services.promotion.promote(office.ask(), MODEL, v) for v in versions]
        + [lambda v=v: delete(v) for v in versions]
    )

    holder = office.holder()
    assert holder is not None
    for move in moves(office):
        assert move.to_version is not None
        with pytest.raises(FailedPrecondition):
            delete(move.to_version)
    check_history(office)


def test_p10_an_alias_removed_while_it_is_moved(office: Office) -> None:
    """P10: a free alias moves and goes at the same time: one order, and a protected one never goes."""
    versions = examined(office, [1, 2, 3, 4], items=16)
    office.services.promotion.promote(office.ask(), MODEL, versions[0])
    aliases = office.services.aliases

    together(
        [lambda v=v: aliases.set_alias(office.ask(), MODEL, "staging", v) for v in versions]
        + [lambda: aliases.remove_alias(office.ask(), MODEL, "staging")] * 4
        + [lambda: aliases.remove_alias(office.ask(), MODEL, "production")] * 4
        + [lambda v=v: office.services.promotion.promote(office.ask(), MODEL, v) for v in versions]
    )

    history = aliases.alias_history(office.ask(), MODEL, "staging")
    assert [move.revision for move in history] == list(range(1, len(history) + 1))
    assert all(move.to_version is not None for move in moves(office))
    check_history(office)


def test_p11_an_alias_made_anew_goes_on_counting(office: Office) -> None:
    """P11: revisions never restart, so a reader can tell old news from new."""
    version = office.a_version()
    aliases = office.services.aliases
    aliases.set_alias(office.ask(), MODEL, "staging", version.version)
    aliases.remove_alias(office.ask(), MODEL, "staging")
    aliases.set_alias(office.ask(), MODEL, "staging", version.version)
    assert aliases.revision(office.ask(), MODEL, "staging") == 3


def test_p12_the_model_is_deleted_while_it_is_promoted(office: Office) -> None:
    """P12: one of them comes first; a model with a champion stays, a deleted one gets none."""
    (version,) = examined(office, [5], items=16)

    answers = together(
        [
            lambda: office.services.promotion.promote(office.ask(), MODEL, version),
            lambda: office.services.registry.delete_model(office.ask(), MODEL),
        ]
    )

    refused = [answer for answer in answers if isinstance(answer, AppError)]
    assert len(refused) == 1
    assert isinstance(refused[0], NotFound | FailedPrecondition)
    assert Audit.verify(office.platform.database).findings == []


def test_p13_a_role_taken_away_counts_from_the_next_request_on(office: Office) -> None:
    """P13: what was admitted is done as before the revocation; nothing after it, and that is recorded."""
    better, other = pair(office, 6, 8)
    admitted = an_actor("maria", Role.MAINTAINER)
    revoked = an_actor("maria", Role.CONTRIBUTOR)

    office.services.promotion.promote(office.ask(admitted), MODEL, better.version)
    with pytest.raises(PermissionDenied):
        office.services.promotion.promote(office.ask(revoked), MODEL, other.version)

    assert office.holder() == better.version
    assert office.story()[-1] == "promotion!"


def test_p14_a_stale_revision_changes_nothing(office: Office) -> None:
    """P14: whoever decided on an older state decides again, promotion and rollback alike."""
    better, other = pair(office, 8, 9)
    office.promote(better)
    before = office.story()
    with pytest.raises(Conflict):
        office.promote(other, expected_revision=0)
    with pytest.raises(Conflict):
        office.services.promotion.rollback(office.ask(), MODEL, expected_revision=7)
    assert office.story() == before
    assert office.holder() == better.version


@pytest.mark.parametrize("is_done", [True, False], ids=["committed", "not-committed"])
def test_p16_a_connection_that_drops_at_commit_leaves_a_question_that_the_key_answers(
    postgresql_office: Office, monkeypatch: pytest.MonkeyPatch, is_done: bool
) -> None:
    """P16: the client cannot know; repeating with its key moves the alias exactly once."""
    office = postgresql_office
    better, _ = pair(office, 9, 8)
    database = office.platform.database
    assert isinstance(database, PostgresqlDatabase)
    dialect = database._engine.dialect
    commit = dialect.do_commit
    dropped: list[bool] = []

    def drop(connection: psycopg.Connection[object]) -> None:
        if dropped:
            commit(connection)  # type: ignore[arg-type]
            return
        dropped.append(True)
        if is_done:
            commit(connection)  # type: ignore[arg-type]
        driver = getattr(connection, "driver_connection", connection)
        driver.close()
        raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr(dialect, "do_commit", drop)
    with pytest.raises((Unavailable, psycopg.OperationalError)):
        office.services.promotion.promote(office.ask(key="release"), MODEL, better.version)
    monkeypatch.undo()

    assert office.holder() == (better.version if is_done else 1)
    move = office.services.promotion.promote(office.ask(key="release"), MODEL, better.version)
    assert (move.revision, office.holder()) == (2, better.version)
    check_history(office)


def test_p18_a_clock_set_ahead_between_lease_and_verdict(office: Office) -> None:
    """P18: an hour ahead ends the lease: its verdict comes too late, the exam is held once more and counts."""
    office.a_gate(0)
    version = office.a_version()
    office.services.gate_runs.request(office.ask(), MODEL, version.version)
    late = office.lease()
    office.clock.advance(HOUR_MS)
    again = office.lease()
    assert again.run.gate_run_id == late.run.gate_run_id
    assert again.run.fence > late.run.fence
    with pytest.raises(Conflict):
        office.hand_in(late, right=10)
    office.clock.advance(-HOUR_MS)
    with pytest.raises(Conflict):
        office.hand_in(late, right=10)
    office.hand_in(again, right=5)
    office.promote(version)
    assert office.holder() == version.version
    check_history(office)


def test_p18_a_clock_set_back_between_lease_and_verdict(office: Office) -> None:
    """P18: an hour back does not undo a lease."""
    office.a_gate(0)
    version = office.a_version()
    office.services.gate_runs.request(office.ask(), MODEL, version.version)
    lease = office.lease()
    office.clock.advance(-HOUR_MS)
    office.hand_in(lease, right=5)
    office.promote(version)
    assert office.holder() == version.version
    check_history(office)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on loopback."""
    with Receiver() as found:
        yield found


def test_p19_a_notice_that_comes_twice_says_which_revision_it_is(
    office: Office, receiver: Receiver
) -> None:
    """P19: whoever sends dies after sending; the next one sends again, with the same id and revision."""
    allowed = AllowedHosts(frozenset({("127.0.0.1", receiver.port)}))
    post = WebhookPost(allowed)
    webhooks = Webhooks(office.platform, office.services.ledger, post)
    webhooks.create(office.ask(), "hook", receiver.url, ("promotion",), secret="s" * 16)
    office.a_gate(0)
    office.a_champion(right=5)
    dying = WebhookDelivery(office.platform, post)
    while dying.write_out():
        pass
    lease = dying._lease()
    assert lease is not None
    post.send(lease.url, {"webhook-id": lease.delivery_id}, lease.body)

    successor = WebhookDelivery(office.platform, post)
    while successor.write_out():
        pass
    assert not successor.send_next(), "the lease of the dead one still runs"
    office.clock.advance(LEASE_MS + 1)
    while successor.send_next():
        pass

    first, second = receiver.received
    assert first.body == second.body
    assert '"revision":1' in first.body.replace(" ", "")
    assert '"alias":"production"' in first.body.replace(" ", "")
    assert office.story().count("promotion") == 1


def test_p20_readers_never_see_half_a_move(office: Office) -> None:
    """P20: version and revision that a reader gets together were together in the history."""
    versions = examined(office, list(range(1, 13)), items=16)
    office.services.promotion.promote(office.ask(), MODEL, versions[0])
    seen: set[tuple[int, int]] = set()
    is_over = threading.Event()

    def read() -> object:
        while not is_over.is_set():
            found = office.services.aliases.resolve(office.ask(), MODEL, "production")
            seen.add((found.version.version, found.revision))
        return None

    def write() -> object:
        try:
            for version in versions[1:]:
                office.services.promotion.promote(office.ask(), MODEL, version)
            office.services.promotion.rollback(office.ask(), MODEL)
        finally:
            is_over.set()
        return None

    together([read] * 4 + [write])

    told = {(move.to_version, move.revision) for move in moves(office)}
    assert seen <= told
    assert len(told) == len(versions) + 1


def test_p21_a_single_champion_has_nobody_to_go_back_to(office: Office) -> None:
    """P21: the rollback is refused, and nothing is set aside."""
    office.a_gate()
    office.a_champion()
    with pytest.raises(FailedPrecondition):
        office.services.promotion.rollback(office.ask(), MODEL)
    assert office.holder() == 1
    check_history(office)


def test_p22_what_has_lost_its_bytes_is_not_gone_back_to(office: Office) -> None:
    """P22: a rollback to missing files is refused, and the champion keeps the alias."""
    better, _ = pair(office, 9, 8)
    office.promote(better)
    (file,) = office.services.versions.manifest(office.ask(), MODEL, 1)
    office.platform.blobs.delete(file.sha256)
    with pytest.raises(DataCorrupted):
        office.services.promotion.rollback(office.ask(), MODEL)
    assert office.holder() == better.version
    check_history(office)


def test_p23_an_import_never_lowers_a_revision(office: Office) -> None:
    """P23: an alias that has moved here is not set by an import, to no version and no revision."""
    better, _ = pair(office, 9, 8)
    office.promote(better)
    importing = office.services.importing
    run_id = office.a_run({"model/weights.json": b"old"}, lineage=None)
    arrival = ArrivingVersion(4, 1, 2, source="old/4", run_id=run_id, artifact_path="model")
    arrived = importing.import_version(office.ask(), MODEL, arrival)

    for version in (arrived.version, 1, better.version):
        with pytest.raises(AppError):
            importing.import_alias(office.ask(), MODEL, "production", version)

    assert office.services.aliases.revision(office.ask(), MODEL, "production") == 2
    assert office.holder() == better.version
    check_history(office)


def test_p24_among_fifty_clients_nobody_starves(office: Office) -> None:
    """P24: everyone who asks at once is answered, and the best one holds in the end."""
    versions = examined(office, list(range(1, 11)), items=16)
    answered: list[int] = []

    def ask_once(client: int) -> Callable[[], object]:
        def work() -> object:
            with suppress(GateBlocked):
                office.services.promotion.promote(
                    office.ask(), MODEL, versions[client % len(versions)]
                )
            answered.append(client)
            return None

        return work

    answers: Sequence[object] = together([ask_once(client) for client in range(CLIENTS)])

    assert answers == [None] * CLIENTS
    assert sorted(answered) == list(range(CLIENTS))
    assert office.holder() == versions[-1]
    check_history(office)
