"""`assay gate-runner`: holding the queued exams on this machine."""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from cyclopts import App, Group, Parameter

from assay.cli.options import DEFAULTS, Options
from assay.cli.output import note, print_facts, print_json, say
from assay.domain.errors import FailedPrecondition, InvalidArgument
from assay.sdk.errors import ApiError

if TYPE_CHECKING:
    from assay.runner.client import Lease
    from assay.runner.key import RunnerKey
    from assay.runner.loop import Examined, GateRunner, Stop
    from assay.runner.sandbox import Limits, Sandbox
    from assay.sdk.client import Client

TOKEN_FILE = "gate-runner.token"  # noqa: S105 - a file's name
DEFAULT_DATA = Path("assay-data")
_MIB = 1024**2
_WANTED = (
    "A gate runner needs a credential of its own: pass --data with the server's data folder, or set "
    "ASSAY_TOKEN to a token of a principal of kind gate (`assay access add NAME --kind gate --role gate`)."
)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@Parameter(name="*", group=Group("Limits of a scorer", sort_key=50))
@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerLimits:
    """What one scorer may use.

    Attributes:
        wall_seconds: Time from start to end; the gate's own limit counts where it is shorter.
        cpu_seconds: Processor time, per process.
        memory_mib: Memory in MiB, per process and for all together.
        processes: Processes and threads.
        open_files: Open files, per process.
        file_mib: Size in MiB of one file, and of all written files together.
        output_kib: Output on the terminal, in KiB.
    """

    wall_seconds: float = 3600
    cpu_seconds: int = 3600
    memory_mib: int = 4096
    processes: int = 64
    open_files: int = 256
    file_mib: int = 256
    output_kib: int = 1024

    def limits(self) -> Limits:
        """The same in the sandbox's units. Raises InvalidArgument for what is not positive."""
        from assay.runner.sandbox import Limits

        return Limits(
            wall_s=self.wall_seconds,
            cpu_s=self.cpu_seconds,
            memory_bytes=self.memory_mib * _MIB,
            processes=self.processes,
            open_files=self.open_files,
            file_size_bytes=self.file_mib * _MIB,
            output_bytes=self.output_kib * 1024,
        )


DEFAULT_LIMITS = ScorerLimits()


@dataclass(slots=True)
class _Report:
    """Tells of every exam as it ends, and keeps whether one of them could not be held."""

    as_json: bool
    is_away: bool = False
    unheld: list[str] = field(default_factory=list)

    def on_lease(self, lease: Lease) -> None:
        """An exam begins."""
        self.is_away = False
        if not self.as_json:
            say(f"exam   {lease.title}")

    def on_examined(self, examined: Examined) -> None:
        """An exam has ended, one way or another."""
        judged = examined.judged
        outcome = "given up" if judged is None else judged.outcome
        if outcome in {"given up", "error"}:
            self.unheld.append(examined.gate_run_id)
        if self.as_json:
            line = {
                "gate_run_id": examined.gate_run_id,
                "exam": examined.title,
                "outcome": outcome,
                "score": None if judged is None else judged.score,
                "reasons": [] if judged is None else list(judged.reasons),
                "note": examined.note,
                "duration_s": round(examined.duration_s, 3),
            }
            sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
            sys.stdout.flush()
            return
        reasons = " ".join(judged.reasons) if judged is not None and judged.reasons else ""
        say(f"{outcome:<6} {reasons or examined.note} ({examined.duration_s:.1f} s)")

    def on_away(self, error: ApiError) -> None:
        """The server is away; said once, until it is back."""
        if not self.is_away:
            note(f"assay: {error.message} Waiting for it.")
        self.is_away = True


app = App(name="gate-runner")


