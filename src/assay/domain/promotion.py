"""Who holds a protected alias: a pure decision over two verdicts, and what a rollback returns to.

The challenger takes the alias only if it passes the gate and is strictly better than the champion
under the same gate. Everything else holds, and every reason for holding is said.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Final, Literal

from assay.domain.canonical import JsonValue
from assay.domain.errors import FailedPrecondition
from assay.domain.exact import exact_text, short
from assay.domain.gate import (
    GateSpec,
    Guard,
    Outcome,
    Verdict,
    gate_fingerprint,
    threshold_miss,
    verdict_digest,
)
from assay.domain.paired import PairedResult, significance_miss
from assay.domain.registry import MoveKind, VersionState
from assay.domain.review import counting_approvals

RULE_VERSION: Final = "promotion-v1"


class Reason(StrEnum):
    """Why a promotion was made or held. A hold may have several; the first in this order leads."""

    DELETED = "deleted"
    QUARANTINED = "quarantined"
    UNVERIFIABLE = "unverifiable_lineage"
    ALREADY_CHAMPION = "already_champion"
    FROZEN = "frozen"
    NO_GATE = "no_gate"
    VERDICT_VOID = "verdict_void"
    NO_VERDICT = "no_verdict"
    WRONG_GATE = "wrong_gate"
    WRONG_BYTES = "wrong_bytes"
    BELOW_THRESHOLD = "below_threshold"
    ABOVE_THRESHOLD = "above_threshold"
    VERDICT_FAIL = "verdict_fail"
    VERDICT_INCONCLUSIVE = "verdict_inconclusive"
    VERDICT_ERROR = "verdict_error"
    VERDICT_EXPIRED = "verdict_expired"
    TOO_FEW_ITEMS = "too_few_items"
    CHAMPION_NOT_COMPARABLE = "champion_not_comparable"
    NOT_STRICTLY_BETTER = "not_strictly_better"
    NOT_SIGNIFICANT = "not_significant"
    GUARD_NOT_SCORED = "guard_not_scored"
    GUARD_REGRESSION = "guard_regression"
    APPROVALS_MISSING = "approvals_missing"
    CLOSURE_NOT_OK = "closure_not_ok"
    PROMOTED = "promoted"


_RANK: Final = {reason: rank for rank, reason in enumerate(Reason)}
_OUTCOMES: Final = {
    Outcome.FAIL: Reason.VERDICT_FAIL,
    Outcome.INCONCLUSIVE: Reason.VERDICT_INCONCLUSIVE,
    Outcome.ERROR: Reason.VERDICT_ERROR,
    Outcome.EXPIRED: Reason.VERDICT_EXPIRED,
}


# Where there was no strict win between two scores, there is nothing to test.
_NOT_COMPARED: Final = frozenset(
    {
        Reason.ALREADY_CHAMPION,
        Reason.NO_VERDICT,
        Reason.VERDICT_VOID,
        Reason.WRONG_GATE,
        Reason.WRONG_BYTES,
        Reason.VERDICT_ERROR,
        Reason.VERDICT_EXPIRED,
        Reason.VERDICT_INCONCLUSIVE,
        Reason.CHAMPION_NOT_COMPARABLE,
        Reason.NOT_STRICTLY_BETTER,
    }
)


@dataclass(frozen=True, slots=True)
class Contender:
    """A version in the contest: its frozen bytes, its standing, and its verdict under the gate.

    `void` says why the verdict that it was given does not count; `verdict` is None then. `twin` is a
    quarantined version of the model that has the very same files.
    """

    version: int
    artifact_digest: str | None
    verdict: Verdict | None = None
    state: VersionState = VersionState.REGISTERED
    is_verifiable: bool = True
    void: str | None = None
    twin: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Who holds the alias afterwards, why, and on what evidence."""

    promoted: bool
    reason: Reason
    reasons: tuple[str, ...]
    codes: tuple[Reason, ...]
    rule_version: str
    gate_fingerprint: str | None
    challenger_score: Fraction | None
    champion_score: Fraction | None
    evidence: dict[str, str] = field(default_factory=dict)
    paired: PairedResult | None = None

    @property
    def holder(self) -> Literal["challenger", "champion"]:
        """The role that holds the alias after the decision."""
        return "challenger" if self.promoted else "champion"

    def as_record(self) -> dict[str, JsonValue]:
        """The decision as JSON, scores as exact text."""
        scores = (self.challenger_score, self.champion_score)
        challenger, champion = (None if s is None else exact_text(s) for s in scores)
        advice = {} if self.paired is None else {"paired": self.paired.as_record()}
        return {
            "promoted": self.promoted,
            "holder": self.holder,
            "reason": self.reason.value,
            "codes": [code.value for code in self.codes],
            "reasons": list(self.reasons),
            "rule_version": self.rule_version,
            "gate_fingerprint": self.gate_fingerprint,
            "challenger_score": challenger,
            "champion_score": champion,
            "evidence": dict(self.evidence),
            **advice,
        }


