"""Collections: named, typed lines of artifact versions, and the rules for what may become of them.

Versions are counted v0, v1, … and a number is never given twice. A version's `digest` stands for all
of its content: for files alone it equals the digest that a registered version of them has.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from assay.domain.artifact import ManifestEntry, artifact_digest, manifest
from assay.domain.canonical import JsonValue, canonical_text, sha256_hex
from assay.domain.errors import InvalidArgument
from assay.domain.names import check_artifact_path, check_model_name, check_text

LATEST: Final = "latest"
"""The alias that every commit moves to the version that was committed."""

MAX_TYPE: Final = 128
MAX_ALIAS: Final = 128
MAX_TAG: Final = 128
MAX_REFERENCE: Final = 8_192
MAX_CLIENT_DIGEST: Final = 512
MAX_CLIENT_ID: Final = 256
MAX_METADATA_BYTES: Final = 1 << 20
MAX_METADATA_DEPTH: Final = 64
MAX_TTL_S: Final = 100 * 366 * 86_400
MAX_USED_AS: Final = 250

_INDEX: Final = re.compile(r"v(0|[1-9][0-9]{0,8})")
_FORBIDDEN: Final = re.compile(r"[/:\\\x00-\x1f\x7f]")
_MODEL_TYPE: Final = "model"
_MODEL_REGISTRIES: Final = frozenset({"model", "models"})
_DATA_TYPES: Final = frozenset({"dataset", "data", "datasets"})


class CollectionKind(StrEnum):
    """A `sequence` makes versions; a `portfolio` links versions of sequences under its own count."""

    SEQUENCE = "sequence"
    PORTFOLIO = "portfolio"


class VersionState(StrEnum):
    """A `pending` version is a draft. What is `deleted` keeps its number, digest and edges alone."""

    PENDING = "pending"
    COMMITTED = "committed"
    DELETED = "deleted"


class Direction(StrEnum):
    """Whether a run read a version or made it."""

    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Collection:
    """A line of versions. `place` is the experiment or the registry that its name is unique in."""

    pk: int
    workspace: str
    experiment_id: str | None
    place: str
    name: str
    type: str
    kind: CollectionKind
    description: str
    created_by: str
    created_at_ms: int
    updated_at_ms: int
    tags: tuple[str, ...] = ()

    @property
    def registry(self) -> str | None:
        """The registry that the collection is in; None for one of an experiment."""
        return self.place.removeprefix(_REGISTRY) if self.place.startswith(_REGISTRY) else None


@dataclass(frozen=True, slots=True)
class CollectionFile:
    """A file of a version: bytes kept here under `sha256`, or the address of bytes kept elsewhere.

    `client_digest` is what the client named the content by (MD5 in base64 for files).
    """

    path: str
    size_bytes: int | None
    sha256: str | None
    reference: str | None = None
    client_digest: str | None = None


@dataclass(frozen=True, slots=True)
class CollectionVersion:
    """A version of a sequence, or a draft of one (`version_index` None)."""

    pk: int
    version_id: str
    collection: Collection
    version_index: int | None
    state: VersionState
    digest: str | None
    client_digest: str | None
    description: str
    metadata: str
    ttl_s: int | None
    file_count: int
    size_bytes: int
    run_id: str | None
    step: int | None
    created_by: str
    created_at_ms: int
    updated_at_ms: int
    committed_at_ms: int | None
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    wanted_aliases: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """How people call it: `name:v3`."""
        index = "draft" if self.version_index is None else f"v{self.version_index}"
        return f"{self.collection.name}:{index}"


@dataclass(frozen=True, slots=True)
class Membership:
    """A version where it stands: in its own sequence, or in a portfolio under that one's count.

    `model_version` is the number that the registry of models gave it, where it is linked into one.
    """

    collection: Collection
    version: CollectionVersion
    version_index: int
    aliases: tuple[str, ...]
    created_at_ms: int
    model_version: int | None = None

    @property
    def model(self) -> str | None:
        """The registered model that the portfolio stands for; None where it stands for none."""
        return None if self.model_version is None else model_name(self.collection)


@dataclass(frozen=True, slots=True)
class CollectionUse:
    """An edge of lineage: a run that read or made a version."""

    run_id: str
    version: CollectionVersion
    direction: Direction
    used_as: str
    step: int | None
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What a client says of a version before its content comes."""

    name: str
    type: str
    aliases: tuple[str, ...] = (LATEST,)
    tags: tuple[str, ...] = ()
    description: str = ""
    metadata: str = "{}"
    ttl_s: int | None = None
    client_digest: str | None = None
    client_id: str | None = None
    run_id: str | None = None
    step: int | None = None


_EXPERIMENT: Final = "experiment:"
_REGISTRY: Final = "registry:"


def experiment_place(experiment_id: str) -> str:
    """The place of an experiment's collections."""
    return _EXPERIMENT + experiment_id


def registry_place(registry: str) -> str:
    """The place of a registry's portfolios."""
    return _REGISTRY + check_model_name(registry, "registry")


def model_name(collection: Collection) -> str:
    """The registered model that a portfolio of a registry of models stands for.

    In the registry `model` names are the same; elsewhere the registry's name comes first.
    """
    registry = collection.registry
    if registry is None or registry.casefold() in _MODEL_REGISTRIES:
        return collection.name
    return check_model_name(f"{registry}.{collection.name}", "name")


def names_a_model(registry: str | None, type_name: str) -> bool:
    """Whether an alias there is read as a model's: in the registry of models, whatever the type says."""
    is_of_models = registry is not None and registry.casefold() in _MODEL_REGISTRIES
    return is_of_models or is_model_type(type_name)


