"""Model versions: registered with frozen files and closed lineage, found, labelled, set aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from assay.blobs.store import Download
from assay.domain.access import Action, is_allowed
from assay.domain.artifact import ManifestEntry
from assay.domain.canonical import sha256_hex
from assay.domain.errors import FailedPrecondition, InvalidArgument, NotFound
from assay.domain.event_target import version_target
from assay.domain.filters import Comparison, OrderBy
from assay.domain.gate_run import GivenVerdict, without_items
from assay.domain.grammars import MODEL_VERSIONS
from assay.domain.ledger import EventAction
from assay.domain.names import (
    MAX_DESCRIPTION,
    MAX_REGISTRY_TAG_VALUE,
    check_artifact_path,
    check_text,
    is_protected,
)
from assay.domain.promotion import rollback_target
from assay.domain.registry import ModelVersion, MoveKind, RegisteredModel, VersionState
from assay.domain.replay import VersionStateChanged, details_record
from assay.domain.tracking import Page
from assay.services.catalogue import (
    complete_version,
    complete_versions,
    get_model,
    get_version,
    get_workspace,
    unknown_model,
)
from assay.services.checks import check_tags
from assay.services.context import Context
from assay.services.gate_queue import cancel
from assay.services.ledger import Ledger
from assay.services.platform import Platform
from assay.services.registry import tag_digests
from assay.services.registry_pages import search_page
from assay.storage import aliases, gate_runs, model_versions, registry_search, verdicts
from assay.storage.database import Transaction
from assay.storage.model_versions import VERSION_TAGS
from assay.storage.registered_models import find_models

MAX_PAGE = 10_000
MAX_REASON = 2_000
_AMONG_EQUALS = (
    OrderBy("attribute", "name"),
    OrderBy("attribute", "version_number", ascending=False),
)
_DEFAULT_ORDER = (
    OrderBy("attribute", "last_updated_timestamp", ascending=False),
    *_AMONG_EQUALS,
)


class Versions:
    """Model versions after their registration."""

    def __init__(self, platform: Platform, ledger: Ledger) -> None:
        self._platform = platform
        self._ledger = ledger

    def get_version(self, context: Context, model: str, version: int | str) -> ModelVersion:
        """The version with its tags and aliases; NotFound for a deleted one."""
        context.require(Action.REGISTRY_READ)
        with self._platform.database.read() as tx:
            found = get_version(tx, get_model(tx, context, model), version)
            return complete_version(tx, found)

    def get_by_alias(self, context: Context, model: str, alias: str) -> ModelVersion:
        """The version that holds the alias. Raises NotFound when none does."""
        context.require(Action.REGISTRY_READ)
        with self._platform.database.read() as tx:
            found = get_model(tx, context, model)
            held = aliases.read_alias(tx, found.pk, alias)
            if held.version_pk is None or held.version is None:
                raise NotFound(
                    f"Registered model {model!r} has no alias {alias[:300]!r}.", field="alias"
                )
            return complete_version(tx, get_version(tx, found, held.version))

    def latest(
        self, context: Context, models: Sequence[str]
    ) -> dict[str, tuple[ModelVersion, ...]]:
        """For each of the models, per stage that is in use, the version of the greatest number.

        Raises NotFound naming a model that does not exist.
        """
        context.require(Action.REGISTRY_READ)
        with self._platform.database.read() as tx:
            known = find_models(tx, context.workspace, models)
            for name in models:
                if name not in known:
                    raise unknown_model(name)
            pks = {known[name]: name for name in models}
            newest = model_versions.newest_by_stage(tx, list(pks))
            whole = complete_versions(tx, [version for _, version in newest])
        found: dict[str, list[ModelVersion]] = {name: [] for name in models}
        for (model_pk, _), version in zip(newest, whole, strict=True):
            found[pks[model_pk]].append(version)
        return {name: tuple(versions) for name, versions in found.items()}

    def search_versions(
        self,
        context: Context,
        *,
        model: str | None = None,
        filter: str = "",  # noqa: A002 - the word of every search
        order_by: Sequence[str] = (),
        max_results: int = 100,
        page_token: str | None = None,
        without_tag: str | None = None,
    ) -> Page[ModelVersion]:
        """Versions, of `model` or of all, the last changed first unless ordered otherwise.

        Deleted ones never appear.
        """
        context.require(Action.REGISTRY_READ)
        with self._platform.database.read() as tx:
            page = search_page(
                partial(registry_search.search_versions, tx, context.workspace),
                MODEL_VERSIONS,
                scope=[context.workspace, model],
                only=() if model is None else (Comparison("attribute", "name", "=", model),),
                filter_text=filter,
                order_by=order_by,
                default_order=_AMONG_EQUALS if order_by else _DEFAULT_ORDER,
                max_results=max_results,
                most=MAX_PAGE,
                page_token=page_token,
                without_tag=without_tag,
            )
            return Page(tuple(complete_versions(tx, page.items)), page.next_token)

    def verdicts(
        self, context: Context, model: str, version: int | str
    ) -> tuple[GivenVerdict, ...]:
        """Every verdict that the version was given, oldest first."""
        context.require(Action.REGISTRY_READ)
        with self._platform.database.read() as tx:
            found = get_version(tx, get_model(tx, context, model), version)
            given = verdicts.verdicts_of_versions(tx, [found.pk])[found.pk]
        if is_allowed(context.actor, Action.ITEM_READ, found.workspace):
            return tuple(given)
        return tuple(without_items(verdict) for verdict in given)

    def manifest(
        self, context: Context, model: str, version: int | str
    ) -> tuple[ManifestEntry, ...]:
        """The frozen files, by path."""
        context.require(Action.REGISTRY_READ)
        with self._platform.database.read() as tx:
            found = get_version(tx, get_model(tx, context, model), version)
            return model_versions.list_files(tx, found.pk)

    def find_file(
        self, context: Context, model: str, version: int | str, path: str
    ) -> ManifestEntry:
        """One frozen file. Raises NotFound."""
        context.require(Action.REGISTRY_READ)
        check_artifact_path(path)
        with self._platform.database.read() as tx:
            found = get_version(tx, get_model(tx, context, model), version)
            entry = model_versions.find_file(tx, found.pk, path)
        if entry is None:
            raise NotFound(f"Version {found.version} of {model!r} has no file {path!r}.")
        return entry

    def open_file(
        self,
        context: Context,
        model: str,
        version: int | str,
        path: str,
        *,
        start: int = 0,
        length: int | None = None,
    ) -> tuple[ManifestEntry, Download]:
        """A frozen file's entry and its bytes, or `length` of them from `start` on."""
        entry = self.find_file(context, model, version, path)
        return entry, self._platform.blobs.open(entry.sha256, start, length)

    def update_version(
        self, context: Context, model: str, version: int | str, *, description: str
    ) -> ModelVersion:
        """Replace the description. Lineage, files and digests have no way to be changed."""
        context.require(Action.REGISTRY_WRITE)
        check_text(description, "description", max_length=MAX_DESCRIPTION)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            found = get_version(tx, get_model(tx, context, model), version)
            model_versions.describe_version(tx, found.pk, description, context.now_ms)
            states = (sha256_hex(found.description), sha256_hex(description))
            self._note(tx, context, found, "version.described", {}, states)
            return self._reload(tx, found)

    def set_version_tags(
        self, context: Context, model: str, version: int | str, tags: Mapping[str, str]
    ) -> None:
        """Set tags, whether or not they were there."""
        context.require(Action.REGISTRY_WRITE)
        wanted = check_tags(tags, max_length=MAX_REGISTRY_TAG_VALUE)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            found = get_version(tx, get_model(tx, context, model), version)
            VERSION_TAGS.set(tx, found.pk, wanted)
            model_versions.touch_version(tx, found.pk, context.now_ms)
            self._note(tx, context, found, "version.tagged", {"tags": tag_digests(wanted)})

    def delete_version_tag(
        self, context: Context, model: str, version: int | str, key: str
    ) -> bool:
        """Remove a tag; False if there was none."""
        context.require(Action.REGISTRY_WRITE)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            found = get_version(tx, get_model(tx, context, model), version)
            if not VERSION_TAGS.delete(tx, found.pk, key):
                return False
            model_versions.touch_version(tx, found.pk, context.now_ms)
            self._note(tx, context, found, "version.untagged", {"key": key})
            return True

    def quarantine(
        self, context: Context, model: str, version: int | str, reason: str
    ) -> ModelVersion:
        """Set a version aside: it is not promoted until it is cleared.

        Raises FailedPrecondition for the holder of a protected alias: roll that back instead.
        """
        context.require(Action.PROMOTE)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            found = get_version(tx, get_model(tx, context, model), version)
            protected = get_workspace(tx, self._platform, found.workspace).policy.protected
            for alias in complete_version(tx, found).aliases:
                if is_protected(alias, protected):
                    raise FailedPrecondition(
                        f"Version {found.version} of {model!r} holds {alias!r}; `assay rollback` "
                        "quarantines it.",
                        field="version",
                    )
            self._change_state(tx, context, found, VersionState.QUARANTINED, _reason(reason))
            return self._reload(tx, found)

    def clear(self, context: Context, model: str, version: int | str, reason: str) -> ModelVersion:
        """Let a quarantined version, or one with the files of a deleted such, be promoted again."""
        context.require(Action.PROMOTE)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            found = get_version(tx, get_model(tx, context, model), version)
            told = _reason(reason)
            lifted = model_versions.lift_from_deleted_twins(tx, found.pk)
            if found.state is not VersionState.QUARANTINED and not lifted:
                raise FailedPrecondition(
                    f"Version {found.version} of {model!r} is not quarantined.", field="version"
                )
            if lifted:
                details = {"deleted_versions": lifted, "reason": told}
                self._note(tx, context, found, "version.files_cleared", details)
            if found.state is VersionState.QUARANTINED:
                self._change_state(tx, context, found, VersionState.REGISTERED, told)
            return self._reload(tx, found)

    def delete_version(
        self, context: Context, model: str, version: int | str, reason: str = ""
    ) -> None:
        """Make a tombstone of a version; its number is never used again.

        Raises FailedPrecondition while an alias holds it or a rollback could return to it.
        """
        context.require(Action.REGISTRY_DELETE)
        check_text(reason, "reason", max_length=MAX_REASON)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            owner = get_model(tx, context, model)
            found = get_version(tx, owner, version)
            self._refuse_needed(tx, owner, complete_version(tx, found))
            for run in gate_runs.open_runs_of_model(tx, owner.pk, found.pk):
                cancel(tx, self._ledger, context, run, "the version was deleted")
            self._change_state(tx, context, found, VersionState.DELETED, reason)

    def _refuse_needed(
        self, tx: Transaction, model: RegisteredModel, version: ModelVersion
    ) -> None:
        name = f"Version {version.version} of {model.name!r}"
        if version.aliases:
            raise FailedPrecondition(
                f"{name} cannot be deleted: the alias {version.aliases[0]!r} holds it.",
                field="version",
                aliases=list(version.aliases),
            )
        protected = get_workspace(tx, self._platform, model.workspace).policy.protected
        for alias in aliases.list_aliases_ever(tx, model.pk):
            if is_protected(alias, protected) and version.version in _rollback_chain(
                list(aliases.holder_trail(tx, model.pk, alias))
            ):
                raise FailedPrecondition(
                    f"{name} cannot be deleted: a rollback of {alias!r} could return to it.",
                    field="version",
                )

    def _change_state(
        self,
        tx: Transaction,
        context: Context,
        version: ModelVersion,
        state: VersionState,
        reason: str,
    ) -> None:
        model_versions.set_version_state(tx, version.pk, state, reason, context.now_ms)
        change = VersionStateChanged(
            get_model(tx, context, version.model).pk,
            version.version,
            state.value,
            version.state.value,
            reason,
        )
        self._note(tx, context, version, EventAction.VERSION_STATE_CHANGED, details_record(change))

    def _reload(self, tx: Transaction, version: ModelVersion) -> ModelVersion:
        found = model_versions.find_version_by_pk(tx, version.pk)
        assert found is not None
        return complete_version(tx, found)

    def _note(
        self,
        tx: Transaction,
        context: Context,
        version: ModelVersion,
        action: str,
        details: Mapping[str, object],
        states: tuple[str | None, str | None] = (None, None),
    ) -> None:
        self._ledger.record(
            tx,
            context,
            action=action,
            object=version_target(version.model, version.version),
            workspace=version.workspace,
            details=details,
            before=states[0],
            after=states[1],
        )


def _reason(text: str) -> str:
    check_text(text, "reason", max_length=MAX_REASON)
    if not text.strip():
        raise InvalidArgument("Say why: the reason is empty.", field="reason")
    return text


def _rollback_chain(trail: list[tuple[MoveKind, int | None]]) -> set[int]:
    """Every version that the holder of an alias could be rolled back to, step by step."""
    chain: set[int] = set()
    while True:
        try:
            target = rollback_target(trail)
        except FailedPrecondition:
            return chain
        chain.add(target)
        trail.append((MoveKind.ROLLBACK, target))
