"""What stands between the runner and a scorer: it builds the walls, starts and watches it.

Executed as a script of its own (`python -I -S launcher.py`), never imported by the runner, with the
standard library alone. It reads one line of JSON from standard input, the job; standard input then
stays open as the lifeline: when it ends, the runner is gone and everything started here dies.
What happens is told in lines of JSON on the descriptor named in the job: `started`, then the end.

Modes: `namespaces` (this script makes them), `inside` (bubblewrap made them, this is process 1)
and `bare` (no walls, asked for by the operator).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 32, 4096, 16384, 1 << 18
_MNT_DETACH = 2
_CLONE_NEWNS, _CLONE_NEWUTS, _CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
_CLONE_NEWUSER, _CLONE_NEWPID, _CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_CAPBSET_DROP = 1, 4, 22, 24
_PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 36, 38, 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x20080522
_STAGING = "/tmp"  # noqa: S108 - covered by a mount that nobody else sees
_WATCH_INTERVAL_MS = 50
_TREE_ENTRIES_MAX = 10_000
_KILL_ROUNDS = 100
_EXEC_FAILED = 127

_libc = ctypes.CDLL(None, use_errno=True)
_page_bytes = resource.getpagesize()


class Breach(Exception):
    """A limit was exceeded: `outcome` is the word for it, the message the sentence."""

    def __init__(self, outcome: str, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


def main() -> int:
    """Run the job that standard input describes and report it; 0 when it could be started."""
    job = json.loads(_read_line(0))
    os.set_inheritable(job["status_fd"], False)  # noqa: FBT003 - the signature of the standard library
    try:
        if job["mode"] == "namespaces":
            return _in_namespaces(job)
        return _watched(job)
    except OSError as error:
        _report(job, {"outcome": "setup", "detail": str(error)})
        return 1


def _read_line(fd: int) -> bytes:
    """Read up to a newline without reading ahead: what follows belongs to the lifeline."""
    line = bytearray()
    while not line.endswith(b"\n"):
        piece = os.read(fd, 65536)
        if not piece:
            raise SystemExit("the runner went away before it said what to do")
        line += piece
    return bytes(line)


def _report(job: dict[str, Any], status: dict[str, Any]) -> None:
    os.write(job["status_fd"], json.dumps(status).encode() + b"\n")


def _call(name: str, *arguments: object) -> None:
    """Call a function of the C library that answers -1 on failure."""
    if getattr(_libc, name)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _prctl(option: int, *values: int) -> None:
    padded = (*values, 0, 0, 0, 0)[:4]
    _call("prctl", option, *(ctypes.c_ulong(value) for value in padded))


# Walls --------------------------------------------------------------------------------------------


def _in_namespaces(job: dict[str, Any]) -> int:
    """Enter new namespaces, continue there as process 1 and pass its exit code on."""
    flags = _CLONE_NEWNS | _CLONE_NEWUTS | _CLONE_NEWIPC | _CLONE_NEWPID | _CLONE_NEWNET
    outer_user, outer_group = os.geteuid(), os.getegid()
    if outer_user != 0:
        _call("unshare", _CLONE_NEWUSER)
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{job['user']} {outer_user} 1"),
            ("gid_map", f"{job['user']} {outer_group} 1"),
        ):
            Path("/proc/self", name).write_text(text, encoding="ascii")
    _call("unshare", flags)
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status) & 0xFF
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _build_view(job["view"])
    return _watched(job)


def _mount(
    source: str | None, target: str | Path, kind: str | None, flags: int, data: str = ""
) -> None:
    names = [None if name is None else os.fsencode(name) for name in (source, target, kind)]
    try:
        _call("mount", *names, ctypes.c_ulong(flags), data.encode() or None)
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}, {kind or 'bind'} on {target}") from error


def _build_view(view: list[dict[str, Any]]) -> None:
    """Replace the root with a small read-only one that holds what `view` lists and nothing else."""
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    # Held open before anything is covered, so that sources below the staging place stay reachable.
    sources = {
        entry["source"]: os.open(entry["source"], os.O_PATH | os.O_CLOEXEC)
        for entry in view
        if "source" in entry
    }
    _mount("tmpfs", _STAGING, "tmpfs", _MS_NOSUID | _MS_NODEV, "size=1m,nr_inodes=4096,mode=0755")
    for entry in view:
        _place(entry, Path(_STAGING + entry["target"]), sources.get(entry.get("source", "")))
    for fd in sources.values():
        os.close(fd)
    os.chdir(_STAGING)
    _call("pivot_root", b".", b".")
    _call("umount2", b".", _MNT_DETACH)
    os.chdir("/")
    flags = _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID | _MS_NODEV
    _mount(None, "/", None, flags)


def _place(entry: dict[str, Any], target: Path, source_fd: int | None) -> None:
    kind = entry["kind"]
    if kind == "symlink":
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        target.symlink_to(entry["text"])
    elif kind == "proc":
        target.mkdir(mode=0o755, parents=True, exist_ok=True)
        _mount("proc", target, "proc", _MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    elif kind == "scratch":
        target.mkdir(mode=0o755, parents=True, exist_ok=True)
        data = f"size={entry['size_bytes']},nr_inodes=8192,mode=1777"
        _mount("tmpfs", target, "tmpfs", _MS_NOSUID | _MS_NODEV, data)
    else:
        _bind(f"/proc/self/fd/{source_fd}", target, kind)


def _bind(source: str, target: Path, kind: str) -> None:
    if Path(source).is_dir():
        target.mkdir(mode=0o755, parents=True, exist_ok=True)
    else:
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        target.touch(mode=0o644)
    _mount(source, target, None, _MS_BIND | _MS_REC)
    if kind == "device":
        return
    for mounted in list(_mounts_below(str(target))):
        # What the source already forbids must be repeated, or an unprivileged remount is refused.
        kept = os.statvfs(mounted).f_flag & (_MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
        flags = kept | _MS_NOSUID | _MS_NODEV | (_MS_RDONLY if kind == "read" else 0)
        _mount(None, mounted, None, _MS_REMOUNT | _MS_BIND | flags)


def _mounts_below(target: str) -> Iterator[str]:
    for line in _read_text("/proc/self/mountinfo").splitlines():
        point = line.split(" ")[4]
        for escaped, plain in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
            point = point.replace(escaped, plain)
        if point == target or point.startswith(target + "/"):
            yield point


# The scorer ---------------------------------------------------------------------------------------


def _watched(job: dict[str, Any]) -> int:
    """Start the scorer, watch it to its end, report, and take everything that it started along."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    awake, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    if job["mode"] == "bare" and sys.platform == "linux":
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _report(job, {"outcome": "started"})
    if job["mode"] != "bare":
        _prctl(_PR_SET_DUMPABLE, 0)
    child = os.fork()
    if child == 0:
        _become_scorer(job, nothing)
    try:
        status = _watch(job, child, awake)
    except Breach as breach:
        status = {"outcome": breach.outcome, "detail": str(breach)}
    _end_everything(job, child)
    _report(job, status)
    return 0


