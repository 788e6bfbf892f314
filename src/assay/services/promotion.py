"""Promotion and rollback: the one place that moves a protected alias, in one transaction.

Lock the ledger, then the alias → check the expected revision → read the current gate and both
verdicts → let `domain.promotion` decide → history, alias, ledger, idempotency → commit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from assay.domain.access import Action
from assay.domain.canonical import JsonValue
from assay.domain.errors import (
    Conflict,
    DataCorrupted,
    GateBlocked,
    NotFound,
    PermissionDenied,
)
from assay.domain.event_target import alias_target, version_target
from assay.domain.gate import GateSpec
from assay.domain.ids import parse_version
from assay.domain.ledger import EventOutcome
from assay.domain.names import check_alias, check_text, is_protected
from assay.domain.promotion import Decision, Reason, decide, rollback_target
from assay.domain.proposal import Proposal, hold_message
from assay.domain.registry import (
    AliasMove,
    ModelVersion,
    MoveKind,
    RegisteredModel,
    VersionState,
)
from assay.domain.review import BreakGlassRequest
from assay.services.alias_moves import PlannedMove, recall_move, remember_move, write_move
from assay.services.catalogue import find_version_ever, get_model, get_workspace
from assay.services.checks import check_spelling
from assay.services.clashes import repeats_clashes
from assay.services.closure_promotion import ClosureAtPromotion
from assay.services.context import Context
from assay.services.evidence import Weighed, contender, weigh
from assay.services.gate_queue import ensure_queued, needs_exam
from assay.services.ledger import Ledger, actor_text
from assay.services.platform import Platform
from assay.services.reviewing import Review, Reviewing
from assay.storage import aliases, gates, model_versions
from assay.storage.aliases import HeldAlias
from assay.storage.database import Transaction

CHAMPION_ALIAS = "production"
MAX_REASON = 2_000
MAX_READ_AGAIN = 4 << 30
"""How many bytes of a challenger are read again; an audit and every download read all of them."""

# The moves by which a version comes to hold a protected alias; a rollback only returns to one of them.
_EARNED = {MoveKind.PROMOTION, MoveKind.IMPORTED, MoveKind.BREAK_GLASS}
# No exam would lift these, so none is queued for them.
_BEYOND_EXAMS = {
    Reason.DELETED,
    Reason.QUARANTINED,
    Reason.UNVERIFIABLE,
    Reason.ALREADY_CHAMPION,
}


@dataclass(frozen=True, slots=True)
class _Contest:
    """A proposal with the objects that it is about."""

    proposal: Proposal
    model: RegisteredModel
    held: HeldAlias
    challenger: ModelVersion
    champion: ModelVersion | None


class Promotion:
    """Moves protected aliases, forward through the gate and back to who held them before."""

    def __init__(self, platform: Platform, ledger: Ledger, closure: ClosureAtPromotion) -> None:
        self._platform = platform
        self._ledger = ledger
        self._closure = closure
        self._reviewing = Reviewing(platform)

    def preview(
        self, context: Context, model: str, version: int | str, alias: str = CHAMPION_ALIAS
    ) -> Proposal:
        """What `promote` would decide now, with its reasons; nothing is written or queued."""
        context.require(Action.REGISTRY_READ)
        check_alias(alias)
        with self._platform.database.read() as tx:
            found = get_model(tx, context, model)
            held = aliases.read_alias(tx, found.pk, alias)
            return self._contest(tx, context, found, held, version, alias).proposal

    def promote(
        self,
        context: Context,
        model: str,
        version: int | str,
        alias: str = CHAMPION_ALIAS,
        *,
        expected_revision: int | None = None,
        reason: str = "",
    ) -> AliasMove:
        """Let the version take the alias if it passes the current gate and beats the champion.

        Raises GateBlocked with every reason for holding; what is needed to go on (a gate run of the
        version, or of the champion) is queued then, the attempt is recorded, and nothing else is
        changed. Raises Conflict for a stale `expected_revision`, DataCorrupted when files of the
        version are gone.
        """
        number = parse_version(version)
        self._require(context, "promotion", model, alias, {"version": number})
        check_alias(alias)
        check_text(reason, "reason", max_length=MAX_REASON)
        self.check_bytes(context, model, number)
        self._closure.check(context, model, number)
        self._compare_before(context, model, number, alias)
        request: dict[str, JsonValue] = {
            "operation": "promote",
            "model": model,
            "version": number,
            "alias": alias,
            "expected_revision": expected_revision,
        }
        outcome = self._contend(context, request, model, number, alias, expected_revision, reason)
        if isinstance(outcome, GateBlocked):
            raise outcome
        return outcome

    @repeats_clashes
    def _contend(
        self,
        context: Context,
        request: dict[str, JsonValue],
        model: str,
        number: int,
        alias: str,
        expected_revision: int | None,
        reason: str,
    ) -> AliasMove | GateBlocked:
        """Decide and carry out in one transaction; a refusal is returned, since what it queued stays."""
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            repeated = recall_move(tx, context, request, model)
            if repeated is not None:
                return repeated
            found = get_model(tx, context, model)
            workspace = get_workspace(tx, self._platform, found.workspace)
            check_spelling(alias, workspace.policy.protected)
            held = aliases.lock_alias(tx, found.pk, alias)
            _check_revision(alias, held, expected_revision)
            contest = self._contest(tx, context, found, held, number, alias)
            if contest.proposal.decision.promoted:
                move = self._carry_out(tx, context, contest, reason)
                remember_move(tx, context, request, contest.model, move)
                return move
            return self._hold(tx, context, contest)

    def rollback(
        self,
        context: Context,
        model: str,
        alias: str = CHAMPION_ALIAS,
        *,
        expected_revision: int | None = None,
        reason: str = "",
    ) -> AliasMove:
        """Give the alias back to the champion before, and quarantine the version that it left.

        A second rollback goes one further. Who was only set there while the alias was not protected
        is passed over. Raises FailedPrecondition when nobody usable held the alias before, Conflict
        for a stale `expected_revision`.
        """
        self._require(context, "rollback", model, alias, {})
        check_alias(alias)
        check_text(reason, "reason", max_length=MAX_REASON)
        request: dict[str, JsonValue] = {
            "operation": "rollback",
            "model": model,
            "alias": alias,
            "expected_revision": expected_revision,
        }
        with self._platform.database.read() as tx:
            repeated = recall_move(tx, context, request, model)
            if repeated is not None:
                return repeated
            checked = self._earlier_holder(tx, get_model(tx, context, model), alias)
        self.check_bytes(context, model, checked.version)
        return self._step_back(context, request, model, alias, expected_revision, reason, checked)

    @repeats_clashes
    def _step_back(
        self,
        context: Context,
        request: dict[str, JsonValue],
        model: str,
        alias: str,
        expected_revision: int | None,
        reason: str,
        checked: ModelVersion,
    ) -> AliasMove:
        """Return to the version whose bytes were checked, in one transaction."""
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            repeated = recall_move(tx, context, request, model)
            if repeated is not None:
                return repeated
            found = get_model(tx, context, model)
            held = aliases.lock_alias(tx, found.pk, alias)
            _check_revision(alias, held, expected_revision)
            target = self._earlier_holder(tx, found, alias)
            if target.pk != checked.pk:
                raise Conflict(f"The alias {alias!r} moved at the same time; look again.")
            move = self._return_to(tx, context, found, alias, held, target, reason)
            remember_move(tx, context, request, found, move)
        return move

    def _require(
        self, context: Context, action: str, model: str, alias: str, details: dict[str, object]
    ) -> None:
        try:
            context.require(Action.PROMOTE)
        except PermissionDenied as refusal:
            self._ledger.record_denied(
                context,
                action=action,
                object=alias_target(model[:300], alias[:300]),
                workspace=context.workspace,
                details={**details, "reason": refusal.message},
            )
            raise

    def _contest(
        self,
        tx: Transaction,
        context: Context,
        model: RegisteredModel,
        held: HeldAlias,
        version: int | str,
        alias: str,
    ) -> _Contest:
        challenger = find_version_ever(tx, model, version)
        if challenger is None:
            raise NotFound(
                f"Model version {version!s:.20} of {model.name!r} does not exist.",
                field="version",
            )
        champion = None
        if held.version_pk is not None:
            champion = model_versions.find_version_by_pk(tx, held.version_pk)
        gate = gates.find_current_gate(tx, model.workspace, model.pk)
        ours = challenger, weigh(tx, gate, challenger)
        theirs = None if champion is None else (champion, weigh(tx, gate, champion))
        review = self._reviewing.gather(tx, context, model, alias, held, gate, ours, theirs)
        unclosed = self._closure.objection(tx, challenger)
        spec = None if gate is None else gate.spec
        decision = _decided(context, ours, theirs, spec, review, unclosed)
        weighed = [side[1].given for side in (ours, theirs) if side is not None]
        proposal = Proposal(
            model=model.name,
            alias=alias,
            revision=held.revision,
            version=challenger.version,
            champion=None if champion is None else champion.version,
            gate=gate,
            decision=decision,
            evidence=tuple(dict.fromkeys(g.gate_run_id for g in weighed if g is not None)),
            approvals=review.approvals,
            approvals_wanted=review.approvals_wanted,
            barred=review.barred,
        )
        return _Contest(proposal, model, held, challenger, champion)

    def _carry_out(
        self, tx: Transaction, context: Context, contest: _Contest, reason: str
    ) -> AliasMove:
        planned = PlannedMove(
            model=contest.model,
            alias=contest.proposal.alias,
            held=contest.held,
            target=contest.challenger,
            kind=MoveKind.PROMOTION,
            reason=reason,
            decision=contest.proposal.as_record(),
        )
        return self._write(tx, context, planned)

    def break_through(
        self,
        tx: Transaction,
        context: Context,
        model: RegisteredModel,
        held: HeldAlias,
        target: ModelVersion,
        asked: BreakGlassRequest,
    ) -> AliasMove:
        """Move the alias without a contest, in the transaction of the confirmed request.

        The caller, `BreakGlass`, has locked ledger and alias and checked both people and the version.
        """
        planned = PlannedMove(
            model=model,
            alias=asked.alias,
            held=held,
            target=target,
            kind=MoveKind.BREAK_GLASS,
            reason=asked.reason,
            decision={
                "request_id": asked.request_id,
                "requested_by": asked.requested_by,
                "confirmed_by": actor_text(context),
                "artifact_digest": asked.artifact_digest,
            },
        )
        return self._write(tx, context, planned)

    def _compare_before(self, context: Context, model: str, version: int, alias: str) -> None:
        """Have the paired test made and remembered before any lock is held: its rows may be many."""
        with self._platform.database.read() as tx:
            found = get_model(tx, context, model)
            held = aliases.read_alias(tx, found.pk, alias)
            if held.version_pk is not None and find_version_ever(tx, found, version) is not None:
                self._contest(tx, context, found, held, version, alias)

    def _return_to(
        self,
        tx: Transaction,
        context: Context,
        model: RegisteredModel,
        alias: str,
        held: HeldAlias,
        target: ModelVersion,
        reason: str,
    ) -> AliasMove:
        if held.version_pk is not None:
            why = f"rolled back from {alias!r}" + (f": {reason}" if reason else "")
            model_versions.set_version_state(
                tx, held.version_pk, VersionState.QUARANTINED, why, context.now_ms
            )
        planned = PlannedMove(
            model=model,
            alias=alias,
            held=held,
            target=target,
            kind=MoveKind.ROLLBACK,
            reason=reason,
            quarantined=held.version,
        )
        return self._write(tx, context, planned)

    def _write(self, tx: Transaction, context: Context, planned: PlannedMove) -> AliasMove:
        workspace = get_workspace(tx, self._platform, planned.model.workspace)
        move = write_move(tx, self._ledger, context, planned, workspace.policy.protected)
        if is_protected(planned.alias, workspace.policy.protected):
            self._carry_stage_along(tx, context, planned)
        return move

    def _carry_stage_along(self, tx: Transaction, context: Context, planned: PlannedMove) -> None:
        """A stage label that is called like the alias goes where the alias goes, if it is in use.

        Older clients load by stage: they must not be served what the alias no longer names.
        """
        assert planned.target is not None
        label = model_versions.find_stage(tx, planned.model.pk, planned.alias)
        if label is None:
            return
        left = model_versions.take_stage(tx, planned.model.pk, label, "", context.now_ms)
        model_versions.set_stage(tx, planned.target.pk, label, context.now_ms)
        self._ledger.record(
            tx,
            context,
            action="version.stage_changed",
            object=version_target(planned.model.name, planned.target.version),
            workspace=planned.model.workspace,
            details={"stage": label, "left": left},
        )

    def _hold(self, tx: Transaction, context: Context, contest: _Contest) -> GateBlocked:
        """Queue what would let the contest go on, record the attempt, and say why it is held."""
        proposal = contest.proposal
        queued = {
            side.version: ensure_queued(
                tx, self._platform, self._ledger, context, proposal.gate, side
            ).gate_run_id
            for side in self._unexamined(tx, contest)
            if proposal.gate is not None
        }
        message = hold_message(proposal, sorted(queued))
        record = proposal.as_record()
        self._ledger.record(
            tx,
            context,
            action="promotion",
            object=alias_target(proposal.model, proposal.alias),
            workspace=contest.model.workspace,
            details={"decision": record, "queued": sorted(queued.values())},
            before=None if contest.champion is None else contest.champion.artifact_digest,
            after=contest.challenger.artifact_digest,
            outcome=EventOutcome.DENIED,
        )
        return GateBlocked(
            message,
            field="version",
            reasons=list(proposal.decision.reasons),
            codes=[code.value for code in proposal.decision.codes],
            decision=record,
            queued=sorted(queued.values()),
        )

    def _unexamined(self, tx: Transaction, contest: _Contest) -> Iterable[ModelVersion]:
        gate = contest.proposal.gate
        if gate is None or _BEYOND_EXAMS & set(contest.proposal.decision.codes):
            return
        for side in (contest.challenger, contest.champion):
            if side is not None and needs_exam(tx, gate, side):
                yield side

    def _earlier_holder(self, tx: Transaction, model: RegisteredModel, alias: str) -> ModelVersion:
        trail = list(aliases.holder_trail(tx, model.pk, alias))
        # Who was set there, while the alias was not protected, has not earned it.
        numbers = {number for kind, number in trail if number is not None and kind in _EARNED}
        holders = model_versions.find_versions(tx, model.pk, numbers)
        usable = {
            number
            for number, found in holders.items()
            if found.state is VersionState.REGISTERED and found.verifiable
        }
        unusable = {number for _, number in trail if number is not None} - usable
        return holders[rollback_target(trail, unusable)]

    def check_bytes(self, context: Context, model: str, version: int) -> None:
        """Refuse a version whose frozen files are not what they were, before any lock is held.

        The bytes are read again and compared with their digests, as far as `MAX_READ_AGAIN` goes;
        beyond that their sizes are. Raises DataCorrupted.
        """
        with self._platform.database.read() as tx:
            found = find_version_ever(tx, get_model(tx, context, model), version)
            files = () if found is None else model_versions.list_files(tx, found.pk)
        left_bytes = MAX_READ_AGAIN
        for sha256, (path, size_bytes) in {f.sha256: (f.path, f.size_bytes) for f in files}.items():
            is_well = self._platform.blobs.stat(sha256) == size_bytes
            if is_well and size_bytes <= left_bytes:
                left_bytes -= size_bytes
                is_well = _is_intact(self._platform, sha256)
            if not is_well:
                raise DataCorrupted(
                    f"The file {path!r} of version {version} of {model!r} is missing or damaged; "
                    "run `assay audit verify`.",
                    sha256=sha256,
                )


def _is_intact(platform: Platform, sha256: str) -> bool:
    try:
        with platform.blobs.open(sha256, verify=True) as pieces:
            for _ in pieces:
                pass
    except (DataCorrupted, NotFound):
        return False
    return True


def _check_revision(alias: str, held: HeldAlias, expected: int | None) -> None:
    if expected is not None and expected != held.revision:
        raise Conflict(
            f"The alias {alias!r} is at revision {held.revision}, not {expected}: it moved in the "
            "meantime. Look at who holds it now and decide anew.",
            field="expected_revision",
            revision=held.revision,
        )


def _decided(
    context: Context,
    ours: tuple[ModelVersion, Weighed],
    theirs: tuple[ModelVersion, Weighed] | None,
    gate: GateSpec | None,
    review: Review,
    unclosed: str | None,
) -> Decision:
    return decide(
        replace(contender(*ours), twin=review.twin),
        None if theirs is None else contender(*theirs),
        gate,
        approvals=review.approvers,
        approvals_wanted=review.approvals_wanted,
        barred=review.barred,
        promoter=context.actor.name,
        frozen=review.frozen,
        paired=review.paired,
        unclosed=unclosed,
    )