def decide(
    challenger: Contender,
    champion: Contender | None,
    gate: GateSpec | None,
    *,
    approvals: Collection[str] = (),
    approvals_wanted: int = 0,
    barred: Collection[str] = (),
    promoter: str | None = None,
    frozen: str | None = None,
    paired: PairedResult | None = None,
    unclosed: str | None = None,
) -> Decision:
    """Promote or hold. `champion` is the version that holds the alias now, None when none does.

    `approvals` are the names of those who agreed to this very promotion; those `barred` (who
    registered the version, ran the training or wrote the gate) do not count, nor does the `promoter`
    alone. `approvals_wanted` is what an earlier gate wanted since the alias was last promoted to: a
    newer one asks for no less. `frozen` says why nothing is promoted now. `paired` is the paired
    test of the two verdicts: advice under a strict gate, a condition under a paired one. Scores are
    compared exactly; a tie holds. `unclosed` says why the challenger's lineage is not shown to be
    closed, where that is demanded. The first champion needs only to pass, and so does one after a
    champion that was imported without files: what can never be scored can never be compared.
    """
    holds = list(_standing(challenger, champion))
    if frozen is not None:
        holds.append((Reason.FROZEN, f"{frozen}."))
    current = None if gate is None else gate_fingerprint(gate)
    if gate is None or current is None:
        holds.append((Reason.NO_GATE, "no gate: nothing can take this alias until one is set."))
    else:
        holds += _under_gate(challenger, champion, gate, current)
        holds += _significant(gate, paired, champion, holds)
        valid = counting_approvals(approvals, barred, promoter)
        holds += _approvals(gate, valid, approvals_wanted)
    if unclosed is not None:
        holds.append((Reason.CLOSURE_NOT_OK, unclosed))
    holds.sort(key=lambda hold: _RANK[hold[0]])
    if not holds:
        holds = [(Reason.PROMOTED, _praise(challenger, champion))]
    return Decision(
        promoted=holds[0][0] is Reason.PROMOTED,
        reason=holds[0][0],
        reasons=tuple(sentence for _, sentence in holds),
        codes=tuple(code for code, _ in holds),
        rule_version=RULE_VERSION,
        gate_fingerprint=current,
        challenger_score=_score(challenger),
        champion_score=_score(champion),
        evidence=_evidence(challenger, champion, current),
        paired=paired,
    )


def comparable_verdict(contender: Contender, gate_fp: str) -> Verdict | None:
    """The verdict that scores a version under this very gate for its very bytes, if it has one.

    A version that failed has a score and can be beaten; one without a score cannot.
    """
    verdict = contender.verdict
    if (
        verdict is None
        or verdict.score is None
        or verdict.gate_fingerprint != gate_fp
        or verdict.artifact_digest != contender.artifact_digest
        or verdict.outcome not in {Outcome.PASS, Outcome.FAIL}
    ):
        return None
    return verdict


def rollback_target(
    moves: Iterable[tuple[MoveKind, int | None]], unusable: Collection[int] = ()
) -> int:
    """The version that a rollback returns to, from an alias's moves (oldest first, kind and target).

    Moves form a stack: a promotion pushes, a rollback pops back to its target, so that a second
    rollback goes one further. Versions in `unusable` (deleted, quarantined) are passed over.
    FailedPrecondition when nothing is left below the present holder.
    """
    stack = _stack(moves)
    holder = stack[-1] if stack else None
    for version in reversed(stack[:-1]):
        if version is not None and version != holder and version not in unusable:
            return version
    raise FailedPrecondition(
        "There is nothing to roll back to: no earlier holder of this alias is still usable.",
        field="alias",
    )