def _become_scorer(job: dict[str, Any], nothing: int) -> NoReturn:
    try:
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        os.dup2(nothing, 0)
        _limit_resources(job)
        if sys.platform == "linux":
            if job["mode"] == "bare":
                _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            else:
                _drop_privileges(job)
        os.chdir(job["cwd"])
        os.execve(job["argv"][0], job["argv"], job["env"])  # noqa: S606
    except BaseException as error:  # noqa: BLE001 - this process must not return into its parent's code
        os.write(2, f"cannot start {job['argv'][0]}: {error}\n".encode())
    os._exit(_EXEC_FAILED)


def _limit_resources(job: dict[str, Any]) -> None:
    limits = job["limits"]
    wanted = [
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_CPU, limits["cpu_s"], limits["cpu_s"] + 1),
        (resource.RLIMIT_AS, limits["memory_bytes"], limits["memory_bytes"]),
        (resource.RLIMIT_FSIZE, limits["file_size_bytes"], limits["file_size_bytes"]),
        (resource.RLIMIT_NOFILE, limits["open_files"], limits["open_files"]),
    ]
    if job["user_processes"]:
        wanted.append((resource.RLIMIT_NPROC, job["user_processes"], job["user_processes"]))
    for kind, soft, hard in wanted:
        _, ceiling = resource.getrlimit(kind)
        known = ceiling != resource.RLIM_INFINITY
        allowed = (min(soft, ceiling), min(hard, ceiling)) if known else (soft, hard)
        resource.setrlimit(kind, allowed)


def _drop_privileges(job: dict[str, Any]) -> None:
    last = int(_read_text("/proc/sys/kernel/cap_last_cap") or "40")
    for capability in range(last + 1):
        if _libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), *[ctypes.c_ulong(0)] * 3):
            break  # without CAP_SETPCAP there is nothing left to give away
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(job["user"], job["user"], job["user"])
        os.setresuid(job["user"], job["user"], job["user"])
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _call("capset", header, (ctypes.c_uint32 * 6)())
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    if job["filter"]:
        program = bytes.fromhex(job["filter"])
        instructions = ctypes.create_string_buffer(program, len(program))

        class Program(ctypes.Structure):
            _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))

        filled = Program(len(program) // 8, ctypes.addressof(instructions))
        _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(filled))


