"""What a resolver is given: the request, on whose behalf, and how much it may still cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from assay.domain.errors import LimitExceeded
from assay.faces.addresses import base_url
from assay.faces.endpoint import Call
from assay.services.context import Context

if TYPE_CHECKING:
    from assay.services.assembly import Services

MAX_COST = 20_000
"""Objects that one request may load: pages within pages must not multiply without end."""


@dataclass(slots=True)
class Ask:
    """One GraphQL request on its way through the resolvers."""

    call: Call
    cost: int = 0
    is_mutation: bool = False
    memory: dict[Any, Any] = field(default_factory=dict)
    """What a resolver found and another of the same request may need again."""
    info: Any = None
    """GraphQL's description of the field that is being resolved; see `executor.selected`."""

    @property
    def context(self) -> Context:
        """On whose behalf."""
        return self.call.context

    @property
    def services(self) -> Services:
        """Every service."""
        return self.call.services

    @property
    def base_url(self) -> str:
        """This server's address as the client knows it."""
        return base_url(self.call.request)

    def spend(self, objects: int = 1) -> None:
        """Count objects that are about to be loaded. Raises LimitExceeded when there were too many."""
        self.cost += objects
        if self.cost > MAX_COST:
            raise LimitExceeded(f"A request may load at most {MAX_COST} objects.", limit=MAX_COST)


Arguments: TypeAlias = Mapping[str, Any]
Resolver: TypeAlias = Callable[[Any, Ask, Arguments], Any]
"""`resolver(parent, ask, arguments)`: the parent object's value, the request, and what was passed."""

Resolvers: TypeAlias = Mapping[str, Mapping[str, Resolver]]
"""By type, then by field. A field without a resolver reads its parent's key or attribute."""
