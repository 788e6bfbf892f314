"""What a lineage's texts refer to, and whether they can ever mean something else.

`data_version`, `code_commit` and `base_model` are texts of the registrant's choice. Those in a known
form can be looked up; the others are kept and cannot. Looking them up lives elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qs, urlsplit

from assay.domain.errors import InvalidArgument
from assay.domain.tracking import Demand

MAX_REFERENCES: Final = 100
"""More data versions than this in one text are taken as one text that cannot be looked up."""

_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHA256: Final = re.compile(r"sha256:(?P<value>[0-9a-f]{64})")
_DIGEST: Final = re.compile(r"[a-z][a-z0-9-]{1,15}:[0-9a-f]{32,128}(\.dir)?|[0-9a-f]{64}")
_DVC: Final = re.compile(
    r"dvc:(?P<hash>[a-z0-9-]{1,30}):(?P<value>[^@:\s]{1,300})@(?P<commit>[^@:\s]{1,300}):(?P<path>.+)",
    re.DOTALL,
)
_GIT: Final = re.compile(
    r"git:(?P<value>[^@:\s]{1,300})@(?P<commit>[^@:\s]{1,300}):(?P<path>.*)", re.DOTALL
)
_MODEL: Final = re.compile(r"models:/(?P<name>[^/@]{1,300})/(?P<version>[1-9][0-9]{0,17})")
_HEX64: Final = re.compile(r"[0-9a-f]{64}")
_MOVING: Final = re.compile(r"(?:^|[@:/=])(HEAD|head|main|master|latest)$")


class ReferenceKind(StrEnum):
    """The forms that are known. `digest` names bytes but not where they are; `plain` is any text."""

    DVC = "dvc"
    GIT = "git"
    COMMIT = "commit"
    LAKEFS = "lakefs"
    SHA256 = "sha256"
    MODEL = "model"
    FILE = "file"
    HF = "hf"
    S3 = "s3"
    DIGEST = "digest"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Reference:
    """One thing that a lineage names: `text` of `field`, and the parts of a known form.

    `value` is a digest, object id or version id; `revision` a commit or another word for one;
    `place` a repository, bucket or dataset; `path` what is meant inside. `fault` says why the text may
    come to mean something else, None when it cannot.
    """

    field: str
    text: str
    kind: ReferenceKind
    value: str = ""
    revision: str = ""
    place: str = ""
    path: str = ""
    hash_name: str = ""
    fault: str | None = None

    @property
    def is_immutable(self) -> bool:
        """Whether the text names the same bytes for ever."""
        return self.fault is None


def references_of(fields: Mapping[str, object]) -> tuple[Reference, ...]:
    """What a lineage names: its code, then its base model, then each of its data versions."""
    found = []
    for name, parse in (("code_commit", parse_commit), ("base_model", parse_base)):
        text = fields.get(name)
        if isinstance(text, str) and text.strip():
            found.append(parse(text))
    data = fields.get("data_version")
    if isinstance(data, str) and data.strip():
        found += [parse_data(part) for part in _several(data)]
    return tuple(found)


def parse_commit(text: str) -> Reference:
    """The code's commit; a word that is not a whole commit id may come to mean another commit."""
    fault = None
    if not is_commit(text):
        fault = (
            f"code_commit is {text[:100]!r}; a full commit id of 40 or 64 hex digits cannot move"
        )
    return Reference("code_commit", text, ReferenceKind.COMMIT, revision=text, fault=fault)


def parse_base(text: str) -> Reference:
    """The model that the training started from. A plain name is as fixed as a name can be."""
    found = _located("base_model", text)
    if found is not None:
        return found
    model = _MODEL.fullmatch(text)
    if model is not None:
        return Reference(
            "base_model", text, ReferenceKind.MODEL, place=model["name"], value=model["version"]
        )
    fault = None
    if _MOVING.search(text) is not None:
        fault = f"base_model {text[:100]!r} ends in a word that moves"
    return Reference("base_model", text, ReferenceKind.PLAIN, fault=fault)


def parse_data(text: str) -> Reference:
    """One version of data."""
    return _located("data_version", text) or Reference(
        "data_version",
        text,
        ReferenceKind.PLAIN,
        fault=f"data_version {text[:100]!r} names no bytes; give a digest or a reference with one",
    )


def is_commit(text: str) -> bool:
    """Whether a text is a whole commit id, in the one spelling that git prints."""
    return _COMMIT.fullmatch(text) is not None


