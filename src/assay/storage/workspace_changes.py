"""Statements that describe a workspace anew or remove an empty one."""

from __future__ import annotations

from sqlalchemy import delete, select, update

from assay.storage.database import Transaction
from assay.storage.tables.access import role_grants
from assay.storage.tables.tracking import workspaces


def set_description(tx: Transaction, pk: int, description: str) -> None:
    """Describe the workspace anew."""
    tx.execute(update(workspaces).where(workspaces.c.id == pk).values(description=description))


def has_grants(tx: Transaction, name: str) -> bool:
    """Whether anybody has a role in the workspace of that name alone."""
    statement = select(role_grants.c.role).where(role_grants.c.workspace == name).limit(1)
    return tx.execute(statement).first() is not None


def delete_workspace(tx: Transaction, pk: int) -> None:
    """Remove a workspace. Raises FailedPrecondition while anything belongs to it."""
    tx.execute(delete(workspaces).where(workspaces.c.id == pk))