def _stack(moves: Iterable[tuple[MoveKind, int | None]]) -> list[int | None]:
    stack: list[int | None] = []
    for kind, target in moves:
        if kind is MoveKind.ROLLBACK:
            stack.pop()
            while stack and stack[-1] != target:
                stack.pop()
        else:
            stack.append(target)
    return stack


def _standing(challenger: Contender, champion: Contender | None) -> Iterable[tuple[Reason, str]]:
    version = challenger.version
    if challenger.state is VersionState.DELETED:
        yield Reason.DELETED, f"deleted: version {version} is a tombstone."
    if challenger.state is VersionState.QUARANTINED:
        yield (
            Reason.QUARANTINED,
            f"quarantined: version {version} was rolled away from and has not been cleared.",
        )
    elif challenger.twin is not None:
        sentence = (
            f"quarantined: version {version} has the files of version {challenger.twin}, which was "
            "rolled away from and has not been cleared."
        )
        yield Reason.QUARANTINED, sentence
    if not challenger.is_verifiable or challenger.artifact_digest is None:
        yield (
            Reason.UNVERIFIABLE,
            f"unverifiable lineage: version {version} was recorded without closed lineage.",
        )
    if champion is not None and champion.version == version:
        yield Reason.ALREADY_CHAMPION, f"version {version} holds the alias already."


def _under_gate(
    challenger: Contender, champion: Contender | None, gate: GateSpec, current: str
) -> list[tuple[Reason, str]]:
    verdict = challenger.verdict
    if verdict is None and challenger.void is not None:
        return [(Reason.VERDICT_VOID, f"verdict void: {challenger.void}.")]
    if verdict is None:
        sentence = f"no verdict: version {challenger.version} has not been scored by this gate."
        return [(Reason.NO_VERDICT, sentence)]
    misbound = _misbound(challenger, verdict, current)
    if misbound:
        return misbound
    holds = _judged(verdict, gate)
    if champion is None or champion.version == challenger.version:
        return holds
    if champion.artifact_digest is None:
        # Moved in without its files: there is nothing that could ever be scored, so nothing to beat.
        return holds
    held = comparable_verdict(champion, current)
    if held is None:
        sentence = (
            f"champion not comparable: version {champion.version} has no score under the current "
            "gate and must be scored first."
        )
        if champion.void is not None:
            sentence = f"champion not comparable: {champion.void}; it must be scored again."
        return [*holds, (Reason.CHAMPION_NOT_COMPARABLE, sentence)]
    holds += _against(verdict, held, gate)
    for guard in gate.guards:
        holds += _guarded(guard, verdict.metrics, held.metrics)
    return holds


def _misbound(challenger: Contender, verdict: Verdict, current: str) -> list[tuple[Reason, str]]:
    holds = []
    if verdict.gate_fingerprint != current:
        sentence = "wrong gate: the verdict was given under another gate than the current one."
        holds.append((Reason.WRONG_GATE, sentence))
    if verdict.artifact_digest != challenger.artifact_digest:
        sentence = "wrong bytes: the verdict was given for other files than this version's."
        holds.append((Reason.WRONG_BYTES, sentence))
    return holds


def _judged(verdict: Verdict, gate: GateSpec) -> list[tuple[Reason, str]]:
    holds = []
    missed = None if verdict.score is None else threshold_miss(gate, verdict.score)
    if missed is not None:
        side = Reason.BELOW_THRESHOLD if gate.maximize else Reason.ABOVE_THRESHOLD
        holds.append((side, missed))
    if verdict.outcome is not Outcome.PASS and not (missed and verdict.outcome is Outcome.FAIL):
        sentence = f"verdict not pass: the gate run ended with {verdict.outcome.value}."
        holds.append((_OUTCOMES[verdict.outcome], sentence))
    if verdict.outcome is Outcome.PASS and verdict.score is None:
        holds.append((Reason.VERDICT_ERROR, "verdict not pass: it carries no score."))
    if verdict.items < gate.min_items and verdict.score is not None:
        sentence = f"too few items: {verdict.items} were scored, {gate.min_items} are wanted."
        holds.append((Reason.TOO_FEW_ITEMS, sentence))
    return holds


