"""Statements on the tags of runs: set and replaced at will."""

from __future__ import annotations

from collections.abc import Mapping

from assay.storage.database import Transaction
from assay.storage.key_values import KeyValues
from assay.storage.tables.tracking import run_tags

_TAGS = KeyValues(run_tags, "run_pk")


def insert_tags(tx: Transaction, run_pk: int, values: Mapping[str, str]) -> None:
    """The tags of a run that has none yet."""
    _TAGS.insert(tx, run_pk, values)


def set_tags(tx: Transaction, run_pk: int, values: Mapping[str, str]) -> None:
    """Set tags of a run, whether or not they were there."""
    tx.touch(run_pk)
    _TAGS.set(tx, run_pk, values)


def delete_tag(tx: Transaction, run_pk: int, key: str) -> bool:
    """Remove one tag; False when it was not there."""
    tx.touch(run_pk)
    return _TAGS.delete(tx, run_pk, key)


def tags_of_run(tx: Transaction, run_pk: int) -> dict[str, str]:
    """All tags of a run, by key."""
    return _TAGS.of(tx, run_pk)
