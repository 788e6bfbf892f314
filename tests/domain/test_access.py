import itertools

import pytest

from assay.domain.access import (
    ANONYMOUS,
    AUTHENTICATED,
    EVERYONE,
    GRANTS,
    LOCAL_OWNER,
    Action,
    Actor,
    ActorKind,
    Role,
    allowed_actions,
    is_allowed,
    may_see,
    require,
    who_may,
)
from assay.domain.errors import NotFound, PermissionDenied

EVIDENCE = {Action.GATE_RUN, Action.VERDICT_WRITE}
EXPECTED = {
    Action.TRACKING_READ: {"viewer", "contributor", "maintainer", "auditor", "admin"},
    Action.TRACKING_WRITE: {"contributor", "maintainer", "admin"},
    Action.REGISTRY_WRITE: {"contributor", "maintainer", "admin"},
    Action.REGISTRY_DELETE: {"maintainer", "admin"},
    Action.PROMOTE: {"maintainer", "admin"},
    Action.GATE_WRITE: {"maintainer", "admin"},
    Action.ITEM_READ: {"maintainer", "auditor", "admin"},
    Action.APPROVE: {"maintainer", "admin"},
    Action.BREAK_GLASS: {"admin"},
    Action.BREAK_GLASS_CONFIRM: {"maintainer", "admin"},
    Action.GATE_RUN: {"gate"},
    Action.VERDICT_WRITE: {"gate"},
    Action.LEDGER_READ: {"maintainer", "auditor", "admin"},
    Action.ACCESS_WRITE: {"admin"},
    Action.WORKSPACE_WRITE: {"admin"},
}


def an_actor(*roles: Role, kind: ActorKind = ActorKind.USER, workspace: str = "a") -> Actor:
    """Someone with these roles in one workspace."""
    return Actor(kind, "ann", roles={workspace: frozenset(roles)})


@pytest.mark.parametrize("action", EXPECTED)
def test_each_action_has_its_roles(action: Action) -> None:
    """Who may do what is written down twice, here and in the rules."""
    assert set(who_may(action)) == EXPECTED[action]


def test_only_a_runner_writes_evidence() -> None:
    """No other kind of actor leases gate runs or writes verdicts, whatever roles it gathered."""
    for kind, count in itertools.product(ActorKind, range(len(Role) + 1)):
        for roles in itertools.combinations(Role, count):
            allowed = allowed_actions(an_actor(*roles, kind=kind), "a")
            is_judge = kind is ActorKind.RUNNER and Role.GATE in roles
            assert allowed & EVIDENCE == (EVIDENCE if is_judge else set())
    assert not EVIDENCE & allowed_actions(LOCAL_OWNER, "a")


def test_the_gate_role_reads_nothing() -> None:
    """A runner sees what its lease hands out and nothing else."""
    assert GRANTS[Role.GATE] == EVIDENCE


@pytest.mark.parametrize("action", [action for action in Action if action not in AUTHENTICATED])
def test_nobody_may_anything_without_a_role(action: Action) -> None:
    """Default deny: no role, another workspace's role, or nobody at all."""
    assert not is_allowed(an_actor(), action, "a")
    assert not is_allowed(an_actor(*Role, workspace="b"), action, "a")
    assert not is_allowed(ANONYMOUS, action, "a")
    assert allowed_actions(ANONYMOUS, None) == EVERYONE


def test_what_one_may_not_see_does_not_exist() -> None:
    """A foreign workspace answers as absent, a visible one says what is not allowed and who may."""
    viewer = an_actor(Role.VIEWER)
    require(viewer, Action.TRACKING_READ, "a")
    with pytest.raises(NotFound):
        require(viewer, Action.TRACKING_READ, "b")
    with pytest.raises(PermissionDenied, match="maintainer"):
        require(viewer, Action.PROMOTE, "a")
    assert may_see(viewer, "a")
    assert not may_see(viewer, "b")


def test_a_scoped_token_can_only_lose_rights() -> None:
    """A token's actions restrict its owner's roles and never add to them."""
    scoped = Actor(
        ActorKind.USER,
        "ann",
        roles={"a": frozenset({Role.VIEWER})},
        actions=frozenset({Action.TRACKING_READ, Action.PROMOTE}),
    )
    assert allowed_actions(scoped, "a") == {Action.TRACKING_READ} | AUTHENTICATED


def test_roles_over_all_workspaces_count_in_each() -> None:
    """The star stands for every workspace, and for what is outside of any."""
    admin = an_actor(Role.ADMIN, workspace="*")
    assert is_allowed(admin, Action.ACCESS_WRITE, None)
    assert is_allowed(admin, Action.TRACKING_WRITE, "anything")
    assert not is_allowed(an_actor(Role.ADMIN), Action.ACCESS_WRITE, None)
