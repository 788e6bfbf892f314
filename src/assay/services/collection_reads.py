"""Reading collections: what there is, what is in a version, and which runs it has to do with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from assay.domain.access import Action, may_see
from assay.domain.collection import (
    Collection,
    CollectionFile,
    CollectionKind,
    CollectionUse,
    CollectionVersion,
    Direction,
    Membership,
    VersionState,
)
from assay.domain.errors import NotFound
from assay.domain.paging import bind, decode, encode
from assay.domain.tracking import FileEntry, Page
from assay.services.artifacts import OpenFile, reader
from assay.services.checks import check_page_size
from assay.services.collection_access import (
    committed_version,
    get_collection,
    memberships,
    own_membership,
    place_of,
    resolve,
    seen_version,
)
from assay.services.context import Context
from assay.services.platform import Platform
from assay.services.runs import get_run
from assay.storage import collection_edges, collection_files, collection_versions, collections
from assay.storage.collection_edges import UseRow
from assay.storage.collections import CollectionQuery
from assay.storage.database import Transaction

MAX_PAGE: Final = 1_000
MAX_FILES_PAGE: Final = 10_000


class Home(NamedTuple):
    """Where collections are: an experiment by id, or a registry of the request's workspace."""

    experiment_id: str | None = None
    registry: str | None = None


