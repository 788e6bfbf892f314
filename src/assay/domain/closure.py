"""Closure: whether all that a version was made from is still there, and what each answer is worth.

Pure rules: what the statuses mean together, when a loss is told, what a source may be. Looking
things up lives in `assay.closure`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from assay.domain.errors import InvalidArgument
from assay.domain.references import Reference, ReferenceKind
from assay.domain.webhook_target import AllowedHosts, parse_target

FILES: Final = "files"
LINEAGE: Final = "lineage"
"""Subjects beside the references: the version's own files, and its fingerprint."""

MAX_SOURCES: Final = 50
MAX_LOCATION: Final = 2_000
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")
_CREDENTIAL: Final = re.compile(r"ASSAY_SOURCE_[A-Z0-9_]{1,60}")


class Status(StrEnum):
    """What is known of a thing that a lineage names.

    `unreachable`: it is there, and nothing leads to it any more, so it may go at any time.
    `unknown`: its source could not be asked, which says nothing about it. `unsupported`: nobody could
    ever look it up in the form in which it is named.
    """

    OK = "ok"
    UNREACHABLE = "unreachable"
    MISSING = "missing"
    CORRUPT = "corrupt"
    UNKNOWN = "unknown"
    UNSUPPORTED = "unsupported"


_WORST_FIRST: Final = (
    Status.CORRUPT,
    Status.MISSING,
    Status.UNREACHABLE,
    Status.UNKNOWN,
    Status.UNSUPPORTED,
    Status.OK,
)
LOST: Final = frozenset({Status.MISSING, Status.CORRUPT, Status.UNREACHABLE})


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer. `level` says how much was looked at; `message` is a sentence without secrets.

    `is_absent`: nothing of that digest is known here. That is a loss only if it was here before.
    """

    status: Status
    level: str = ""
    message: str = ""
    is_absent: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """What is remembered of a subject between two looks: its status, and whether its loss was told."""

    status: Status
    was_ok: bool
    is_alerted: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """The stored answer on one subject of a version. `reference` is empty for files and lineage."""

    subject: str
    reference: str
    status: Status
    level: str
    message: str
    is_deep: bool
    was_ok: bool
    is_alerted: bool
    checked_at_ms: int


@dataclass(frozen=True, slots=True)
class Closure:
    """All answers on one version, and the one that they amount to. None: never looked at."""

    status: Status | None
    is_deep: bool
    checked_at_ms: int | None
    checks: tuple[Checked, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A place that an operator lets the server ask. `credentials` names an environment variable.

    `kind` is the kind of reference that it answers; a DVC source is a git repository (`location`) and
    the storage of its data (`remote`).
    """

    name: str
    kind: ReferenceKind
    location: str
    remote: str = ""
    credentials: str = ""


SOURCE_KINDS: Final = (
    ReferenceKind.GIT,
    ReferenceKind.DVC,
    ReferenceKind.LAKEFS,
    ReferenceKind.HF,
    ReferenceKind.S3,
    ReferenceKind.FILE,
)
_WEB_ONLY: Final = frozenset({ReferenceKind.LAKEFS, ReferenceKind.HF, ReferenceKind.S3})


def overall(statuses: Iterable[Status]) -> Status:
    """What several answers amount to: the worst. Without any, nothing is known."""
    given = set(statuses)
    return next((status for status in _WORST_FIRST if status in given), Status.UNKNOWN)


def exit_code(statuses: Iterable[Status]) -> int:
    """0: all is there. 1: something is missing, corrupt or about to go. 2: something is not known."""
    given = set(statuses)
    if given & LOST:
        return 1
    return 0 if given <= {Status.OK} else 2


def best_of(findings: Iterable[Finding]) -> Finding:
    """The answer of several sources that may each hold the thing: one that has it settles it.

    Only if every source answered is it missing; a source that could not be asked may have it.
    """
    given = list(findings)
    if not given:
        return Finding(Status.UNKNOWN, message="No source is set up that could be asked.")
    for status in (
        Status.OK,
        Status.CORRUPT,
        Status.UNREACHABLE,
        Status.UNKNOWN,
        Status.UNSUPPORTED,
    ):
        for finding in given:
            if finding.status is status:
                return finding
    return given[0]


