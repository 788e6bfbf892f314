"""Everything that people decide around a promotion, as one part of the assembly."""

from __future__ import annotations

from dataclasses import dataclass

from assay.services.approvals import Approvals
from assay.services.break_glass import BreakGlass
from assay.services.freezes import Freezes
from assay.services.gate_run_rows import GateRunRows
from assay.services.ledger import Ledger
from assay.services.platform import Platform
from assay.services.promotion import Promotion
from assay.services.runner_keys import RunnerKeys


@dataclass(frozen=True, slots=True)
class Reviews:
    """Runner keys, approvals, freeze windows, break-glass requests, and the rows of gate runs."""

    keys: RunnerKeys
    approvals: Approvals
    freezes: Freezes
    break_glass: BreakGlass
    rows: GateRunRows


def build_reviews(platform: Platform, ledger: Ledger, promotion: Promotion) -> Reviews:
    """All of them on one platform."""
    return Reviews(
        keys=RunnerKeys(platform, ledger),
        approvals=Approvals(platform, ledger),
        freezes=Freezes(platform, ledger),
        break_glass=BreakGlass(platform, ledger, promotion),
        rows=GateRunRows(platform),
    )
