"""Workspaces: the teams' spaces, and what each demands of its registry."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal

from assay.domain.access import Action, is_allowed, require
from assay.domain.canonical import as_object, canonical_text, parse_strict
from assay.domain.errors import AlreadyExists, FailedPrecondition, NotFound
from assay.domain.lineage import DEFAULT_MAPPING, LineageMapping, mapping_from_record
from assay.domain.names import (
    MAX_DESCRIPTION,
    check_protected,
    check_text,
    check_workspace_name,
)
from assay.domain.tracking import DEFAULT_WORKSPACE, Demand, LineagePolicy, Policy, Workspace
from assay.services.context import Context
from assay.services.ledger import Ledger
from assay.services.platform import Platform
from assay.services.unexamined import unearned_holders
from assay.storage import closure, experiments, workspaces
from assay.storage import lineage as lineage_rows
from assay.storage.database import Transaction

DEFAULT_EXPERIMENT: Final = "Default"
"""The name of the experiment that every server has from its first start on."""

MAX_REASON: Final = 2_000

Inherit = Literal["inherit"]
INHERIT: Final[Inherit] = "inherit"
"""In place of a policy: whatever the server was started with."""


class Workspaces:
    """Makes workspaces and sets their policies."""

    def __init__(self, platform: Platform, ledger: Ledger) -> None:
        self._platform = platform
        self._ledger = ledger

    def ensure_defaults(self, now_ms: int) -> None:
        """Make the default workspace and its experiment 0 where they do not exist."""
        with self._platform.database.write() as tx:
            workspaces.insert_workspace(tx, DEFAULT_WORKSPACE, "", now_ms)
            pk = self.pk_of(tx, DEFAULT_WORKSPACE)
            experiments.insert_first_experiment(tx, pk, DEFAULT_EXPERIMENT, now_ms)

    def create(self, context: Context, name: str, description: str = "") -> Workspace:
        """Make a workspace under the server's policy. Raises AlreadyExists."""
        require(context.actor, Action.WORKSPACE_WRITE, None)
        check_workspace_name(name, "name")
        check_text(description, "description", max_length=MAX_DESCRIPTION)
        with self._platform.database.write() as tx:
            if workspaces.insert_workspace(tx, name, description, context.now_ms) is None:
                raise AlreadyExists(f"Workspace {name!r} exists already.", field="name")
            made = self._get(tx, name)
            self._ledger.record(
                tx,
                context,
                action="workspace.created",
                object=f"workspace:{name}",
                workspace=name,
                details={"description": description},
            )
        return made

    def get(self, context: Context, name: str) -> Workspace:
        """The workspace with the policy in force. Raises NotFound."""
        context.require_object(Action.WORKSPACE_READ, name, f"Workspace {name!r}")
        with self._platform.database.read() as tx:
            return self._get(tx, name)

    def list(self, context: Context) -> tuple[Workspace, ...]:
        """The workspaces that the actor may read, by name."""
        with self._platform.database.read() as tx:
            found = workspaces.list_workspaces(tx, self._platform.policy)
        return tuple(
            workspace
            for workspace in found
            if is_allowed(context.actor, Action.WORKSPACE_READ, workspace.name)
        )

    def update_policy(
        self,
        context: Context,
        name: str,
        *,
        lineage: LineagePolicy | Inherit | None = None,
        protected: Collection[str] | Inherit | None = None,
        strict_refs: Demand | Inherit | None = None,
        closure_at_promotion: Demand | Inherit | None = None,
        reason: str = "",
    ) -> Workspace:
        """Change what is given (None: leave it) and record it in the ledger.

        An alias that becomes protected while somebody holds it who has not passed the gate needs a
        `reason`, which the ledger keeps beside their names; else FailedPrecondition.
        """
        context.require_object(Action.WORKSPACE_WRITE, name, f"Workspace {name!r}")
        if protected is not None and protected != INHERIT:
            check_protected(protected, "protected")
        check_text(reason, "reason", max_length=MAX_REASON)
        with self._platform.database.write() as tx:
            # Whoever promotes meanwhile decides under the old policy or under the new one.
            self._ledger.lock(tx)
            before = self._get(tx, name)
            if lineage is not None:
                own = None if lineage == INHERIT else LineagePolicy(lineage)
                workspaces.set_lineage_policy(tx, before.pk, own)
            if protected is not None:
                aliases = None if protected == INHERIT else sorted(set(protected))
                workspaces.set_protected_aliases(tx, before.pk, aliases)
            if strict_refs is not None or closure_at_promotion is not None:
                strict, promoting = closure.own_policy(tx, before.pk)
                closure.set_policy(
                    tx,
                    before.pk,
                    _own(strict_refs, strict),
                    _own(closure_at_promotion, promoting),
                )
            after = self._get(tx, name)
            details: dict[str, object] = {
                "before": _as_record(before.policy),
                "after": _as_record(after.policy),
            }
            if reason:
                details["reason"] = reason
            unearned = _newly_protected(tx, name, before.policy, after.policy, reason)
            if unearned:
                details["unexamined"] = unearned
            self._ledger.record(
                tx,
                context,
                action="workspace.policy_changed",
                object=f"workspace:{name}",
                workspace=name,
                details=details,
            )
        return after

    def lineage_mapping(self, context: Context, name: str) -> LineageMapping:
        """Which params and tags carry which lineage field there."""
        context.require_object(Action.WORKSPACE_READ, name, f"Workspace {name!r}")
        with self._platform.database.read() as tx:
            text = lineage_rows.lineage_mapping_text(tx, self.pk_of(tx, name))
        if text is None:
            return DEFAULT_MAPPING
        return mapping_from_record(as_object(parse_strict(text), "lineage_mapping"))

    def set_lineage_mapping(
        self, context: Context, name: str, mapping: LineageMapping | None
    ) -> LineageMapping:
        """Change it for registrations from now on; None: the usual one again."""
        context.require_object(Action.WORKSPACE_WRITE, name, f"Workspace {name!r}")
        record = None if mapping is None else mapping.as_record()
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            own = None if record is None else canonical_text(record)
            workspaces.set_lineage_mapping(tx, self.pk_of(tx, name), own)
            self._ledger.record(
                tx,
                context,
                action="workspace.lineage_mapping_changed",
                object=f"workspace:{name}",
                workspace=name,
                details={"mapping": record},
            )
        return self.lineage_mapping(context, name)

    def pk_of(self, tx: Transaction, name: str) -> int:
        """The key of a workspace. Raises NotFound."""
        return workspace_pk(tx, name)

    def _get(self, tx: Transaction, name: str) -> Workspace:
        found = workspaces.find_workspace(tx, name, self._platform.policy)
        if found is None:
            raise _unknown(name)
        return found


