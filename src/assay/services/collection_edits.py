"""Changing what is said of collections and versions, which runs use them, and deleting them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from assay.domain.access import Action
from assay.domain.collection import (
    LATEST,
    MAX_USED_AS,
    Collection,
    CollectionKind,
    CollectionVersion,
    Direction,
    VersionState,
    check_alias,
    check_collection_name,
    check_metadata,
    check_tag,
    check_ttl,
    check_type,
    is_model_type,
    reasons_to_keep,
)
from assay.domain.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from assay.domain.names import MAX_DESCRIPTION, check_text, is_protected
from assay.domain.tracking import Lifecycle
from assay.services.catalogue import get_workspace
from assay.services.checks import check_step
from assay.services.collection_access import committed_version, seen_version
from assay.services.collection_drafts import MAX_TAGS, bury
from assay.services.context import Context
from assay.services.platform import Platform
from assay.services.runs import open_run
from assay.storage import collection_edges, collection_versions, collections
from assay.storage.database import Transaction

_VERSIONS_AT_ONCE: Final = 500


class CollectionEdits:
    """Changes collections. Files and numbers of committed versions never change."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def use(
        self, context: Context, version_id: str, run_id: str, *, used_as: str = ""
    ) -> CollectionVersion:
        """Record that an active run read a version: an edge of lineage."""
        check_text(used_as, "used_as", max_length=MAX_USED_AS)
        return self._edge(context, version_id, run_id, Direction.INPUT, used_as, None)

    def produce(
        self, context: Context, version_id: str, run_id: str, *, step: int | None = None
    ) -> CollectionVersion:
        """Record that an active run made a version which is committed."""
        checked = None if step is None else check_step(step)
        return self._edge(context, version_id, run_id, Direction.OUTPUT, "", checked)

    def add_alias(self, context: Context, version_id: str, alias: str) -> CollectionVersion:
        """Let an alias name the version within its sequence, wherever it was.

        Raises FailedPrecondition for a protected alias on a model: it is earned in a registry.
        """
        check_alias(alias)
        with self._platform.database.write() as tx:
            version = committed_version(tx, context, Action.TRACKING_WRITE, version_id, lock=True)
            home = version.collection
            protected = get_workspace(tx, self._platform, home.workspace).policy.protected
            if is_model_type(home.type) and is_protected(alias, protected):
                raise FailedPrecondition(
                    f"The alias {alias!r} is protected: link {version.label} into a registry of "
                    "models, and ask for the alias there.",
                    field="alias",
                )
            collection_edges.set_alias(tx, home.pk, alias, version.pk)
            return _reload(tx, version.pk)

    def delete_alias(self, context: Context, version_id: str, alias: str) -> CollectionVersion:
        """Let an alias name nothing. `latest` stays with a version always."""
        if alias == LATEST:
            raise InvalidArgument("The alias 'latest' names the newest version.", field="alias")
        with self._platform.database.write() as tx:
            version = committed_version(tx, context, Action.TRACKING_WRITE, version_id, lock=True)
            if not collection_edges.delete_alias(tx, version.collection.pk, alias, version.pk):
                raise NotFound(f"{version.label} has no alias {alias[:200]!r}.", field="alias")
            return _reload(tx, version.pk)

    def update_version(
        self,
        context: Context,
        version_id: str,
        *,
        description: str | None = None,
        metadata: str | None = None,
        tags: Sequence[str] | None = None,
        ttl_s: int | None = None,
        clear_ttl: bool = False,
    ) -> CollectionVersion:
        """Change what is given; `tags` replaces all of them."""
        changes: dict[str, object] = {}
        if description is not None:
            changes["description"] = check_text(
                description, "description", max_length=MAX_DESCRIPTION
            )
        if metadata is not None:
            changes["metadata"] = check_metadata(metadata)
        if ttl_s is not None or clear_ttl:
            changes["ttl_s"] = check_ttl(ttl_s)
        with self._platform.database.write() as tx:
            version = seen_version(tx, context, Action.TRACKING_WRITE, version_id, lock=True)
            if tags is not None:
                collection_versions.set_version_tags(tx, version.pk, _tags(tags))
            collection_versions.update_version(tx, version.pk, context.now_ms, **changes)
            return _reload(tx, version.pk)

    def update_collection(
        self,
        context: Context,
        collection: Collection,
        *,
        name: str | None = None,
        description: str | None = None,
        tags: Sequence[str] | None = None,
    ) -> Collection:
        """Change what is given. Raises AlreadyExists for a name that is taken."""
        changes: dict[str, object] = {}
        if name is not None and name != collection.name:
            changes["name"] = check_collection_name(name)
        if description is not None:
            changes["description"] = check_text(
                description, "description", max_length=MAX_DESCRIPTION
            )
        with self._platform.database.write() as tx:
            found = _held(tx, context, collection, Action.TRACKING_WRITE)
            if "name" in changes:
                _refuse_rename(tx, found, str(changes["name"]))
            if tags is not None:
                collections.set_collection_tags(tx, found.pk, _tags(tags))
            collections.update_collection(tx, found.pk, context.now_ms, **changes)
            changed = collections.find_collection_by_pk(tx, found.pk)
        assert changed is not None
        return changed

    def change_type(self, context: Context, collection: Collection, to: str) -> Collection:
        """Let a sequence hold another type from now on; its versions are of it too.

        Raises FailedPrecondition for a portfolio, and while a version is linked somewhere: what
        holds it was made for the type. A protected alias has to go first where the type becomes one
        of models.
        """
        check_type(to)
        with self._platform.database.write() as tx:
            found = _held(tx, context, collection, Action.TRACKING_WRITE)
            if found.type != to:
                protected = get_workspace(tx, self._platform, found.workspace).policy.protected
                _refuse_type(tx, found, to, protected)
                collections.update_collection(tx, found.pk, context.now_ms, type=to)
            changed = collections.find_collection_by_pk(tx, found.pk)
        assert changed is not None
        return changed

    def delete_version(
        self, context: Context, version_id: str, *, drop_aliases: bool = False
    ) -> None:
        """Forget a version's files; its number is never used again, and lineage still knows it.

        Raises FailedPrecondition with the reasons while aliases other than `latest` name it (unless
        they are to go with it) or a portfolio holds it.
        """
        with self._platform.database.write() as tx:
            version = seen_version(tx, context, Action.TRACKING_DELETE, version_id, lock=True)
            _refuse_needed(tx, version, drop_aliases=drop_aliases)
            bury(tx, context, version)

    def delete_collection(self, context: Context, collection: Collection) -> None:
        """Delete a sequence with its versions, or a portfolio with its links, but no model version.

        Raises FailedPrecondition while a version of it is linked elsewhere, or a model version stands
        behind a link: those are deleted in the registry.
        """
        with self._platform.database.write() as tx:
            found = _held(tx, context, collection, Action.TRACKING_DELETE)
            if found.kind is CollectionKind.PORTFOLIO:
                _empty_portfolio(tx, found)
            else:
                _empty_sequence(tx, context, found)
            collection_edges.delete_aliases(tx, found.pk)
            collections.update_collection(
                tx, found.pk, context.now_ms, lifecycle=Lifecycle.DELETED.value
            )

    def _edge(
        self,
        context: Context,
        version_id: str,
        run_id: str,
        direction: Direction,
        used_as: str,
        step: int | None,
    ) -> CollectionVersion:
        with self._platform.database.write() as tx:
            version = committed_version(tx, context, Action.TRACKING_READ, version_id)
            run = open_run(tx, context, run_id)
            collection_edges.add_use(
                tx, run.pk, version.pk, direction, used_as, step, context.now_ms
            )
            return version


