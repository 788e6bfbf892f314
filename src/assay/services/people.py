"""People among the actors: who counts as a person for approvals and break-glass, and still does."""

from __future__ import annotations

from assay.domain.access import Action, Actor, ActorKind, Role, is_allowed
from assay.domain.errors import PermissionDenied
from assay.services.context import Context
from assay.storage import access
from assay.storage.access import PrincipalRow
from assay.storage.database import Transaction


def require_person(context: Context, what: str) -> None:
    """Pass for a user or the owner of a machine, PermissionDenied for services and runners."""
    if context.actor.kind not in {ActorKind.USER, ActorKind.LOCAL}:
        raise PermissionDenied(f"Only people {what}; {context.actor.name!r} is no person.")


def still_may(
    tx: Transaction, principal_id: int | None, name: str, action: Action, workspace: str
) -> bool:
    """Whether the person exists under that name, is not disabled and may do it at this moment.

    `principal_id` None is the owner of a server in local mode, of whom there is one.
    """
    if principal_id is None:
        return True
    row = access.find_principal(tx, pk=principal_id)
    if row is None or row.disabled or row.name != name:
        return False
    return is_allowed(_actor(row), action, workspace)


def bare_name(actor: str) -> str:
    """The name in `kind:name`, as the ledger and rows write who did something."""
    return actor.partition(":")[2]


def _actor(row: PrincipalRow) -> Actor:
    roles: dict[str, frozenset[Role]] = {}
    for workspace, role in row.grants:
        roles[workspace] = roles.get(workspace, frozenset()) | {Role(role)}
    return Actor(kind=ActorKind(row.kind), name=row.name, principal_id=row.pk, roles=roles)
