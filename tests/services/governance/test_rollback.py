"""Rollback: one step back, recorded, and the version that was left is set aside."""

import pytest

from assay.domain.errors import Conflict, DataCorrupted, FailedPrecondition, PermissionDenied
from assay.domain.registry import MoveKind, VersionState
from tests.support.office import CONTRIBUTOR, MAINTAINER, MODEL, Office


def three_champions(office: Office) -> None:
    office.a_gate()
    for number, right in enumerate((5, 6, 7), start=1):
        version = office.a_version(f"champion {number}")
        office.examine(version, right)
        office.promote(version)


def state_of(office: Office, version: int) -> VersionState:
    return office.services.versions.get_version(office.ask(), MODEL, version).state


def test_rollback_returns_to_the_champion_before_and_quarantines_what_it_left(
    office: Office,
) -> None:
    """One call: the alias is back, the departed version is set aside, the reason is kept."""
    three_champions(office)

    move = office.services.promotion.rollback(
        office.ask(MAINTAINER), MODEL, reason="wrong language in prod"
    )

    assert (move.kind, move.revision, move.from_version, move.to_version) == (
        MoveKind.ROLLBACK,
        4,
        3,
        2,
    )
    assert move.reason == "wrong language in prod"
    assert office.holder() == 2
    left = office.services.versions.get_version(office.ask(), MODEL, 3)
    assert left.state is VersionState.QUARANTINED
    assert "wrong language in prod" in left.state_reason
    assert office.story()[-1] == "rollback"


def test_rollbacks_go_back_step_by_step_until_nothing_is_left(office: Office) -> None:
    """P1 P2 P3, rollback to 2, rollback to 1, rollback refused."""
    three_champions(office)
    rollback = office.services.promotion.rollback

    assert [rollback(office.ask(), MODEL).to_version for _ in range(2)] == [2, 1]
    before = office.story()
    with pytest.raises(FailedPrecondition):
        rollback(office.ask(), MODEL)

    assert office.holder() == 1
    assert office.story() == before


def test_the_only_champion_cannot_be_rolled_back(office: Office) -> None:
    """There is nothing to return to."""
    office.a_gate()
    office.a_champion()

    with pytest.raises(FailedPrecondition):
        office.services.promotion.rollback(office.ask(), MODEL)

    assert state_of(office, 1) is VersionState.REGISTERED


def test_a_quarantined_earlier_champion_is_passed_over(office: Office) -> None:
    """A rollback does not land on what somebody set aside."""
    three_champions(office)
    office.services.versions.quarantine(office.ask(), MODEL, 2, "also bad")

    assert office.services.promotion.rollback(office.ask(), MODEL).to_version == 1


def test_a_rolled_back_version_must_be_cleared_before_it_is_promoted_again(
    office: Office,
) -> None:
    """An automatic promoter cannot undo a rollback, although the score still wins."""
    three_champions(office)
    office.services.promotion.rollback(office.ask(), MODEL)
    third = office.services.versions.get_version(office.ask(), MODEL, 3)

    with pytest.raises(Exception, match="quarantined"):
        office.promote(third)
    office.services.versions.clear(office.ask(), MODEL, 3, "it was the tokenizer")

    assert office.promote(third).to_version == 3


def test_a_stale_revision_stops_a_rollback(office: Office) -> None:
    """Who saw another champion does not roll this one back."""
    three_champions(office)

    with pytest.raises(Conflict):
        office.services.promotion.rollback(office.ask(), MODEL, expected_revision=2)

    assert office.holder() == 3


def test_a_retried_rollback_goes_back_once(office: Office) -> None:
    """The same key rolls back one step, however often it is sent."""
    three_champions(office)
    rollback = office.services.promotion.rollback

    first = rollback(office.ask(key="r"), MODEL)
    again = rollback(office.ask(key="r"), MODEL)

    assert again == first
    assert office.holder() == 2


def test_a_rollback_to_missing_files_is_refused(office: Office) -> None:
    """What cannot be served is not given the alias."""
    three_champions(office)
    (file,) = office.services.versions.manifest(office.ask(), MODEL, 2)
    office.platform.blobs.delete(file.sha256)

    with pytest.raises(DataCorrupted):
        office.services.promotion.rollback(office.ask(), MODEL)

    assert office.holder() == 3
    assert state_of(office, 3) is VersionState.REGISTERED


def test_a_contributor_does_not_roll_back(office: Office) -> None:
    """Rolling back needs the maintainer's role; the attempt is in the ledger."""
    three_champions(office)

    with pytest.raises(PermissionDenied):
        office.services.promotion.rollback(office.ask(CONTRIBUTOR), MODEL)

    assert office.story()[-1] == "rollback!"
    assert office.holder() == 3


def test_the_rollback_chain_cannot_be_deleted(office: Office) -> None:
    """Promise 8: what a rollback could return to stays; what was rolled away from may go."""
    three_champions(office)
    delete = office.services.versions.delete_version

    for number in (1, 2, 3):
        with pytest.raises(FailedPrecondition):
            delete(office.ask(), MODEL, number)
    office.services.promotion.rollback(office.ask(), MODEL)
    delete(office.ask(), MODEL, 3)

    assert office.services.promotion.rollback(office.ask(), MODEL).to_version == 1
