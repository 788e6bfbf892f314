"""Objects of a lakeFS repository at a commit, through lakeFS's own client. Runs in the child process."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import Any, Final

import lakefs
from lakefs.client import Client
from lakefs.exceptions import (
    ForbiddenException,
    LakeFSException,
    NotAuthorizedException,
    NotFoundException,
)

from assay.closure.secret_names import KEY, SECRET
from assay.domain.closure import Finding, Status

MAX_OBJECTS: Final = 1_000_000
_GONE: Final = 410
_PIECE: Final = 1 << 20


def look_up(question: Mapping[str, Any]) -> Finding:
    """What lakeFS says of the commit and of what is below the path in it."""
    client = Client(  # type: ignore[no-untyped-call] # shipped half-typed
        host=question["location"],
        username=os.environ.get(KEY, ""),
        password=os.environ.get(SECRET, ""),
    )
    try:
        return _look_up(client, question)
    except (NotAuthorizedException, ForbiddenException):
        return Finding(Status.UNKNOWN, message="lakeFS refuses the credentials.")
    except LakeFSException as fault:
        status = getattr(fault, "status_code", None)
        return Finding(Status.UNKNOWN, message=f"lakeFS could not answer (status {status}).")


def _look_up(client: Client, question: Mapping[str, Any]) -> Finding:
    reference = lakefs.Repository(question["place"], client).ref(question["revision"])
    try:
        commit = reference.get_commit()
    except NotFoundException:
        return Finding(Status.MISSING, message="lakeFS has no such repository or commit.")
    path = question["path"]
    if not path:
        return Finding(Status.OK, "exists", f"Commit {commit.id[:12]} is there.")
    if not path.endswith("/"):
        return _object(reference, path, deep=question["deep"])
    count = 0
    for item in reference.objects(prefix=path, max_amount=MAX_OBJECTS):
        count += 1
        found = _object(reference, item.path, deep=question["deep"])
        if found.status is not Status.OK:
            return found
    if count == 0:
        return Finding(Status.MISSING, "exists", f"The commit has nothing below {path[:200]!r}.")
    return Finding(Status.OK, "members", f"{count} objects are there.")


def _object(reference: Any, path: str, *, deep: bool) -> Finding:
    stored = reference.object(path)
    try:
        stat = stored.stat()
        if not stored.exists():
            return Finding(Status.MISSING, "exists", f"lakeFS has no object {path[:200]!r}.")
        if not deep:
            return Finding(Status.OK, "members", "The object is there.")
        return _rehashed(stored, stat, path)
    except NotFoundException:
        return Finding(Status.MISSING, "exists", f"lakeFS has no object {path[:200]!r}.")
    except LakeFSException as fault:
        if getattr(fault, "status_code", None) == _GONE:
            return Finding(Status.MISSING, "exists", f"{path[:200]!r} was removed by clean-up.")
        raise


def _rehashed(stored: Any, stat: Any, path: str) -> Finding:
    digest, size = hashlib.md5(usedforsecurity=False), 0
    with stored.reader(mode="rb", pre_sign=False) as reader:
        while piece := reader.read(_PIECE):
            digest.update(piece)
            size += len(piece)
    if size != (stat.size_bytes or 0):
        return Finding(
            Status.CORRUPT, "rehashed", f"{path[:200]!r} has another size than recorded."
        )
    checksum = (stat.checksum or "").removeprefix("md5:")
    if len(checksum) == 32 and checksum != digest.hexdigest():
        return Finding(Status.CORRUPT, "rehashed", f"{path[:200]!r} has other bytes than recorded.")
    level = "rehashed" if len(checksum) == 32 else "read"
    return Finding(Status.OK, level, "The object was read to its end.")
