"""Registered models: named lines of versions. Their versions and aliases have services of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from assay.domain.access import Action
from assay.domain.canonical import sha256_hex
from assay.domain.errors import AlreadyExists, FailedPrecondition, InvalidArgument
from assay.domain.event_target import model_target
from assay.domain.filters import OrderBy
from assay.domain.grammars import REGISTERED_MODELS
from assay.domain.ledger import EventAction
from assay.domain.names import (
    MAX_DESCRIPTION,
    MAX_REGISTRY_TAG_VALUE,
    check_model_name,
    check_text,
)
from assay.domain.registry import PROMPT_TAG, MoveKind, RegisteredModel, is_prompt
from assay.domain.replay import ModelDeleted, ModelRegistered, ModelRenamed, details_record
from assay.domain.tracking import Page
from assay.services.alias_moves import PlannedMove, write_move
from assay.services.catalogue import complete_models, get_model, get_workspace
from assay.services.checks import check_tags
from assay.services.context import Context
from assay.services.gate_queue import cancel
from assay.services.ledger import Ledger
from assay.services.platform import Platform
from assay.services.registry_pages import search_page
from assay.storage import aliases, gate_runs, registered_models, registry_search
from assay.storage.database import Transaction
from assay.storage.registered_models import MODEL_TAGS

MAX_PAGE = 1_000
_DEFAULT_ORDER = (OrderBy("attribute", "name"),)


class Registry:
    """Registered models and their tags."""

    def __init__(self, platform: Platform, ledger: Ledger) -> None:
        self._platform = platform
        self._ledger = ledger

    def create_model(
        self,
        context: Context,
        name: str,
        *,
        description: str = "",
        tags: Mapping[str, str] | None = None,
    ) -> RegisteredModel:
        """Make a model without versions. Raises AlreadyExists for a name that is in use."""
        context.require(Action.REGISTRY_WRITE)
        wanted = check_tags(tags or {}, max_length=MAX_REGISTRY_TAG_VALUE)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            model = self.insert_model(tx, context, name, description)
            MODEL_TAGS.insert(tx, model.pk, wanted)
            return self._complete(tx, model)

    def insert_model(
        self, tx: Transaction, context: Context, name: str, description: str = ""
    ) -> RegisteredModel:
        """`create_model` inside a transaction that holds the ledger's lock; the caller authorises."""
        check_model_name(name)
        check_text(description, "description", max_length=MAX_DESCRIPTION)
        workspace = get_workspace(tx, self._platform, context.workspace)
        self._refuse_taken(tx, context, name)
        pk = registered_models.insert_model(
            tx, workspace.pk, name=name, description=description, now_ms=context.now_ms
        )
        self._ledger.record(
            tx,
            context,
            action=EventAction.MODEL_REGISTERED,
            object=model_target(name),
            workspace=context.workspace,
            details=details_record(ModelRegistered(pk, name)),
        )
        return get_model(tx, context, name)

    def get_model(self, context: Context, name: str) -> RegisteredModel:
        """The model with its tags and aliases."""
        context.require(Action.REGISTRY_READ)
        with self._platform.database.read() as tx:
            return self._complete(tx, get_model(tx, context, name))

    def search_models(
        self,
        context: Context,
        *,
        filter: str = "",  # noqa: A002 - the word of every search
        order_by: Sequence[str] = (),
        max_results: int = 100,
        page_token: str | None = None,
        without_tag: str | None = None,
    ) -> Page[RegisteredModel]:
        """Models by name unless ordered otherwise; `without_tag` leaves out what carries that tag."""
        context.require(Action.REGISTRY_READ)
        with self._platform.database.read() as tx:
            page = search_page(
                partial(registry_search.search_models, tx, context.workspace),
                REGISTERED_MODELS,
                scope=[context.workspace],
                filter_text=filter,
                order_by=order_by,
                default_order=_DEFAULT_ORDER,
                max_results=max_results,
                most=MAX_PAGE,
                page_token=page_token,
                without_tag=without_tag,
            )
            protected = self._protected(tx, context)
            return Page(tuple(complete_models(tx, page.items, protected)), page.next_token)

    def rename_model(self, context: Context, name: str, new_name: str) -> RegisteredModel:
        """Give a model another name; versions, aliases and history move along.

        Raises FailedPrecondition while a protected alias holds one of its versions: whoever serves
        by that name would find nothing, or what another model had promoted under another gate.
        """
        context.require(Action.REGISTRY_WRITE)
        check_model_name(new_name, "new_name")
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            model = get_model(tx, context, name)
            if new_name != name:
                self._refuse_served(tx, model, "renamed")
                self._refuse_taken(tx, context, new_name)
                registered_models.rename_model(tx, model.pk, new_name, context.now_ms)
                self._ledger.record(
                    tx,
                    context,
                    action=EventAction.MODEL_RENAMED,
                    object=model_target(name),
                    workspace=model.workspace,
                    details=details_record(ModelRenamed(model.pk, new_name, name)),
                )
            return self._complete(tx, get_model(tx, context, new_name))

    def update_model(self, context: Context, name: str, *, description: str) -> RegisteredModel:
        """Replace the description."""
        context.require(Action.REGISTRY_WRITE)
        check_text(description, "description", max_length=MAX_DESCRIPTION)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            model = get_model(tx, context, name)
            registered_models.describe_model(tx, model.pk, description, context.now_ms)
            self._note(
                tx,
                context,
                model,
                "model.described",
                {},
                (sha256_hex(model.description), sha256_hex(description)),
            )
            return self._complete(tx, get_model(tx, context, name))

    def delete_model(self, context: Context, name: str) -> None:
        """Make a tombstone of a model; its name becomes free, its history stays.

        Raises FailedPrecondition while a protected alias holds one of its versions.
        """
        context.require(Action.REGISTRY_DELETE)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            model = self._complete(tx, get_model(tx, context, name))
            self._refuse_served(tx, model, "deleted")
            protected = self._protected(tx, context)
            for alias in model.aliases:
                planned = PlannedMove(
                    model=model,
                    alias=alias.alias,
                    held=aliases.lock_alias(tx, model.pk, alias.alias),
                    target=None,
                    kind=MoveKind.REMOVED,
                    reason="the model was deleted",
                )
                write_move(tx, self._ledger, context, planned, protected)
            for run in gate_runs.open_runs_of_model(tx, model.pk):
                cancel(tx, self._ledger, context, run, "the model was deleted")
            registered_models.bury_model(tx, model.pk, context.now_ms)
            self._ledger.record(
                tx,
                context,
                action=EventAction.MODEL_DELETED,
                object=model_target(name),
                workspace=model.workspace,
                details=details_record(ModelDeleted(model.pk)),
            )

    def set_model_tags(self, context: Context, name: str, tags: Mapping[str, str]) -> None:
        """Set tags, whether or not they were there; what makes a model a prompt stays as it is."""
        context.require(Action.REGISTRY_WRITE)
        wanted = check_tags(tags, max_length=MAX_REGISTRY_TAG_VALUE)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            model = get_model(tx, context, name)
            if PROMPT_TAG in wanted:
                _keep_kind(tx, model, is_prompt(wanted))
            MODEL_TAGS.set(tx, model.pk, wanted)
            registered_models.touch_model(tx, model.pk, context.now_ms)
            self._note(tx, context, model, "model.tagged", {"tags": tag_digests(wanted)})

    def delete_model_tag(self, context: Context, name: str, key: str) -> bool:
        """Remove a tag; False if there was none. A prompt stays a prompt."""
        context.require(Action.REGISTRY_WRITE)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            model = get_model(tx, context, name)
            if key == PROMPT_TAG:
                _keep_kind(tx, model, wanted=False)
            if not MODEL_TAGS.delete(tx, model.pk, key):
                return False
            registered_models.touch_model(tx, model.pk, context.now_ms)
            self._note(tx, context, model, "model.untagged", {"key": key})
            return True

    def _refuse_served(self, tx: Transaction, model: RegisteredModel, what: str) -> None:
        for alias in self._complete(tx, model).aliases:
            if alias.protected:
                raise FailedPrecondition(
                    f"Model {model.name!r} cannot be {what}: version {alias.version} holds the "
                    f"protected alias {alias.alias!r}.",
                    field="name",
                )

    def _refuse_taken(self, tx: Transaction, context: Context, name: str) -> None:
        if registered_models.find_model(tx, context.workspace, name) is not None:
            raise AlreadyExists(f"Registered model {name!r} already exists.", field="name")

    def _protected(self, tx: Transaction, context: Context) -> frozenset[str]:
        return get_workspace(tx, self._platform, context.workspace).policy.protected

    def _complete(self, tx: Transaction, model: RegisteredModel) -> RegisteredModel:
        protected = get_workspace(tx, self._platform, model.workspace).policy.protected
        return complete_models(tx, [model], protected)[0]

    def _note(
        self,
        tx: Transaction,
        context: Context,
        model: RegisteredModel,
        action: str,
        details: Mapping[str, object],
        states: tuple[str | None, str | None] = (None, None),
    ) -> None:
        self._ledger.record(
            tx,
            context,
            action=action,
            object=model_target(model.name),
            workspace=model.workspace,
            details=details,
            before=states[0],
            after=states[1],
        )


def _keep_kind(tx: Transaction, model: RegisteredModel, wanted: bool) -> None:  # noqa: FBT001
    # A version without lineage is taken from a prompt alone, which must not then become a model.
    if is_prompt(MODEL_TAGS.of(tx, model.pk)) is not wanted:
        raise InvalidArgument(
            f"Whether {model.name!r} is a prompt or a model was settled when it was made; its tag "
            f"{PROMPT_TAG} cannot be changed.",
            field="key",
        )


def tag_digests(tags: Mapping[str, str]) -> dict[str, str]:
    """What the ledger keeps of tags: a text that may hold a secret cannot be taken out of it again."""
    return {key: sha256_hex(value) for key, value in tags.items()}