def _against(challenger: Verdict, champion: Verdict, gate: GateSpec) -> list[tuple[Reason, str]]:
    ours, theirs = challenger.score, champion.score
    if ours is None or theirs is None:
        return []
    if ours > theirs if gate.maximize else ours < theirs:
        return []
    how = "a tie" if ours == theirs else "worse"
    sentence = f"not strictly better: {gate.metric} {short(ours)} against {short(theirs)} is {how}."
    return [(Reason.NOT_STRICTLY_BETTER, sentence)]


def _significant(
    gate: GateSpec,
    paired: PairedResult | None,
    champion: Contender | None,
    holds: Collection[tuple[Reason, str]],
) -> list[tuple[Reason, str]]:
    """Under a paired gate, a strict win that could be luck holds, and so does one not tested."""
    if gate.alpha is None or champion is None or champion.artifact_digest is None:
        return []
    if _NOT_COMPARED & {code for code, _ in holds}:
        return []
    if paired is None:
        sentence = "not significant: the rows of one side cannot be read for the paired test."
        return [(Reason.NOT_SIGNIFICANT, sentence)]
    missed = significance_miss(paired, gate.alpha)
    return [] if missed is None else [(Reason.NOT_SIGNIFICANT, missed)]


def _guarded(
    guard: Guard, ours: Mapping[str, Fraction], theirs: Mapping[str, Fraction]
) -> list[tuple[Reason, str]]:
    mine, held = ours.get(guard.metric), theirs.get(guard.metric)
    if mine is None or held is None:
        sentence = f"guard not scored: a verdict lacks the guard metric {guard.metric}."
        return [(Reason.GUARD_NOT_SCORED, sentence)]
    regression = held - mine if guard.maximize else mine - held
    allowed = guard.max_regression * abs(held) if guard.relative else guard.max_regression
    if regression <= allowed:
        return []
    sentence = (
        f"guard regression: {guard.metric} {short(mine)} against {short(held)} "
        f"is worse by {short(regression)}, more than the {short(allowed)} allowed."
    )
    return [(Reason.GUARD_REGRESSION, sentence)]


def _approvals(gate: GateSpec, valid: Collection[str], earlier: int) -> list[tuple[Reason, str]]:
    wanted = max(gate.approvals, earlier)
    if len(valid) >= wanted:
        return []
    sentence = f"approvals missing: {len(valid)} of {wanted} that count were given."
    if wanted > gate.approvals:
        sentence = (
            f"{sentence[:-1]} (so many an earlier gate wanted; fewer are enough once this gate has "
            "promoted somebody)."
        )
    return [(Reason.APPROVALS_MISSING, sentence)]


def _praise(challenger: Contender, champion: Contender | None) -> str:
    ours = _score(challenger)
    shown = "" if ours is None else f" with {short(ours)}"
    if champion is None:
        return f"promoted: version {challenger.version} passes the gate{shown}."
    theirs = _score(champion)
    beaten = "" if theirs is None else f" ({short(theirs)})"
    return (
        f"promoted: version {challenger.version} passes the gate{shown} "
        f"and is strictly better than version {champion.version}{beaten}."
    )


def _score(contender: Contender | None) -> Fraction | None:
    if contender is None or contender.verdict is None:
        return None
    return contender.verdict.score


def _evidence(
    challenger: Contender, champion: Contender | None, gate_fp: str | None
) -> dict[str, str]:
    found = {} if gate_fp is None else {"gate": gate_fp}
    for role, contender in (("challenger", challenger), ("champion", champion)):
        if contender is None:
            continue
        if contender.artifact_digest is not None:
            found[f"{role}_artifact"] = contender.artifact_digest
        if contender.verdict is not None:
            found[f"{role}_verdict"] = verdict_digest(contender.verdict)
    return found
