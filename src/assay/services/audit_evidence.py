"""What must lie beside the ledger's events: each alias's history, each verdict, each promotion's evidence."""

from __future__ import annotations

from collections.abc import Mapping

from assay.domain.audit import AuditReport
from assay.domain.canonical import canonical_text
from assay.domain.event_target import gate_run_target
from assay.domain.gate import verdict_digest
from assay.domain.gate_run import GivenVerdict
from assay.domain.ledger import Event, EventAction, EventOutcome
from assay.domain.registry import MoveKind
from assay.domain.replay import AliasMoved, AliasRemoved, RolledBack, parse_details
from assay.domain.supported import unsupported
from assay.services.runner_signatures import signature_fault
from assay.storage import audit as rows
from assay.storage import gates, verdicts
from assay.storage.audit import MoveRow
from assay.storage.database import Transaction

_VERDICT_WRITTEN = "verdict.written"
_GLASS_ASKED = "break_glass.requested"
_GLASS_CONFIRMED = "break_glass.confirmed"
_KINDS: Mapping[str, frozenset[MoveKind]] = {
    EventAction.ALIAS_SET: frozenset({MoveKind.SET, MoveKind.IMPORTED}),
    EventAction.ALIAS_DELETED: frozenset({MoveKind.REMOVED}),
    EventAction.PROMOTION: frozenset({MoveKind.PROMOTION}),
    EventAction.ROLLBACK: frozenset({MoveKind.ROLLBACK}),
    EventAction.BREAK_GLASS: frozenset({MoveKind.BREAK_GLASS}),
}


