"""What is asked beside the verdicts when a promotion is decided: approvals, freezes, the paired test."""

from __future__ import annotations

from dataclasses import dataclass

from assay.domain.access import Action, ActorKind
from assay.domain.gate_run import Gate, GivenVerdict
from assay.domain.paired import PairedResult
from assay.domain.promotion import comparable_verdict
from assay.domain.registry import ModelVersion, RegisteredModel
from assay.domain.review import Approval, freeze_in_force, frozen_sentence
from assay.services.context import Context
from assay.services.evidence import Weighed, contender
from assay.services.paired_tests import PairedTests
from assay.services.people import bare_name, still_may
from assay.services.platform import Platform
from assay.storage import aliases, approvals, freezes, gates, model_versions, verdicts
from assay.storage.aliases import HeldAlias
from assay.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class Review:
    """What people and the calendar say of one promotion, and what the paired test shows.

    `twin` is a quarantined version with the challenger's files. `approvals_wanted` is how many
    approvals are wanted by the strictest gate in force since the alias was last promoted to.
    """

    approvals: tuple[Approval, ...]
    approvals_wanted: int
    barred: frozenset[str]
    frozen: str | None
    paired: PairedResult | None
    twin: int | None

    @property
    def approvers(self) -> frozenset[str]:
        """The people who approved and may."""
        return frozenset(given.approver for given in self.approvals)


class Reviewing:
    """Gathers the review of a promotion inside the transaction that decides it."""

    def __init__(self, platform: Platform) -> None:
        self._tests = PairedTests(platform)

    def gather(
        self,
        tx: Transaction,
        context: Context,
        model: RegisteredModel,
        alias: str,
        held: HeldAlias,
        gate: Gate | None,
        challenger: tuple[ModelVersion, Weighed],
        champion: tuple[ModelVersion, Weighed] | None,
    ) -> Review:
        """Everything at once, as of this transaction and this request's time."""
        version = challenger[0]
        windows = freezes.freezes_not_over(tx, model.workspace, context.now_ms)
        window = None
        if windows:
            latest_ms = freezes.latest_recorded_ms(tx)
            window = freeze_in_force(windows, alias, context.now_ms, latest_ms)
        wanted = _approvals_wanted(tx, context, model, alias, gate)
        return Review(
            approvals=self._approvals(tx, model, alias, held, gate, version) if wanted else (),
            approvals_wanted=wanted,
            barred=frozenset() if gate is None else barred_from_approving(tx, gate, version),
            frozen=None if window is None else frozen_sentence(window),
            paired=self._paired(tx, model, held, gate, challenger, champion),
            twin=model_versions.find_quarantined_twin(tx, version.pk),
        )

    def _approvals(
        self,
        tx: Transaction,
        model: RegisteredModel,
        alias: str,
        held: HeldAlias,
        gate: Gate | None,
        version: ModelVersion,
    ) -> tuple[Approval, ...]:
        if gate is None:
            return ()
        return tuple(
            given
            for given in approvals.standing_approvals(tx, version.pk, alias)
            if given.is_for(version.artifact_digest, gate.fingerprint, held.revision)
            and still_may(tx, given.principal_id, given.approver, Action.APPROVE, model.workspace)
        )

    def _paired(
        self,
        tx: Transaction,
        model: RegisteredModel,
        held: HeldAlias,
        gate: Gate | None,
        challenger: tuple[ModelVersion, Weighed],
        champion: tuple[ModelVersion, Weighed] | None,
    ) -> PairedResult | None:
        if gate is None or champion is None or champion[0].pk == challenger[0].pk:
            return None
        ours, theirs = _scored(gate, *challenger), _scored(gate, *champion)
        if ours is None or theirs is None:
            return None
        attempts = verdicts.count_attempts(
            tx, model.pk, gate.fingerprint, champion[0].pk, held.updated_at_ms
        )
        return self._tests.compare(gate, ours, theirs, attempts)


def _approvals_wanted(
    tx: Transaction, context: Context, model: RegisteredModel, alias: str, gate: Gate | None
) -> int:
    """The most that any gate wanted since the last promotion: whoever writes gates lowers it for the next.

    In local mode one person is all there is, and may think better of it.
    """
    if gate is None:
        return 0
    if context.actor.kind is ActorKind.LOCAL:
        return gate.spec.approvals
    last_ms = aliases.last_contest_ms(tx, model.pk, alias)
    since_ms = model.created_at_ms if last_ms is None else last_ms
    known = gates.in_force_since(tx, model.workspace, model.pk, since_ms)
    return max(gate.spec.approvals for gate in [gate, *known])


def barred_from_approving(tx: Transaction, gate: Gate, version: ModelVersion) -> frozenset[str]:
    """Who registered the version or ran its training, who did so with its very files, who wrote the gate."""
    registrants, trainers = model_versions.makers_of_files(tx, version.pk)
    return frozenset({bare_name(gate.created_by), *map(bare_name, registrants), *trainers})


def _scored(gate: Gate, version: ModelVersion, weighed: Weighed) -> GivenVerdict | None:
    is_scored = comparable_verdict(contender(version, weighed), gate.fingerprint) is not None
    return weighed.given if is_scored else None