def faults_of(fields: Mapping[str, object], notes: Mapping[str, object]) -> Iterator[Reference]:
    """The references that may move, and code that was changed after its commit."""
    for reference in references_of(fields):
        if reference.fault is not None:
            yield reference
    config = fields.get("config")
    diff = notes.get("code_diff_sha256")
    held = config.get("code_diff_sha256") if isinstance(config, Mapping) else None
    if notes.get("code_dirty") is True and (diff is None or diff != held):
        commit = fields.get("code_commit")
        yield Reference(
            "code_commit",
            commit if isinstance(commit, str) else "",
            ReferenceKind.COMMIT,
            fault=(
                "the code had changes that its commit does not hold; commit them, or put the diff's "
                "digest into the config as code_diff_sha256"
            ),
        )


def check_strict(demand: Demand, fields: Mapping[str, object], notes: Mapping[str, object]) -> None:
    """Pass, or InvalidArgument naming the field of the first reference that may move.

    Only `require` refuses; under the other two what is wrong is told where closure is shown.
    """
    if demand is not Demand.REQUIRE:
        return
    faults = list(faults_of(fields, notes))
    if faults:
        raise InvalidArgument(
            f"This workspace takes only references that cannot move: {faults[0].fault}.",
            field=faults[0].field,
            refused="strict_refs",
            faults=[{"field": fault.field, "message": fault.fault} for fault in faults],
        )


def _several(text: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    if 1 < len(parts) <= MAX_REFERENCES and all(
        parse_data(part).kind is not ReferenceKind.PLAIN for part in parts
    ):
        return parts
    return [text]


def _located(field: str, text: str) -> Reference | None:
    """The reference that a text is in one of the forms that say what it is."""
    sha256 = _SHA256.fullmatch(text)
    if sha256 is not None:
        return Reference(field, text, ReferenceKind.SHA256, value=sha256["value"])
    if _DIGEST.fullmatch(text) is not None:
        return Reference(field, text, ReferenceKind.DIGEST, value=text)
    for kind, form in ((ReferenceKind.DVC, _DVC), (ReferenceKind.GIT, _GIT)):
        match = form.fullmatch(text)
        if match is not None:
            return _at_commit(field, text, kind, match.groupdict())
    if "://" in text or text.startswith("file:"):
        return _url(field, text)
    return None


def _at_commit(
    field: str, text: str, kind: ReferenceKind, parts: Mapping[str, str]
) -> Reference | None:
    path = parts["path"]
    if path.startswith(("/", "-")) or ".." in path.split("/") or "\x00" in path:
        return None
    fault = None
    if not is_commit(parts["commit"]):
        fault = f"{field} names {parts['commit'][:100]!r} instead of a full commit id"
    elif kind is ReferenceKind.GIT and not is_commit(parts["value"]):
        fault = f"{field} names {parts['value'][:100]!r} instead of a full object id"
    return Reference(
        field,
        text,
        kind,
        value=parts["value"],
        revision=parts["commit"],
        path=path,
        hash_name=parts.get("hash", ""),
        fault=fault,
    )


def _url(field: str, text: str) -> Reference | None:
    if text.startswith("file:"):
        path, _, digest = text.removeprefix("file:").removeprefix("//").partition("#sha256:")
        if digest and _HEX64.fullmatch(digest) is None:
            return None
        moving = f"{field} is a local file or folder, whose bytes may change; add #sha256:<digest>"
        fault = None if digest else moving
        return Reference(field, text, ReferenceKind.FILE, digest, path=path, fault=fault)
    try:
        split = urlsplit(text)
        query = parse_qs(split.query, max_num_fields=20)
    except ValueError:
        return None
    inside = split.path.lstrip("/")
    if split.scheme == "lakefs":
        revision, _, path = inside.partition("/")
        branch: str | None = None
        if _HEX64.fullmatch(revision) is None:
            branch = f"{field} names {revision[:100]!r} instead of a lakeFS commit of 64 hex digits"
        return Reference(
            field, text, ReferenceKind.LAKEFS, "", revision, split.netloc, path, fault=branch
        )
    if split.scheme == "s3":
        version = (query.get("versionId") or [""])[0]
        moves = f"{field} names no versionId, so the object may be overwritten"
        unversioned = moves if version in {"", "null"} else None
        return Reference(
            field, text, ReferenceKind.S3, version, "", split.netloc, inside, fault=unversioned
        )
    return _hub(field, text) if split.scheme == "hf" else None


def _hub(field: str, text: str) -> Reference | None:
    name, _, revision = text.removeprefix("hf://").partition("@")
    if re.fullmatch(r"(datasets/|models/)?[\w.-]+(/[\w.-]+)?", name, re.ASCII) is None:
        return None
    fault = None
    if not is_commit(revision):
        fault = f"{field} names the revision {revision[:100]!r} instead of a full commit id"
    return Reference(field, text, ReferenceKind.HF, revision=revision, place=name, fault=fault)
