"""Aliases: free ones move freely, protected ones have one door, and revisions never restart."""

import pytest

from assay.domain.errors import (
    Conflict,
    FailedPrecondition,
    GateBlocked,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from assay.domain.registry import MoveKind
from tests.support.office import CONTRIBUTOR, MODEL, VIEWER, Office


def test_an_unprotected_alias_moves_freely(office: Office) -> None:
    """A contributor points `staging` wherever it is useful; every move is recorded."""
    office.a_version("a")
    office.a_version("b")
    set_alias = office.services.aliases.set_alias

    first = set_alias(office.ask(CONTRIBUTOR), MODEL, "staging", 1)
    second = set_alias(office.ask(CONTRIBUTOR), MODEL, "staging", 2)

    assert first is not None
    assert second is not None
    assert (second.kind, second.revision, second.from_version) == (MoveKind.SET, 2, 1)
    assert office.holder("staging") == 2
    assert office.story()[-2:] == ["alias.set", "alias.set"]


def test_setting_an_alias_to_its_holder_changes_nothing(office: Office) -> None:
    """A repeated call is no move."""
    office.a_version()
    office.services.aliases.set_alias(office.ask(), MODEL, "staging", 1)
    before = office.story()

    assert office.services.aliases.set_alias(office.ask(), MODEL, "staging", 1) is None
    assert office.story() == before


def test_a_protected_alias_goes_through_the_gate(office: Office) -> None:
    """Setting `production` is a promotion, held and made by the same rules."""
    office.a_gate()
    version = office.a_version()
    set_alias = office.services.aliases.set_alias

    with pytest.raises(GateBlocked):
        set_alias(office.ask(), MODEL, "production", 1)
    office.hand_in(office.lease(), right=9)
    move = set_alias(office.ask(), MODEL, "production", version.version)

    assert move is not None
    assert move.kind is MoveKind.PROMOTION
    assert set_alias(office.ask(), MODEL, "production", 1) is None


def test_a_contributor_cannot_set_a_protected_alias(office: Office) -> None:
    """The side door asks for the same role as the front door."""
    office.a_gate()
    office.examine(office.a_version(), right=9)

    with pytest.raises(PermissionDenied):
        office.services.aliases.set_alias(office.ask(CONTRIBUTOR), MODEL, "production", 1)

    assert office.holder() is None


def test_an_alias_that_becomes_protected_is_guarded_from_then_on(office: Office) -> None:
    """The policy in force at the moment of the move counts."""
    office.a_version("a")
    office.a_version("b")
    office.services.aliases.set_alias(office.ask(), MODEL, "live", 1)
    office.services.workspaces.update_policy(
        office.ask(), "default", protected=["live"], reason="it serves already"
    )

    with pytest.raises(GateBlocked):
        office.services.aliases.set_alias(office.ask(), MODEL, "live", 2)
    with pytest.raises(FailedPrecondition):
        office.services.aliases.remove_alias(office.ask(), MODEL, "live")


def test_a_held_protected_alias_is_not_removed(office: Office) -> None:
    """Serving would stand without a model; the message says what to do instead."""
    office.a_gate()
    office.a_champion()

    with pytest.raises(FailedPrecondition, match="assay rollback digits"):
        office.services.aliases.remove_alias(office.ask(), MODEL, "production")

    assert office.holder() == 1


def test_a_removed_alias_goes_on_counting_when_it_is_set_again(office: Office) -> None:
    """P: a revision is never used twice, so that a reader can tell old news from new."""
    office.a_version()
    aliases = office.services.aliases
    aliases.set_alias(office.ask(), MODEL, "staging", 1)

    removed = aliases.remove_alias(office.ask(), MODEL, "staging")
    again = aliases.set_alias(office.ask(), MODEL, "staging", 1)

    assert removed is not None
    assert again is not None
    assert (removed.revision, again.revision) == (2, 3)
    history = aliases.alias_history(office.ask(), MODEL, "staging")
    assert [move.kind for move in history] == [MoveKind.SET, MoveKind.REMOVED, MoveKind.SET]
    assert aliases.remove_alias(office.ask(), MODEL, "nothing") is None


def test_a_stale_revision_is_a_conflict(office: Office) -> None:
    """Compare and set, for free aliases as well."""
    office.a_version("a")
    office.a_version("b")
    aliases = office.services.aliases
    aliases.set_alias(office.ask(), MODEL, "staging", 1)

    with pytest.raises(Conflict):
        aliases.set_alias(office.ask(), MODEL, "staging", 2, expected_revision=0)
    with pytest.raises(Conflict):
        aliases.remove_alias(office.ask(), MODEL, "staging", expected_revision=7)

    assert office.holder("staging") == 1


def test_resolving_answers_version_files_and_revision_of_one_moment(office: Office) -> None:
    """What serving needs comes in one answer, with a validator that changes with every move."""
    version = office.a_version("a")
    office.a_version("b")
    aliases = office.services.aliases
    aliases.set_alias(office.ask(), MODEL, "staging", 1)

    first = aliases.resolve(office.ask(), MODEL, "staging")
    aliases.set_alias(office.ask(), MODEL, "staging", 2)
    second = aliases.resolve(office.ask(), MODEL, "staging")

    assert (first.version.version, first.revision) == (1, 1)
    assert first.version.artifact_digest == version.artifact_digest
    assert [file.path for file in first.files] == ["weights.json"]
    assert first.etag != second.etag


def test_a_model_made_anew_has_other_validators(office: Office) -> None:
    """A cached answer of a deleted model is never confirmed for its successor."""
    aliases = office.services.aliases
    office.a_version("old")
    aliases.set_alias(office.ask(), MODEL, "staging", 1)
    old = aliases.resolve(office.ask(), MODEL, "staging").etag
    office.services.registry.delete_model(office.ask(), MODEL)
    office.a_version("new")
    aliases.set_alias(office.ask(), MODEL, "staging", 1)

    assert aliases.resolve(office.ask(), MODEL, "staging").etag != old


def test_an_unknown_alias_is_not_found(office: Office) -> None:
    """Neither by resolving nor by asking for its version."""
    office.a_version()

    with pytest.raises(NotFound):
        office.services.aliases.resolve(office.ask(), MODEL, "staging")
    with pytest.raises(NotFound):
        office.services.versions.get_by_alias(office.ask(), MODEL, "staging")


@pytest.mark.parametrize("alias", ["latest", "V12", "a b", "", "a/b", "x" * 256])
def test_an_illegal_alias_is_refused(sqlite_office: Office, alias: str) -> None:
    """Reserved words and unreadable names never become aliases."""
    sqlite_office.a_version()

    with pytest.raises(InvalidArgument):
        sqlite_office.services.aliases.set_alias(sqlite_office.ask(), MODEL, alias, 1)


def test_a_viewer_sets_nothing(office: Office) -> None:
    """Viewers read."""
    office.a_version()

    with pytest.raises(PermissionDenied):
        office.services.aliases.set_alias(office.ask(VIEWER), MODEL, "staging", 1)
