"""Finding collections and their versions inside a transaction, as the request may see them."""

from __future__ import annotations

from dataclasses import replace

from assay.domain.access import Action
from assay.domain.collection import (
    Collection,
    CollectionKind,
    CollectionVersion,
    Membership,
    VersionState,
    experiment_place,
    is_model_type,
    model_name,
    registry_place,
    version_index,
)
from assay.domain.errors import FailedPrecondition, NotFound
from assay.services.context import Context
from assay.services.experiments import experiment_pk
from assay.storage import aliases as alias_rows
from assay.storage import (
    collection_edges,
    collection_versions,
    collections,
    experiments,
    registered_models,
)
from assay.storage.collection_edges import LinkRow
from assay.storage.database import Transaction


def place_of(
    tx: Transaction,
    context: Context,
    action: Action,
    *,
    experiment_id: str | None = None,
    registry: str | None = None,
) -> tuple[str, str]:
    """(workspace, place) of an experiment's collections, or of a registry's. Raises NotFound."""
    if registry is not None:
        context.require(action)
        return context.workspace, registry_place(registry)
    if experiment_id is None:
        raise NotFound("Name an experiment or a registry.", field="experiment_id")
    home = experiments.find_experiment(tx, experiment_pk(experiment_id))
    what = f"Experiment {experiment_id[:100]!r}"
    if home is None:
        raise NotFound(f"{what} does not exist.", field="experiment_id")
    context.require_object(action, home.workspace, what)
    return home.workspace, experiment_place(experiment_id)


def get_collection(tx: Transaction, workspace: str, place: str, name: str) -> Collection:
    """The collection of that name, or NotFound."""
    found = collections.find_collection(tx, workspace, place, name)
    if found is None:
        raise NotFound(f"Collection {name[:300]!r} does not exist.", field="name")
    return found


def seen_version(
    tx: Transaction, context: Context, action: Action, version_id: str, *, lock: bool = False
) -> CollectionVersion:
    """The version or draft of that id, or NotFound for one that is deleted or not visible."""
    found = collection_versions.find_version(tx, version_id, lock=lock)
    if found is None:
        raise unknown_version(version_id)
    context.require_object(action, found.collection.workspace, _what(version_id))
    if found.state is VersionState.DELETED:
        raise unknown_version(version_id)
    return found


def committed_version(
    tx: Transaction, context: Context, action: Action, version_id: str, *, lock: bool = False
) -> CollectionVersion:
    """As `seen_version`, and FailedPrecondition for a draft."""
    found = seen_version(tx, context, action, version_id, lock=lock)
    if found.state is not VersionState.COMMITTED:
        raise FailedPrecondition(f"{found.label} is not committed yet.", field="version_id")
    return found


def unknown_version(version_id: str) -> NotFound:
    """The refusal of a version that is not there, or not visible."""
    return NotFound(f"{_what(version_id)} does not exist.", field="version_id")


def resolve(tx: Transaction, collection: Collection, reference: str) -> Membership:
    """What `v3` or an alias names in a sequence or portfolio. Raises NotFound."""
    index = version_index(reference)
    if collection.kind is CollectionKind.SEQUENCE:
        found = (
            collection_versions.find_by_alias(tx, collection.pk, reference)
            if index is None
            else collection_versions.find_committed(tx, collection.pk, index)
        )
        if found is not None and found.state is VersionState.COMMITTED:
            return own_membership(found)
    else:
        link = _find_link(tx, collection, reference, index)
        if link is not None:
            return memberships(tx, collection, [link])[0]
    raise NotFound(
        f"Collection {collection.name!r} has no version {reference[:200]!r}.", field="version"
    )


def own_membership(version: CollectionVersion) -> Membership:
    """A committed version in its own sequence."""
    return Membership(
        collection=version.collection,
        version=version,
        version_index=version.version_index or 0,
        aliases=version.aliases,
        created_at_ms=version.created_at_ms,
    )


def memberships(tx: Transaction, portfolio: Collection, links: list[LinkRow]) -> list[Membership]:
    """Versions as a portfolio holds them, with the aliases that name them there."""
    versions = collection_versions.load_versions(tx, [link.version_pk for link in links])
    named: dict[int, list[str]] = {}
    for alias, version_pk in collection_edges.list_aliases(tx, portfolio.pk):
        named.setdefault(version_pk, []).append(alias)
    by_model = _model_aliases(tx, portfolio)
    return [
        Membership(
            collection=portfolio,
            version=replace(versions[link.version_pk]),
            version_index=link.version_index,
            aliases=tuple(
                sorted(
                    {*named.get(link.version_pk, ()), *by_model.get(link.model_version_pk or 0, ())}
                )
            ),
            created_at_ms=link.created_at_ms,
            model_version=link.model_version,
        )
        for link in links
    ]


def stands_for_model(collection: Collection) -> bool:
    """Whether versions of a portfolio are model versions, and its aliases those of the registry."""
    return collection.registry is not None and is_model_type(collection.type)


def _find_link(
    tx: Transaction, portfolio: Collection, reference: str, index: int | None
) -> LinkRow | None:
    if index is not None:
        return collection_edges.find_link_at(tx, portfolio.pk, index)
    if stands_for_model(portfolio):
        model = registered_models.find_model(tx, portfolio.workspace, model_name(portfolio))
        held = None if model is None else alias_rows.read_alias(tx, model.pk, reference)
        if held is not None and held.version is not None:
            return collection_edges.find_link_at(tx, portfolio.pk, held.version - 1)
    found = collection_versions.find_by_alias(tx, portfolio.pk, reference)
    return None if found is None else collection_edges.find_link(tx, portfolio.pk, found.pk)


def _model_aliases(tx: Transaction, portfolio: Collection) -> dict[int, list[str]]:
    if not stands_for_model(portfolio):
        return {}
    model = registered_models.find_model(tx, portfolio.workspace, model_name(portfolio))
    if model is None:
        return {}
    named: dict[int, list[str]] = {}
    for alias, version_pk in collection_edges.list_model_aliases(tx, model.pk):
        named.setdefault(version_pk, []).append(alias)
    return named


def _what(version_id: str) -> str:
    return f"Collection version {version_id[:100]!r}"
