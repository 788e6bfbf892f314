"""The gate runner's loop: lease, fetch by digest, score in the sandbox, hand in what came of it.

Whatever goes wrong with one exam is handed in as its error and the next one is taken; what is wrong
with this machine or its credential ends the loop. The verdict is never ours: the server computes it.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from assay.bundles.archive import unpack_verified
from assay.domain.errors import AppError, DataCorrupted
from assay.domain.evaluation import Suite
from assay.domain.gate_run import SAID
from assay.runner.client import Exam, GateDesk, Judged, Lease, check_exam
from assay.runner.sandbox import Limits, Sandbox, SandboxUnavailable
from assay.runner.scoring import ScoringOutcome, score_candidate
from assay.sdk.errors import ApiError, ServerUnreachable
from assay.sdk.transfer import file_digest

LONGEST_PAUSE_S: Final = 60.0
HAND_IN_PAUSE_S: Final = 2.0
_STDERR_LINES: Final = 3

_NOT_OURS: Final = "conflict"
_NOT_ABOUT_THE_EXAM: Final = frozenset({_NOT_OURS, "unauthenticated", "permission_denied"})


@dataclass(frozen=True, slots=True)
class Stop:
    """How the loop is ended: `soon` after the exam in hand, `now` by giving that up as well."""

    soon: threading.Event = field(default_factory=threading.Event)
    now: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Examined:
    """What became of one exam. `judged` is None when it was given up; `note` says what went wrong."""

    gate_run_id: str
    title: str
    judged: Judged | None
    note: str
    duration_s: float


@dataclass(frozen=True, slots=True)
class Watch:
    """Who hears what the loop does."""

    on_lease: Callable[[Lease], None]
    on_examined: Callable[[Examined], None]
    on_away: Callable[[ApiError], None]


@dataclass(frozen=True, slots=True)
class GateRunner:
    """Holds exams one after the other; a gate's own time limit counts where it is shorter than ours."""

    desk: GateDesk
    sandbox: Sandbox
    limits: Limits
    cache: Path
    watch: Watch
    stop: Stop = field(default_factory=Stop)

    def examine_next(self) -> Examined | None:
        """Hold the oldest waiting exam, or answer None when none waits.

        Raises SandboxUnavailable when this machine cannot hold it after all (which is handed in as
        its error first), and ApiError when the server is away or does not know us.
        """
        lease = self.desk.lease()
        if lease is None:
            return None
        self.watch.on_lease(lease)
        started_s = time.monotonic()
        with self.desk.kept_alive(lease) as is_lost:
            try:
                judged, note = self._hold(lease, lambda: is_lost() or self.stop.now.is_set())
            except ApiError as error:
                if error.code != _NOT_OURS:
                    raise
                judged, note = None, error.message
        took_s = time.monotonic() - started_s
        examined = Examined(lease.gate_run_id, lease.title, judged, note, took_s)
        self.watch.on_examined(examined)
        return examined

    def run(self, *, poll_s: float, until_idle: bool = False) -> None:
        """Hold exams until stopped, or until none waits; a server that is away is waited for.

        With `until_idle` a server that is away is raised instead.
        """
        pause_s = poll_s
        while not self.stop.soon.is_set():
            try:
                examined = self.examine_next()
            except ApiError as error:
                if until_idle or not _is_away(error):
                    raise
                self.watch.on_away(error)
                pause_s = min(max(2 * pause_s, 1.0), LONGEST_PAUSE_S)
                self.stop.soon.wait(pause_s)
                continue
            pause_s = poll_s
            if examined is None:
                if until_idle:
                    return
                self.stop.soon.wait(poll_s)

    def _hold(self, lease: Lease, is_over: Callable[[], bool]) -> tuple[Judged | None, str]:
        """Score and hand in: the verdict, or None when the lease was given up; and what went wrong."""
        try:
            outcome, suite = self._score(lease, is_over)
        except SandboxUnavailable as fault:
            self._give_error(lease, _reason(fault), is_over)
            raise
        except (AppError, ApiError, OSError) as fault:
            if not _is_about_the_exam(fault):
                raise
            return self._give_error(lease, _reason(fault), is_over)
        if is_over():
            return None, self._give_back(lease)
        if outcome.error is not None:
            return self._give_error(lease, _told(outcome), is_over)
        try:
            return self._hand_in(
                lambda: self.desk.post_rows(lease, outcome.rows, suite), is_over
            ), ""
        except ApiError as refusal:
            if not _is_about_the_exam(refusal):
                raise
            # The rows are not the suite's. Nothing was written, so say what was wrong with them.
            return self._give_error(lease, refusal.message, is_over)

    def _give_back(self, lease: Lease) -> str:
        """Release the lease of an exam that is given up; says what becomes of it."""
        try:
            self.desk.release(lease)
        except ApiError:
            return "given up; it is handed out again when its lease runs out"
        return "given up; another runner may take it at once"

    def _score(self, lease: Lease, is_over: Callable[[], bool]) -> tuple[ScoringOutcome, Suite]:
        exam = check_exam(lease)
        with _workplace() as place:
            bundle, candidate = place / "bundle", place / "candidate"
            bundle.mkdir()
            suite = unpack_verified(self._archive(lease, exam), str(exam.spec.bundle), bundle)
            if suite.fingerprint != exam.spec.suite:
                raise DataCorrupted(f"the bundle is the suite {suite.fingerprint}, not the gate's")
            candidate.mkdir()
            self.desk.fetch_candidate(lease, exam, candidate)
            _open_to_scorers(candidate)
            outcome = score_candidate(
                bundle,
                candidate,
                item_count=exam.item_count,
                sandbox=self.sandbox,
                limits=replace(
                    self.limits, wall_s=min(self.limits.wall_s, float(exam.spec.timeout_s))
                ),
                should_stop=is_over,
            )
            return outcome, suite.suite

    def _archive(self, lease: Lease, exam: Exam) -> Path:
        """The bundle's archive, fetched unless it is in the cache with the right digest."""
        if exam.spec.bundle is None:
            raise DataCorrupted("the gate has no bundle")
        self.cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        archive = self.cache / f"{exam.spec.bundle}.tar"
        if not archive.is_file() or file_digest(archive) != exam.spec.bundle:
            self.desk.fetch_bundle(lease, exam, archive)
        return archive

    def _give_error(
        self, lease: Lease, reason: str, is_over: Callable[[], bool]
    ) -> tuple[Judged | None, str]:
        return self._hand_in(lambda: self.desk.fail(lease, reason), is_over), reason

    def _hand_in(self, send: Callable[[], Judged], is_over: Callable[[], bool]) -> Judged:
        """Send a result, again while the server is away: it cost more than a minute of waiting."""
        while True:
            try:
                return send()
            except ApiError as error:
                if is_over() or not _is_away(error):
                    raise
                self.stop.now.wait(HAND_IN_PAUSE_S)