def workspace_pk(tx: Transaction, name: str) -> int:
    """The key of a workspace. Raises NotFound."""
    pk = workspaces.find_workspace_pk(tx, name)
    if pk is None:
        raise _unknown(name)
    return pk


def _unknown(name: str) -> NotFound:
    return NotFound(f"Workspace {name[:100]!r} does not exist.", field="workspace")


def _as_record(policy: Policy) -> dict[str, object]:
    return {
        "lineage": policy.lineage.value,
        "protected": sorted(policy.protected),
        "strict_refs": policy.strict_refs.value,
        "closure_at_promotion": policy.closure_at_promotion.value,
    }


def _newly_protected(
    tx: Transaction, name: str, before: Policy, after: Policy, reason: str
) -> list[str]:
    """Who holds, unexamined, what is protected from now on; refused without a reason."""
    fresh = {alias for alias in after.protected if alias not in before.protected}
    found = unearned_holders(tx, name, fresh) if fresh else []
    if found and not reason.strip():
        raise FailedPrecondition(
            f"{found[0][0].upper()}{found[0][1:]}. Have it examined and pass, set the alias free, or "
            "protect it with a reason (`assay workspaces policy --reason`), which the ledger keeps.",
            field="protected",
            unexamined=found,
        )
    return found


def _own(wanted: Demand | Inherit | None, before: Demand | None) -> Demand | None:
    if wanted is None:
        return before
    return None if wanted == INHERIT else Demand(wanted)
