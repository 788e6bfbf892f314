"""Gate runners' keys: registered for a workspace, rotated, revoked; and whether it wants signatures."""

from __future__ import annotations

from assay.domain.access import Action
from assay.domain.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from assay.domain.event_target import runner_key_target
from assay.domain.gate_run import Gate, GateRun
from assay.domain.names import check_text
from assay.domain.review import RunnerKey, SignaturePolicy
from assay.domain.tracking import Page
from assay.domain.verdict_statement import (
    Statement,
    check_public_key,
    check_signature,
    key_id_of,
)
from assay.services.catalogue import get_workspace
from assay.services.checks import check_page_size
from assay.services.context import Context
from assay.services.key_pages import KeyPages
from assay.services.ledger import Ledger, actor_text
from assay.services.platform import Platform
from assay.services.runner_signatures import is_signed_by
from assay.storage import runner_keys
from assay.storage.database import Transaction

MAX_PAGE = 1_000
MAX_REASON = 2_000


class RunnerKeys:
    """Registers, rotates and revokes keys; a private key never comes here."""

    def __init__(self, platform: Platform, ledger: Ledger) -> None:
        self._platform = platform
        self._ledger = ledger

    def register(
        self, context: Context, public_key: str, runner: str, *, replaces: str | None = None
    ) -> RunnerKey:
        """Register an Ed25519 public key (64 hex digits) for the gate runner's principal `runner`.

        With `replaces`, the key of that id is retired at the same moment: it signs nothing more, and
        what it signed stands. Raises AlreadyExists for a key that was ever registered here.
        """
        context.require(Action.GATE_WRITE)
        key_id = key_id_of(public_key)
        check_text(runner, "runner", max_length=100, allow_empty=False)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            if runner_keys.find_key(tx, context.workspace, key_id) is not None:
                raise AlreadyExists(
                    f"The key {key_id} is registered here already; make a new one.",
                    field="public_key",
                )
            former = None
            if replaces is not None:
                former = self._active(tx, context, replaces)
                runner_keys.retire_key(tx, former.pk, context.now_ms)
            workspace = get_workspace(tx, self._platform, context.workspace)
            runner_keys.insert_key(
                tx,
                workspace.pk,
                key_id=key_id,
                runner=runner,
                public_key=check_public_key(public_key),
                created_by=actor_text(context),
                now_ms=context.now_ms,
            )
            if former is not None:
                self._record(tx, context, "runner_key.retired", former.key_id, {"by": key_id})
            details: dict[str, object] = {"runner": runner, "public_key": public_key}
            self._record(tx, context, "runner_key.registered", key_id, details)
            return self._get(tx, context, key_id)

    def retire(self, context: Context, key_id: str) -> RunnerKey:
        """Let the key sign nothing more; what it signed stands."""
        context.require(Action.GATE_WRITE)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            key = self._active(tx, context, key_id)
            runner_keys.retire_key(tx, key.pk, context.now_ms)
            self._record(tx, context, "runner_key.retired", key_id, {})
            return self._get(tx, context, key_id)

    def revoke(
        self, context: Context, key_id: str, *, since_ms: int | None = None, reason: str = ""
    ) -> RunnerKey:
        """Trust the key no longer. Verdicts written with it since `since_ms` (default: now) are void.

        A key that was lost earlier than it was noticed is revoked since then. Revoking it again may
        only move that moment back.
        """
        context.require(Action.GATE_WRITE)
        check_text(reason, "reason", max_length=MAX_REASON)
        void_from_ms = context.now_ms if since_ms is None else since_ms
        if not 0 <= void_from_ms <= context.now_ms:
            raise InvalidArgument("since_ms lies in the past.", field="since_ms")
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            key = self._get(tx, context, key_id)
            if key.void_from_ms is not None and key.void_from_ms <= void_from_ms:
                return key
            runner_keys.revoke_key(tx, key.pk, context.now_ms, void_from_ms, reason)
            details: dict[str, object] = {"void_from_ms": void_from_ms, "reason": reason}
            self._record(tx, context, "runner_key.revoked", key_id, details)
            return self._get(tx, context, key_id)

    def list(
        self, context: Context, *, max_results: int = 100, page_token: str | None = None
    ) -> Page[RunnerKey]:
        """The keys of the workspace, revoked ones included, in the order of their registration."""
        context.require(Action.GATE_READ)
        check_page_size(max_results, MAX_PAGE)
        pages = KeyPages("runner_keys", context.workspace)
        with self._platform.database.read() as tx:
            found = runner_keys.list_keys(
                tx, context.workspace, after_pk=pages.start(page_token), limit=max_results + 1
            )
        return pages.page(found, max_results)

    def policy(self, context: Context) -> SignaturePolicy:
        """Whether the workspace lets unsigned verdicts count."""
        context.require(Action.GATE_READ)
        with self._platform.database.read() as tx:
            return runner_keys.signature_policy(tx, context.workspace)

    def set_policy(self, context: Context, policy: SignaturePolicy) -> SignaturePolicy:
        """Demand signatures from now on, or no longer. Unsigned verdicts are void while demanded."""
        context.require(Action.GATE_WRITE)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            before = runner_keys.signature_policy(tx, context.workspace)
            workspace = get_workspace(tx, self._platform, context.workspace)
            actor = actor_text(context)
            runner_keys.set_signature_policy(tx, workspace.pk, policy, actor, context.now_ms)
            self._ledger.record(
                tx,
                context,
                action="gate_policy.changed",
                object=f"workspace:{context.workspace}",
                workspace=context.workspace,
                details={"before": before.value, "after": policy.value},
            )
        return policy

    def _active(self, tx: Transaction, context: Context, key_id: str) -> RunnerKey:
        key = self._get(tx, context, key_id)
        if key.state != "active":
            raise FailedPrecondition(f"The key {key_id[:100]} is {key.state}.", field="key_id")
        return key

    def _get(self, tx: Transaction, context: Context, key_id: str) -> RunnerKey:
        found = runner_keys.find_key(tx, context.workspace, key_id)
        if found is None:
            raise NotFound(f"No runner key {key_id[:100]!r} is registered here.", field="key_id")
        return found

    def _record(
        self,
        tx: Transaction,
        context: Context,
        action: str,
        key_id: str,
        details: dict[str, object],
    ) -> None:
        self._ledger.record(
            tx,
            context,
            action=action,
            object=runner_key_target(key_id),
            workspace=context.workspace,
            details=details,
        )


