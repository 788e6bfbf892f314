"""Real places to look things up in: git repositories, DVC remotes, and small servers on loopback."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from assay.closure.reach import Reach
from assay.domain.closure import Source
from assay.domain.references import ReferenceKind
from assay.domain.webhook_target import parse_allowed_hosts

MEMBERS = 3


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder; its output without the last newline."""
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.rstrip("\n")


def tree_hash(folder: Path) -> str:
    """One digest of every path, mode, time and byte below a folder."""
    found = hashlib.sha256()
    for place in sorted(folder.rglob("*")):
        state = place.lstat()
        line = f"{place.relative_to(folder)}\0{state.st_mode}\0{state.st_mtime_ns}\0{state.st_size}"
        found.update(line.encode())
        if place.is_file():
            found.update(place.read_bytes())
    return found.hexdigest()


@dataclass(frozen=True)
class DvcPlace:
    """A git repository with DVC data, and the folder that is its remote."""

    repository: Path
    remote: Path
    commit: str
    value: str

    @property
    def reference(self) -> str:
        """The reference to the folder `data` in it."""
        return f"dvc:md5:{self.value}@{self.commit}:data"

    @property
    def source(self) -> Source:
        """It as a source."""
        return Source("data", ReferenceKind.DVC, str(self.repository), str(self.remote))

    def member(self, number: int = 0) -> Path:
        """The remote's object of one member of `data`."""
        objects = sorted(
            path for path in self.remote.rglob("*") if path.is_file() and path.suffix != ".dir"
        )
        return objects[number]


def make_dvc_place(folder: Path, members: int = MEMBERS) -> DvcPlace:
    """Make data, track it with DVC, push it to a folder, commit what names it."""
    repository, remote = folder / "repository", folder / "remote"
    repository.mkdir(parents=True)
    remote.mkdir()
    git(repository, "init", "--quiet", "--initial-branch=main")
    run_dvc(repository, "init", "--quiet")
    run_dvc(repository, "remote", "add", "--quiet", "-d", "store", str(remote))
    (repository / "data").mkdir()
    for number in range(members):
        (repository / "data" / f"part-{number}.txt").write_text(f"example {number}\n")
    run_dvc(repository, "add", "--quiet", "data")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "-m", "data")
    run_dvc(repository, "push", "--quiet")
    tracked = (repository / "data.dvc").read_text()
    value = next(line.split()[-1] for line in tracked.splitlines() if "md5: " in line)
    return DvcPlace(repository, remote, git(repository, "rev-parse", "HEAD"), value)


def run_dvc(folder: Path, *arguments: str) -> None:
    """Run DVC in a folder, without its analytics."""
    subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=folder,
        env={**os.environ, "DVC_NO_ANALYTICS": "1"},
        capture_output=True,
        check=True,
    )


def a_reach(root: Path, **changes: Any) -> Reach:
    """A reach to the folders below `root` and to loopback."""
    settings: dict[str, Any] = {
        "roots": (root,),
        "hosts": parse_allowed_hosts("127.0.0.1"),
        "work": root / "mirrors",
        "timeout_s": 30.0,
    }
    return Reach(**{**settings, **changes})


class Answering(BaseHTTPRequestHandler):
    """A handler that says nothing in the log and answers bytes."""

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if "content-length" not in {name.lower() for name in headers or {}}:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def git_files(repository: Path) -> type[BaseHTTPRequestHandler]:
    """A handler that serves a repository as plain files, which git can fetch from."""
    root = repository / ".git"
    git(repository, "update-server-info")

    class Files(Answering, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place = (root / self.path.lstrip("/").partition("?")[0]).resolve()
            if place.is_relative_to(root) and place.is_file():
                self.answer(200, place.read_bytes())
            else:
                self.answer(404)

    return Files


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server on a free port of loopback; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
