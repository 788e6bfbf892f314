"""Workspaces and their policies."""

import pytest

from assay.domain.access import Role
from assay.domain.errors import AlreadyExists, InvalidArgument, NotFound, PermissionDenied
from assay.domain.tracking import LineagePolicy, Policy
from assay.services.workspaces import INHERIT
from tests.support.platform import a_context, an_actor
from tests.support.tracking import Tracking


def _actions(tracking: Tracking) -> list[str]:
    return [entry.event.action for entry in tracking.ledger.list(tracking.context).items]


def test_a_new_workspace_is_under_the_servers_policy(tracking: Tracking) -> None:
    """It demands what the server was started with, and its making is in the ledger."""
    made = tracking.workspaces.create(tracking.context, "team-b", "words")
    assert made.policy == Policy()
    assert made == tracking.workspaces.get(tracking.context, "team-b")
    assert [found.name for found in tracking.workspaces.list(tracking.context)] == [
        "default",
        "team-b",
    ]
    assert _actions(tracking) == ["workspace.created"]
    with pytest.raises(AlreadyExists):
        tracking.workspaces.create(tracking.context, "team-b")
    assert _actions(tracking) == ["workspace.created"]


def test_a_policy_changes_in_parts(tracking: Tracking) -> None:
    """What is not named stays; `inherit` goes back to the server's; each change is an event."""
    update = tracking.workspaces.update_policy
    first = update(tracking.context, "default", lineage=LineagePolicy.RECORDED)
    assert first.policy == Policy(lineage=LineagePolicy.RECORDED)
    second = update(tracking.context, "default", protected=["live", "live"])
    assert second.policy == Policy(LineagePolicy.RECORDED, frozenset({"live"}))
    third = update(tracking.context, "default", protected=[])
    assert third.policy.protected == frozenset()
    last = update(tracking.context, "default", lineage=INHERIT, protected=INHERIT)
    assert last.policy == Policy()
    assert _actions(tracking) == ["workspace.policy_changed"] * 4


@pytest.mark.parametrize("name", ["", "A", "a", "-ab", "ab-", "a b", "a/b", "x" * 64, ".."])
def test_a_bad_name_is_refused(sqlite_tracking: Tracking, name: str) -> None:
    """Names are short, lower-case and safe in addresses."""
    with pytest.raises(InvalidArgument):
        sqlite_tracking.workspaces.create(sqlite_tracking.context, name)


def test_a_bad_alias_is_not_protected(sqlite_tracking: Tracking) -> None:
    """Only what may be an alias may be a protected one, and a refused policy changes nothing."""
    with pytest.raises(InvalidArgument, match="protected"):
        sqlite_tracking.workspaces.update_policy(
            sqlite_tracking.context, "default", protected=["live", "a/b"]
        )
    assert sqlite_tracking.workspaces.get(sqlite_tracking.context, "default").policy == Policy()


def test_only_an_admin_sets_policies(sqlite_tracking: Tracking) -> None:
    """A maintainer of the workspace reads its policy; strangers do not learn that it exists."""
    workspaces = sqlite_tracking.workspaces
    workspaces.create(sqlite_tracking.context, "team-b")
    maintainer = a_context(an_actor("m", Role.MAINTAINER))
    assert workspaces.get(maintainer, "default").policy == Policy()
    assert [found.name for found in workspaces.list(maintainer)] == ["default"]
    with pytest.raises(PermissionDenied):
        workspaces.update_policy(maintainer, "default", lineage=LineagePolicy.RECORDED)
    with pytest.raises(PermissionDenied):
        workspaces.create(maintainer, "team-c")
    for hidden in (
        lambda: workspaces.get(maintainer, "team-b"),
        lambda: workspaces.update_policy(maintainer, "team-b", protected=[]),
        lambda: workspaces.get(sqlite_tracking.context, "nowhere"),
    ):
        with pytest.raises(NotFound):
            hidden()
