"""Approvals: other people's consent to one promotion, bound to its bytes, gate and alias revision."""

from __future__ import annotations

from assay.domain.access import Action
from assay.domain.errors import AlreadyExists, FailedPrecondition, NotFound, PermissionDenied
from assay.domain.event_target import version_target
from assay.domain.names import check_alias, check_text, is_protected
from assay.domain.registry import ModelVersion, RegisteredModel, VersionState
from assay.domain.review import Approval
from assay.domain.tracking import Page
from assay.services.catalogue import get_model, get_version, get_workspace
from assay.services.checks import check_page_size, check_spelling
from assay.services.context import Context
from assay.services.key_pages import KeyPages
from assay.services.ledger import Ledger, actor_text
from assay.services.people import require_person
from assay.services.platform import Platform
from assay.services.reviewing import barred_from_approving
from assay.storage import aliases, approvals, gates
from assay.storage.database import Transaction

MAX_PAGE = 1_000
MAX_REASON = 2_000


class Approvals:
    """Takes, lists and withdraws approvals; `Promotion` counts them."""

    def __init__(self, platform: Platform, ledger: Ledger) -> None:
        self._platform = platform
        self._ledger = ledger

    def approve(
        self, context: Context, model: str, version: int | str, alias: str, *, reason: str = ""
    ) -> Approval:
        """Agree that the version takes the alias from where it stands now, under the current gate.

        Void once the alias moves, the gate changes or the person may no longer approve. Raises
        PermissionDenied for who registered the version, ran its training or wrote the gate, and for
        what is no person; AlreadyExists for a second approval of the same promotion.
        """
        self._require(context, model, version)
        check_alias(alias)
        check_text(reason, "reason", max_length=MAX_REASON)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            owner = get_model(tx, context, model)
            found = get_version(tx, owner, version)
            protected = get_workspace(tx, self._platform, owner.workspace).policy.protected
            check_spelling(alias, protected)
            if not is_protected(alias, protected):
                raise FailedPrecondition(
                    f"{alias!r} is not protected here; nobody needs to approve.", field="alias"
                )
            given = self._bound(tx, context, owner, found, alias, reason)
            approvals.insert_approval(tx, found.pk, given)
            self._record(tx, context, "approval.given", given)
            kept = approvals.find_approval(tx, given.approval_id)
            assert kept is not None
            return kept

    def _bound(
        self,
        tx: Transaction,
        context: Context,
        owner: RegisteredModel,
        found: ModelVersion,
        alias: str,
        reason: str,
    ) -> Approval:
        gate = gates.find_current_gate(tx, owner.workspace, owner.pk)
        if gate is None or found.artifact_digest is None or not found.verifiable:
            raise FailedPrecondition(
                f"Version {found.version} of {owner.name!r} cannot be promoted: it needs a gate, "
                "files and closed lineage.",
                field="version",
            )
        if found.state is not VersionState.REGISTERED:
            raise FailedPrecondition(
                f"Version {found.version} of {owner.name!r} is {found.state.value}.",
                field="version",
            )
        if context.actor.name in barred_from_approving(tx, gate, found):
            raise PermissionDenied(
                f"{context.actor.name!r} registered version {found.version}, ran its training or "
                "wrote the gate: somebody else must approve it.",
                action=Action.APPROVE.value,
            )
        revision = aliases.read_alias(tx, owner.pk, alias).revision
        for other in approvals.standing_approvals(tx, found.pk, alias):
            if other.approver == context.actor.name and other.is_for(
                found.artifact_digest, gate.fingerprint, revision
            ):
                raise AlreadyExists(
                    f"{context.actor.name!r} approved this already ({other.approval_id}).",
                    field="version",
                )
        return Approval(
            pk=0,
            approval_id=self._platform.token_hex(8),
            model=owner.name,
            version=found.version,
            alias=alias,
            alias_revision=revision,
            artifact_digest=found.artifact_digest,
            gate_fingerprint=gate.fingerprint,
            approver=context.actor.name,
            principal_id=context.actor.principal_id,
            reason=reason,
            created_at_ms=context.now_ms,
            withdrawn_at_ms=None,
        )

    def withdraw(self, context: Context, model: str, approval_id: str) -> Approval:
        """Take back one's own approval; what was promoted with it stays. Again changes nothing."""
        context.require(Action.APPROVE)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            owner = get_model(tx, context, model)
            given = approvals.find_approval(tx, approval_id)
            if given is None or given.model != owner.name:
                raise NotFound(
                    f"Approval {approval_id[:100]!r} does not exist.", field="approval_id"
                )
            if given.approver != context.actor.name:
                raise PermissionDenied(f"Only {given.approver!r} withdraws this approval.")
            if given.withdrawn_at_ms is None:
                approvals.withdraw_approval(tx, given.pk, context.now_ms)
                self._record(tx, context, "approval.withdrawn", given)
            kept = approvals.find_approval(tx, approval_id)
            assert kept is not None
            return kept

    def list(
        self,
        context: Context,
        model: str,
        *,
        version: int | None = None,
        max_results: int = 100,
        page_token: str | None = None,
    ) -> Page[Approval]:
        """Approvals of the model's versions in order, void and withdrawn ones included."""
        context.require(Action.REGISTRY_READ)
        check_page_size(max_results, MAX_PAGE)
        pages = KeyPages("approvals", context.workspace, model, version)
        with self._platform.database.read() as tx:
            owner = get_model(tx, context, model)
            found = approvals.list_approvals(
                tx,
                owner.pk,
                after_pk=pages.start(page_token),
                limit=max_results + 1,
                version=version,
            )
        return pages.page(found, max_results)

    def _require(self, context: Context, model: str, version: int | str) -> None:
        try:
            context.require(Action.APPROVE)
            require_person(context, "approve")
        except PermissionDenied as refusal:
            self._ledger.record_denied(
                context,
                action="approval.given",
                object=f"version:{model[:300]}/{version!s:.20}",
                workspace=context.workspace,
                details={"reason": refusal.message},
            )
            raise

    def _record(self, tx: Transaction, context: Context, action: str, given: Approval) -> None:
        self._ledger.record(
            tx,
            context,
            action=action,
            object=version_target(given.model, given.version),
            workspace=context.workspace,
            details={
                "approval_id": given.approval_id,
                "approver": actor_text(context),
                "alias": given.alias,
                "alias_revision": given.alias_revision,
                "gate_fingerprint": given.gate_fingerprint,
                "reason": given.reason,
            },
            after=given.artifact_digest,
        )
