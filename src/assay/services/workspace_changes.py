"""Describing a workspace anew, and removing one that is empty."""

from __future__ import annotations

from assay.domain.access import Action, require
from assay.domain.errors import FailedPrecondition, NotFound
from assay.domain.names import MAX_DESCRIPTION, check_text
from assay.domain.tracking import DEFAULT_WORKSPACE, Workspace
from assay.services.context import Context
from assay.services.ledger import Ledger
from assay.services.platform import Platform
from assay.storage import workspace_changes, workspaces
from assay.storage.database import Transaction


def describe_workspace(
    platform: Platform, ledger: Ledger, context: Context, name: str, description: str
) -> Workspace:
    """Set the description; the ledger tells of it. Raises NotFound."""
    context.require_object(Action.WORKSPACE_WRITE, name, f"Workspace {name[:100]!r}")
    check_text(description, "description", max_length=MAX_DESCRIPTION)
    with platform.database.write() as tx:
        ledger.lock(tx)
        before = _get(tx, platform, name)
        if before.description != description:
            workspace_changes.set_description(tx, before.pk, description)
            ledger.record(
                tx,
                context,
                action="workspace.described",
                object=f"workspace:{name}",
                workspace=name,
                details={"before": before.description, "after": description},
            )
        return _get(tx, platform, name)


def delete_workspace(platform: Platform, ledger: Ledger, context: Context, name: str) -> None:
    """Remove a workspace that nothing was ever kept in; the ledger keeps its story.

    Raises FailedPrecondition for the default workspace, while anything belongs to it (deleted
    experiments and runs too: what was evaluated must stay), and while anybody has a role in it.
    """
    require(context.actor, Action.WORKSPACE_WRITE, None)
    if name == DEFAULT_WORKSPACE:
        msg = f"The workspace {name!r} is every server's own and cannot be deleted."
        raise FailedPrecondition(msg, field="workspace")
    what = f"Workspace {name[:100]!r} cannot be deleted"
    try:
        with platform.database.write() as tx:
            ledger.lock(tx)
            found = _get(tx, platform, name)
            _check_grants(tx, name, what)
            workspace_changes.delete_workspace(tx, found.pk)
            ledger.record(
                tx,
                context,
                action="workspace.deleted",
                object=f"workspace:{name}",
                workspace=name,
                details={"description": found.description},
            )
    except FailedPrecondition as error:
        if error.field is not None:
            raise
        msg = (
            f"{what}: it is not empty. Experiments, models, suites, gates, webhooks or settings"
            " belong to it, and none of them is deleted or moved along with a workspace."
        )
        raise FailedPrecondition(msg, field="workspace") from error


def _check_grants(tx: Transaction, name: str, what: str) -> None:
    if workspace_changes.has_grants(tx, name):
        msg = f"{what}: principals have roles in it. Revoke those first."
        raise FailedPrecondition(msg, field="workspace")


def _get(tx: Transaction, platform: Platform, name: str) -> Workspace:
    found = workspaces.find_workspace(tx, name, platform.policy)
    if found is None:
        msg = f"Workspace {name[:100]!r} does not exist."
        raise NotFound(msg, field="workspace")
    return found
