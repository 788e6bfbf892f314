"""What git knows of a folder: the commit, what differs from it, and which object a path is.

Read-only and bounded in time. Git is asked about the user's own checkout; nothing is fetched.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from assay.domain.errors import FailedPrecondition

TIMEOUT_S: Final = 10.0
_MAX_OUTPUT_BYTES: Final = 64 << 20
# A hook sets these to the repository that it runs in, which need not be the one that is asked about.
_ELSEWHERE: Final = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"})


@dataclass(frozen=True, slots=True)
class CodeState:
    """The commit of a checkout; `diff_sha256` digests what differs from it, None for nothing."""

    commit: str
    is_dirty: bool
    diff_sha256: str | None


def code_state(folder: Path) -> CodeState | None:
    """The state of the checkout around `folder`; None without git, checkout, commit or in time."""
    try:
        root, commit = _output(folder, "rev-parse", "--show-toplevel", "HEAD").splitlines()
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    try:
        diff = _diff_sha256(Path(root))
    except (OSError, subprocess.SubprocessError):
        return CodeState(commit, is_dirty=True, diff_sha256=None)
    return CodeState(commit, is_dirty=diff is not None, diff_sha256=diff)


def code_folder() -> Path:
    """Where the running program's code is: the script's folder, or the current one without a script."""
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(script).resolve().parent if script else Path.cwd()


def committed_object(path: Path) -> tuple[str, str, str]:
    """(object id, commit, path in the repository) of a file or folder that is committed as it is.

    The commit is the last one that changed it. Raises FailedPrecondition, which says what is in the
    way: no repository, not committed, changed since.
    """
    place = path.absolute()
    folder = place if place.is_dir() else place.parent
    try:
        root = Path(_output(folder, "rev-parse", "--show-toplevel").strip())
        name = place.parent.resolve().joinpath(place.name).relative_to(root).as_posix()
        if _output(root, "status", "--porcelain", "--", f":(literal){name}").strip():
            msg = f"{path} has changes that are not committed; commit them, or use assay.data_version."
            raise FailedPrecondition(msg, field="data_version")
        commit = _output(root, "log", "-1", "--format=%H", "--", f":(literal){name}").strip()
        object_id = _output(root, "rev-parse", "--verify", f"{commit}:{name}").strip()
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        msg = f"{path} is not committed in a git repository: {_fault(error)}"
        raise FailedPrecondition(msg, field="data_version") from error
    return object_id, commit, name


def _output(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        stdin=subprocess.DEVNULL,
        env=_environment(),
    )
    return done.stdout


def _diff_sha256(root: Path) -> str | None:
    command = ["git", "-C", str(root), "diff", "--binary", "--no-color", "--no-ext-diff"]
    with subprocess.Popen(
        [*command, "--no-textconv", "HEAD"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        env=_environment(),
    ) as process:
        guard = threading.Timer(TIMEOUT_S, process.kill)
        guard.start()
        try:
            assert process.stdout is not None
            hasher, size = hashlib.sha256(), 0
            while size <= _MAX_OUTPUT_BYTES and (piece := process.stdout.read(1 << 16)):
                hasher.update(piece)
                size += len(piece)
            if size > _MAX_OUTPUT_BYTES:
                process.kill()
        finally:
            guard.cancel()
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    return hasher.hexdigest() if size else None


def _environment() -> dict[str, str]:
    return {
        **{key: value for key, value in os.environ.items() if key not in _ELSEWHERE},
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }


def _fault(error: Exception) -> str:
    said = getattr(error, "stderr", None)
    return str(said).strip().partition("\n")[0] if said else type(error).__name__
