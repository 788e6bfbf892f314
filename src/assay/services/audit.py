"""Checking the whole registry against its ledger, and its bytes against their digests.

Rows stream, and what the events amount to is folded in a temporary file of which a few megabytes are
in memory: an audit needs the same memory for a thousand events and for a million.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, MutableMapping
from contextlib import closing, contextmanager
from typing import TypeVar

from assay.blobs.store import BlobStore
from assay.domain.access import Action, is_allowed
from assay.domain.artifact import ManifestEntry, artifact_digest, total_bytes
from assay.domain.audit import AuditReport, Unexamined
from assay.domain.canonical import parse_strict, sha256_hex
from assay.domain.errors import AppError, DataCorrupted, InvalidArgument
from assay.domain.evaluation import Suite, suite_from_text
from assay.domain.fingerprint import SCHEME
from assay.domain.gate import recompute
from assay.domain.gate_run import GivenVerdict
from assay.domain.ledger import ChainVerifier, Event
from assay.domain.replay import AliasState, ModelState, Replay, VersionFacts
from assay.domain.tracking import Policy
from assay.services.audit_anchors import Anchors, SignedPast
from assay.services.audit_evidence import Companions
from assay.services.context import Context
from assay.services.platform import Platform
from assay.services.unexamined import unexamined_holders
from assay.storage import audit as rows
from assay.storage import checkpoints, evals, gates, ledger, verdicts, workspaces
from assay.storage.database import Database, Transaction
from assay.storage.ledger import StoredEvent
from assay.storage.scratch import Scratch

Progress = Callable[[str, int], None]
"""Told what is being read and how many were read so far."""

NO_ANCHORS = Anchors()
USUAL_POLICY = Policy()
_TICK = 10_000
_BLOBS_AT_ONCE = 500
_MAX_ROWS_BYTES = 1 << 30

K = TypeVar("K")
V = TypeVar("V")


class Audit:
    """Verifies a registry: this server's own, or any database and blobs that nobody is serving."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def run(self, context: Context, *, deep: bool = False) -> AuditReport:
        """Verify everything; `deep` reads every referenced blob and scores every verdict again.

        Who may read the ledger of one workspace only learns whether all is well, and how many
        findings there are.
        """
        context.require(Action.LEDGER_READ)
        report = self.verify(
            self._platform.database, self._platform.blobs, deep=deep, policy=self._platform.policy
        )
        if not is_allowed(context.actor, Action.LEDGER_READ, None):
            report.findings.clear()
            report.anchored = {}
            report.unexamined = [
                told for told in report.unexamined if told.workspace == context.workspace
            ]
        return report

    @staticmethod
    def verify(
        database: Database,
        blobs: BlobStore | None = None,
        *,
        deep: bool = False,
        anchors: Anchors = NO_ANCHORS,
        policy: Policy = USUAL_POLICY,
        on_progress: Progress | None = None,
    ) -> AuditReport:
        """Check the ledger, every table that it tells of, every digest, every referenced blob.

        Chain, gaps and head; replay of the events against models, versions, aliases, alias history
        and verdicts; signed checkpoints, and `anchors` that were kept elsewhere; fingerprints and
        digests computed again. Needs no server and writes nothing but a temporary file. `deep` also
        reads the blobs, and scores verdicts again from their rows. `policy` is that of the server
        that serves it, for workspaces without one of their own.
        """
        report = AuditReport(deep=deep)
        tell = on_progress or (lambda _what, _count: None)
        with database.read() as tx, closing(Scratch()) as scratch:
            replay = Replay(
                scratch.mapping(ModelState),
                scratch.mapping(VersionFacts),
                scratch.mapping(AliasState),
                scratch.mapping(int),
            )
            with _readable(report, "ledger"):
                _check_ledger(tx, replay, report, tell, anchors)
            with _readable(report, "replay"):
                _check_models(tx, replay, report)
                _check_versions(tx, replay, report, tell)
                _check_aliases(tx, replay, report)
            with _readable(report, "aliases"):
                _note_unexamined(tx, policy, report)
            with _readable(report, "gates"):
                _check_frozen_texts(tx, report)
        if blobs is not None:
            _check_blobs(database, blobs, report, tell)
            if deep:
                with _readable(report, "verdicts"):
                    _check_scores(database, blobs, report, tell)
        return report


