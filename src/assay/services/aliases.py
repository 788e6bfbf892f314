"""Aliases: names for versions. Those that are protected move through promotion and rollback only."""

from __future__ import annotations

from dataclasses import dataclass

from assay.domain.access import Action
from assay.domain.artifact import ManifestEntry
from assay.domain.errors import Conflict, FailedPrecondition, NotFound
from assay.domain.names import check_alias, check_text, is_protected
from assay.domain.registry import Alias, AliasMove, ModelVersion, MoveKind
from assay.services.alias_moves import PlannedMove, write_move
from assay.services.catalogue import (
    complete_models,
    complete_version,
    get_model,
    get_version,
    get_workspace,
)
from assay.services.clashes import repeats_clashes
from assay.services.context import Context
from assay.services.ledger import Ledger
from assay.services.platform import Platform
from assay.services.promotion import MAX_REASON, Promotion
from assay.storage import aliases, model_versions
from assay.storage.database import Transaction

MAX_HISTORY = 1_000


@dataclass(frozen=True, slots=True)
class Resolved:
    """What an alias names, read at one moment: the version, its files and the alias's revision."""

    alias: str
    revision: int
    version: ModelVersion
    files: tuple[ManifestEntry, ...]

    @property
    def etag(self) -> str:
        """Changes with every move and never names other bytes, even for a model made anew."""
        digest = self.version.artifact_digest or "no-files"
        return f"{self.revision}-{digest[:16]}"


class Aliases:
    """Sets, removes, lists and resolves aliases."""

    def __init__(self, platform: Platform, ledger: Ledger, promotion: Promotion) -> None:
        self._platform = platform
        self._ledger = ledger
        self._promotion = promotion

    def set_alias(
        self,
        context: Context,
        model: str,
        alias: str,
        version: int | str,
        *,
        expected_revision: int | None = None,
        reason: str = "",
    ) -> AliasMove | None:
        """Let the alias name the version; a protected alias goes through `Promotion.promote`.

        None when the alias names that version already. Raises GateBlocked for a promotion that is
        held, Conflict for a stale `expected_revision`.
        """
        check_alias(alias)
        check_text(reason, "reason", max_length=MAX_REASON)
        with self._platform.database.read() as tx:
            context.require(Action.REGISTRY_READ)
            protected = get_workspace(tx, self._platform, context.workspace).policy.protected
            found = get_model(tx, context, model)
            held = aliases.read_alias(tx, found.pk, alias)
            wanted = get_version(tx, found, version)
        if is_protected(alias, protected):
            if held.version == wanted.version and expected_revision in {None, held.revision}:
                return None
            return self._promotion.promote(
                context, model, version, alias, expected_revision=expected_revision, reason=reason
            )
        context.require(Action.ALIAS_WRITE)
        return self._set_freely(context, model, alias, version, expected_revision, reason)

    @repeats_clashes
    def _set_freely(
        self,
        context: Context,
        model: str,
        alias: str,
        version: int | str,
        expected_revision: int | None,
        reason: str,
    ) -> AliasMove | None:
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            return self._set(tx, context, model, alias, version, expected_revision, reason)

    def _set(
        self,
        tx: Transaction,
        context: Context,
        model: str,
        alias: str,
        version: int | str,
        expected_revision: int | None,
        reason: str,
    ) -> AliasMove | None:
        protected = get_workspace(tx, self._platform, context.workspace).policy.protected
        if is_protected(alias, protected):
            raise Conflict(f"The alias {alias!r} became protected at this moment; try again.")
        found = get_model(tx, context, model)
        target = get_version(tx, found, version)
        held = aliases.lock_alias(tx, found.pk, alias)
        if expected_revision is not None and expected_revision != held.revision:
            raise Conflict(
                f"The alias {alias!r} is at revision {held.revision}, not {expected_revision}.",
                field="expected_revision",
                revision=held.revision,
            )
        if held.version_pk == target.pk:
            return None
        planned = PlannedMove(found, alias, held, target, MoveKind.SET, reason)
        return write_move(tx, self._ledger, context, planned, protected)

    @repeats_clashes
    def remove_alias(
        self,
        context: Context,
        model: str,
        alias: str,
        *,
        expected_revision: int | None = None,
        reason: str = "",
    ) -> AliasMove | None:
        """Let the alias name nothing. None when it named nothing already.

        Raises FailedPrecondition for a protected alias that a version holds: serving would stand
        without a model. Roll it back, or promote another version.
        """
        context.require(Action.ALIAS_WRITE)
        check_text(reason, "reason", max_length=MAX_REASON)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            found = get_model(tx, context, model)
            held = aliases.lock_alias(tx, found.pk, alias)
            if held.version_pk is None:
                return None
            if expected_revision is not None and expected_revision != held.revision:
                raise Conflict(
                    f"The alias {alias!r} is at revision {held.revision}, not {expected_revision}.",
                    field="expected_revision",
                    revision=held.revision,
                )
            protected = get_workspace(tx, self._platform, context.workspace).policy.protected
            if is_protected(alias, protected):
                raise FailedPrecondition(
                    f"The protected alias {alias!r} cannot be removed while version "
                    f"{held.version} holds it: roll it back (`assay rollback {model}`), or "
                    "promote another version.",
                    field="alias",
                )
            planned = PlannedMove(found, alias, held, None, MoveKind.REMOVED, reason)
            return write_move(tx, self._ledger, context, planned, protected)

    def list_aliases(self, context: Context, model: str) -> tuple[Alias, ...]:
        """The aliases that versions of the model hold now."""
        context.require(Action.REGISTRY_READ)
        with self._platform.database.read() as tx:
            protected = get_workspace(tx, self._platform, context.workspace).policy.protected
            return complete_models(tx, [get_model(tx, context, model)], protected)[0].aliases

    def resolve(self, context: Context, model: str, alias: str) -> Resolved:
        """The version that holds the alias, its manifest and the revision. Raises NotFound."""
        context.require(Action.REGISTRY_READ)
        with self._platform.database.read() as tx:
            found = get_model(tx, context, model)
            held = aliases.read_alias(tx, found.pk, alias)
            if held.version is None:
                raise NotFound(
                    f"Registered model {model!r} has no alias {alias[:300]!r}.", field="alias"
                )
            version = complete_version(tx, get_version(tx, found, held.version))
            files = model_versions.list_files(tx, version.pk)
        return Resolved(alias, held.revision, version, files)

    def revision(self, context: Context, model: str, alias: str) -> int:
        """How often the alias has moved; 0 for one that never did."""
        context.require(Action.REGISTRY_READ)
        with self._platform.database.read() as tx:
            return aliases.read_alias(tx, get_model(tx, context, model).pk, alias).revision

    def alias_history(
        self,
        context: Context,
        model: str,
        alias: str,
        *,
        after_revision: int = 0,
        max_results: int = MAX_HISTORY,
    ) -> tuple[AliasMove, ...]:
        """How the alias moved, oldest first, from beyond a revision on."""
        context.require(Action.REGISTRY_READ)
        limit = min(max(max_results, 1), MAX_HISTORY)
        with self._platform.database.read() as tx:
            found = get_model(tx, context, model)
            moves = aliases.list_moves(
                tx, found.pk, alias, after_revision=after_revision, limit=limit
            )
        return tuple(moves)
