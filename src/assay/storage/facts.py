"""Statements on the facts about the database itself: one text under each name."""

from __future__ import annotations

from sqlalchemy import select

from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.tables.access import facts


def ensure_fact(tx: Transaction, name: str, value: str) -> str:
    """The text under a name: what was there, else `value`, which is there from now on."""
    statement = dialect.insert(tx.engine, facts).values(name=name, value=value)
    tx.execute(statement.on_conflict_do_nothing(index_elements=["name"]))
    return str(tx.execute(select(facts.c.value).where(facts.c.name == name)).scalar_one())
