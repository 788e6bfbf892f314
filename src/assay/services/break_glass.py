"""Breaking the glass: an admin and a second person move a protected alias past its gate.

Two steps by two people, each in the ledger, within minutes. It replaces the contest and nothing else:
files, closed lineage and quarantine count as ever, and the alias moves by `Promotion`'s one door.
"""

from __future__ import annotations

from assay.domain.access import Action, ActorKind
from assay.domain.errors import Conflict, FailedPrecondition, NotFound, PermissionDenied
from assay.domain.event_target import alias_target
from assay.domain.names import check_alias, check_text, is_protected
from assay.domain.registry import AliasMove, ModelVersion, RegisteredModel, VersionState
from assay.domain.review import BREAK_GLASS_MS, BreakGlassRequest, BreakGlassState, utc_text
from assay.domain.tracking import Page
from assay.services.catalogue import get_model, get_version, get_workspace
from assay.services.checks import check_page_size, check_spelling
from assay.services.clashes import repeats_clashes
from assay.services.context import Context
from assay.services.key_pages import KeyPages
from assay.services.ledger import Ledger, actor_text
from assay.services.people import bare_name, require_person, still_may
from assay.services.platform import Platform
from assay.services.promotion import Promotion
from assay.storage import aliases, break_glass, model_versions
from assay.storage.aliases import HeldAlias
from assay.storage.database import Transaction

MAX_PAGE = 1_000
MAX_REASON = 2_000