@contextmanager
def _workplace() -> Iterator[Path]:
    """A folder of this exam alone, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="assay-exam-") as folder:
        if os.geteuid() == 0:
            # Scorers of a runner that is root have a user of their own, who must get through.
            Path(folder).chmod(0o711)
        yield Path(folder)


def _open_to_scorers(folder: Path) -> None:
    for parent, _, names in os.walk(folder):
        Path(parent).chmod(0o755)
        for name in names:
            Path(parent, name).chmod(0o644)


def _is_away(error: ApiError) -> bool:
    """Whether no server answers now, or one that is starting, stopping or behind a proxy."""
    return isinstance(error, ServerUnreachable) or error.status in {502, 503, 504}


def _is_about_the_exam(fault: Exception) -> bool:
    """Whether it belongs into the verdict, not to the line, the operator or another runner."""
    if not isinstance(fault, ApiError):
        return True
    return not _is_away(fault) and fault.code not in _NOT_ABOUT_THE_EXAM


def _reason(fault: Exception) -> str:
    return f"the exam could not be held: {getattr(fault, 'message', None) or fault}"


def _told(outcome: ScoringOutcome) -> str:
    """The error with the last lines that the scorer wrote, which usually name the cause."""
    tail = [line.strip() for line in outcome.stderr_tail.splitlines() if line.strip()]
    said = " | ".join(tail[-_STDERR_LINES:])
    return f"{outcome.error}{SAID}{said})" if said else str(outcome.error)
