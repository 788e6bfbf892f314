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
from typing import Self, TypeAlias

from assay.domain.errors import FailedPrecondition, Unavailable

Handler: TypeAlias = "Callable[[int, FrameType | None], object] | signal.Handlers"

_COMMAND_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 15.0
_LOOK_EVERY_S = 0.05
_LOG_TAIL = 3_000


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended, and all that it printed, errors included."""

    exit_code: int
    output: str


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
        self._processes: list[subprocess.Popen[bytes] | subprocess.Popen[str]] = []
        self._backgrounds: list[Background] = []

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str] | None = None,
    ) -> Finished:
        """Run a command to its end. Raises Unavailable when it does not come to one."""
        with _signals_wait():
            process = subprocess.Popen(
                list(argv),
                cwd=cwd,
                env={**self._env, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
            self._processes.append(process)
        with process:
            try:
                output, _ = process.communicate(timeout=_COMMAND_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                message = f"`{' '.join(argv)[:200]}` did not end within {_COMMAND_TIMEOUT_S:.0f} s."
                raise Unavailable(message) from None
            finally:
                _end(process)
        self._processes.remove(process)
        return Finished(process.returncode, output)

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
        with log.open("ab") as out, _signals_wait():
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
            self._processes.append(process)
        background = Background(name, process, log)
        self._backgrounds.append(background)
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
            for background in among or self._backgrounds:
                background.check()
            if time.monotonic() > deadline:
                raise Unavailable(f"There was no {awaited} within {within_s:.0f} s.")
            time.sleep(_LOOK_EVERY_S)

    def close(self) -> None:
        """End every process, the last started first, and wait for each."""
        while self._processes:
            _end(self._processes.pop())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A second Ctrl-C must not leave a server behind; each process has a limited time to end.
        with _handled_by(signal.SIG_IGN):
            self.close()


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM and a closed terminal unwind the story as Ctrl-C does, so that it cleans up."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    with _handled_by(interrupt):
        yield


@contextmanager
def _signals_wait() -> Iterator[None]:
    """An interruption waits for the end of the block: what has been started is known by then."""
    arrived: list[int] = []
    with _handled_by(lambda number, _: arrived.append(number)):
        yield
    if arrived:
        raise KeyboardInterrupt


@contextmanager
def _handled_by(handler: Handler) -> Iterator[None]:
    """What ends a program goes to `handler`, except for what this process was told to ignore."""
    before = {
        number: found
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if (found := signal.getsignal(number)) not in {signal.SIG_IGN, None}
    }
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, found in before.items():
            signal.signal(number, found)


def _end(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        # It leads a group of its own, and is not reaped yet: the number cannot be somebody else's.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
