"""Asking every source that may hold a reference, and making one answer of theirs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from assay.closure import child, folders, git, process
from assay.closure.reach import Reach
from assay.closure.secret_names import KEY, SECRET
from assay.domain.closure import Finding, Source, Status, best_of
from assay.domain.errors import InvalidArgument
from assay.domain.references import Reference, ReferenceKind, is_commit

_ASKED: Final[Mapping[ReferenceKind, frozenset[ReferenceKind]]] = {
    ReferenceKind.COMMIT: frozenset({ReferenceKind.GIT, ReferenceKind.DVC}),
    ReferenceKind.GIT: frozenset({ReferenceKind.GIT, ReferenceKind.DVC}),
    ReferenceKind.DVC: frozenset({ReferenceKind.DVC}),
    ReferenceKind.LAKEFS: frozenset({ReferenceKind.LAKEFS}),
    ReferenceKind.HF: frozenset({ReferenceKind.HF}),
    ReferenceKind.S3: frozenset({ReferenceKind.S3}),
    ReferenceKind.FILE: frozenset({ReferenceKind.FILE}),
}

_AT_COMMIT: Final = frozenset({ReferenceKind.COMMIT, ReferenceKind.GIT, ReferenceKind.DVC})


def look_up(
    reach: Reach, sources: Iterable[Source], reference: Reference, *, deep: bool
) -> Finding:
    """What the sources say of a reference; `unknown` when none is set up for its kind."""
    kinds = _ASKED.get(reference.kind)
    if kinds is None:
        return Finding(Status.UNSUPPORTED, message="Nothing can be looked up by this text.")
    if reference.kind in _AT_COMMIT and not is_commit(reference.revision):
        message = "Only a full commit id says which commit is meant."
        return Finding(Status.UNSUPPORTED, message=message)
    asked = [source for source in sources if source.kind in kinds]
    if not asked:
        names = " or ".join(sorted(kind.value for kind in kinds))
        return Finding(Status.UNKNOWN, message=f"The workspace has no source of kind {names}.")
    return best_of(_one(reach, source, reference, deep=deep) for source in asked)


def _one(reach: Reach, source: Source, reference: Reference, *, deep: bool) -> Finding:
    try:
        reach.check(source)
        secret = reach.credential(source)
    except InvalidArgument as fault:
        return Finding(Status.UNKNOWN, message=fault.message)
    except LookupError as fault:
        return Finding(Status.UNKNOWN, message=f"The variable {fault.args[0]} is not set.")
    if reference.kind is ReferenceKind.FILE:
        return folders.look_up(reach, source, reference, deep=deep)
    if reference.kind in {ReferenceKind.COMMIT, ReferenceKind.GIT}:
        return git.look_up(reach, source, reference, deep=deep)
    if reference.kind is ReferenceKind.DVC:
        return _dvc(reach, source, reference, secret, deep=deep)
    return _over_http(reach, source, reference, secret, deep=deep)


def _over_http(
    reach: Reach, source: Source, reference: Reference, secret: str, *, deep: bool
) -> Finding:
    location = source.location
    if reference.kind is ReferenceKind.S3:
        split = urlsplit(location)
        if split.path.strip("/") not in {"", reference.place}:
            return Finding(Status.UNKNOWN, message="No source of this workspace is that bucket.")
        location = f"{split.scheme}://{split.netloc}"
    try:
        reach.addresses(location)
    except InvalidArgument as fault:
        return Finding(Status.UNKNOWN, message=fault.message)
    except (OSError, UnicodeError):
        return Finding(Status.UNKNOWN, message="The name of the source's host does not resolve.")
    question = {
        "kind": reference.kind.value,
        "location": location,
        "place": reference.place,
        "revision": reference.revision,
        "path": reference.path,
        "value": reference.value,
        "deep": deep,
    }
    return child.ask(question, reach.timeout_s, _secrets(secret))


def _secrets(secret: str) -> dict[str, str]:
    """`key:secret`, or a token alone, as the child's variables."""
    if not secret:
        return {}
    key, colon, rest = secret.partition(":")
    return {KEY: key, SECRET: rest} if colon else {SECRET: secret}


def _dvc(reach: Reach, source: Source, reference: Reference, secret: str, *, deep: bool) -> Finding:
    """The commit in the repository first, then what it names in the operator's remote."""
    try:
        with git.opened(reach, source, reference.revision) as repository:
            plain = Reference(
                reference.field,
                reference.revision,
                ReferenceKind.COMMIT,
                revision=reference.revision,
            )
            commit = repository.look_up(plain, deep=False)
            if commit.status not in {Status.OK, Status.UNREACHABLE}:
                return commit
            found = _in_remote(reach, source, reference, repository, secret, deep=deep)
    except (process.TookTooLong, process.SaidTooMuch):
        return Finding(Status.UNKNOWN, message="The repository did not answer in time.")
    except git.Unasked as fault:
        return Finding(Status.UNKNOWN, message=str(fault))
    return commit if found.status is Status.OK and commit.status is not Status.OK else found


def _in_remote(
    reach: Reach,
    source: Source,
    reference: Reference,
    repository: git.Repository,
    secret: str,
    *,
    deep: bool,
) -> Finding:
    remote, options = source.remote, {}
    if remote.startswith("s3://"):
        key, _, rest = secret.partition(":")
        options = {"access_key_id": key, "secret_access_key": rest} if secret else {}
    else:
        try:
            folder = reach.folder(remote)
        except PermissionError:
            return Finding(Status.UNKNOWN, message="The remote is outside what may be read.")
        if not folder.is_dir():
            return Finding(Status.UNKNOWN, message="The remote is not where it was.")
        remote = str(folder)
    with tempfile.TemporaryDirectory(prefix="assay-closure-") as work:
        # DVC keeps notes in the repository that it opens: this one is a copy that shares the objects.
        copy = Path(work, "copy")
        cloned = process.run(
            [
                "git",
                "clone",
                "--quiet",
                "--shared",
                "--no-checkout",
                "--",
                str(repository.folder),
                str(copy),
            ],
            env={
                **git.environment(protocols="file"),
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "safe.directory",
                "GIT_CONFIG_VALUE_0": "*",
            },
            timeout_s=reach.timeout_s,
        )
        if cloned.code != 0:
            return Finding(Status.UNKNOWN, message="The repository cannot be read.")
        question: dict[str, Any] = {
            "kind": "dvc",
            "repository": str(copy),
            "revision": reference.revision,
            "hash_name": reference.hash_name,
            "value": reference.value,
            "path": reference.path,
            "remote": remote,
            "remote_options": options,
            "deep": deep,
        }
        return child.ask(question, reach.timeout_s, {})