class Companions:
    """Walks along the ledger and beside it along the tables that grow with it, a row at a time."""

    def __init__(self, tx: Transaction, report: AuditReport) -> None:
        self._tx = tx
        self._report = report
        self._moves = rows.stream_moves(tx)
        self._move = next(self._moves, None)
        self._verdicts = verdicts.stream_verdicts(tx)
        # Who asked to break the glass and who confirmed it, by request: emergencies are few.
        self._asked: dict[object, str] = {}
        self._confirmed: dict[object, str] = {}

    def close(self) -> None:
        """Let go of the tables, read to their ends or not."""
        self._moves.close()
        self._verdicts.close()

    def follow(self, event: Event) -> None:
        """Check what must lie beside one event."""
        if event.outcome is not EventOutcome.ALLOWED:
            return
        if event.action in _KINDS:
            self._follow_move(event)
        elif event.action == _VERDICT_WRITTEN:
            self._follow_verdict(event)
        elif event.action == _GLASS_ASKED:
            self._asked[event.details.get("request_id")] = event.actor
        elif event.action == _GLASS_CONFIRMED:
            self._confirmed[event.details.get("request_id")] = event.actor

    def finish(self) -> None:
        """Note what lies beyond the last event."""
        while self._move is not None:
            self._stray(self._move)
            self._advance()
        for given in self._verdicts:
            self._report.verdicts += 1
            self._report.add(
                "verdicts", f"gate run {given.gate_run_id}: its verdict is not in the ledger"
            )

    def _follow_move(self, event: Event) -> None:
        while self._move is not None and self._move.ledger_seq < event.seq:
            self._stray(self._move)
            self._advance()
        if self._move is None or self._move.ledger_seq != event.seq:
            self._report.add("aliases", f"event {event.seq}: no history tells of it", event.seq)
            return
        if not _agree(event, self._move):
            self._report.add(
                "aliases", f"event {event.seq}: the alias's history says otherwise", event.seq
            )
        self._advance()
        if event.action == EventAction.PROMOTION:
            self._check_evidence(event)
        elif event.action == EventAction.BREAK_GLASS:
            self._check_glass(event)

    def _advance(self) -> None:
        self._report.moves += 1
        self._move = next(self._moves, None)

    def _stray(self, move: MoveRow) -> None:
        self._report.add(
            "aliases",
            f"the history of {move.alias!r} has revision {move.revision}, "
            f"which event {move.ledger_seq} does not tell of",
            move.ledger_seq,
        )

    def _follow_verdict(self, event: Event) -> None:
        given = next(self._verdicts, None)
        if given is None:
            self._report.add("verdicts", f"event {event.seq}: its verdict is gone", event.seq)
            return
        self._report.verdicts += 1
        if (
            gate_run_target(given.gate_run_id) != event.target
            or verdict_digest(given.verdict) != event.after
        ):
            self._report.add(
                "verdicts", f"event {event.seq}: the verdict written then is another now", event.seq
            )
        signer = None if given.signature is None else given.signature.key_id
        fault = signature_fault(given)
        if signer != event.details.get("key_id"):
            fault = "its signature is not of the key that signed it then"
        if fault is not None:
            self._report.add("verdicts", f"gate run {given.gate_run_id}: {fault}", event.seq)

    def _check_evidence(self, event: Event) -> None:
        """A promotion names the verdicts that it weighed: they must be there and be the same."""
        decision = event.details.get("decision")
        evidence = decision.get("evidence") if isinstance(decision, dict) else None
        gate_runs = decision.get("gate_runs") if isinstance(decision, dict) else None
        if not isinstance(evidence, dict) or not isinstance(gate_runs, list):
            self._report.add("verdicts", f"event {event.seq}: promoted without evidence", event.seq)
            return
        named = {evidence.get("challenger_verdict"), evidence.get("champion_verdict")} - {None}
        found = verdicts.verdicts_by_gate_run(self._tx, [str(run) for run in gate_runs])
        weighed = {verdict_digest(given.verdict): given for given in found}
        if named != set(weighed) or not named:
            self._report.add(
                "verdicts", f"event {event.seq}: the verdicts that it rests on changed", event.seq
            )
            return
        challenger = weighed.get(str(evidence.get("challenger_verdict")))
        champion = weighed.get(str(evidence.get("champion_verdict")))
        fault = self._unsupported(event, challenger, champion)
        if fault is not None:
            self._report.add("verdicts", f"event {event.seq}: {fault}", event.seq)

    def _unsupported(
        self, event: Event, challenger: GivenVerdict | None, champion: GivenVerdict | None
    ) -> str | None:
        """Decide again what the verdicts allow: a forged promotion names verdicts that exist."""
        given = None if challenger is None else challenger.verdict
        gate = None
        if challenger is not None:
            gate = gates.find_gate_of_run(self._tx, challenger.gate_run_id)
        if gate is None:
            return "no verdict says that the promoted version passed"
        return unsupported(
            gate.spec,
            gate.fingerprint,
            given,
            None if champion is None else champion.verdict,
            took=event.after,
            left=event.before,
        )

    def _check_glass(self, event: Event) -> None:
        """Two people's events must come before the move that they allowed."""
        decision = event.details.get("decision")
        request_id = decision.get("request_id") if isinstance(decision, dict) else None
        asked, confirmed = self._asked.get(request_id), self._confirmed.get(request_id)
        if asked is None or confirmed is None or asked == confirmed:
            self._report.add(
                "aliases", f"event {event.seq}: no two people broke the glass for it", event.seq
            )


def _agree(event: Event, move: MoveRow) -> bool:
    try:
        details = parse_details(event)
    except ValueError:
        return False
    if not isinstance(details, AliasMoved | AliasRemoved | RolledBack):
        return False
    decision = None
    if isinstance(details, AliasMoved) and details.decision is not None:
        decision = canonical_text(details.decision)
    target = None if isinstance(details, AliasRemoved) else details.version
    told = (details.model_id, details.alias, details.revision, details.previous_version, target)
    kept = (move.model_pk, move.alias, move.revision, move.from_version, move.to_version)
    return (
        told == kept
        and MoveKind(move.kind) in _KINDS[event.action]
        and (decision, details.reason, event.actor) == (move.decision, move.reason, move.actor)
    )