@app.default
def gate_runner(
    *,
    data: Annotated[Path | None, Parameter(metavar="DIR")] = None,
    once: bool = False,
    until_idle: bool = False,
    poll: Annotated[float, Parameter(metavar="SECONDS")] = 2.0,
    python: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    unsandboxed: bool = False,
    key: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    limits: ScorerLimits = DEFAULT_LIMITS,
    options: Options = DEFAULTS,
) -> int:
    """Hold the queued exams: lease, fetch by digest, score in a sandbox, hand in the rows.

    Runs until it is told to stop; the exam in hand is finished then, and given up on a second
    signal. With --json every exam is one line of JSON. With --once or --until-idle it exits with 1
    when an exam could not be held; a candidate that fails its exam is no fault of the runner's.

    It needs a credential of its own, of a gate runner: the file in --data, else ASSAY_TOKEN, else
    ./assay-data for a server on this machine, else what `assay login` keeps.

    Args:
        data: The server's data folder, for the gate runner's token in it.
        once: Hold one exam, if one waits, and exit.
        until_idle: Hold exams until none waits, and exit.
        poll: How long to wait before asking again when none waits.
        python: Python for scorers, with the packages that they need. Default: the one of assay.
        unsandboxed: Run scorers without walls, with this user's rights. Only where the machine
            itself is the sandbox.
        key: Sign verdicts with this key, made by `assay gate-runner keygen`.
    """
    from assay.runner.key import load_key
    from assay.runner.sandbox import open_sandbox
    from assay.sdk.settings import url_of

    if not 0.1 <= poll <= 3600:
        raise InvalidArgument("--poll is a number of seconds from 0.1 to 3600.", field="poll")
    url = url_of(options.url)
    client = options.connect(_token(url, data))
    sandbox = open_sandbox(python=python, unsandboxed=unsandboxed)
    report = _Report(options.json)
    signing = None if key is None else load_key(key)
    runner = _runner(client, sandbox, limits, report, signing)
    walls = "WITHOUT a sandbox" if unsandboxed else f"in a sandbox of {sandbox.backend}"
    note(f"Gate runner at {url}; scorers run {walls}.")
    try:
        with _signals(runner.stop):
            if once:
                _in_thread(runner.examine_next)
            else:
                _in_thread(lambda: runner.run(poll_s=poll, until_idle=until_idle))
    except ApiError as error:
        if error.code not in {"unauthenticated", "permission_denied"}:
            raise
        raise FailedPrecondition(f"{error.message} {_WANTED}") from None
    return 1 if (once or until_idle) and report.unheld else 0


@app.command
def keygen(*, key: Annotated[Path, Parameter(metavar="FILE")], options: Options = DEFAULTS) -> None:
    """Make the runner's key pair: the private key into a new file, the public one onto the screen.

    The private key never leaves this machine. A maintainer registers the public one with
    `assay gate-keys register`.

    Args:
        key: The file; it must not exist yet, and only you may read it afterwards.
    """
    from assay.runner.key import make_key

    made = make_key(key)
    if options.json:
        print_json({"key_id": made.key_id, "public_key": made.public_key, "file": str(key)})
        return
    print_facts({"key": made.key_id, "public key": made.public_key, "private key": str(key)})
    say(f"Register it: assay gate-keys register {made.public_key} --runner NAME")


def _runner(
    client: Client,
    sandbox: Sandbox,
    limits: ScorerLimits,
    report: _Report,
    key: RunnerKey | None,
) -> GateRunner:
    from assay.runner.client import GateDesk
    from assay.runner.loop import GateRunner, Stop, Watch
    from assay.sdk.settings import cache_folder

    return GateRunner(
        desk=GateDesk(client, f"{platform.node()[:200]}:{os.getpid()}", key=key),
        sandbox=sandbox,
        limits=limits.limits(),
        cache=cache_folder() / "bundles",
        watch=Watch(report.on_lease, report.on_examined, report.on_away),
        stop=Stop(),
    )


def _token(url: str, data: Path | None) -> str | None:
    """The runner's credential; None lets the client look into ASSAY_TOKEN and the login file."""
    from assay.sdk.credentials import find_token
    from assay.sdk.settings import token_of

    if data is not None:
        return _read(data / TOKEN_FILE)
    given = token_of()
    if given is not None:
        return given
    # The credential of this machine's server is shown to this machine's server only.
    if urlsplit(url).hostname in _LOOPBACK and (DEFAULT_DATA / TOKEN_FILE).is_file():
        return _read(DEFAULT_DATA / TOKEN_FILE)
    kept = find_token(url)
    if kept is None:
        raise FailedPrecondition(_WANTED)
    return kept


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a token"
        raise FailedPrecondition(
            f"Cannot read {path}: {reason}. --data names the data folder of `assay serve`.",
            field="data",
        ) from None


@contextmanager
def _signals(stop: Stop) -> Iterator[None]:
    """SIGTERM and SIGINT: first to finish the exam in hand, then to give it up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        if stop.soon.is_set():
            stop.now.set()
            return
        # First, since the next signal may come while the note is being written.
        stop.soon.set()
        note("Stopping after the exam in hand; once more gives it up.")

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_thread(work: Callable[[], object]) -> None:
    """Run the loop beside the main thread: a signal handler must not touch a lock that it interrupts."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - handed over, and raised there
            raised.append(error)

    thread = threading.Thread(target=run, name="assay-gate-runner", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.2)
    if raised:
        raise raised[0]
