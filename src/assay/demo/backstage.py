"""The processes of the demonstration: started apart, watched, and none of them left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from assay.domain.errors import FailedPrecondition, Unavailable

_COMMAND_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 15.0
_LOOK_EVERY_S = 0.05
_LOG_TAIL = 3_000


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended and what it printed; `text` is what a terminal would have shown."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        """Standard output, then standard error."""
        return self.stdout + self.stderr


@dataclass(slots=True)
class Background:
    """A process that goes on while the story does; everything that it prints is in `log`."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self.process.poll()

    def output(self) -> str:
        """All that it printed so far."""
        return self.log.read_text("utf-8", errors="replace")

    def check(self) -> None:
        """Pass while it runs or ended well. Raises FailedPrecondition with the end of its log."""
        code = self.exit_code
        if code not in {None, 0}:
            tail = self.output()[-_LOG_TAIL:].strip()
            message = f"The {self.name} ended with exit code {code}. The end of its log:\n{tail}"
            raise FailedPrecondition(message)


class Backstage:
    """Starts processes with one environment, each in a session of its own, and ends them all."""

    def __init__(self, logs: Path, env: Mapping[str, str]) -> None:
        self._logs = logs
        self._env = dict(env)
        self._running: list[Background] = []

    def run(
        self, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None
    ) -> Finished:
        """Run a command to its end. Raises Unavailable when it does not come to one."""
        try:
            done = subprocess.run(
                list(argv),
                cwd=cwd,
                env={**self._env, **(env or {})},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                timeout=_COMMAND_TIMEOUT_S,
                check=False,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            message = f"`{' '.join(argv)[:200]}` did not end within {_COMMAND_TIMEOUT_S:.0f} s."
            raise Unavailable(message) from None
        return Finished(done.returncode, done.stdout, done.stderr)

    def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str] | None = None,
    ) -> Background:
        """Start a process that goes on in the background."""
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{name.replace(' ', '-')}.log"
        with log.open("ab") as out:
            process = subprocess.Popen(
                list(argv),
                cwd=cwd,
                env={**self._env, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                # Ctrl-C reaches us alone, and we end the others in their order.
                start_new_session=True,
            )
        background = Background(name, process, log)
        self._running.append(background)
        return background

    def wait_until(
        self,
        ready: Callable[[], bool],
        *,
        within_s: float,
        awaited: str,
        among: Sequence[Background] = (),
    ) -> None:
        """Wait for something that others do, and stop waiting when one of `among` has failed.

        Raises FailedPrecondition for that, Unavailable when the time is over.
        """
        deadline = time.monotonic() + within_s
        while not ready():
            for background in among or self._running:
                background.check()
            if time.monotonic() > deadline:
                raise Unavailable(f"There was no {awaited} within {within_s:.0f} s.")
            time.sleep(_LOOK_EVERY_S)

    def close(self) -> None:
        """End every process, the last started first, and wait for each."""
        while self._running:
            _end(self._running.pop().process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A second Ctrl-C must not leave a server behind; each process has a limited time to end.
        with _deaf_to(signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.close()


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM and a closed terminal unwind the story as Ctrl-C does, so that it cleans up."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    before = {
        number: signal.signal(number, interrupt)
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _deaf_to(*numbers: signal.Signals) -> Iterator[None]:
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        # It leads a group of its own, and is not reaped yet: the number cannot be somebody else's.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
