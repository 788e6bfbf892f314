"""On whose behalf, where and when a service acts."""

from __future__ import annotations

from dataclasses import dataclass, replace

from assay.domain.access import Action, Actor, may_see, require
from assay.domain.errors import NotFound


@dataclass(frozen=True, slots=True)
class Context:
    """One request: who asks, in which workspace, and the one `now` of everything that it writes."""

    actor: Actor
    workspace: str
    request_id: str
    now_ms: int
    idempotency_key: str | None = None

    def require(self, action: Action, workspace: str | None = None) -> None:
        """Pass, or raise NotFound / PermissionDenied; `workspace` is that of the object, if known."""
        require(self.actor, action, self.workspace if workspace is None else workspace)

    def require_object(self, action: Action, workspace: str, what: str) -> None:
        """As `require`, for an object found by id: one that the actor may not see is said not to exist."""
        if not may_see(self.actor, workspace):
            msg = f"{what} does not exist."
            raise NotFound(msg)
        require(self.actor, action, workspace)

    def within(self, workspace: str) -> Context:
        """The same request in another workspace."""
        return self if workspace == self.workspace else replace(self, workspace=workspace)