class BreakGlass:
    """Takes requests, and confirms or cancels them."""

    def __init__(self, platform: Platform, ledger: Ledger, promotion: Promotion) -> None:
        self._platform = platform
        self._ledger = ledger
        self._promotion = promotion

    def request(
        self, context: Context, model: str, version: int | str, alias: str, reason: str
    ) -> BreakGlassRequest:
        """Ask that the version takes the alias whatever the gate says; nothing moves yet.

        For an admin who is a person with an account. It expires after 15 minutes and when the alias
        moves. Raises FailedPrecondition in local mode and for a version without files or closed
        lineage, quarantined, or holding the alias.
        """
        self._require(context, Action.BREAK_GLASS, model, alias)
        check_alias(alias)
        check_text(reason, "reason", max_length=MAX_REASON, allow_empty=False)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            owner = get_model(tx, context, model)
            found = get_version(tx, owner, version)
            held = self._held(tx, owner, alias)
            digest = _check_standing(tx, found, held)
            assert context.actor.principal_id is not None
            asked = BreakGlassRequest(
                pk=0,
                version_pk=found.pk,
                request_id=self._platform.token_hex(16),
                workspace=owner.workspace,
                model=owner.name,
                version=found.version,
                alias=alias,
                alias_revision=held.revision,
                artifact_digest=digest,
                reason=reason,
                requested_by=actor_text(context),
                requester_id=context.actor.principal_id,
                created_at_ms=context.now_ms,
                expires_at_ms=context.now_ms + BREAK_GLASS_MS,
                state=BreakGlassState.OPEN,
                closed_by=None,
                closed_at_ms=None,
            )
            break_glass.insert_request(tx, asked)
            self._record(tx, context, "break_glass.requested", asked)
            return self._get(tx, context, asked.request_id)

    @repeats_clashes
    def confirm(self, context: Context, request_id: str) -> AliasMove:
        """Move the alias as the second person: a maintainer or admin other than who asked.

        Raises PermissionDenied for the same person, FailedPrecondition for a request that is closed,
        expired or asked by somebody who may no longer ask, Conflict when the alias has moved or the
        name stands for another model now.
        """
        with self._platform.database.read() as tx:
            asked = self._get(tx, context, request_id)
        self._require(context, Action.BREAK_GLASS_CONFIRM, asked.model, asked.alias)
        if asked.requester_id == context.actor.principal_id:
            raise PermissionDenied(
                "Who asked to break the glass does not confirm it: a second person must.",
                action=Action.BREAK_GLASS_CONFIRM.value,
            )
        self._promotion.check_bytes(context, asked.model, asked.version)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            break_glass.lock_request(tx, asked.pk)
            asked = self._open(tx, context, request_id)
            owner = get_model(tx, context, asked.model)
            found = get_version(tx, owner, asked.version)
            if found.pk != asked.version_pk:
                raise Conflict(
                    f"Model {asked.model!r} was made anew since the glass was to be broken; ask anew.",
                    field="request_id",
                )
            held = self._held(tx, owner, asked.alias)
            if held.revision != asked.alias_revision:
                raise Conflict(
                    f"The alias {asked.alias!r} moved since the glass was to be broken; ask anew.",
                    field="request_id",
                    revision=held.revision,
                )
            _check_standing(tx, found, held)
            state, by = BreakGlassState.CONFIRMED, actor_text(context)
            break_glass.close_request(tx, asked.pk, state, by, context.now_ms)
            self._record(tx, context, "break_glass.confirmed", asked)
            return self._promotion.break_through(tx, context, owner, held, found, asked)

    def cancel(self, context: Context, request_id: str) -> BreakGlassRequest:
        """Close an open request without moving anything."""
        context.require(Action.BREAK_GLASS_CONFIRM)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            asked = self._get(tx, context, request_id)
            if asked.state is not BreakGlassState.OPEN:
                raise FailedPrecondition(f"The request is {asked.state.value}.", field="request_id")
            state, by = BreakGlassState.CANCELLED, actor_text(context)
            break_glass.close_request(tx, asked.pk, state, by, context.now_ms)
            self._record(tx, context, "break_glass.cancelled", asked)
            return self._get(tx, context, request_id)

    def list(
        self, context: Context, *, max_results: int = 100, page_token: str | None = None
    ) -> Page[BreakGlassRequest]:
        """Requests in the order in which they were made, closed ones included."""
        context.require(Action.REGISTRY_READ)
        check_page_size(max_results, MAX_PAGE)
        pages = KeyPages("break_glass", context.workspace)
        with self._platform.database.read() as tx:
            found = break_glass.list_requests(
                tx, context.workspace, after_pk=pages.start(page_token), limit=max_results + 1
            )
        return pages.page(found, max_results)

    def _open(self, tx: Transaction, context: Context, request_id: str) -> BreakGlassRequest:
        asked = self._get(tx, context, request_id)
        if asked.state is not BreakGlassState.OPEN:
            raise FailedPrecondition(f"The request is {asked.state.value}.", field="request_id")
        if not asked.is_waiting(context.now_ms):
            raise FailedPrecondition(
                f"The request expired at {utc_text(asked.expires_at_ms)}; ask anew.",
                field="request_id",
            )
        name = bare_name(asked.requested_by)
        if not still_may(tx, asked.requester_id, name, Action.BREAK_GLASS, asked.workspace):
            raise FailedPrecondition(
                f"{name!r} may no longer ask to break the glass.", field="request_id"
            )
        return asked

    def _held(self, tx: Transaction, owner: RegisteredModel, alias: str) -> HeldAlias:
        protected = get_workspace(tx, self._platform, owner.workspace).policy.protected
        check_spelling(alias, protected)
        if not is_protected(alias, protected):
            raise FailedPrecondition(f"{alias!r} is not protected here; set it.", field="alias")
        return aliases.lock_alias(tx, owner.pk, alias)

    def _get(self, tx: Transaction, context: Context, request_id: str) -> BreakGlassRequest:
        context.require(Action.REGISTRY_READ)
        found = break_glass.find_request(tx, context.workspace, request_id)
        if found is None:
            raise NotFound(f"Request {request_id[:100]!r} does not exist.", field="request_id")
        return found

    def _require(self, context: Context, action: Action, model: str, alias: str) -> None:
        try:
            context.require(action)
            require_person(context, "break the glass")
        except PermissionDenied as refusal:
            self._ledger.record_denied(
                context,
                action=action.value,
                object=alias_target(model[:300], alias[:300]),
                workspace=context.workspace,
                details={"reason": refusal.message},
            )
            raise
        if context.actor.kind is ActorKind.LOCAL or context.actor.principal_id is None:
            raise FailedPrecondition(
                "Breaking the glass takes two people, and local mode knows one: start the server "
                "with --auth and give both an account."
            )

    def _record(
        self, tx: Transaction, context: Context, action: str, asked: BreakGlassRequest
    ) -> None:
        self._ledger.record(
            tx,
            context,
            action=action,
            object=alias_target(asked.model, asked.alias),
            workspace=asked.workspace,
            details={
                "request_id": asked.request_id,
                "version": asked.version,
                "alias_revision": asked.alias_revision,
                "reason": asked.reason,
                "requested_by": asked.requested_by,
                "expires_at_ms": asked.expires_at_ms,
            },
            after=asked.artifact_digest,
        )


def _check_standing(tx: Transaction, version: ModelVersion, held: HeldAlias) -> str:
    """The digest of a version that may stand in: what no emergency excuses is refused."""
    name = f"Version {version.version} of {version.model!r}"
    if not version.verifiable or version.artifact_digest is None:
        raise FailedPrecondition(f"{name} has no closed lineage or no files.", field="version")
    if version.state is not VersionState.REGISTERED:
        raise FailedPrecondition(f"{name} is {version.state.value}.", field="version")
    twin = model_versions.find_quarantined_twin(tx, version.pk)
    if twin is not None:
        raise FailedPrecondition(
            f"{name} has the files of version {twin}, which is quarantined.", field="version"
        )
    if held.version_pk == version.pk:
        raise FailedPrecondition(f"{name} holds the alias already.", field="version")
    return version.artifact_digest
