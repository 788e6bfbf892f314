"""Data that DVC tracks: named by the commit, present in the remote, member by member.

`dvc status -c` takes the list of a folder as proof of its members, and the remote's own bulk check
deletes what it finds damaged; neither is used. Every member is asked for by itself, and nothing is
written to the remote. Runs in the child process.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any, Final

from dvc.exceptions import DvcException  # type: ignore[import-untyped] # shipped without types
from dvc.repo import Repo  # type: ignore[import-untyped]
from dvc.scm import RevError  # type: ignore[import-untyped]
from dvc_data.hashfile.hash import file_md5

from assay.domain.closure import Finding, Status

MAX_LIST_BYTES: Final = 256 << 20
MAX_MEMBERS: Final = 5_000_000
_REMOTE: Final = "assay-closure"
_PIECE: Final = 1 << 20
_SHOWN: Final = 3


def look_up(question: Mapping[str, Any]) -> Finding:
    """What the repository and the remote say of one output."""
    value, path = question["value"], question["path"]
    if question["remote"].startswith("s3://") and find_spec("dvc_s3") is None:
        message = "DVC remotes on S3 need a library that this server lacks: pip install dvc-s3."
        return Finding(Status.UNSUPPORTED, message=message)
    try:
        repo = Repo(question["repository"], rev=question["revision"], config=_config(question))
    except RevError:
        return Finding(Status.MISSING, message="The repository has no such commit.")
    except DvcException as fault:
        return Finding(
            Status.MISSING, message=f"The commit has no DVC data ({type(fault).__name__})."
        )
    with repo:
        named = [out for out in repo.index.outs if out.fs_path.lstrip("/") == path]
        if not named:
            return Finding(
                Status.MISSING, "exists", f"At that commit DVC tracks no {path[:200]!r}."
            )
        info = named[0].hash_info
        if info.name != question["hash_name"] or info.value != value:
            return Finding(
                Status.CORRUPT, "exists", f"At that commit {path[:200]!r} is other data than named."
            )
        odb = repo.cloud.get_remote_odb(_REMOTE, hash_name=info.name)
        return _stored(odb, info.name, value, deep=question["deep"])


def _config(question: Mapping[str, Any]) -> dict[str, Any]:
    # Never the remote that the repository names: whoever wrote the commit chose that one.
    remote = {"url": question["remote"], **question.get("remote_options", {})}
    return {
        "core": {"remote": _REMOTE, "analytics": False, "check_update": False, "autostage": False},
        "remote": {_REMOTE: remote},
    }


def _stored(odb: Any, hash_name: str, value: str, *, deep: bool) -> Finding:
    if not odb.exists(value):
        return Finding(Status.MISSING, "exists", f"The remote has no object {value[:40]}.")
    if not value.endswith(".dir"):
        if deep and _digest(odb, hash_name, value) != value:
            return Finding(Status.CORRUPT, "rehashed", f"Object {value[:40]} has other bytes.")
        return Finding(Status.OK, "rehashed" if deep else "members", "1 object is there.")
    try:
        members = _members(odb, value)
    except ValueError as fault:
        return Finding(Status.CORRUPT, "exists", str(fault))
    return _each(odb, hash_name, members, deep=deep)


def _members(odb: Any, value: str) -> list[tuple[str, str]]:
    """(digest, path) of every member of a folder, from its list, whose own digest is checked."""
    with odb.fs.open(odb.oid_to_path(value), "rb") as file:
        raw = file.read(MAX_LIST_BYTES + 1)
    if len(raw) > MAX_LIST_BYTES:
        msg = "The list of the folder's members is too large to be one."
        raise ValueError(msg)
    if hashlib.md5(raw, usedforsecurity=False).hexdigest() + ".dir" != value:
        msg = "The list of the folder's members has other bytes than its name says."
        raise ValueError(msg)
    members = [(str(entry["md5"]), str(entry["relpath"])) for entry in json.loads(raw)]
    if len(members) > MAX_MEMBERS:
        msg = "The folder has more members than can be looked at."
        raise ValueError(msg)
    return members


def _each(odb: Any, hash_name: str, members: list[tuple[str, str]], *, deep: bool) -> Finding:
    missing, corrupt = [], []
    for digest, path in members:
        if not odb.exists(digest):
            missing.append(path)
        elif deep and _digest(odb, hash_name, digest) != digest:
            corrupt.append(path)
    level = "rehashed" if deep else "members"
    if corrupt:
        return Finding(Status.CORRUPT, level, _say(corrupt, len(members), "have other bytes"))
    if missing:
        return Finding(Status.MISSING, level, _say(missing, len(members), "are not in the remote"))
    return Finding(Status.OK, level, f"{len(members)} members are there.")


def _say(paths: list[str], count: int, what: str) -> str:
    shown = ", ".join(repr(path[:100]) for path in paths[:_SHOWN])
    more = ", …" if len(paths) > _SHOWN else ""
    return f"{len(paths)} of {count} members {what}: {shown}{more}."


def _digest(odb: Any, hash_name: str, value: str) -> str:
    if hash_name != "md5":
        return str(file_md5(odb.oid_to_path(value), odb.fs, name=hash_name))
    found = hashlib.md5(usedforsecurity=False)
    for piece in _pieces(odb, value):
        found.update(piece)
    return found.hexdigest()


def _pieces(odb: Any, value: str) -> Iterator[bytes]:
    with odb.fs.open(odb.oid_to_path(value), "rb") as file:
        while piece := file.read(_PIECE):
            yield piece