@contextmanager
def _readable(report: AuditReport, area: str) -> Iterator[None]:
    """Rows that cannot even be read are a finding, not a failure of the audit."""
    try:
        yield
    except (DataCorrupted, InvalidArgument, ValueError, TypeError, LookupError) as fault:
        report.add(area, f"a row cannot be read: {type(fault).__name__}: {fault}")


def _check_ledger(
    tx: Transaction, replay: Replay, report: AuditReport, tell: Progress, anchors: Anchors
) -> None:
    chain = ChainVerifier()
    with (
        closing(Companions(tx, report)) as companions,
        closing(SignedPast(tx, report, anchors)) as signed,
        closing(ledger.stream_events(tx)) as events,
    ):
        for stored in events:
            report.events += 1
            if report.events % _TICK == 0:
                tell("events", report.events)
            for problem in chain.check(stored.row):
                report.add("ledger", f"event {problem.seq}: {problem.message}", problem.seq)
            signed.follow(stored.row)
            event = chain.event
            if event is not None:
                _check_columns(stored, event, report)
                for problem in replay.apply(event):
                    report.add("replay", f"event {problem.seq}: {problem.message}", problem.seq)
                companions.follow(event)
        companions.finish()
        signed.finish()
    head = ledger.get_head(tx)
    report.head_seq, report.head_hash = head.seq, head.hash
    if (head.seq, head.hash) != (chain.seq, chain.head):
        report.add(
            "ledger",
            f"the ledger should end with event {head.seq} ({head.hash[:16]}…), "
            f"it ends with event {chain.seq} ({chain.head[:16]}…)",
            chain.seq,
        )
    report.anchored = checkpoints.last_anchored(tx)
    tell("events", report.events)


def _check_columns(stored: StoredEvent, event: Event, report: AuditReport) -> None:
    told = (event.at_ms, event.action, event.outcome, event.actor, event.target, event.workspace)
    kept = (
        stored.at_ms,
        stored.action,
        stored.outcome,
        stored.actor,
        stored.target,
        stored.workspace,
    )
    if told != kept:
        seq = stored.row.seq
        report.add("ledger", f"event {seq}: its columns differ from its text", seq)


def _check_models(tx: Transaction, replay: Replay, report: AuditReport) -> None:
    def kept() -> Generator[tuple[int, object]]:
        with closing(rows.stream_models(tx)) as found:
            for pk, state in found:
                report.models += 1
                yield pk, state

    with closing(kept()) as states:
        _compare("model", replay.models, states, report)


def _check_versions(tx: Transaction, replay: Replay, report: AuditReport, tell: Progress) -> None:
    def kept() -> Generator[tuple[tuple[int, int], object]]:
        with closing(rows.stream_versions(tx)) as found, closing(_Manifests(tx)) as manifests:
            for row in found:
                report.versions += 1
                if report.versions % _TICK == 0:
                    tell("versions", report.versions)
                _check_version(row, manifests.of(row.pk), report)
                yield (row.model_pk, row.version), row.facts

    with closing(kept()) as states:
        _compare("version", replay.versions, states, report)
    tell("versions", report.versions)


class _Manifests:
    """Walks along the files of all versions, beside whoever walks along the versions by key."""

    def __init__(self, tx: Transaction) -> None:
        self._rows = rows.stream_files(tx)
        self._next = next(self._rows, None)

    def close(self) -> None:
        """Let go of the table."""
        self._rows.close()

    def of(self, pk: int) -> list[ManifestEntry]:
        """The files of a version, whose key is above that of the version asked for before."""
        found = []
        while self._next is not None and self._next[0] <= pk:
            if self._next[0] == pk:
                found.append(self._next[1])
            self._next = next(self._rows, None)
        return found


def _check_version(row: rows.VersionRow, files: list[ManifestEntry], report: AuditReport) -> None:
    name = f"version {row.version} of {row.model!r}"
    claimed = row.facts.fingerprint
    if claimed is not None:
        if row.scheme != SCHEME:
            report.add("lineage", f"{name}: fingerprint scheme {row.scheme!r} is not known")
        elif row.canonical is None or sha256_hex(row.canonical) != claimed:
            report.add("lineage", f"{name}: its lineage text does not have its fingerprint")
    digest = None
    try:
        digest = artifact_digest(files) if files else None
    except AppError as fault:
        report.add("files", f"{name}: {fault.message}")
    if digest != row.facts.artifact_digest:
        report.add("files", f"{name}: its manifest does not have its artifact digest")
    elif total_bytes(files) != row.size_bytes:
        report.add("files", f"{name}: its files are not {row.size_bytes} bytes together")