# Watching -----------------------------------------------------------------------------------------


def _watch(job: dict[str, Any], child: int, awake: int) -> dict[str, Any]:
    """Wait for the scorer to end; `Breach` as soon as a limit on the whole of it is exceeded."""
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(awake, select.POLLIN)
    next_look_at = 0.0
    while True:
        for fd, _ in poll.poll(_WATCH_INTERVAL_MS):
            if fd == 0:
                raise Breach("killed", "the runner went away or stopped it")
            os.read(awake, 4096)
        status = _reap(child)
        if status is not None:
            code = os.waitstatus_to_exitcode(status)
            return {"outcome": "exited", "code": code, "detail": ""}
        if time.monotonic() >= next_look_at:
            _check_processes(job)
            _check_tree(job["writable"], job["limits"]["file_size_bytes"])
            next_look_at = time.monotonic() + _WATCH_INTERVAL_MS / 1000


def _reap(child: int) -> int | None:
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == child:
            found = status


def _processes(job: dict[str, Any]) -> list[int]:
    """Every process of the scorer: all but this one in its own namespace, else its descendants."""
    try:
        numbers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    except OSError:
        return []
    me = os.getpid()
    if job["mode"] != "bare":
        return [number for number in numbers if number != me]
    parents: dict[int, list[int]] = {}
    for number in numbers:
        fields = _read_text(f"/proc/{number}/stat").rpartition(")")[2].split()
        if len(fields) > 1:
            parents.setdefault(int(fields[1]), []).append(number)
    found: list[int] = []
    waiting = [me]
    while waiting:
        children = parents.pop(waiting.pop(), [])
        found += children
        waiting += children
    return found


def _check_processes(job: dict[str, Any]) -> None:
    limits = job["limits"]
    processes = _processes(job)
    if len(processes) > limits["processes"]:
        raise Breach("killed", f"more than {limits['processes']} processes")
    used = 0
    for number in processes:
        fields = _read_text(f"/proc/{number}/statm").split()
        if fields:
            used += (int(fields[1]) - int(fields[2])) * _page_bytes
    # Pages shared after a fork are counted once per process above; count exactly before judging.
    if used > limits["memory_bytes"]:
        used = sum(_private_bytes(number) for number in processes)
        if used > limits["memory_bytes"]:
            raise Breach("memory", f"more than {limits['memory_bytes']} bytes of memory in use")


def _private_bytes(number: int) -> int:
    """Anonymous memory of a process, shared pages divided among those who share them."""
    sizes: dict[str, int] = {}
    for line in _read_text(f"/proc/{number}/smaps_rollup").splitlines()[1:]:
        name, _, value = line.partition(":")
        sizes[name] = int(value.split()[0]) * 1024
    if sizes:
        return sizes.get("Pss_Anon", sizes.get("Pss", 0))
    fields = _read_text(f"/proc/{number}/statm").split()
    return (int(fields[1]) - int(fields[2])) * _page_bytes if fields else 0


def _check_tree(top: str, size_max_bytes: int) -> None:
    """Refuse a writable folder that grows past its size, or that cannot be looked into."""
    total, entries, folders = 0, 0, [top]
    while folders:
        try:
            with os.scandir(folders.pop()) as listing:
                for entry in listing:
                    entries += 1
                    if entries > _TREE_ENTRIES_MAX:
                        raise Breach("output", f"more than {_TREE_ENTRIES_MAX} files written")
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
        except FileNotFoundError:
            continue
        except OSError as error:
            raise Breach("output", f"the output folder cannot be read: {error.strerror}") from error
    if total > size_max_bytes:
        raise Breach("output", f"more than {size_max_bytes} bytes written")


def _end_everything(job: dict[str, Any], child: int) -> None:
    """Kill what is left; in its own namespace the end of this process does the same again."""
    with contextlib.suppress(OSError):
        os.killpg(child, signal.SIGKILL)
    for _ in range(_KILL_ROUNDS):
        left = _processes(job)
        if not left:
            return
        for number in left:
            with contextlib.suppress(OSError):
                os.kill(number, signal.SIGKILL)
        _reap(child)
        time.sleep(0.01)


def _read_text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
