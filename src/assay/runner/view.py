"""What a sandboxed process sees: the system's programs, one Python, the folders of its job.

A view is a list of plain entries that both backends carry out: the launcher with mounts of its own,
bubblewrap from its arguments. What no entry names does not exist inside.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from assay.domain.errors import InvalidArgument

INSIDE = "/assay"
"""Where the named folders of a job appear inside."""

_SYSTEM_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_SYSTEM_FILES = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime")
_DEVICES = ("null", "zero", "full", "random", "urandom")
_PYTHON_PARTS = ("bin", "lib", "lib64", "pyvenv.cfg")
_LINKS_MAX = 40
_ASK_PYTHON = """
import json, sys
print(json.dumps([sys.executable, sys.prefix, sys.base_prefix]))
"""

Kind = Literal["read", "write", "device", "symlink", "proc", "scratch"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing inside: `source` for what is shown from outside, `text` for a symbolic link."""

    kind: Kind
    target: str
    source: str = ""
    text: str = ""
    size_bytes: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the entry as the launcher reads it; unused fields are left out."""
        fields = {"source": self.source, "text": self.text, "size_bytes": self.size_bytes}
        used = {name: value for name, value in fields.items() if value}
        return {"kind": self.kind, "target": self.target, **used}


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that scorers run on, and the paths that must be visible for it to start."""

    executable: Path
    paths: tuple[Path, ...]


def find_interpreter(executable: Path | None = None) -> Interpreter:
    """Describe `executable` (the running Python by default) by asking it.

    Raises `InvalidArgument` when it does not start or does not answer as a Python does. Packages
    of its own environment are visible to scorers; per-user site packages are not.
    """
    program = Path(sys.executable) if executable is None else executable.absolute()
    try:
        answer = subprocess.run(
            [program, "-I", "-c", _ASK_PYTHON], capture_output=True, check=True, timeout=30
        )
        prefixes = [Path(part) for part in json.loads(answer.stdout)[1:]]
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise InvalidArgument(
            f"{program} is not a Python that starts: {error}", field="python"
        ) from error
    parts = [prefix / part for prefix in prefixes for part in _PYTHON_PARTS]
    hops = [hop.parent for hop in _link_hops(program)]
    return Interpreter(program, tuple(dict.fromkeys([*hops, *parts])))


def _link_hops(program: Path) -> Iterator[Path]:
    """Yield the program and every symbolic link on the way to the real file."""
    for _ in range(_LINKS_MAX):
        yield program
        if not program.is_symlink():
            return
        program = Path(os.path.normpath(program.parent / program.readlink()))


def sandbox_view(
    interpreters: list[Interpreter],
    read_only: Mapping[str, Path],
    writable: Path,
    scratch_bytes: int,
) -> list[Entry]:
    """Return everything that a job may see, in an order in which it can be mounted.

    The named folders appear as `/assay/<name>`, the writable one as `/assay/out`.
    """
    # Scratch space comes first: a Python that lives below one of these must appear on top of it.
    entries = [
        *_system(),
        Entry("proc", "/proc"),
        *(Entry("device", f"/dev/{name}", source=f"/dev/{name}") for name in _DEVICES),
        Entry("symlink", "/dev/fd", text="/proc/self/fd"),
        Entry("scratch", "/dev/shm", size_bytes=scratch_bytes),  # noqa: S108 - made for the job
        Entry("scratch", "/tmp", size_bytes=scratch_bytes),  # noqa: S108 - made for the job
    ]
    covered = [Path(entry.target) for entry in entries if entry.kind in {"read", "symlink"}]
    for interpreter in interpreters:
        for path in interpreter.paths:
            for place in (path, path.resolve()):
                if place.exists() and not any(place.is_relative_to(root) for root in covered):
                    entries.append(Entry("read", str(place), source=str(path.resolve())))
                    covered.append(place)
    entries += [
        Entry("read", f"{INSIDE}/{name}", source=str(path.resolve()))
        for name, path in sorted(read_only.items())
    ]
    return [*entries, Entry("write", f"{INSIDE}/out", source=str(writable.resolve()))]


def _system() -> Iterator[Entry]:
    yield Entry("read", "/usr", source="/usr")
    for name in _SYSTEM_LINKS:
        path = Path("/", name)
        if path.is_symlink():
            yield Entry("symlink", str(path), text=str(path.readlink()))
        elif path.is_dir():
            yield Entry("read", str(path), source=str(path))
    for name in _SYSTEM_FILES:
        path = Path("/etc", name)
        if path.exists():
            yield Entry("read", str(path), source=str(path.resolve()))


def bubblewrap_arguments(view: list[Entry]) -> list[str]:
    """Return the arguments with which bubblewrap builds `view`."""
    options = {"read": "--ro-bind", "write": "--bind", "device": "--dev-bind"}
    arguments: list[str] = []
    parents: set[PurePosixPath] = set()
    for entry in view:
        # Left to itself bubblewrap makes parents that only their owner may enter.
        for parent in reversed(PurePosixPath(entry.target).parents[:-1]):
            if parent not in parents:
                arguments += ["--perms", "0755", "--dir", str(parent)]
                parents.add(parent)
        if entry.kind == "symlink":
            arguments += ["--symlink", entry.text, entry.target]
        elif entry.kind == "proc":
            arguments += ["--proc", entry.target]
        elif entry.kind == "scratch":
            arguments += ["--size", str(entry.size_bytes), "--perms", "1777"]
            arguments += ["--tmpfs", entry.target]
        else:
            arguments += [options[entry.kind], entry.source, entry.target]
    return [*arguments, "--remount-ro", "/"]