def _check_aliases(tx: Transaction, replay: Replay, report: AuditReport) -> None:
    def kept() -> Generator[tuple[tuple[int, str], object]]:
        with closing(rows.stream_aliases(tx)) as found:
            for key, state in found:
                report.aliases += 1
                yield key, state

    with closing(kept()) as states:
        _compare("alias", replay.aliases, states, report)


def _note_unexamined(tx: Transaction, policy: Policy, report: AuditReport) -> None:
    for workspace in workspaces.list_workspaces(tx, policy):
        told = unexamined_holders(tx, workspace.name, workspace.policy.protected)
        report.unexamined += [Unexamined(workspace.name, sentence) for sentence in told]


def _check_frozen_texts(tx: Transaction, report: AuditReport) -> None:
    with closing(rows.stream_frozen_texts(tx)) as found:
        for frozen in found:
            if sha256_hex(frozen.canonical) != frozen.fingerprint:
                report.add("gates", f"{frozen.name}: its text does not have its fingerprint")


def _compare(
    what: str, told: MutableMapping[K, V], kept: Iterator[tuple[K, object]], report: AuditReport
) -> None:
    """Compare what the ledger tells of with the rows of a table, one at a time; takes `told` apart."""
    for key, state in kept:
        should = told.pop(key, None)
        if should is None:
            report.add("replay", f"{what} {key}: in the table, not in the ledger")
        elif should != state:
            report.add("replay", f"{what} {key}: the ledger says {should}, the table {state}")
    for key in told:
        report.add("replay", f"{what} {key}: in the ledger, not in the table")


def _check_blobs(database: Database, blobs: BlobStore, report: AuditReport, tell: Progress) -> None:
    after = ""
    while True:
        with database.read() as tx:
            digests = rows.list_blobs(tx, after, _BLOBS_AT_ONCE)
        if not digests:
            break
        for sha256 in digests:
            state = blobs.verify(sha256) if report.deep else _presence(blobs, sha256)
            if state != "ok":
                with database.read() as tx:
                    user = rows.find_user_of_blob(tx, sha256)
                report.add("files", f"blob {sha256} is {state}" + (f": {user}" if user else ""))
        after = digests[-1]
        report.blobs += len(digests)
        tell("blobs", report.blobs)


def _presence(blobs: BlobStore, sha256: str) -> str:
    try:
        return "ok" if blobs.exists(sha256) else "missing"
    except DataCorrupted:
        return "corrupt"


def _check_scores(
    database: Database, blobs: BlobStore, report: AuditReport, tell: Progress
) -> None:
    """Score every verdict again from its rows, with the suite that its gate froze."""
    after, checked = 0, 0
    while True:
        with database.read() as tx:
            page = verdicts.list_scored(tx, after, _BLOBS_AT_ONCE)
            suites = {given.pk: _suite_of(tx, given) for given in page}
        if not page:
            return
        for given in page:
            suite = suites[given.pk]
            if suite is not None and not _scores_again(blobs, suite, given):
                report.add(
                    "verdicts",
                    f"gate run {given.gate_run_id}: its rows do not give its verdict's score",
                )
        after, checked = page[-1].pk, checked + len(page)
        tell("verdicts", checked)


def _suite_of(tx: Transaction, given: GivenVerdict) -> Suite | None:
    gate = gates.find_gate_of_run(tx, given.gate_run_id)
    return None if gate is None else suite_from_text(evals.suite_text_of(tx, gate.suite_pk))


def _scores_again(blobs: BlobStore, suite: Suite, given: GivenVerdict) -> bool:
    assert given.rows_sha256 is not None
    try:
        with blobs.open(given.rows_sha256) as pieces:
            text = b"".join(pieces)
        items = parse_strict(text, root="rows", max_bytes=_MAX_ROWS_BYTES)
        means = recompute(suite, items if isinstance(items, list) else []).means()
    except AppError:
        return False
    return means == dict(given.verdict.metrics)