def settle(before: Standing | None, finding: Finding) -> tuple[Finding, Standing, bool]:
    """(the answer, what to remember, whether to raise the alert of a loss).

    A loss is what was ok and now is missing, corrupt or unreachable. It is told once, and again only
    after it was ok in between; not knowing neither tells nor forgets.
    """
    was_ok = before is not None and before.was_ok
    alerted = before is not None and before.is_alerted
    if finding.is_absent and was_ok:
        finding = Finding(Status.MISSING, finding.level, finding.message)
    if finding.status is Status.OK:
        return finding, Standing(Status.OK, was_ok=True, is_alerted=False), False
    is_news = finding.status in LOST and was_ok and not alerted
    return finding, Standing(finding.status, was_ok, alerted or is_news), is_news


def subject_of(reference: Reference, number: int) -> str:
    """The name of a reference among those of its version: its field, numbered beyond the first."""
    return reference.field if number == 0 else f"{reference.field}[{number}]"


def check_source(source: Source, hosts: AllowedHosts, roots: tuple[str, ...]) -> Source:
    """The source, or InvalidArgument naming what the server would never ask.

    URLs are public or name a host of `hosts`; folders lie below one of `roots`, which are those that
    the server was started with.
    """
    if _NAME.fullmatch(source.name) is None:
        raise _refusal("name", "must be 1 to 63 lower-case letters, digits, '.', '_' or '-'")
    if source.kind not in SOURCE_KINDS:
        raise _refusal("kind", f"must be one of {', '.join(kind.value for kind in SOURCE_KINDS)}")
    if source.credentials and _CREDENTIAL.fullmatch(source.credentials) is None:
        raise _refusal("credentials", "names an environment variable ASSAY_SOURCE_…")
    if source.kind is not ReferenceKind.DVC and source.remote:
        raise _refusal("remote", "is for sources of kind dvc")
    if source.kind is ReferenceKind.DVC and not source.remote:
        raise _refusal(
            "remote", "must say where DVC keeps the data: a folder or s3://bucket/prefix"
        )
    check_place(source.location, "location", hosts, roots, is_web=source.kind in _WEB_ONLY)
    if source.remote and not source.remote.startswith("s3://"):
        check_place(source.remote, "remote", hosts, roots)
    return source


def check_place(
    place: str, where: str, hosts: AllowedHosts, roots: tuple[str, ...], *, is_web: bool = False
) -> None:
    """Pass for a URL that may be asked or a folder that may be read, else InvalidArgument."""
    if not place or len(place) > MAX_LOCATION or not place.isprintable():
        raise _refusal(where, f"must be 1 to {MAX_LOCATION} printable characters")
    scheme = urlsplit(place).scheme if "://" in place else ""
    if scheme in {"http", "https"}:
        parse_target(place, hosts, where)
        return
    if is_web or scheme:
        raise _refusal(where, "must start with https:// or http://" + _or_folder(is_web=is_web))
    if not is_below(place, roots):
        raise _refusal(
            where, "is not below a folder that the server was started with: --source-root"
        )


def is_below(path: str, roots: tuple[str, ...]) -> bool:
    """Whether an absolute path without `..` lies at or below one of the folders (as texts)."""
    parts = path.rstrip("/").split("/")
    if not path.startswith("/") or ".." in parts or "" in parts[1:] or "\x00" in path:
        return False
    return any(parts[: len(root)] == root for root in (r.rstrip("/").split("/") for r in roots))


def describe(counts: Mapping[Status, int]) -> str:
    """How many of each status, worst first: `1 missing, 3 ok`."""
    return ", ".join(f"{counts[s]} {s.value}" for s in _WORST_FIRST if counts.get(s))


def _or_folder(*, is_web: bool) -> str:
    return "" if is_web else ", or be an absolute folder"


def _refusal(where: str, why: str) -> InvalidArgument:
    return InvalidArgument(f"{where} {why}.", field=where)
