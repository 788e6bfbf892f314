"""`assay doctor`: what works here, what does not, and what to do about it."""

from __future__ import annotations

import platform
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from typing import Any

from assay.cli.options import DEFAULTS, Options
from assay.cli.output import print_json, say
from assay.domain.errors import AppError
from assay.sdk.errors import ApiError

SKEW_MAX_MS = 5_000

_EXTRAS = {
    "server": ("sqlalchemy", "starlette", "uvicorn", "numpy"),
    "postgresql": ("psycopg",),
    "s3": ("obstore",),
    "demo": ("mlflow", "sklearn"),
}


class Finding(StrEnum):
    """How a check came out; `fail` makes the command exit with 1."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Line:
    """One check: what was found, and what to do where it is not ok."""

    check: str
    finding: Finding
    text: str

    def as_json(self) -> dict[str, str]:
        """The same for --json."""
        return {"check": self.check, "finding": self.finding.value, "text": self.text}


def doctor(*, options: Options = DEFAULTS) -> int:
    """Check this machine, the server and the credential; exit with 1 when something is broken."""
    lines: list[Line] = []
    for check in (_python, _extras, _git, _sandbox, _spool, lambda: _server(options)):
        for line in _guarded(check):
            lines.append(line)
            if not options.json:
                say(f"{line.finding.value:<4}  {line.check:<12}{line.text}")
    broken = any(line.finding is Finding.FAIL for line in lines)
    if options.json:
        print_json({"ok": not broken, "checks": [line.as_json() for line in lines]})
    return 1 if broken else 0


def _guarded(check: Callable[[], Iterator[Line]]) -> Iterator[Line]:
    try:
        yield from check()
    except (AppError, ApiError) as error:
        yield Line("settings", Finding.FAIL, error.message)


def _python() -> Iterator[Line]:
    from importlib.metadata import version

    yield Line(
        "assay",
        Finding.OK,
        f"{version('assay')} on Python {platform.python_version()}, {platform.system()} {platform.machine()}",
    )


def _extras() -> Iterator[Line]:
    installed = [name for name, modules in _EXTRAS.items() if all(map(find_spec, modules))]
    absent = [name for name in _EXTRAS if name not in installed]
    text = f"installed: {', '.join(installed) or 'none'}"
    if absent:
        text += f"; pip install 'assay[{','.join(absent)}]' brings the others when they are wanted"
    yield Line("extras", Finding.OK, text)


def _git() -> Iterator[Line]:
    program = shutil.which("git")
    if program is None:
        text = "not found: runs cannot record code_commit by themselves. Install git, or pass it yourself."
        yield Line("git", Finding.WARN, text)
        return
    told = subprocess.run(
        [program, "--version"], capture_output=True, text=True, timeout=10, check=False
    )
    found = Finding.OK if told.returncode == 0 else Finding.WARN
    yield Line("git", found, (told.stdout or told.stderr).strip())


def _sandbox() -> Iterator[Line]:
    from assay.runner.sandbox import backend_problems

    problems = backend_problems()
    working = [str(backend) for backend, problem in problems.items() if problem is None]
    if working:
        yield Line("sandbox", Finding.OK, f"scorers run walled in by {working[0]}")
        return
    told = "; ".join(f"{backend}: {problem}" for backend, problem in problems.items())
    text = f"none works, so `assay gate-runner` refuses here: install bubblewrap ({told})"
    yield Line("sandbox", Finding.WARN, text)


def _spool() -> Iterator[Line]:
    from assay.sdk.settings import spool_folder
    from assay.sdk.spool import SUFFIX, SpoolLock

    folder = spool_folder()
    left, in_use = 0, 0
    for path in sorted(folder.glob(f"*/*{SUFFIX}")) if folder.is_dir() else ():
        lock = SpoolLock.take(path)
        if lock is None:
            in_use += 1
        else:
            lock.release()
            left += 1
    busy = f", {in_use} in use by running processes" if in_use else ""
    if left:
        text = f"{left} left by ended processes in {folder}{busy}: `assay sync` sends them"
        yield Line("spool", Finding.WARN, text)
    else:
        yield Line("spool", Finding.OK, f"nothing waits in {folder}{busy}")


def _server(options: Options) -> Iterator[Line]:
    # One attempt: a doctor who retries makes the patient wait.
    client = options.connect(None, timeout_s=10, retries=0)
    try:
        client.health()
        # The first request also pays for loading the transport.
        started = time.monotonic()
        client.health()
    except ApiError as error:
        yield Line("server", Finding.FAIL, error.message)
        return
    took_ms = (time.monotonic() - started) * 1000
    yield Line("server", Finding.OK, f"{client.url} is ready ({took_ms:.0f} ms)")
    yield from _credential_file()
    before_ms = time.time() * 1000
    try:
        found = client.get("/whoami")
    except ApiError as error:
        next_step = " Log in with `assay login`." if error.status == 401 else ""
        yield Line("credential", Finding.FAIL, error.message + next_step)
        return
    middle_ms = (before_ms + time.time() * 1000) / 2
    yield _version(found)
    yield _clock(found, middle_ms)
    yield _credential(client.connection.workspace, found)


def _credential_file() -> Iterator[Line]:
    from assay.sdk.settings import credentials_file

    path = credentials_file()
    if not path.exists() or sys.platform == "win32":
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        text = f"{path} can be read by others (mode {mode:o}): run `chmod 600 {path}`"
        yield Line("login", Finding.FAIL, text)


def _version(found: dict[str, Any]) -> Line:
    from importlib.metadata import version

    theirs, ours = found["server_version"], version("assay")
    if theirs == ours:
        return Line("version", Finding.OK, f"the server runs {theirs}, as this client does")
    text = f"the server runs {theirs}, this client is {ours}: install the same version"
    return Line("version", Finding.WARN, text)


def _clock(found: dict[str, Any], here_ms: float) -> Line:
    skew_ms = found["now_ms"] - here_ms
    if abs(skew_ms) <= SKEW_MAX_MS:
        return Line("clock", Finding.OK, f"{abs(skew_ms) / 1000:.1f} s apart from the server's")
    side = "ahead of" if skew_ms < 0 else "behind"
    text = (
        f"this machine's clock is {abs(skew_ms) / 1000:.0f} s {side} the server's, "
        "and so are the times of metric points: set it by NTP"
    )
    return Line("clock", Finding.WARN, text)


def _credential(workspace: str, found: dict[str, Any]) -> Line:
    if found["kind"] == "local":
        return Line("credential", Finding.OK, "none needed: the server is in local mode")
    who = f"{found['name']} ({found['kind']})"
    roles = sorted({*found["roles"].get(workspace, ()), *found["roles"].get("*", ())})
    if not roles:
        text = f"{who} has no role in workspace {workspace!r}: ask an admin for one"
        return Line("credential", Finding.FAIL, text)
    return Line("credential", Finding.OK, f"{who}: {', '.join(roles)} in workspace {workspace!r}")
