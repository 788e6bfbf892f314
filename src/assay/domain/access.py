"""Who may do what: (actor, action, workspace) → allowed or not. The only place where that is decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache

from assay.domain.errors import NotFound, PermissionDenied


class Role(StrEnum):
    """A role within one workspace. `ADMIN` is granted over all workspaces."""

    VIEWER = "viewer"
    CONTRIBUTOR = "contributor"
    MAINTAINER = "maintainer"
    GATE = "gate"
    AUDITOR = "auditor"
    ADMIN = "admin"


class Action(StrEnum):
    """Everything that a route can ask permission for. A route names exactly one."""

    PUBLIC = "public"
    IDENTIFY = "identity.read"
    TRACKING_READ = "tracking.read"
    TRACKING_WRITE = "tracking.write"
    TRACKING_DELETE = "tracking.delete"
    REGISTRY_READ = "registry.read"
    REGISTRY_WRITE = "registry.write"
    REGISTRY_DELETE = "registry.delete"
    ALIAS_WRITE = "alias.write"
    PROMOTE = "promotion.write"
    GATE_READ = "gate.read"
    GATE_WRITE = "gate.write"
    GATE_REQUEST = "gate.request"
    GATE_RUN = "gate.run"
    VERDICT_WRITE = "verdict.write"
    ITEM_READ = "gate.items"
    APPROVE = "approval.write"
    BREAK_GLASS = "break_glass.request"
    BREAK_GLASS_CONFIRM = "break_glass.confirm"
    LEDGER_READ = "ledger.read"
    WORKSPACE_READ = "workspace.read"
    WORKSPACE_WRITE = "workspace.write"
    ACCESS_READ = "access.read"
    ACCESS_WRITE = "access.write"
    STORAGE_READ = "storage.read"


_READS = frozenset(
    {
        Action.TRACKING_READ,
        Action.REGISTRY_READ,
        Action.GATE_READ,
        Action.WORKSPACE_READ,
    }
)
_CONTRIBUTES = _READS | {
    Action.TRACKING_WRITE,
    Action.TRACKING_DELETE,
    Action.REGISTRY_WRITE,
    Action.GATE_REQUEST,
}

GRANTS: Mapping[Role, frozenset[Action]] = {
    Role.VIEWER: _READS,
    Role.CONTRIBUTOR: _CONTRIBUTES | {Action.ALIAS_WRITE},
    Role.MAINTAINER: _CONTRIBUTES
    | {
        Action.ALIAS_WRITE,
        Action.REGISTRY_DELETE,
        Action.PROMOTE,
        Action.GATE_WRITE,
        Action.ITEM_READ,
        Action.APPROVE,
        Action.BREAK_GLASS_CONFIRM,
        Action.LEDGER_READ,
    },
    # A gate runner leases work and writes verdicts. It reads no runs, models or other workspaces:
    # what a leased gate run needs is handed out with the lease.
    Role.GATE: frozenset({Action.GATE_RUN, Action.VERDICT_WRITE}),
    Role.AUDITOR: _READS
    | {Action.ITEM_READ, Action.LEDGER_READ, Action.ACCESS_READ, Action.STORAGE_READ},
    # Everything but evidence: an admin can neither lease a gate run nor write a verdict.
    Role.ADMIN: frozenset(Action) - {Action.GATE_RUN, Action.VERDICT_WRITE},
}

EVERYONE = frozenset({Action.PUBLIC})
AUTHENTICATED = frozenset({Action.PUBLIC, Action.IDENTIFY})


class ActorKind(StrEnum):
    """What stands behind a request."""

    LOCAL = "local"
    USER = "user"
    SERVICE = "service"
    RUNNER = "gate"
    SYSTEM = "system"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Actor:
    """An authenticated principal with its roles: `roles` per workspace name, `"*"` for all.

    `actions` restricts a scoped token to a subset; None means all that the roles allow.
    """

    kind: ActorKind
    name: str
    principal_id: int | None = None
    token_id: str | None = None
    roles: Mapping[str, frozenset[Role]] = field(default_factory=dict)
    actions: frozenset[Action] | None = None

    def roles_in(self, workspace: str) -> frozenset[Role]:
        """The roles that count in this workspace."""
        return self.roles.get(workspace, frozenset()) | self.roles.get("*", frozenset())


ANONYMOUS = Actor(kind=ActorKind.ANONYMOUS, name="anonymous")
LOCAL_OWNER = Actor(
    kind=ActorKind.LOCAL,
    name="local",
    roles={"*": frozenset({Role.MAINTAINER, Role.ADMIN})},
)
"""Local mode: everyone on this machine is the owner, who still cannot write a verdict."""

SYSTEM = Actor(kind=ActorKind.SYSTEM, name="assay", roles={"*": frozenset({Role.ADMIN})})


def allowed_actions(actor: Actor, workspace: str | None) -> frozenset[Action]:
    """Every action that the actor may do in `workspace` (None: outside any workspace)."""
    if actor.kind is ActorKind.ANONYMOUS:
        return EVERYONE
    roles = actor.roles.get("*", frozenset()) if workspace is None else actor.roles_in(workspace)
    granted = _granted(roles, actor.kind is ActorKind.RUNNER)
    return granted if actor.actions is None else granted & (actor.actions | AUTHENTICATED)


@cache
def _granted(roles: frozenset[Role], is_runner: bool) -> frozenset[Action]:  # noqa: FBT001
    # Asked several times in every request, and there are few sets of roles.
    granted = AUTHENTICATED.union(*(GRANTS[role] for role in roles))
    # One credential is never trainer and judge: only a runner's credential holds evidence rights,
    # and whoever holds other roles beside `gate` keeps those rights only if it is a runner.
    return granted if is_runner else granted - {Action.GATE_RUN, Action.VERDICT_WRITE}


def is_allowed(actor: Actor, action: Action, workspace: str | None) -> bool:
    """Whether the actor may do `action` in `workspace`. Default deny."""
    return action in allowed_actions(actor, workspace)


def may_see(actor: Actor, workspace: str | None) -> bool:
    """Whether the actor may know that `workspace` and what is in it exist."""
    return bool(allowed_actions(actor, workspace) - AUTHENTICATED)


def require(actor: Actor, action: Action, workspace: str | None) -> None:
    """Pass, or raise NotFound for what the actor may not see and PermissionDenied for what it may not do."""
    if is_allowed(actor, action, workspace):
        return
    if workspace is not None and not may_see(actor, workspace):
        msg = f"Workspace {workspace!r} does not exist or is not visible to this credential."
        raise NotFound(msg, field="workspace")
    where = "" if workspace is None else f" in workspace {workspace!r}"
    roles = "none" if workspace is None else ", ".join(sorted(actor.roles_in(workspace))) or "none"
    msg = (
        f"{actor.name!r} may not {action.value}{where} (roles: {roles}). "
        f"Roles that may: {', '.join(who_may(action)) or 'none'}."
    )
    raise PermissionDenied(msg, action=action.value)


def who_may(action: Action) -> list[str]:
    """The roles that grant `action`, for messages and documentation."""
    return [role.value for role in Role if action in GRANTS[role]]