def version_index(text: str) -> int | None:
    """The number in `v<number>`; None for anything else, which is then an alias."""
    match = _INDEX.fullmatch(text)
    return None if match is None else int(match[1])


def check_collection_name(value: object, field: str = "name") -> str:
    """A collection's name: what a registered model may be called."""
    return check_model_name(value, field)


def check_type(value: object, field: str = "type") -> str:
    r"""A type: 1 to 128 characters without `/`, `:`, `\` and control characters."""
    return _word(value, field, MAX_TYPE)


def check_alias(value: object, field: str = "alias") -> str:
    r"""An alias: 1 to 128 characters without `/`, `:`, `\`, and not of the form `v<number>`."""
    alias = _word(value, field, MAX_ALIAS)
    if version_index(alias) is not None:
        raise InvalidArgument(
            f"{field} {alias!r} looks like a version; choose a word.", field=field
        )
    return alias


def check_tag(value: object, field: str = "tag") -> str:
    """A tag: one word or a few, 1 to 128 characters."""
    return _word(value, field, MAX_TAG)


def check_metadata(text: object, field: str = "metadata") -> str:
    """The same text, if it is one JSON object of at most 1 MiB; `{}` for an empty one."""
    if not text:
        return "{}"
    given = check_text(text, field, max_length=MAX_METADATA_BYTES)
    try:
        value = json.loads(given)
    except (ValueError, RecursionError):
        raise InvalidArgument(f"{field} must be a JSON object.", field=field) from None
    if not isinstance(value, dict):
        raise InvalidArgument(f"{field} must be a JSON object.", field=field)
    _check_depth(value, field)
    return given


def check_ttl(value: object, field: str = "ttl_s") -> int | None:
    """Seconds that a version is kept; None for always."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_TTL_S:
        raise InvalidArgument(
            f"{field} must be a whole number of seconds from 1 to {MAX_TTL_S}.", field=field
        )
    return value


def check_reference(
    path: object, reference: object, size_bytes: object = None, client_digest: object = None
) -> CollectionFile:
    """A legal reference, or InvalidArgument. The address is kept and never visited."""
    where = check_artifact_path(path)
    address = check_text(reference, "reference", max_length=MAX_REFERENCE, allow_empty=False)
    is_size = isinstance(size_bytes, int) and not isinstance(size_bytes, bool) and size_bytes >= 0
    size = size_bytes if isinstance(size_bytes, int) and is_size else None
    digest = None
    if client_digest is not None:
        digest = check_text(client_digest, "digest", max_length=MAX_CLIENT_DIGEST)
    return CollectionFile(where, size, None, address, digest)


def content_digest(files: Sequence[CollectionFile]) -> str:
    """SHA-256 that stands for a version's content; InvalidArgument where paths clash.

    For files alone it is `artifact_digest` of them, so that a model version made from the same files
    has the same one. References count by address and by the digest that the client gave.
    """
    held = [
        ManifestEntry(file.path, file.size_bytes or 0, file.sha256)
        for file in files
        if file.sha256 is not None
    ]
    linked = sorted((f for f in files if f.reference is not None), key=lambda file: file.path)
    if not linked:
        return artifact_digest(held)
    # Paths must not clash whichever kind they are.
    manifest([*held, *(ManifestEntry(file.path, 0, "") for file in linked)])
    record: Mapping[str, JsonValue] = {
        "files": artifact_digest(held),
        "references": [
            {"path": file.path, "reference": file.reference, "digest": file.client_digest}
            for file in linked
        ],
    }
    return sha256_hex(canonical_text(record, max_bytes=None))


def is_model_type(type_name: str) -> bool:
    """Whether a version of this type may become a model version."""
    return type_name.casefold() == _MODEL_TYPE


def is_data_type(type_name: str) -> bool:
    """Whether a run that reads a version of this type was trained on it."""
    name = type_name.casefold()
    return name in _DATA_TYPES or name.endswith(("-dataset", "_dataset", " dataset"))


def is_expired(version: CollectionVersion, now_ms: int) -> bool:
    """Whether the version has outlived the time that it was to be kept."""
    if version.ttl_s is None or version.committed_at_ms is None:
        return False
    return version.committed_at_ms + version.ttl_s * 1_000 <= now_ms


def reasons_to_keep(
    aliases: Iterable[str], portfolios: Iterable[str], *, drop_aliases: bool
) -> list[str]:
    """Why a version must not be deleted; empty when it may.

    Aliases hold it unless they are to go with it; `latest` alone holds nothing. Links always do.
    """
    held = sorted(alias for alias in aliases if alias != LATEST)
    reasons = []
    if held and not drop_aliases:
        reasons.append(f"the alias {', '.join(map(repr, held))} names it")
    linked = sorted(portfolios)
    if linked:
        reasons.append(f"it is linked into {', '.join(map(repr, linked))}")
    return reasons


def _word(value: object, field: str, max_length: int) -> str:
    text = check_text(value, field, max_length=max_length, allow_empty=False)
    if not text.strip() or _FORBIDDEN.search(text) is not None:
        raise InvalidArgument(
            f"{field} {text!r} must not be blank nor hold '/', ':', '\\' or control characters.",
            field=field,
        )
    return text


def _check_depth(value: object, field: str) -> None:
    level, here = 0, [value]
    while here:
        level += 1
        if level > MAX_METADATA_DEPTH:
            raise InvalidArgument(f"{field} is nested too deep.", field=field)
        below: list[object] = []
        for item in here:
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        here = below