class CollectionReads:
    """Answers what a request may see; the rest does not exist for it."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def get_collection(self, context: Context, home: Home, name: str) -> Collection:
        """The collection of that name. Raises NotFound."""
        with self._platform.database.read() as tx:
            return self._collection(tx, context, home, name)

    def get_collection_by_pk(self, context: Context, pk: int) -> Collection:
        """The collection with that key, whatever it is called by now. Raises NotFound."""
        with self._platform.database.read() as tx:
            found = collections.find_collection_by_pk(tx, pk)
        if found is None:
            raise NotFound("The collection does not exist.", field="id")
        context.require_object(Action.TRACKING_READ, found.workspace, "The collection")
        return found

    def list_collections(
        self,
        context: Context,
        home: Home | None = None,
        *,
        type: str | None = None,  # noqa: A002 - the word of the glossary
        kind: CollectionKind | None = None,
        max_results: int = 100,
        page_token: str | None = None,
    ) -> Page[Collection]:
        """Collections by name; without a home, those of the whole workspace."""
        check_page_size(max_results, MAX_PAGE)
        with self._platform.database.read() as tx:
            query = self._query(tx, context, home, type, kind)
            binding = bind(["collections", *[str(value) for value in query]])
            after = str(decode(page_token, binding, size=1)[0]) if page_token else None
            found = collections.list_collections(tx, query, after, max_results + 1)
        shown = found[:max_results]
        more = len(found) > max_results
        token = encode([collections.position(shown[-1])], binding) if more else None
        return Page(tuple(shown), token)

    def count_collections(
        self,
        context: Context,
        home: Home | None = None,
        *,
        type: str | None = None,  # noqa: A002 - the word of the glossary
    ) -> int:
        """How many there are."""
        with self._platform.database.read() as tx:
            query = self._query(tx, context, home, type, None)
            return collections.count_collections(tx, query)

    def list_types(self, context: Context, home: Home | None = None) -> tuple[str, ...]:
        """The types that the collections have."""
        with self._platform.database.read() as tx:
            query = self._query(tx, context, home, None, None)
            return tuple(collections.list_types(tx, query))

    def list_registries(self, context: Context) -> tuple[str, ...]:
        """The registries of the request's workspace that hold a collection."""
        context.require(Action.TRACKING_READ)
        with self._platform.database.read() as tx:
            found = collections.list_places(tx, context.workspace, "registry:")
        return tuple(place.removeprefix("registry:") for place in found)

    def count_versions(self, context: Context, collection: Collection) -> int:
        """How many versions a sequence has, or a portfolio holds."""
        context.require(Action.TRACKING_READ, collection.workspace)
        counting = (
            collection_versions.count_versions
            if collection.kind is CollectionKind.SEQUENCE
            else collection_edges.count_links
        )
        with self._platform.database.read() as tx:
            return counting(tx, [collection.pk]).get(collection.pk, 0)

    def aliases_of(self, context: Context, collection: Collection) -> tuple[str, ...]:
        """Every alias that names something in a collection."""
        context.require(Action.TRACKING_READ, collection.workspace)
        with self._platform.database.read() as tx:
            held = {alias for alias, _ in collection_edges.list_aliases(tx, collection.pk)}
        return tuple(sorted(held))

    def get(self, context: Context, version_id: str) -> CollectionVersion:
        """The version or draft of that id. Raises NotFound."""
        with self._platform.database.read() as tx:
            return seen_version(tx, context, Action.TRACKING_READ, version_id)

    def find_by_client_id(self, context: Context, client_id: str) -> CollectionVersion | None:
        """The version that a client knows under an id of its own, if the request may see it."""
        with self._platform.database.read() as tx:
            found = collection_versions.list_by_client_id(tx, client_id)
        return next((v for v in found if _is_seen(context, v)), None)

    def resolve(
        self, context: Context, home: Home, name: str, reference: str = "latest"
    ) -> Membership:
        """What `v3` or an alias names in a collection. Raises NotFound."""
        with self._platform.database.read() as tx:
            return resolve(tx, self._collection(tx, context, home, name), reference)

    def list_versions(
        self,
        context: Context,
        collection: Collection,
        *,
        max_results: int = 100,
        page_token: str | None = None,
    ) -> Page[Membership]:
        """The committed versions of a sequence, or what a portfolio holds, newest first."""
        check_page_size(max_results, MAX_PAGE)
        context.require_object(Action.TRACKING_READ, collection.workspace, "The collection")
        binding = bind(["collection versions", collection.pk])
        before = int(str(decode(page_token, binding, size=1)[0])) if page_token else None
        with self._platform.database.read() as tx:
            found = _listed(tx, collection, before, max_results + 1)
        shown = found[:max_results]
        more = len(found) > max_results
        return Page(tuple(shown), encode([shown[-1].version_index], binding) if more else None)

    def memberships_of(self, context: Context, version_id: str) -> tuple[Membership, ...]:
        """Where a version stands: its own sequence first, then the portfolios that it is in."""
        with self._platform.database.read() as tx:
            version = committed_version(tx, context, Action.TRACKING_READ, version_id)
            found = [own_membership(version)]
            for link in collection_edges.links_of_version(tx, version.pk):
                portfolio = collections.find_collection_by_pk(tx, link.collection_pk)
                if portfolio is not None:
                    found.extend(memberships(tx, portfolio, [link]))
        return tuple(found)

    def list_files(
        self,
        context: Context,
        version_id: str,
        *,
        max_results: int = 1_000,
        page_token: str | None = None,
    ) -> Page[CollectionFile]:
        """The files of a committed version, by path."""
        check_page_size(max_results, MAX_FILES_PAGE)
        binding = bind(["collection files", version_id])
        after = str(decode(page_token, binding, size=1)[0]) if page_token else None
        with self._platform.database.read() as tx:
            version = committed_version(tx, context, Action.TRACKING_READ, version_id)
            found = collection_files.list_files(tx, version.pk, after, max_results + 1)
        shown = found[:max_results]
        more = len(found) > max_results
        return Page(tuple(shown), encode([shown[-1].path], binding) if more else None)

    def files_at(
        self, context: Context, version_id: str, paths: Sequence[str]
    ) -> Mapping[str, CollectionFile]:
        """The files of a committed version at these paths that there are."""
        with self._platform.database.read() as tx:
            version = committed_version(tx, context, Action.TRACKING_READ, version_id)
            return collection_files.files_at(tx, version.pk, list(paths))

    def open_file(self, context: Context, version_id: str, path: str) -> OpenFile:
        """A file of a committed version, ready to be read whole or in part.

        Raises NotFound, also for a reference: its bytes are not here.
        """
        with self._platform.database.read() as tx:
            version = committed_version(tx, context, Action.TRACKING_READ, version_id)
            file = collection_files.find_file(tx, version.pk, path)
        if file is None or file.sha256 is None:
            why = "has no file" if file is None else "only refers to"
            raise NotFound(f"{version.label} {why} {path[:200]!r}.", field="path")
        entry = FileEntry(path, is_folder=False, size_bytes=file.size_bytes, sha256=file.sha256)
        return OpenFile(entry, reader(self._platform.blobs, entry))

    def uses_of_run(
        self, context: Context, run_id: str, direction: Direction | None = None
    ) -> tuple[CollectionUse, ...]:
        """The versions that a run read and made."""
        with self._platform.database.read() as tx:
            run = get_run(tx, context, Action.TRACKING_READ, run_id)
            return _uses(tx, context, collection_edges.uses_of_run(tx, run.pk, direction))

    def uses_of_version(
        self, context: Context, version_id: str, direction: Direction | None = None
    ) -> tuple[CollectionUse, ...]:
        """The runs that read and made a version, at most 1,000."""
        with self._platform.database.read() as tx:
            version = committed_version(tx, context, Action.TRACKING_READ, version_id)
            found = collection_edges.uses_of_version(tx, version.pk, direction)
            return _uses(tx, context, found)

    def _collection(self, tx: Transaction, context: Context, home: Home, name: str) -> Collection:
        workspace, place = place_of(
            tx,
            context,
            Action.TRACKING_READ,
            experiment_id=home.experiment_id,
            registry=home.registry,
        )
        return get_collection(tx, workspace, place, name)

    def _query(
        self,
        tx: Transaction,
        context: Context,
        home: Home | None,
        type_name: str | None,
        kind: CollectionKind | None,
    ) -> CollectionQuery:
        if home is None:
            context.require(Action.TRACKING_READ)
            return CollectionQuery(context.workspace, None, type_name, kind)
        workspace, place = place_of(
            tx,
            context,
            Action.TRACKING_READ,
            experiment_id=home.experiment_id,
            registry=home.registry,
        )
        return CollectionQuery(workspace, place, type_name, kind)


def _listed(
    tx: Transaction, collection: Collection, before: int | None, limit: int
) -> list[Membership]:
    if collection.kind is CollectionKind.SEQUENCE:
        found = collection_versions.list_versions(tx, collection.pk, before, limit)
        return [own_membership(version) for version in found]
    links = collection_edges.list_links(tx, collection.pk, before, limit)
    return memberships(tx, collection, links)


def _uses(tx: Transaction, context: Context, rows: Sequence[UseRow]) -> tuple[CollectionUse, ...]:
    versions = collection_versions.load_versions(tx, [row.version_pk for row in rows])
    return tuple(
        CollectionUse(
            row.run_id,
            versions[row.version_pk],
            row.direction,
            row.used_as,
            row.step,
            row.created_at_ms,
        )
        for row in rows
        if versions[row.version_pk].state is not VersionState.PENDING
        and may_see(context.actor, versions[row.version_pk].collection.workspace)
    )


def _is_seen(context: Context, version: CollectionVersion) -> bool:
    return version.state is not VersionState.DELETED and may_see(
        context.actor, version.collection.workspace
    )
