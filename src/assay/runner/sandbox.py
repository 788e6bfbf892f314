"""Running a program that is not trusted: no network, no files but its own, bounded in everything.

Two backends build the same walls: bubblewrap where it works, else Linux namespaces made by the
launcher itself. Where neither works there is no sandbox and `open_sandbox` refuses; running
without one is a choice that the operator states, never a fallback.
"""

from __future__ import annotations

import itertools
import os
import platform
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from assay.domain.errors import FailedPrecondition, InvalidArgument
from assay.runner import process
from assay.runner.process import Outcome
from assay.runner.seccomp import filter_program
from assay.runner.view import (
    INSIDE,
    Interpreter,
    bubblewrap_arguments,
    find_interpreter,
    sandbox_view,
)

_LAUNCHER = Path(__file__).with_name("launcher.py")
_LAUNCHER_INSIDE = f"{INSIDE}/launcher.py"
_PYTHON_FLAGS = ("-I", "-S", "-B")
_USER_INSIDE = 1000
# Above every range that distributions and container engines hand out.
_FIRST_PRIVATE_USER = 2_000_000_000
_PRIVATE_USERS = 100_000_000
_MEMORY_MIN_BYTES = 64 * 1024 * 1024
# What the launcher itself needs while it watches, as long as it keeps them within its namespace:
# set up (mounts), drop (user, bounding set), and look (processes and folders of another user).
_BUBBLEWRAP_CAPABILITIES = ("SETUID", "SETGID", "SETPCAP", "SYS_PTRACE", "DAC_READ_SEARCH", "KILL")


class SandboxUnavailable(FailedPrecondition):
    """This machine offers no sandbox; the message names what to install and how to go without."""


class Backend(StrEnum):
    """How the walls are built; `none` builds none and is only ever chosen by the operator."""

    BUBBLEWRAP = "bubblewrap"
    NAMESPACES = "namespaces"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one job may use. Exceeding `wall_s` or a size ends the job and all of its processes.

    `cpu_s` and `open_files` hold per process; `memory_bytes` per process and for all together;
    `file_size_bytes` per file, and for everything in the writable folder together;
    `output_bytes` for standard output and error together. `processes` counts threads as well
    where the kernel does.
    """

    wall_s: float = 3600.0
    cpu_s: int = 3600
    memory_bytes: int = 4 * 1024**3
    processes: int = 64
    open_files: int = 256
    file_size_bytes: int = 256 * 1024**2
    output_bytes: int = 1024**2

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value <= 0:
                raise InvalidArgument(f"the limit {name} must be greater than 0", field=name)
        if self.memory_bytes < _MEMORY_MIN_BYTES:
            raise InvalidArgument(
                f"memory_bytes must be at least {_MEMORY_MIN_BYTES}: Python does not start in less",
                field="memory_bytes",
            )


@dataclass(frozen=True, slots=True)
class Inside:
    """A path of a job, in words that hold inside and outside: a folder's name, and what follows."""

    name: str
    rest: str = ""


