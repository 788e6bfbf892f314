"""Running a program that may hang or babble: its own process group, a deadline, and bounded output."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

MAX_OUTPUT = 1 << 20
_PIECE = 1 << 16
_WAIT_S = 5.0


class TookTooLong(Exception):
    """The program was killed at its deadline."""


class SaidTooMuch(Exception):
    """The program was killed for writing more than it may."""


@dataclass(frozen=True, slots=True)
class Done:
    """How it ended; `errors` is the beginning of what it complained."""

    code: int
    output: bytes
    errors: str


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    timeout_s: float,
    stdin: bytes = b"",
    cwd: Path | None = None,
    max_output: int = MAX_OUTPUT,
    take: Callable[[bytes], None] | None = None,
) -> Done:
    """Run to the end. `take` is given the output piece by piece, which is not kept or bounded then.

    Raises TookTooLong, SaidTooMuch, and OSError when there is no such program. Nothing that it
    started outlives it.
    """
    deadline = time.monotonic() + timeout_s
    process = subprocess.Popen(
        list(argv),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(env),
        cwd=cwd,
        start_new_session=True,
    )
    try:
        return _follow(process, stdin, deadline, max_output, take)
    finally:
        _end(process)


def _follow(
    process: subprocess.Popen[bytes],
    stdin: bytes,
    deadline: float,
    max_output: int,
    take: Callable[[bytes], None] | None,
) -> Done:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    kept: dict[str, bytearray] = {"out": bytearray(), "err": bytearray()}
    to_write = memoryview(stdin)
    with selectors.DefaultSelector() as selector:
        for stream, name in ((process.stdout, "out"), (process.stderr, "err")):
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, selectors.EVENT_READ, name)
        os.set_blocking(process.stdin.fileno(), False)
        selector.register(process.stdin, selectors.EVENT_WRITE, "in")
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TookTooLong
            for key, _ in selector.select(left):
                if key.data == "in":
                    to_write = _feed(selector, process.stdin, to_write)
                elif key.data == "err":
                    _read(selector, process.stderr, kept["err"], "err", max_output, take)
                else:
                    _read(selector, process.stdout, kept["out"], "out", max_output, take)
    try:
        code = process.wait(max(deadline - time.monotonic(), 0.01))
    except subprocess.TimeoutExpired:
        raise TookTooLong from None
    return Done(code, bytes(kept["out"]), kept["err"].decode(errors="replace"))


def _feed(selector: selectors.BaseSelector, stream: IO[bytes], left: memoryview) -> memoryview:
    try:
        left = left[os.write(stream.fileno(), left[:_PIECE]) :] if left else left
    except BrokenPipeError:
        left = left[len(left) :]
    if not left:
        selector.unregister(stream)
        stream.close()
    return left


def _read(
    selector: selectors.BaseSelector,
    stream: IO[bytes],
    kept: bytearray,
    name: str,
    max_output: int,
    take: Callable[[bytes], None] | None,
) -> None:
    piece = os.read(stream.fileno(), _PIECE)
    if not piece:
        selector.unregister(stream)
    elif name == "err":
        kept += piece[: max(MAX_OUTPUT - len(kept), 0)]
    elif take is not None:
        take(piece)
    else:
        kept += piece
        if len(kept) > max_output:
            raise SaidTooMuch


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the whole group, also what the program left behind, and take its streams away."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(_WAIT_S)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None and not stream.closed:
            stream.close()
