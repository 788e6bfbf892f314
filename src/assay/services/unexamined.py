"""Who holds a protected alias without having passed the gate: set while it was not protected, or moved in."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from assay.domain.gate import Outcome
from assay.domain.registry import MoveKind, VersionState
from assay.services.evidence import weigh
from assay.storage import gates, model_versions, unexamined
from assay.storage.database import Transaction
from assay.storage.unexamined import Seat

MAX_NAMED: Final = 1_000


def unexamined_holders(tx: Transaction, workspace: str, names: Collection[str]) -> list[str]:
    """For each alias of these names that nobody earned: in a sentence, who holds it and since what."""
    seats = unexamined.list_unexamined(tx, workspace, names, MAX_NAMED)
    labels = unexamined.list_labels_without_alias(tx, workspace, names, MAX_NAMED)
    return [_told(seat) for seat in seats] + [
        f"version {label.version} of {label.model!r} is in stage {label.stage!r} without the alias"
        for label in labels
    ]


def unearned_holders(tx: Transaction, workspace: str, names: Collection[str]) -> list[str]:
    """As `unexamined_holders`, without those that have passed the gate in force since they came there."""
    seats = unexamined.list_unexamined(tx, workspace, names, MAX_NAMED)
    labels = unexamined.list_labels_without_alias(tx, workspace, names, MAX_NAMED)
    passed = {seat for seat in seats if seat.alias in names and _has_passed(tx, workspace, seat)}
    return [_told(seat) for seat in seats if seat not in passed] + [
        f"version {label.version} of {label.model!r} is in stage {label.stage!r} without the alias"
        for label in labels
    ]


def _has_passed(tx: Transaction, workspace: str, seat: Seat) -> bool:
    if seat.version_pk is None:
        return False
    version = model_versions.find_version_by_pk(tx, seat.version_pk)
    gate = gates.find_current_gate(tx, workspace, seat.model_pk)
    if version is None or version.state is not VersionState.REGISTERED or not version.verifiable:
        return False
    given = weigh(tx, gate, version).given
    return given is not None and given.verdict.outcome is Outcome.PASS


def _told(seat: Seat) -> str:
    if seat.version is None:
        return (
            f"{seat.alias!r} of {seat.model!r} was taken from its champion by {seat.actor} "
            f"(event {seat.ledger_seq}): nobody is left to beat"
        )
    how = "moved in" if seat.kind is MoveKind.IMPORTED else "set"
    return (
        f"version {seat.version} of {seat.model!r} holds {seat.alias!r} unexamined: {how} by "
        f"{seat.actor} (event {seat.ledger_seq})"
    )