@dataclass(frozen=True, slots=True)
class SandboxResult:
    """How a job ended. `exit_code` is None unless the program itself ended; negative for a signal.

    `stdout` is complete when the outcome is `ok`; `stderr_tail` is the end of standard error.
    `detail` says in a sentence what went wrong, empty when nothing did.
    """

    outcome: Outcome
    exit_code: int | None
    detail: str
    stdout: bytes
    stderr_tail: str
    duration_s: float


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A way to run programs on this machine; made by `open_sandbox`."""

    backend: Backend
    interpreter: Interpreter

    def run(
        self,
        arguments: Sequence[str | Inside],
        *,
        limits: Limits,
        read_only: Mapping[str, Path],
        writable_dir: Path,
        cwd: Inside,
        env: Mapping[str, str] | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> SandboxResult:
        """Run the sandbox's Python with `arguments` and wait for its end.

        The program sees the `read_only` folders as `Inside(name)`, may write to `Inside("out")`
        alone, has `env` and a few fixed variables for its environment, and no network.
        `should_stop` is asked about five times a second. Nothing that the program started
        outlives this call. When the runner is root the program runs as a user of its own, so
        the read-only folders must be readable by everyone.

        Raises `InvalidArgument` for a folder that the program could not read, and
        `SandboxUnavailable` when the walls cannot be built.
        """
        job = _Job(self, limits, dict(read_only), writable_dir)
        for folder in read_only.values():
            _check_readable(folder, by_everyone=job.user is not None)
        with _owned_by(job.user, writable_dir), tempfile.TemporaryDirectory() as empty:
            ended = process.run(
                job.command(),
                job.description(arguments, cwd, {**_fixed_env(self.backend, empty), **(env or {})}),
                wall_s=limits.wall_s,
                output_bytes=limits.output_bytes,
                should_stop=should_stop,
            )
        if ended.setup_error:
            raise SandboxUnavailable(
                f"the sandbox ({self.backend}) could not be built: {ended.setup_error}"
            )
        return SandboxResult(
            outcome=ended.outcome,
            exit_code=ended.exit_code,
            detail=ended.detail,
            stdout=ended.stdout,
            stderr_tail=ended.stderr_tail,
            duration_s=ended.duration_s,
        )


def open_sandbox(*, python: Path | None = None, unsandboxed: bool = False) -> Sandbox:
    """Return the best sandbox that works here, tried out by running a Python in it.

    `python` is the interpreter for scorers, by default the one that runs this. Raises
    `SandboxUnavailable` where there is none, unless `unsandboxed` says to go without walls.
    """
    interpreter = find_interpreter(python)
    if unsandboxed:
        return Sandbox(Backend.NONE, interpreter)
    problems = backend_problems()
    for backend, problem in problems.items():
        if problem is None:
            return Sandbox(backend, interpreter)
    tried = "; ".join(f"{backend}: {problem}" for backend, problem in problems.items())
    raise SandboxUnavailable(
        "no sandbox works on this machine, and a scorer is not run without one. "
        "Install bubblewrap (`apt install bubblewrap`), or pass --unsandboxed to run scorers with "
        f"the rights of this user ({tried})"
    )


@cache
def backend_problems() -> dict[Backend, str | None]:
    """Try every backend once per process, best first: None where it works, else why it does not."""
    return {backend: _problem(backend) for backend in (Backend.BUBBLEWRAP, Backend.NAMESPACES)}


def _problem(backend: Backend) -> str | None:
    if sys.platform != "linux":
        return "needs Linux"
    if backend is Backend.BUBBLEWRAP and shutil.which("bwrap") is None:
        return "bwrap is not installed"
    if os.geteuid() == 0 and _private_user() is None:
        return "runs as root without a user of its own to give to scorers"
    trial = Sandbox(backend, find_interpreter())
    with tempfile.TemporaryDirectory() as folder:
        try:
            result = trial.run(
                ["-I", "-S", "-c", "print('inside')"],
                limits=Limits(wall_s=20, cpu_s=20),
                read_only={},
                writable_dir=Path(folder),
                cwd=Inside("out"),
            )
        except SandboxUnavailable as unavailable:
            return unavailable.message
    if result.stdout == b"inside\n":
        return None
    return result.stderr_tail.strip() or result.detail


@dataclass(frozen=True, slots=True)
class _Job:
    """One run: where things appear, as whom it runs, and the command that starts the launcher."""

    sandbox: Sandbox
    limits: Limits
    read_only: dict[str, Path]
    writable_dir: Path
    user: int | None = field(default_factory=lambda: _private_user() if _is_root() else None)

    def command(self) -> list[str]:
        launcher = [*_PYTHON_FLAGS, str(_LAUNCHER)]
        if self.sandbox.backend is not Backend.BUBBLEWRAP:
            return [sys.executable, *launcher]
        sharing = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
        if self.user is None:
            identity = ["--unshare-user", "--uid", str(_USER_INSIDE), "--gid", str(_USER_INSIDE)]
        else:
            added = [("--cap-add", f"CAP_{name}") for name in _BUBBLEWRAP_CAPABILITIES]
            identity = ["--cap-drop", "ALL", *itertools.chain.from_iterable(added)]
        return [
            *("bwrap", *sharing, "--unshare-cgroup-try", "--die-with-parent", "--as-pid-1"),
            *identity,
            *bubblewrap_arguments(self._view()),
            *("--chdir", "/", "--", sys.executable, *_PYTHON_FLAGS, _LAUNCHER_INSIDE),
        ]

    def description(
        self, arguments: Sequence[str | Inside], cwd: Inside, env: Mapping[str, str]
    ) -> dict[str, Any]:
        modes = {Backend.BUBBLEWRAP: "inside", Backend.NAMESPACES: "namespaces"}
        words = [str(self.sandbox.interpreter.executable), *map(self._text, arguments)]
        program = filter_program(platform.machine())
        return {
            "mode": modes.get(self.sandbox.backend, "bare"),
            "argv": words,
            "cwd": self._text(cwd),
            "env": dict(env),
            "writable": self._text(Inside("out")),
            "user": _USER_INSIDE if self.user is None else self.user,
            "user_processes": self._user_processes(),
            "filter": None if program is None else program.hex(),
            "limits": asdict(self.limits),
            "view": [entry.as_json() for entry in self._view()],
        }

    def _text(self, word: str | Inside) -> str:
        if isinstance(word, str):
            return word
        if self.sandbox.backend is not Backend.NONE:
            return str(Path(INSIDE, word.name, word.rest))
        folder = self.writable_dir if word.name == "out" else self.read_only[word.name]
        return str(folder.resolve() / word.rest)

    def _view(self) -> list[Any]:
        if self.sandbox.backend is Backend.NONE:
            return []
        interpreters = [self.sandbox.interpreter]
        folders = dict(self.read_only)
        if self.sandbox.backend is Backend.BUBBLEWRAP:
            interpreters.append(find_interpreter())
            folders["launcher.py"] = _LAUNCHER
        return sandbox_view(
            interpreters, folders, self.writable_dir, scratch_bytes=self.limits.file_size_bytes
        )

    def _user_processes(self) -> int | None:
        """RLIMIT_NPROC, where it counts this job alone; elsewhere the launcher counts."""
        if self.sandbox.backend is Backend.NONE:
            return None
        if self.user is not None:
            return self.limits.processes
        # Since 5.14 the count is per user namespace, in which the launcher itself is counted too.
        release = platform.release().split(".")
        newer = tuple(int(part) for part in release[:2] if part.isdigit()) >= (5, 14)
        launcher = 1 if self.sandbox.backend is Backend.BUBBLEWRAP else 2
        return self.limits.processes + launcher if newer else None


def _is_root() -> bool:
    return os.geteuid() == 0


def _private_user() -> int | None:
    """Return a user id that nobody else has, for a runner that is root; None where none is mapped.

    Its own id keeps the scorer from every file that is not readable by all, and gives the kernel
    something to count processes by, which it does not do for root.
    """
    try:
        lines = Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    ranges = [(int(line.split()[0]), int(line.split()[2])) for line in lines]
    last = max((start + count - 1 for start, count in ranges), default=0)
    wanted = _FIRST_PRIVATE_USER + secrets.randbelow(_PRIVATE_USERS)
    if last >= wanted:
        return wanted
    return last - secrets.randbelow(4096) if last >= 60_000 else None


def _fixed_env(backend: Backend, home: str) -> dict[str, str]:
    """What every scorer finds in its environment: nothing from here but where programs are.

    One thread per numeric library and a fixed hash seed, so that two runs give the same digits.
    """
    scratch = home if backend is Backend.NONE else "/tmp"  # noqa: S108 - the sandbox's own
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": scratch,
        "TMPDIR": scratch,
        "USER": "scorer",
        "LOGNAME": "scorer",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }


def _check_readable(folder: Path, *, by_everyone: bool) -> None:
    """Refuse early, and by name, what the scorer would only meet as a permission error."""
    if not folder.is_dir():
        raise InvalidArgument(f"{folder} is not a folder", field="read_only")
    if not by_everyone:
        return
    for parent, _, names in os.walk(folder):
        places = [(Path(parent), 0o005), *((Path(parent, name), 0o004) for name in names)]
        for place, wanted in places:
            if place.lstat().st_mode & wanted != wanted:
                raise InvalidArgument(
                    f"{place} is not readable by everyone, and scorers do not run as root; "
                    f"run `chmod -R a+rX {folder}`",
                    field="read_only",
                )


@contextmanager
def _owned_by(user: int | None, folder: Path) -> Iterator[None]:
    """Give the writable folder to the scorer's user for the time of the run."""
    if user is None:
        yield
        return
    os.chown(folder, user, user)
    try:
        yield
    finally:
        os.chown(folder, os.geteuid(), os.getegid())