def check_signed(
    tx: Transaction,
    context: Context,
    run: GateRun,
    gate: Gate,
    statement: Statement,
    given: tuple[str, str] | None,
) -> tuple[RunnerKey, str] | None:
    """The key and signature of a verdict about to be written; None for one that is allowed unsigned.

    `given` is (key id, signature). Raises PermissionDenied for an absent signature where one is
    demanded, and for one that no active key of this runner and workspace made over the statement.
    """
    if given is None:
        workspace_policy = runner_keys.signature_policy(tx, run.workspace)
        if gate.spec.signed_verdicts or workspace_policy is SignaturePolicy.REQUIRE:
            raise PermissionDenied(
                f"{gate.title} takes signed verdicts only: start the gate runner with --key.",
                action=Action.VERDICT_WRITE.value,
            )
        return None
    key_id, signature = given
    key = runner_keys.find_key(tx, run.workspace, key_id)
    why = None
    if key is None:
        why = "is not registered for this workspace"
    elif key.state != "active":
        why = f"is {key.state}"
    elif key.runner != context.actor.name:
        why = "belongs to another gate runner"
    elif not is_signed_by(key.public_key, statement, check_signature(signature)):
        why = "did not make this signature over this verdict"
    if key is None or why is not None:
        raise PermissionDenied(
            f"The key {key_id[:100]!r} {why}.", action=Action.VERDICT_WRITE.value
        )
    return key, signature
