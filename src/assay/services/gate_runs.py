"""Gate runs: leased to a runner, scored from its rows by the server, ended by one verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from assay.blobs.store import BlobInfo, Download, put
from assay.domain.access import SYSTEM, Action, is_allowed
from assay.domain.artifact import ManifestEntry
from assay.domain.errors import (
    Conflict,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from assay.domain.evaluation import suite_from_text
from assay.domain.event_target import gate_run_target
from assay.domain.gate import Outcome, recompute, verdict_digest
from assay.domain.gate_run import (
    MAX_ATTEMPTS,
    MAX_LEASE_S,
    MIN_LEASE_S,
    EvalSuite,
    Gate,
    GateRun,
    GateRunReport,
    GateRunState,
    GivenVerdict,
    check_lease,
    without_items,
)
from assay.domain.names import check_artifact_path, check_text
from assay.domain.registry import ModelVersion
from assay.domain.review import RunnerKey
from assay.domain.tracking import Page
from assay.domain.verdict_statement import Statement, rows_text
from assay.services.catalogue import get_model, get_version
from assay.services.checks import check_page_size
from assay.services.clashes import repeats_clashes
from assay.services.context import Context
from assay.services.gate_queue import ensure_queued, needs_exam
from assay.services.key_pages import KeyPages
from assay.services.ledger import Ledger, actor_text
from assay.services.new_verdicts import broken, judged
from assay.services.platform import Platform
from assay.services.runner_keys import check_signed
from assay.storage import evals, gate_runs, gates, model_versions, runner_keys, verdicts
from assay.storage.database import Transaction
from assay.storage.files import record_blob
from assay.storage.verdicts import NewVerdict

MAX_PAGE = 1_000
MAX_REASON = 2_000
_MAX_EXPIRED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Lease:
    """What a runner needs to hold one exam; `nonce` and `fence` prove that the lease is its own."""

    run: GateRun
    nonce: str
    gate: Gate
    suite: EvalSuite
    files: tuple[ManifestEntry, ...]


class GateRuns:
    """Queues, leases and ends gate runs."""

    def __init__(self, platform: Platform, ledger: Ledger) -> None:
        self._platform = platform
        self._ledger = ledger

    def request(self, context: Context, model: str, version: int | str) -> GateRunReport:
        """The exam of the version under the current gate: queued now, still open, or already over.

        Bytes that have a standing verdict are not examined again. Raises FailedPrecondition when no
        gate guards the model or the version has no files.
        """
        context.require(Action.GATE_REQUEST)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            owner = get_model(tx, context, model)
            found = get_version(tx, owner, version)
            gate = gates.find_current_gate(tx, context.workspace, owner.pk)
            if gate is None:
                raise FailedPrecondition(
                    f"No gate guards model {model!r}; make one with `assay gates create`.",
                    field="model",
                )
            if found.artifact_digest is None:
                raise FailedPrecondition(
                    f"Version {found.version} of {model!r} has no files to examine.",
                    field="version",
                )
            if needs_exam(tx, gate, found):
                run = ensure_queued(tx, self._platform, self._ledger, context, gate, found)
                return GateRunReport(run, None)
            return _shown(context, self._finished(tx, gate, found))

    def _finished(self, tx: Transaction, gate: Gate, version: ModelVersion) -> GateRunReport:
        assert version.artifact_digest is not None
        given = verdicts.find_evidence(tx, version.pk, gate.fingerprint, version.artifact_digest)
        assert given is not None
        run = gate_runs.find_gate_run(tx, given.gate_run_id)
        assert run is not None
        return GateRunReport(run, given)

    def get(self, context: Context, gate_run_id: str) -> GateRunReport:
        """The gate run with its verdict. Raises NotFound."""
        with self._platform.database.read() as tx:
            run = self._find(tx, gate_run_id)
            context.require_object(Action.GATE_READ, run.workspace, _name(gate_run_id))
            given = verdicts.find_verdict_of_run(tx, run.pk)
        return _shown(context, GateRunReport(run, given))

    def list(
        self,
        context: Context,
        *,
        model: str | None = None,
        version: int | None = None,
        states: Sequence[GateRunState] = (),
        max_results: int = 100,
        page_token: str | None = None,
    ) -> Page[GateRunReport]:
        """Gate runs of the workspace with their verdicts, newest first."""
        context.require(Action.GATE_READ)
        check_page_size(max_results, MAX_PAGE)
        scope = [state.value for state in states]
        pages = KeyPages("gate_runs", context.workspace, model, version, ",".join(scope))
        with self._platform.database.read() as tx:
            found = gate_runs.list_gate_runs(
                tx,
                context.workspace,
                after_pk=pages.start(page_token),
                limit=max_results + 1,
                model=model,
                version=version,
                states=states,
            )
            page = pages.page(found, max_results)
            given = verdicts.verdicts_of_runs(tx, [run.pk for run in page.items])
        reports = tuple(
            _shown(context, GateRunReport(run, given.get(run.gate_run_id))) for run in page.items
        )
        return Page(reports, page.next_token)

    @repeats_clashes
    def lease(self, context: Context, *, seconds: int = 60, runner: str = "") -> Lease | None:
        """Hand the oldest waiting gate run to this runner for a while; None when none waits.

        Waiting is what is queued and what another runner's lease ran out on. What was handed out
        too often ends here with the verdict `expired`.
        """
        check_text(runner, "runner", max_length=250)
        if not MIN_LEASE_S <= seconds <= MAX_LEASE_S:
            raise InvalidArgument(
                f"seconds must be from {MIN_LEASE_S} to {MAX_LEASE_S}.", field="seconds"
            )
        places = self._places(context)
        with self._platform.database.read() as tx:
            if gate_runs.find_waiting(tx, places, context.now_ms) is None:
                return None
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            for _ in range(_MAX_EXPIRED_AT_ONCE):
                run = gate_runs.find_waiting(tx, places, context.now_ms)
                if run is None:
                    return None
                if run.attempts < MAX_ATTEMPTS:
                    return self._hand_out(tx, context, run, seconds, runner)
                self._expire(tx, context, run)
        return None

    def _places(self, context: Context) -> frozenset[str] | None:
        """The workspaces whose exams the actor may hold; None for all of them."""
        if is_allowed(context.actor, Action.GATE_RUN, None):
            return None
        places = frozenset(
            place
            for place in context.actor.roles
            if is_allowed(context.actor, Action.GATE_RUN, place)
        )
        if not places:
            context.require(Action.GATE_RUN)
        return places

    def _hand_out(
        self, tx: Transaction, context: Context, run: GateRun, seconds: int, runner: str
    ) -> Lease:
        nonce = self._platform.token_hex(16)
        expires_at_ms = context.now_ms + 1_000 * seconds
        holder = actor_text(context)
        gate_runs.lease_gate_run(
            tx, run.pk, nonce=nonce, runner=holder, expires_at_ms=expires_at_ms
        )
        leased = self._find(tx, run.gate_run_id)
        self._ledger.record(
            tx,
            context,
            action="gate_run.leased",
            object=gate_run_target(run.gate_run_id),
            workspace=run.workspace,
            details={
                "fence": leased.fence,
                "attempt": leased.attempts,
                "expires_at_ms": expires_at_ms,
                "runner": runner,
            },
        )
        gate = gates.find_gate_by_pk(tx, run.gate_pk)
        assert gate is not None
        suite = evals.find_suite_by_pk(tx, gate.suite_pk)
        assert suite is not None
        return Lease(leased, nonce, gate, suite, model_versions.list_files(tx, run.version_pk))

    def heartbeat(
        self, context: Context, gate_run_id: str, *, nonce: str, fence: int, seconds: int = 60
    ) -> GateRun:
        """Extend the lease from now on. Raises Conflict when it is no longer this runner's."""
        if not MIN_LEASE_S <= seconds <= MAX_LEASE_S:
            raise InvalidArgument(
                f"seconds must be from {MIN_LEASE_S} to {MAX_LEASE_S}.", field="seconds"
            )
        with self._platform.database.write() as tx:
            run = self._held(tx, context, gate_run_id, nonce, fence)
            gate_runs.extend_lease(tx, run.pk, context.now_ms + 1_000 * seconds)
            return self._find(tx, gate_run_id)

    def release(self, context: Context, gate_run_id: str, *, nonce: str, fence: int) -> GateRun:
        """Give the lease back before its time, so that another runner may take the exam at once.

        The attempt does not count. Raises Conflict when the lease is not this runner's any more.
        """
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            run = self._held(tx, context, gate_run_id, nonce, fence)
            gate_runs.release_gate_run(tx, run.pk)
            self._ledger.record(
                tx,
                context,
                action="gate_run.released",
                object=gate_run_target(run.gate_run_id),
                workspace=run.workspace,
                details={"fence": run.fence},
            )
            return self._find(tx, gate_run_id)

    def open_bundle(
        self, context: Context, gate_run_id: str, *, start: int = 0, length: int | None = None
    ) -> tuple[BlobInfo, Download]:
        """The frozen evaluator, or a range of it, for the runner that holds the lease."""
        with self._platform.database.read() as tx:
            run = self._leased(tx, context, gate_run_id)
            gate = gates.find_gate_by_pk(tx, run.gate_pk)
        if gate is None or gate.spec.bundle is None:
            raise NotFound(f"{_name(gate_run_id)} has no bundle.")
        pieces = self._platform.blobs.open(gate.spec.bundle, start, length)
        return BlobInfo(gate.spec.bundle, pieces.blob_size_bytes), pieces

    def open_candidate_file(
        self,
        context: Context,
        gate_run_id: str,
        path: str,
        *,
        start: int = 0,
        length: int | None = None,
    ) -> tuple[ManifestEntry, Download]:
        """A file of the version under exam, or a range of it, for the runner that holds the lease."""
        check_artifact_path(path)
        with self._platform.database.read() as tx:
            run = self._leased(tx, context, gate_run_id)
            entry = model_versions.find_file(tx, run.version_pk, path)
        if entry is None:
            raise NotFound(f"Version {run.version} of {run.model!r} has no file {path!r}.")
        return entry, self._platform.blobs.open(entry.sha256, start, length)

    @repeats_clashes
    def post_rows(
        self,
        context: Context,
        gate_run_id: str,
        *,
        nonce: str,
        fence: int,
        rows: Sequence[object],
        signature: tuple[str, str] | None = None,
    ) -> GivenVerdict:
        """End the gate run with the verdict that the server computes from the per-item rows.

        `signature` is (key id, Ed25519 signature in hex) over the statement of this verdict. Raises
        PermissionDenied for whoever is no gate runner, and for a signature that is wanted and absent
        or does not hold (either attempt is recorded); Conflict for a lease that is not this runner's
        any more or a second verdict; InvalidArgument for rows that are not exactly the suite's
        items. Nothing is written then.
        """
        self._require_verdict_right(context, gate_run_id)
        with self._platform.database.read() as tx:
            run = self._find(tx, gate_run_id)
            self._check_lease(tx, context, run, nonce, fence)
            gate = gates.find_gate_by_pk(tx, run.gate_pk)
            assert gate is not None
            suite = suite_from_text(evals.suite_text_of(tx, gate.suite_pk))
        score = recompute(suite, rows)
        kept = put(self._platform.blobs, [rows_text(rows).encode()])  # type: ignore[arg-type] # recomputed
        gated = score.metrics.get(gate.spec.metric)
        statement = Statement(
            gate_run_id=run.gate_run_id,
            artifact_digest=run.artifact_digest,
            gate_fingerprint=run.gate_fingerprint,
            nonce=nonce,
            rows_sha256=kept.sha256,
            score=None if gated is None else gated.mean,
        )
        self._check_signed(context, run, gate, statement, signature)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            run = self._held(tx, context, gate_run_id, nonce, fence)
            # Asked again under the lock: the key may have been revoked meanwhile.
            signed = check_signed(tx, context, run, gate, statement, signature)
            record_blob(tx, kept.sha256, kept.size_bytes, context.now_ms)
            return self._end(tx, context, run, judged(context, run, gate, score, kept), signed)

    def _check_signed(
        self,
        context: Context,
        run: GateRun,
        gate: Gate,
        statement: Statement,
        signature: tuple[str, str] | None,
    ) -> None:
        try:
            with self._platform.database.read() as tx:
                check_signed(tx, context, run, gate, statement, signature)
        except PermissionDenied as refusal:
            self._record_refusal(context, run, refusal)
            raise

    def fail(
        self, context: Context, gate_run_id: str, *, nonce: str, fence: int, reason: str
    ) -> GivenVerdict:
        """End the gate run with the verdict `error`: the exam could not be held. It holds promotions."""
        check_text(reason, "reason", max_length=MAX_REASON)
        self._require_verdict_right(context, gate_run_id)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            run = self._held(tx, context, gate_run_id, nonce, fence)
            return self._end(tx, context, run, broken(context, run, Outcome.ERROR, reason))

    def _expire(self, tx: Transaction, context: Context, run: GateRun) -> None:
        reason = f"handed out {run.attempts} times without an answer in time"
        verdict = broken(context, run, Outcome.EXPIRED, reason)
        self._end(tx, replace(context, actor=SYSTEM), run, replace(verdict, runner="system:assay"))

    def _end(
        self,
        tx: Transaction,
        context: Context,
        run: GateRun,
        verdict: NewVerdict,
        signed: tuple[RunnerKey, str] | None = None,
    ) -> GivenVerdict:
        verdicts.insert_verdict(tx, verdict)
        if signed is not None:
            nonce = gate_runs.nonce_of(tx, run.pk)
            assert nonce is not None
            key, signature = signed
            runner_keys.insert_signature(tx, run.pk, key.pk, nonce=nonce, signature=signature)
        gate_runs.end_gate_run(tx, run.pk, GateRunState.DONE, context.now_ms)
        given = verdicts.find_verdict_of_run(tx, run.pk)
        assert given is not None
        self._ledger.record(
            tx,
            context,
            action="verdict.written",
            object=gate_run_target(run.gate_run_id),
            workspace=run.workspace,
            details={
                "gate": run.gate,
                "gate_version": run.gate_version,
                "gate_fingerprint": run.gate_fingerprint,
                "model": run.model,
                "version": run.version,
                "artifact_digest": run.artifact_digest,
                "outcome": given.verdict.outcome.value,
                "rows": given.rows_sha256,
                "key_id": None if given.signature is None else given.signature.key_id,
            },
            after=verdict_digest(given.verdict),
        )
        return given

    def _require_verdict_right(self, context: Context, gate_run_id: str) -> None:
        with self._platform.database.read() as tx:
            run = self._find(tx, gate_run_id)
        try:
            context.require_object(Action.VERDICT_WRITE, run.workspace, _name(gate_run_id))
        except PermissionDenied as refusal:
            self._record_refusal(context, run, refusal)
            raise

    def _record_refusal(self, context: Context, run: GateRun, refusal: PermissionDenied) -> None:
        self._ledger.record_denied(
            context,
            action="verdict.written",
            object=gate_run_target(run.gate_run_id),
            workspace=run.workspace,
            details={"reason": refusal.message},
        )

    def _find(self, tx: Transaction, gate_run_id: str) -> GateRun:
        run = gate_runs.find_gate_run(tx, gate_run_id)
        if run is None:
            raise NotFound(f"{_name(gate_run_id)} does not exist.", field="gate_run_id")
        return run

    def _leased(self, tx: Transaction, context: Context, gate_run_id: str) -> GateRun:
        """The gate run, if this runner holds its lease: only then may its material be read."""
        run = self._find(tx, gate_run_id)
        context.require_object(Action.GATE_RUN, run.workspace, _name(gate_run_id))
        if (
            run.state is not GateRunState.LEASED
            or run.leased_by != actor_text(context)
            or run.is_lease_over(context.now_ms)
        ):
            raise Conflict(f"{_name(gate_run_id)} is not leased to this runner now.")
        return run

    def _held(
        self, tx: Transaction, context: Context, gate_run_id: str, nonce: str, fence: int
    ) -> GateRun:
        run = self._find(tx, gate_run_id)
        context.require_object(Action.GATE_RUN, run.workspace, _name(gate_run_id))
        locked = gate_runs.lock_gate_run(tx, gate_run_id)
        assert locked is not None
        self._check_lease(tx, context, locked, nonce, fence)
        return locked

    def _check_lease(
        self, tx: Transaction, context: Context, run: GateRun, nonce: str, fence: int
    ) -> None:
        check_lease(
            run,
            kept_nonce=gate_runs.nonce_of(tx, run.pk),
            nonce=nonce,
            fence=fence,
            runner=actor_text(context),
            now_ms=context.now_ms,
        )


def _shown(context: Context, report: GateRunReport) -> GateRunReport:
    """The report without what a scorer said, unless the reader may know the items."""
    given = report.verdict
    if given is None or is_allowed(context.actor, Action.ITEM_READ, report.run.workspace):
        return report
    return replace(report, verdict=without_items(given))


def _name(gate_run_id: str) -> str:
    return f"Gate run {gate_run_id[:100]!r}"
