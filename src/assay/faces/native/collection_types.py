"""What the routes of collections take and answer."""

from __future__ import annotations

import msgspec

from assay.domain.collection import (
    Collection,
    CollectionKind,
    CollectionUse,
    CollectionVersion,
    Direction,
    Membership,
    VersionState,
)


class CollectionAnswer(msgspec.Struct):
    """A collection; `registry` is set for one of a registry, `experiment_id` for the others."""

    workspace: str
    experiment_id: str | None
    registry: str | None
    name: str
    type: str
    kind: CollectionKind
    description: str
    tags: list[str]
    created_by: str
    created_at_ms: int
    updated_at_ms: int


class CollectionPage(msgspec.Struct):
    """Collections, and the token of the page after them."""

    collections: list[CollectionAnswer]
    next_page_token: str | None


class VersionAnswer(msgspec.Struct):
    """A version, or a draft of one (`version` is then null)."""

    version_id: str
    collection: CollectionAnswer
    version: str | None
    state: VersionState
    digest: str | None
    description: str
    metadata: str
    aliases: list[str]
    tags: list[str]
    ttl_s: int | None
    file_count: int
    size_bytes: int
    run_id: str | None
    step: int | None
    created_by: str
    created_at_ms: int
    committed_at_ms: int | None
    model: str | None = None
    model_version: int | None = None


class VersionPage(msgspec.Struct):
    """Versions, newest first, and the token of the page after them."""

    versions: list[VersionAnswer]
    next_page_token: str | None


class CollectionFileAnswer(msgspec.Struct):
    """A file with its digest, or a reference to bytes that are kept elsewhere."""

    path: str
    size_bytes: int | None
    sha256: str | None
    reference: str | None


class CollectionFilePage(msgspec.Struct):
    """Files by path, and the token of the page after them."""

    files: list[CollectionFileAnswer]
    next_page_token: str | None


class UseAnswer(msgspec.Struct):
    """An edge of lineage."""

    run_id: str
    direction: Direction
    used_as: str
    step: int | None
    version: VersionAnswer


class UsesAnswer(msgspec.Struct):
    """Edges of lineage, in the order in which they were recorded."""

    uses: list[UseAnswer]


class CollectionsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which collections: of an experiment, of a registry, or (without both) of the workspace."""

    experiment_id: str | None = None
    registry: str | None = None
    type: str | None = None
    kind: CollectionKind | None = None
    max_results: int = 100
    page_token: str | None = None


class PlaceQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Where a collection is: an experiment (default: the first one), or a registry."""

    experiment_id: str = "0"
    registry: str | None = None
    max_results: int = 100
    page_token: str | None = None


class ClientQuery(msgspec.Struct, forbid_unknown_fields=True):
    """By which id its client knows a version."""

    client_id: str


class FilesQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which page of files."""

    max_results: int = 1_000
    page_token: str | None = None


class DraftRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A version to be made: what it is of, and what is said of it."""

    name: str
    type: str
    experiment_id: str = "0"
    aliases: list[str] = []
    tags: list[str] = []
    description: str = ""
    metadata: str = "{}"
    ttl_s: int | None = None
    run_id: str | None = None
    step: int | None = None


class ReferenceRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Bytes that are kept elsewhere: where, and what the client knows of them."""

    path: str
    reference: str
    size_bytes: int | None = None
    digest: str | None = None


class ReferencesRequest(msgspec.Struct, forbid_unknown_fields=True):
    """References of a draft."""

    references: list[ReferenceRequest]


class VersionChange(msgspec.Struct, forbid_unknown_fields=True):
    """What to change; what is absent stays. `ttl_s` 0 keeps the version for ever."""

    description: str | None = None
    metadata: str | None = None
    tags: list[str] | None = None
    ttl_s: int | None = None
    add_aliases: list[str] = []
    remove_aliases: list[str] = []


class UseRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A run that read a version (`input`) or made it (`output`)."""

    run_id: str
    direction: Direction = Direction.INPUT
    used_as: str = ""
    step: int | None = None


class LinkRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Where to link a version: a portfolio of an experiment, or a collection of a registry."""

    name: str
    experiment_id: str | None = None
    registry: str | None = None
    aliases: list[str] = []


class DeleteQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Whether the aliases of the version go with it."""

    drop_aliases: bool = False


def collection_answer(found: Collection) -> CollectionAnswer:
    """A collection as the API shows it."""
    return CollectionAnswer(
        workspace=found.workspace,
        experiment_id=found.experiment_id,
        registry=found.registry,
        name=found.name,
        type=found.type,
        kind=found.kind,
        description=found.description,
        tags=list(found.tags),
        created_by=found.created_by,
        created_at_ms=found.created_at_ms,
        updated_at_ms=found.updated_at_ms,
    )


def version_answer(found: CollectionVersion) -> VersionAnswer:
    """A version or draft as the API shows it."""
    index = found.version_index
    return VersionAnswer(
        version_id=found.version_id,
        collection=collection_answer(found.collection),
        version=None if index is None else f"v{index}",
        state=found.state,
        digest=found.digest,
        description=found.description,
        metadata=found.metadata,
        aliases=list(found.aliases),
        tags=list(found.tags),
        ttl_s=found.ttl_s,
        file_count=found.file_count,
        size_bytes=found.size_bytes,
        run_id=found.run_id,
        step=found.step,
        created_by=found.created_by,
        created_at_ms=found.created_at_ms,
        committed_at_ms=found.committed_at_ms,
    )


def member_answer(found: Membership) -> VersionAnswer:
    """A version where it stands, as the API shows it."""
    answer = version_answer(found.version)
    answer.collection = collection_answer(found.collection)
    answer.version = f"v{found.version_index}"
    answer.aliases = list(found.aliases)
    answer.model, answer.model_version = found.model, found.model_version
    return answer


def use_answer(found: CollectionUse) -> UseAnswer:
    """An edge of lineage as the API shows it."""
    return UseAnswer(
        found.run_id, found.direction, found.used_as, found.step, version_answer(found.version)
    )
