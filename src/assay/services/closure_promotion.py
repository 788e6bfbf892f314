"""Closure at a promotion: looked at before the transaction, read inside it.

Sources may take a minute; no lock is held for them. What counts in the transaction is the stored
answer on exactly this version, if it is fresh.
"""

from __future__ import annotations

from typing import Final

from assay.domain.closure import Status
from assay.domain.registry import ModelVersion, VersionState
from assay.domain.tracking import Demand
from assay.services.catalogue import find_version_ever, get_model, get_workspace
from assay.services.closure import Closures, closure_of
from assay.services.context import Context
from assay.services.platform import Platform
from assay.storage.database import Transaction

MAX_AGE_MS: Final = 3_600_000
"""So long an answer counts for a promotion. The promotion itself asks anew."""


class ClosureAtPromotion:
    """What the policy `closure_at_promotion` of a workspace makes of a promotion."""

    def __init__(self, platform: Platform, closures: Closures) -> None:
        self._platform = platform
        self._closures = closures

    def check(self, context: Context, model: str, version: int) -> None:
        """Look at the version's closure now, where the workspace wants that; no lock may be held."""
        with self._platform.database.read() as tx:
            policy = get_workspace(tx, self._platform, context.workspace).policy
            if policy.closure_at_promotion is Demand.OFF:
                return
            found = find_version_ever(tx, get_model(tx, context, model), version)
            if found is None or found.state is VersionState.DELETED or not found.verifiable:
                return
        self._closures.look(context, model, version)

    def objection(self, tx: Transaction, version: ModelVersion) -> str | None:
        """Why the version may not be promoted, in words; None where nothing is wrong or demanded."""
        policy = get_workspace(tx, self._platform, version.workspace).policy
        if policy.closure_at_promotion is not Demand.REQUIRE:
            return None
        closure = closure_of(tx, version.pk)
        number = version.version
        if closure.checked_at_ms is None:
            return f"closure not ok: what version {number} was made from has not been looked at."
        if self._platform.now_ms() - closure.checked_at_ms > MAX_AGE_MS:
            return f"closure not ok: it is too long ago that version {number} was looked at."
        if closure.status is Status.OK:
            return None
        bad = [check for check in closure.checks if check.status is not Status.OK]
        shown = ", ".join(f"{check.subject} is {check.status.value}" for check in bad[:5])
        return f"closure not ok: of version {number} {shown}."
