"""Writing down that an alias moved: history, alias and ledger, all or nothing.

Nothing is decided here. Protected aliases get here from `promotion`, and once, when they are moved in,
from `importing`; everything else is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assay.domain.canonical import JsonValue, canonical_text
from assay.domain.errors import FailedPrecondition
from assay.domain.event_target import alias_target
from assay.domain.imported import is_imported
from assay.domain.ledger import EventAction
from assay.domain.names import is_protected
from assay.domain.registry import AliasMove, ModelVersion, MoveKind, RegisteredModel
from assay.domain.replay import AliasMoved, AliasRemoved, RolledBack, details_record
from assay.services.context import Context
from assay.services.idempotency import recall, remember
from assay.services.ledger import Ledger, actor_text
from assay.storage import aliases, model_versions, registered_models
from assay.storage.aliases import HeldAlias, NewMove
from assay.storage.database import Transaction

_ACTIONS: Mapping[MoveKind, EventAction] = {
    MoveKind.SET: EventAction.ALIAS_SET,
    MoveKind.IMPORTED: EventAction.ALIAS_SET,
    MoveKind.PROMOTION: EventAction.PROMOTION,
    MoveKind.ROLLBACK: EventAction.ROLLBACK,
    MoveKind.REMOVED: EventAction.ALIAS_DELETED,
    MoveKind.BREAK_GLASS: EventAction.BREAK_GLASS,
}
_GUARDED_KINDS = frozenset({MoveKind.PROMOTION, MoveKind.ROLLBACK, MoveKind.BREAK_GLASS})


@dataclass(frozen=True, slots=True)
class PlannedMove:
    """A move that was decided: `alias`, locked as `held`, goes to `target` (None: it is removed)."""

    model: RegisteredModel
    alias: str
    held: HeldAlias
    target: ModelVersion | None
    kind: MoveKind
    reason: str = ""
    decision: Mapping[str, JsonValue] | None = None
    quarantined: int | None = None


def write_move(
    tx: Transaction,
    ledger: Ledger,
    context: Context,
    move: PlannedMove,
    protected: frozenset[str],
) -> AliasMove:
    """Carry the move out as the next revision. The caller holds the ledger's lock."""
    is_guarded = move.kind in _GUARDED_KINDS or _is_moved_in(move)
    if is_protected(move.alias, protected) and not is_guarded:
        msg = f"a {move.kind.value} was about to move the protected alias {move.alias!r}"
        raise RuntimeError(msg)
    revision = move.held.revision + 1
    seq = _record(tx, ledger, context, move, revision)
    target_pk = None if move.target is None else move.target.pk
    decision = None if move.decision is None else canonical_text(move.decision)
    aliases.insert_move(
        tx,
        NewMove(
            model_pk=move.model.pk,
            alias=move.alias,
            revision=revision,
            kind=move.kind,
            from_version_pk=move.held.version_pk,
            to_version_pk=target_pk,
            decision=decision,
            reason=move.reason,
            actor=actor_text(context),
            ledger_seq=seq,
            at_ms=context.now_ms,
        ),
    )
    aliases.point_alias(tx, move.model.pk, move.alias, target_pk, revision, context.now_ms)
    registered_models.touch_model(tx, move.model.pk, context.now_ms)
    written = aliases.find_move(tx, move.model.pk, move.alias, revision)
    assert written is not None
    return written


def recall_move(
    tx: Transaction, context: Context, request: dict[str, JsonValue], model: str
) -> AliasMove | None:
    """The move that this request made when it came first, None when it is new."""
    answer = recall(tx, context, request)
    if answer is None:
        return None
    model_pk, alias, revision = answer["model_id"], answer["alias"], answer["revision"]
    assert isinstance(model_pk, int)
    assert isinstance(revision, int)
    move = aliases.find_move(tx, model_pk, str(alias), revision)
    if move is None:
        raise FailedPrecondition(f"The model {model!r} of the first request is gone.")
    return move


def remember_move(
    tx: Transaction,
    context: Context,
    request: dict[str, JsonValue],
    model: RegisteredModel,
    move: AliasMove,
) -> None:
    """Keep what the request is answered, for when it comes again."""
    answer: dict[str, JsonValue] = {
        "model_id": model.pk,
        "alias": move.alias,
        "revision": move.revision,
    }
    remember(tx, context, request, answer)


def _is_moved_in(move: PlannedMove) -> bool:
    if move.kind is not MoveKind.IMPORTED or move.target is None:
        return False
    return move.held.revision == 0 and is_imported(move.target)


def _record(
    tx: Transaction, ledger: Ledger, context: Context, move: PlannedMove, revision: int
) -> int:
    before = None
    if move.held.version_pk is not None:
        left = model_versions.find_version_by_pk(tx, move.held.version_pk)
        before = None if left is None else left.artifact_digest
    return ledger.record(
        tx,
        context,
        action=_ACTIONS[move.kind],
        object=alias_target(move.model.name, move.alias),
        workspace=move.model.workspace,
        details=details_record(_details(move, revision)),
        before=before,
        after=None if move.target is None else move.target.artifact_digest,
    )


def _details(move: PlannedMove, revision: int) -> AliasMoved | AliasRemoved | RolledBack:
    if move.target is None:
        return AliasRemoved(
            move.model.pk, move.alias, move.held.version, revision, reason=move.reason
        )
    if move.kind is MoveKind.ROLLBACK:
        return RolledBack(
            move.model.pk,
            move.alias,
            move.target.version,
            move.held.version,
            revision,
            move.quarantined,
            reason=move.reason,
        )
    return AliasMoved(
        move.model.pk,
        move.alias,
        move.target.version,
        move.held.version,
        revision,
        reason=move.reason,
        decision=move.decision,
    )
