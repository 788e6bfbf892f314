"""Starting the launcher, reading what it sends within agreed bounds, and ending it for certain."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

_READ_BYTES = 65536
_STDERR_TAIL_BYTES = 8192
_STATUS_BYTES = 65536
_TICK_S = 0.2
_GOODBYE_S = 5.0
_OUT_OF_MEMORY = ("MemoryError", "Cannot allocate memory", "std::bad_alloc", "out of memory")


class Outcome(StrEnum):
    """How a sandboxed program ended; only `ok` means that it ran to its end and exited with 0."""

    OK = "ok"
    FAILED = "failed"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT = "output"
    KILLED = "killed"


@dataclass(frozen=True, slots=True)
class Ended:
    """What is left of a launched program; `setup_error` is set when it was never started."""

    outcome: Outcome
    exit_code: int | None
    detail: str
    stdout: bytes
    stderr_tail: str
    duration_s: float
    setup_error: str


@dataclass(slots=True)
class _Heard:
    """What the program and its launcher have said so far."""

    output_bytes: int
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    status: bytearray = field(default_factory=bytearray)
    said_bytes: int = 0

    def take(self, name: str, piece: bytes) -> None:
        """Keep a piece of a stream within the stream's bound."""
        if name == "status":
            self.status += piece[: _STATUS_BYTES - len(self.status)]
            return
        self.said_bytes += len(piece)
        if name == "stdout":
            self.stdout += piece[: self.output_bytes - len(self.stdout)]
        else:
            self.stderr = (self.stderr + piece)[-_STDERR_TAIL_BYTES:]


@dataclass(frozen=True, slots=True)
class _Launched:
    """The launcher's process and our ends of its pipes; closing `lifeline` ends everything."""

    process: subprocess.Popen[bytes]
    lifeline: int
    streams: Mapping[str, int]


def run(
    command: list[str],
    job: Mapping[str, Any],
    *,
    wall_s: float,
    output_bytes: int,
    should_stop: Callable[[], bool],
) -> Ended:
    """Start `command`, hand it `job`, and return when it and all that it started are gone."""
    started = time.monotonic()
    heard = _Heard(output_bytes)
    with _launch(command, job) as launched:
        cut = _listen(launched, heard, started + wall_s, should_stop)
    return _judge(heard, cut, launched.process.returncode, time.monotonic() - started)


@contextlib.contextmanager
def _launch(command: list[str], job: Mapping[str, Any]) -> Iterator[_Launched]:
    """Start the launcher; on leaving, take it and everything below it down."""
    with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
        stdin, lifeline = os.pipe()
        theirs.callback(os.close, stdin)
        closing = ours.enter_context(contextlib.ExitStack())
        closing.callback(os.close, lifeline)
        reading, writing = {}, {}
        for name in ("stdout", "stderr", "status"):
            reading[name], writing[name] = os.pipe()
            ours.callback(os.close, reading[name])
            theirs.callback(os.close, writing[name])
        process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=writing["stdout"],
            stderr=writing["stderr"],
            pass_fds=(writing["status"],),
            env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
            cwd="/",
            start_new_session=True,
        )
        try:
            theirs.close()
            with contextlib.suppress(BrokenPipeError):
                line = json.dumps({**job, "status_fd": writing["status"]}) + "\n"
                os.write(lifeline, line.encode())
            yield _Launched(process, lifeline, reading)
        finally:
            closing.close()
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Wait for the launcher, whose lifeline is cut by now; if it does not go, kill its group."""
    try:
        process.wait(timeout=_GOODBYE_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _listen(
    launched: _Launched, heard: _Heard, deadline: float, should_stop: Callable[[], bool]
) -> tuple[Outcome, str] | None:
    """Read until the launcher has reported; return why it was cut short, if it was."""
    with selectors.DefaultSelector() as selector:
        for name, fd in launched.streams.items():
            selector.register(fd, selectors.EVENT_READ, name)
        while selector.get_map():
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return Outcome.TIMEOUT, "the wall clock limit was reached"
            if should_stop():
                return Outcome.KILLED, "the runner stopped it"
            for key, _ in selector.select(min(left_s, _TICK_S)):
                piece = os.read(key.fd, _READ_BYTES)
                if piece:
                    heard.take(key.data, piece)
                else:
                    selector.unregister(key.fd)
            if heard.said_bytes > heard.output_bytes:
                return Outcome.OUTPUT, f"more than {heard.output_bytes} bytes of output"
    return None


def _judge(
    heard: _Heard, cut: tuple[Outcome, str] | None, launcher_code: int, duration_s: float
) -> Ended:
    stderr_tail = heard.stderr.decode("utf-8", "replace")
    lines = [json.loads(line) for line in heard.status.splitlines()]
    status: dict[str, Any] = lines[-1] if lines else {"outcome": "setup", "detail": stderr_tail}
    code: int | None = status.get("code")
    setup_error = ""
    if cut is not None:
        outcome, detail = cut
        code = None
    elif status["outcome"] == "setup":
        outcome, detail = Outcome.FAILED, ""
        setup_error = status["detail"].strip() or f"the launcher ended with {launcher_code}"
    elif status["outcome"] == "started":
        outcome, detail = Outcome.KILLED, f"its launcher ended with {launcher_code}"
    elif code is None:
        outcome, detail = Outcome(status["outcome"]), status["detail"]
    else:
        outcome, detail = _judge_code(code, stderr_tail)
    return Ended(outcome, code, detail, bytes(heard.stdout), stderr_tail, duration_s, setup_error)


def _judge_code(code: int, stderr_tail: str) -> tuple[Outcome, str]:
    if code == 0:
        return Outcome.OK, ""
    if code == -signal.SIGXCPU:
        return Outcome.TIMEOUT, "the processor time limit was reached"
    # An allocation that the kernel refuses is only told apart by what the program says of it.
    if any(words in stderr_tail for words in _OUT_OF_MEMORY):
        return Outcome.MEMORY, f"it ran out of memory and exited with {code}"
    if code == -signal.SIGKILL:
        return Outcome.KILLED, "it was killed"
    if code < 0:
        return Outcome.FAILED, f"it was ended by signal {-code}"
    return Outcome.FAILED, f"it exited with {code}"