def _tags(tags: Sequence[str]) -> list[str]:
    if len(tags) > MAX_TAGS:
        raise InvalidArgument(f"At most {MAX_TAGS} tags.", field="tags")
    return [check_tag(tag, "tags") for tag in tags]


def _held(tx: Transaction, context: Context, collection: Collection, action: Action) -> Collection:
    found = collections.find_collection_by_pk(tx, collection.pk, lock=True)
    what = f"Collection {collection.name!r}"
    if found is None:
        raise NotFound(f"{what} does not exist.", field="name")
    context.require_object(action, found.workspace, what)
    return found


def _refuse_rename(tx: Transaction, found: Collection, name: str) -> None:
    if found.registry is not None:
        raise FailedPrecondition(
            "A collection of a registry keeps its name: model versions are registered under it.",
            field="name",
        )
    if collections.find_any(tx, found, name):
        raise AlreadyExists(f"The name {name!r} is taken, perhaps by a deleted one.", field="name")


def _refuse_type(tx: Transaction, found: Collection, to: str, protected: frozenset[str]) -> None:
    if found.kind is not CollectionKind.SEQUENCE:
        raise FailedPrecondition("A portfolio keeps the type that it was made for.", field="type")
    if collection_edges.is_any_linked(tx, found.pk):
        raise FailedPrecondition(
            f"Versions of {found.name!r} are linked elsewhere under its type. Unlink them first.",
            field="type",
        )
    held = [alias for alias, _ in collection_edges.list_aliases(tx, found.pk)]
    earned = [alias for alias in held if is_protected(alias, protected)]
    if is_model_type(to) and earned:
        raise FailedPrecondition(
            f"On models the alias {earned[0]!r} is protected. Take it away first.", field="type"
        )


def _refuse_needed(tx: Transaction, version: CollectionVersion, *, drop_aliases: bool) -> None:
    links = collection_edges.links_of_version(tx, version.pk)
    portfolios = collection_edges.names_of_portfolios(tx, [link.collection_pk for link in links])
    reasons = reasons_to_keep(version.aliases, portfolios, drop_aliases=drop_aliases)
    if reasons:
        raise FailedPrecondition(
            f"{version.label} cannot be deleted: {' and '.join(reasons)}.",
            field="version",
            reasons=reasons,
        )


def _empty_sequence(tx: Transaction, context: Context, found: Collection) -> None:
    before: int | None = None
    while versions := collection_versions.list_versions(tx, found.pk, before, _VERSIONS_AT_ONCE):
        for version in versions:
            _refuse_needed(tx, version, drop_aliases=True)
            bury(tx, context, version)
        before = versions[-1].version_index
    for draft in collection_versions.list_drafts(tx, found.pk):
        collection_versions.update_version(
            tx, draft, context.now_ms, state=VersionState.DELETED.value
        )


def _empty_portfolio(tx: Transaction, found: Collection) -> None:
    before: int | None = None
    while links := collection_edges.list_links(tx, found.pk, before, _VERSIONS_AT_ONCE):
        for link in links:
            if link.model_version is not None:
                raise FailedPrecondition(
                    f"{found.name!r} cannot be deleted: version {link.model_version} of the "
                    "registered model stands behind it. Unlink it first.",
                    field="name",
                )
            collection_edges.delete_link(tx, link.pk)
        before = links[-1].version_index


def _reload(tx: Transaction, pk: int) -> CollectionVersion:
    found = collection_versions.find_version_by_pk(tx, pk)
    assert found is not None
    return found
