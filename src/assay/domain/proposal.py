"""A proposed promotion: the decision with the names of what it is about, and how a hold is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assay.domain.canonical import JsonValue
from assay.domain.gate_run import Gate
from assay.domain.promotion import Decision, Reason
from assay.domain.review import Approval


@dataclass(frozen=True, slots=True)
class Proposal:
    """`version` is to take `alias`, at `revision` now, from `champion` (None: nobody holds it)."""

    model: str
    alias: str
    revision: int
    version: int
    champion: int | None
    gate: Gate | None
    decision: Decision
    evidence: tuple[str, ...] = ()
    """The gate runs whose verdicts the decision weighed: the challenger's, then the champion's."""

    approvals: tuple[Approval, ...] = ()
    """Those given to exactly this promotion by people who may approve now."""

    approvals_wanted: int = 0
    """How many are wanted by the strictest gate in force since the alias was last promoted to."""

    barred: frozenset[str] = frozenset()
    """Whose approval does not count: registrant, owner of the run, author of the gate."""

    def as_record(self) -> dict[str, JsonValue]:
        """The decision with all that is needed to check it again, as JSON."""
        gate: dict[str, JsonValue] | None = None
        if self.gate is not None:
            gate = {
                "name": self.gate.name,
                "version": self.gate.version,
                "fingerprint": self.gate.fingerprint,
            }
        reviewed: dict[str, JsonValue] = {}
        wanted = self.approvals_wanted
        if self.gate is not None:
            wanted = max(wanted, self.gate.spec.approvals)
        if self.gate is not None and wanted:
            barred: list[JsonValue] = [*sorted(self.barred)]
            reviewed["approvals"] = {
                "wanted": wanted,
                "given": [
                    {"approval_id": given.approval_id, "approver": given.approver}
                    for given in self.approvals
                ],
                "barred": barred,
            }
        return {
            **self.decision.as_record(),
            "model": self.model,
            "alias": self.alias,
            "revision": self.revision,
            "challenger": self.version,
            "champion": self.champion,
            "gate": gate,
            "gate_runs": list(self.evidence),
            **reviewed,
        }


def hold_message(proposal: Proposal, queued: Sequence[int]) -> str:
    """One sentence for whoever wanted the promotion: what holds it and what to do next.

    `queued` are the versions for which a gate run waits now.
    """
    decision = proposal.decision
    told = [
        _told(proposal, code, sentence)
        for code, sentence in zip(decision.codes, decision.reasons, strict=True)
    ]
    return f"held: {'; '.join(told)}; {_next_step(proposal, queued)}"


def _told(proposal: Proposal, code: Reason, sentence: str) -> str:
    title = "the gate" if proposal.gate is None else proposal.gate.title
    if code is Reason.NO_GATE:
        return f"no gate guards model {proposal.model!r}"
    if code is Reason.NO_VERDICT:
        return f"{title} has no verdict for these bytes (version {proposal.version})"
    if code is Reason.CHAMPION_NOT_COMPARABLE:
        return (
            f"champion not comparable: version {proposal.champion}, which holds "
            f"{proposal.alias!r}, has no score under {title}"
        )
    plain = sentence.removesuffix(".")
    return plain if code in _STANDING else f"{plain} ({title})"


_STANDING = {
    Reason.DELETED,
    Reason.QUARANTINED,
    Reason.UNVERIFIABLE,
    Reason.ALREADY_CHAMPION,
    Reason.FROZEN,
    Reason.APPROVALS_MISSING,
}


def _next_step(proposal: Proposal, queued: Sequence[int]) -> str:
    codes = set(proposal.decision.codes)
    if Reason.NO_GATE in codes:
        return "make one with `assay gates create`, then promote again"
    if Reason.UNVERIFIABLE in codes:
        return "register the files again with closed lineage"
    if Reason.QUARANTINED in codes:
        return "a maintainer may clear it, with a reason"
    if codes == {Reason.APPROVALS_MISSING}:
        return f"others approve with `assay approve {proposal.model}/{proposal.version}`"
    if codes == {Reason.FROZEN}:
        return "promote again when the freeze is over; rolling back is possible meanwhile"
    if queued:
        what = "a gate run was" if len(queued) == 1 else f"{len(queued)} gate runs were"
        return f"{what} queued: start `assay gate-runner`, then promote again"
    if proposal.champion is None:
        return f"nothing holds {proposal.alias!r}"
    return f"version {proposal.champion} keeps {proposal.alias!r}"
