"""Looking a commit up in a git repository: does it exist, does anything lead to it, is all of it there.

A local repository is read where it is; of one that is reached over the network a bare mirror is kept.
No hook, no helper and no replacement object takes part, and nothing is written to a source.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from assay.closure import process
from assay.closure.reach import Reach
from assay.domain.closure import Finding, Source, Status
from assay.domain.errors import InvalidArgument
from assay.domain.references import Reference, ReferenceKind

MAX_OBJECT_BYTES: Final = 1 << 30
_FETCHED: Final = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_SAFE: Final = (
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "safe.directory=*",
    "-c",
    "http.followRedirects=false",
    "-c",
    "credential.helper=",
    "-c",
    "gc.auto=0",
    "-c",
    "protocol.ext.allow=never",
    "-c",
    "http.lowSpeedLimit=1",
    "-c",
    "http.lowSpeedTime=60",
)
_UNANSWERED: Final = Finding(Status.UNKNOWN, message="The repository did not answer in time.")


def look_up(reach: Reach, source: Source, reference: Reference, *, deep: bool) -> Finding:
    """What the repository says of a commit, or of an object in it; `unknown` where it cannot be asked."""
    try:
        with opened(reach, source, reference.revision) as repository:
            return repository.look_up(reference, deep=deep)
    except (process.TookTooLong, process.SaidTooMuch):
        return _UNANSWERED
    except Unasked as fault:
        return Finding(Status.UNKNOWN, message=str(fault))


class Unasked(Exception):
    """The source cannot be asked now; the text says why, without secrets."""


@contextmanager
def opened(reach: Reach, source: Source, commit: str) -> Iterator[Repository]:
    """The source as a repository that can be read here. Raises Unasked."""
    if "://" in source.location:
        with _mirrored(reach, source, commit) as repository:
            yield repository
        return
    try:
        folder = reach.folder(source.location)
    except PermissionError as fault:
        raise Unasked(f"The repository cannot be read: {fault}.") from None
    if not folder.is_dir():
        raise Unasked("The repository is not where it was.")
    # What a partial clone lacks would be fetched from wherever it came from: nothing is allowed.
    repository = Repository(folder, environment(protocols="none"), reach.timeout_s)
    if repository.run("rev-parse", "--git-dir").code != 0:
        raise Unasked("There is no git repository where the source says.")
    yield repository


@dataclass(frozen=True, slots=True)
class Repository:
    """A git folder on this machine."""

    folder: Path
    env: Mapping[str, str]
    timeout_s: float

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        take: Callable[[bytes], None] | None = None,
    ) -> process.Done:
        """Run git in the folder, without anything that the repository could have it run."""
        argv = ["git", *_SAFE, "-C", str(self.folder), *arguments]
        return process.run(argv, env=self.env, timeout_s=self.timeout_s, stdin=stdin, take=take)

    def look_up(self, reference: Reference, *, deep: bool) -> Finding:
        """How much of the reference is there."""
        commit = reference.revision
        is_shallow = self.run("rev-parse", "--is-shallow-repository").output.strip() == b"true"
        if self.run("cat-file", "-e", f"{commit}^{{commit}}").code != 0:
            return self._absent(commit, is_shallow=is_shallow)
        found = self._object(reference)
        if found.status is not Status.OK:
            return found
        reaching = self.run(
            "for-each-ref", "--count=1", "--contains", commit, "--format=%(refname)"
        )
        if not reaching.output.strip():
            if is_shallow:
                return Finding(
                    Status.UNKNOWN,
                    "exists",
                    "The repository is shallow: what leads there is cut off.",
                )
            return Finding(
                Status.UNREACHABLE,
                "exists",
                f"No branch or tag leads to commit {commit[:12]} any more; it may be removed any time.",
            )
        return self._complete(reference, deep=deep)

    def _absent(self, commit: str, *, is_shallow: bool) -> Finding:
        if is_shallow:
            return Finding(
                Status.UNKNOWN, message="The repository is shallow and may lack the commit."
            )
        kind = self.run("cat-file", "-t", commit)
        if kind.code == 0:
            return Finding(Status.CORRUPT, message=f"{commit[:12]} is not a commit.")
        if "corrupt" in kind.errors:
            return Finding(Status.CORRUPT, message=f"Commit {commit[:12]} cannot be read.")
        return Finding(Status.MISSING, message=f"The repository has no commit {commit[:12]}.")

    def _object(self, reference: Reference) -> Finding:
        if reference.kind is not ReferenceKind.GIT:
            return Finding(Status.OK, "exists")
        place = f"{reference.revision}:{'' if reference.path == '.' else reference.path}"
        named = self.run("rev-parse", "--verify", "--quiet", "--end-of-options", place)
        if named.code != 0:
            return Finding(
                Status.MISSING, "exists", f"The commit has no {reference.path[:200]!r} in it."
            )
        if named.output.decode(errors="replace").strip() != reference.value:
            return Finding(
                Status.CORRUPT,
                "exists",
                f"At that commit {reference.path[:200]!r} is another object than the one named.",
            )
        return Finding(Status.OK, "exists")

    def _complete(self, reference: Reference, *, deep: bool) -> Finding:
        objects = _Objects()
        arguments = ["rev-list", "--objects", "--no-walk", "--missing=print", reference.revision]
        if reference.kind is ReferenceKind.GIT and reference.path not in {"", "."}:
            arguments += ["--", reference.path]
        listed = self.run(*arguments, take=objects.take)
        if listed.code != 0:
            return Finding(Status.CORRUPT, "reachable", "Objects of the commit cannot be read.")
        if objects.missing:
            return Finding(
                Status.MISSING,
                "reachable",
                f"The repository lacks {objects.missing} of the commit's objects.",
            )
        if not deep:
            return Finding(Status.OK, "complete", f"{len(objects.names)} objects are there.")
        hashed = _Hashes()
        done = self.run(
            "cat-file",
            "--batch",
            stdin=b"".join(n + b"\n" for n in objects.names),
            take=hashed.take,
        )
        if done.code != 0 or hashed.wrong or hashed.count != len(objects.names):
            return Finding(Status.CORRUPT, "reachable", "Objects of the commit are damaged.")
        return Finding(Status.OK, "rehashed", f"{hashed.count} objects were read and hashed again.")


class _Objects:
    """Names of objects from `rev-list`, and how many are missing."""

    def __init__(self) -> None:
        self.names: list[bytes] = []
        self.missing = 0
        self._rest = b""

    def take(self, piece: bytes) -> None:
        lines = (self._rest + piece).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if line.startswith(b"?"):
                self.missing += 1
            elif line:
                self.names.append(line.split(b" ", 1)[0])


class _Hashes:
    """Hashes what `cat-file --batch` prints while it comes, and compares."""

    def __init__(self) -> None:
        self.count = 0
        self.wrong = 0
        self._head = b""
        self._left = -1
        self._name = b""
        self._hash = hashlib.sha1(usedforsecurity=False)

    def take(self, piece: bytes) -> None:
        while piece:
            if self._left < 0:
                self._head += piece
                line, newline, piece = self._head.partition(b"\n")
                if not newline:
                    return
                self._head = b""
                self._begin(line)
                continue
            body = piece[: self._left]
            self._hash.update(body)
            piece = piece[len(body) :]
            self._left -= len(body)
            if self._left == 0 and piece:
                self._finish()
                piece = piece[1:]

    def _begin(self, line: bytes) -> None:
        parts = line.split(b" ")
        if len(parts) != 3 or not parts[2].isdigit():
            self.wrong += 1
            return
        self._name, kind, size = parts
        self._left = int(size)
        if self._left > MAX_OBJECT_BYTES:
            self.wrong += 1
        make = hashlib.sha256 if len(self._name) == 64 else hashlib.sha1
        self._hash = make(kind + b" " + size + b"\0", usedforsecurity=False)

    def _finish(self) -> None:
        self.count += 1
        self.wrong += self._hash.hexdigest().encode() != self._name
        self._left = -1


def environment(*, protocols: str, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What git is told: no system or user configuration, no prompt, no replacement objects."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_ALLOW_PROTOCOL": protocols,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LFS_SKIP_SMUDGE": "1",
        **(extra or {}),
    }


@contextmanager
def _mirrored(reach: Reach, source: Source, commit: str) -> Iterator[Repository]:
    if reach.work is None:
        raise Unasked("This server keeps no mirrors of repositories.")
    extra = _wire(reach, source)
    name = hashlib.sha256(source.location.encode()).hexdigest()[:32]
    folder = reach.work / f"{name}.git"
    reach.work.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (reach.work / f"{name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        repository = Repository(
            folder, environment(protocols="https:http", extra=extra), reach.timeout_s
        )
        if not folder.is_dir():
            folder.mkdir(mode=0o700)
            repository.run("init", "--bare", "--quiet", ".")
        _fetch(repository, source, commit)
        yield repository


def _fetch(repository: Repository, source: Source, commit: str) -> None:
    common = ("fetch", "--quiet", "--no-tags", "--update-shallow", "--no-write-fetch-head")
    fetched = repository.run(*common, "--prune", "--", source.location, *_FETCHED)
    if fetched.code != 0:
        raise Unasked(
            "The repository could not be fetched: it is away, or refuses the credentials."
        )
    if repository.run("cat-file", "-e", f"{commit}^{{commit}}").code != 0:
        # A server may still hand out what no branch leads to; if it does not, the commit is gone.
        repository.run(*common, "--", source.location, commit)


def _wire(reach: Reach, source: Source) -> dict[str, str]:
    """The one set of addresses that git may connect to, and the credential, as its environment."""
    try:
        host, port, addresses = reach.addresses(source.location)
        secret = reach.credential(source)
    except InvalidArgument as fault:
        raise Unasked(fault.message) from None
    except LookupError as fault:
        raise Unasked(f"The environment variable {fault.args[0]} is not set.") from None
    except (OSError, UnicodeError):
        raise Unasked("The name of the repository's host does not resolve.") from None
    settings = [("http.curloptResolve", f"{host}:{port}:{','.join(addresses)}")]
    if secret:
        token = base64.b64encode(secret.encode()).decode()
        settings.append(("http.extraHeader", f"Authorization: Basic {token}"))
    extra = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (name, value) in enumerate(settings):
        extra |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return extra
