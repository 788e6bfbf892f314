"""Statements on the params of runs: written once, never changed."""

from __future__ import annotations

from collections.abc import Mapping

from assay.storage.database import Transaction
from assay.storage.key_values import KeyValues
from assay.storage.tables.tracking import params

_PARAMS = KeyValues(params, "run_pk")


def insert_params(tx: Transaction, run_pk: int, values: Mapping[str, str]) -> None:
    """The params of a run that has none yet."""
    _PARAMS.insert(tx, run_pk, values)


def add_params(tx: Transaction, run_pk: int, values: Mapping[str, str]) -> None:
    """Add params to a run. The same value again changes nothing.

    Raises InvalidArgument naming the key when a param has another value already; the transaction
    must then be given up, since the others of the batch have been written in it.
    """
    tx.touch(run_pk)
    _PARAMS.add(tx, run_pk, values, "param")


def params_of_run(tx: Transaction, run_pk: int) -> dict[str, str]:
    """All params of a run, by key."""
    return _PARAMS.of(tx, run_pk)
