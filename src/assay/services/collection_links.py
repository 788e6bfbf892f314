"""Portfolios and registries: versions linked under another name, and what that means for models.

A model that is linked into a registry becomes a model version, by the one registration there is, and
an alias on it is one of the registry: a protected one moves by the one promotion there is, or not.
"""

from __future__ import annotations

from collections.abc import Sequence

from assay.domain.access import Action
from assay.domain.collection import (
    LATEST,
    Collection,
    CollectionKind,
    CollectionVersion,
    Membership,
    check_alias,
    check_collection_name,
    is_model_type,
    model_name,
    names_a_model,
)
from assay.domain.errors import FailedPrecondition, NotFound
from assay.domain.names import is_protected
from assay.services.aliases import Aliases
from assay.services.catalogue import get_workspace
from assay.services.collection_access import (
    committed_version,
    memberships,
    place_of,
)
from assay.services.collection_reads import Home
from assay.services.context import Context
from assay.services.platform import Platform
from assay.services.registration import Registration
from assay.services.versions import Versions
from assay.services.workspaces import workspace_pk
from assay.storage import collection_edges, collections, model_versions, registered_models
from assay.storage.database import Transaction


class CollectionLinks:
    """Links versions into portfolios, names them there, and takes them out again."""

    def __init__(
        self,
        platform: Platform,
        registration: Registration,
        versions: Versions,
        aliases: Aliases,
    ) -> None:
        self._platform = platform
        self._registration = registration
        self._versions = versions
        self._aliases = aliases

    def ensure_portfolio(
        self,
        context: Context,
        home: Home,
        name: str,
        type: str,  # noqa: A002 - the word of the glossary
    ) -> Collection:
        """The portfolio of that name, made if need be. Raises FailedPrecondition for another type."""
        check_collection_name(name)
        with self._platform.database.write() as tx:
            workspace, place = place_of(
                tx,
                context,
                Action.TRACKING_WRITE,
                experiment_id=home.experiment_id,
                registry=home.registry,
            )
            wanted = _portfolio(context, workspace, place, home, name, type)
            found = collections.ensure_collection(tx, wanted, workspace_pk(tx, workspace))
        if found.kind is not CollectionKind.PORTFOLIO:
            raise FailedPrecondition(
                f"{name!r} is a sequence: versions are made in it, not linked into it.",
                field="name",
            )
        if found.type != type:
            raise FailedPrecondition(
                f"{name!r} holds the type {found.type!r}, not {type!r}.", field="type"
            )
        return found

    def link(
        self,
        context: Context,
        version_id: str,
        home: Home,
        name: str,
        *,
        aliases: Sequence[str] = (),
    ) -> Membership:
        """Put a committed version into a portfolio, and let these aliases name it there.

        A model that is linked into a registry is registered first, from the run that made it and
        under the workspace's policy: LineageIncomplete names what is missing, and then nothing is
        linked. A protected alias is asked for by promotion; GateBlocked says why it is held, and
        the version stays linked without it.
        """
        for alias in aliases:
            check_alias(alias, "aliases")
        with self._platform.database.read() as tx:
            version = committed_version(tx, context, Action.TRACKING_READ, version_id)
        inner = context.within(version.collection.workspace)
        check_collection_name(name)
        kind = version.collection.type
        if home.registry is not None and is_model_type(kind):
            # Registered before there is a portfolio: a refusal leaves nothing behind.
            number = self._register(inner, home, name, version)
            portfolio = self.ensure_portfolio(inner, home, name, kind)
            self._link_model(inner, portfolio, version, number)
            for alias in sorted(set(aliases) - {LATEST}):
                self.add_alias(inner, portfolio, version_id, alias)
        else:
            with self._platform.database.read() as tx:
                if names_a_model(home.registry, kind):
                    self._refuse_protected(tx, inner.workspace, aliases)
            portfolio = self.ensure_portfolio(inner, home, name, kind)
            self._link_plain(inner, portfolio, version, aliases)
        return self.get(inner, portfolio, version_id)

    def get(self, context: Context, portfolio: Collection, version_id: str) -> Membership:
        """A version as a portfolio holds it. Raises NotFound when it does not."""
        with self._platform.database.read() as tx:
            version = committed_version(tx, context, Action.TRACKING_READ, version_id)
            link = collection_edges.find_link(tx, portfolio.pk, version.pk)
            if link is None:
                raise _not_linked(version, portfolio)
            return memberships(tx, portfolio, [link])[0]

    def add_alias(
        self, context: Context, portfolio: Collection, version_id: str, alias: str
    ) -> None:
        """Let an alias name the version within the portfolio; in a registry of models, the model's.

        Raises GateBlocked for a protected alias that the version has not earned.
        """
        check_alias(alias)
        held = self.get(context, portfolio, version_id)
        if held.model is not None and held.model_version is not None and alias != LATEST:
            inner = context.within(portfolio.workspace)
            self._aliases.set_alias(inner, held.model, alias, held.model_version)
            return
        context.require(Action.TRACKING_WRITE, portfolio.workspace)
        with self._platform.database.write() as tx:
            if names_a_model(portfolio.registry, portfolio.type):
                self._refuse_protected(tx, portfolio.workspace, [alias])
            collection_edges.set_alias(tx, portfolio.pk, alias, held.version.pk)

    def delete_alias(
        self, context: Context, portfolio: Collection, version_id: str, alias: str
    ) -> None:
        """Let an alias name nothing in the portfolio. Raises FailedPrecondition for a protected one."""
        held = self.get(context, portfolio, version_id)
        if alias not in held.aliases:
            raise NotFound(f"{held.version.label} has no alias {alias[:200]!r}.", field="alias")
        if held.model is not None and alias != LATEST:
            self._aliases.remove_alias(context.within(portfolio.workspace), held.model, alias)
            return
        context.require(Action.TRACKING_WRITE, portfolio.workspace)
        with self._platform.database.write() as tx:
            collection_edges.delete_alias(tx, portfolio.pk, alias, held.version.pk)

    def unlink(self, context: Context, portfolio: Collection, version_id: str) -> None:
        """Take a version out of a portfolio; the model version that the link made is deleted.

        Raises FailedPrecondition while an alias of the registry holds it or a rollback could return
        to it.
        """
        held = self.get(context, portfolio, version_id)
        inner = context.within(portfolio.workspace)
        if held.model is not None and held.model_version is not None:
            self._versions.delete_version(inner, held.model, held.model_version, "unlinked")
        inner.require(Action.TRACKING_WRITE)
        with self._platform.database.write() as tx:
            collection_edges.delete_aliases(tx, portfolio.pk, held.version.pk)
            link = collection_edges.find_link(tx, portfolio.pk, held.version.pk)
            if link is not None:
                collection_edges.delete_link(tx, link.pk)
            newest = collection_edges.list_links(tx, portfolio.pk, None, 1)
            if newest and LATEST in held.aliases:
                collection_edges.set_alias(tx, portfolio.pk, LATEST, newest[0].version_pk)

    def _register(self, context: Context, home: Home, name: str, version: CollectionVersion) -> int:
        """The number of the model version that stands behind a link, made if need be."""
        source = f"collection:{version.version_id}"
        with self._platform.database.read() as tx:
            workspace, place = place_of(tx, context, Action.TRACKING_WRITE, registry=home.registry)
            known = collections.find_collection(tx, workspace, place, name)
            link = None if known is None else collection_edges.find_link(tx, known.pk, version.pk)
            if link is not None and link.model_version is not None:
                return link.model_version
            kind = version.collection.type
            model = model_name(_portfolio(context, workspace, place, home, name, kind))
            owner = registered_models.find_model(tx, workspace, model)
            # Made by a link that a crash cut short.
            made = (
                None
                if owner is None
                else collection_edges.find_unlinked_model_version(tx, owner.pk, source)
            )
        if made is not None:
            return made
        registered = self._registration.register(
            context,
            model,
            run_id=version.run_id,
            collection_version=version.version_id,
            source=source,
            description=version.description,
        )
        return registered.version

    def _link_model(
        self, context: Context, portfolio: Collection, version: CollectionVersion, number: int
    ) -> None:
        with self._platform.database.write() as tx:
            home = collections.find_collection_by_pk(tx, portfolio.pk, lock=True)
            owner = registered_models.find_model(tx, portfolio.workspace, model_name(portfolio))
            made = None if owner is None else model_versions.find_version(tx, owner.pk, number)
            if home is None or made is None:
                raise NotFound(f"Collection {portfolio.name!r} does not exist.", field="name")
            if collection_edges.find_link(tx, home.pk, version.pk) is None:
                collection_edges.insert_link(
                    tx,
                    home.pk,
                    version.pk,
                    number - 1,
                    made.pk,
                    context.actor.name,
                    context.now_ms,
                )
                collection_edges.set_alias(tx, home.pk, LATEST, version.pk)

    def _link_plain(
        self,
        context: Context,
        portfolio: Collection,
        version: CollectionVersion,
        aliases: Sequence[str],
    ) -> None:
        context.require(Action.TRACKING_WRITE)
        with self._platform.database.write() as tx:
            held = collections.find_collection_by_pk(tx, portfolio.pk, lock=True)
            if held is None:
                raise NotFound(f"Collection {portfolio.name!r} does not exist.", field="name")
            if collection_edges.find_link(tx, held.pk, version.pk) is None:
                index = collections.take_index(tx, held.pk, context.now_ms)
                collection_edges.insert_link(
                    tx, held.pk, version.pk, index, None, context.actor.name, context.now_ms
                )
                collection_edges.set_alias(tx, held.pk, LATEST, version.pk)
            for alias in sorted(set(aliases)):
                collection_edges.set_alias(tx, held.pk, alias, version.pk)

    def _refuse_protected(self, tx: Transaction, workspace: str, aliases: Sequence[str]) -> None:
        protected = get_workspace(tx, self._platform, workspace).policy.protected
        taken = next((alias for alias in aliases if is_protected(alias, protected)), None)
        if taken is not None:
            raise FailedPrecondition(
                f"The alias {taken!r} is protected: link the model into a registry, and ask for the "
                "alias there.",
                field="aliases",
            )


def _portfolio(
    context: Context, workspace: str, place: str, home: Home, name: str, type_name: str
) -> Collection:
    return Collection(
        pk=0,
        workspace=workspace,
        experiment_id=home.experiment_id,
        place=place,
        name=name,
        type=type_name,
        kind=CollectionKind.PORTFOLIO,
        description="",
        created_by=context.actor.name,
        created_at_ms=context.now_ms,
        updated_at_ms=context.now_ms,
    )


def _not_linked(version: CollectionVersion, portfolio: Collection) -> NotFound:
    return NotFound(f"{version.label} is not linked into {portfolio.name!r}.", field="version")
