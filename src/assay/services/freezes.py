"""Freeze windows: times in which no promotion is made. Rolling back is always possible."""

from __future__ import annotations

from typing import Final

from assay.domain.access import Action
from assay.domain.errors import FailedPrecondition, InvalidArgument, NotFound
from assay.domain.event_target import freeze_target
from assay.domain.names import check_alias, check_text, is_protected
from assay.domain.review import MAX_FREEZE_MS, FreezeWindow
from assay.domain.tracking import Page
from assay.services.catalogue import get_workspace
from assay.services.checks import check_page_size, check_spelling
from assay.services.context import Context
from assay.services.key_pages import KeyPages
from assay.services.ledger import Ledger, actor_text
from assay.services.platform import Platform
from assay.storage import freezes
from assay.storage.database import Transaction

_LAST_MS: Final = 253_402_300_799_999
"""The last moment that a calendar can show."""

MAX_PAGE = 1_000
MAX_REASON = 2_000


class Freezes:
    """Makes, lists and lifts windows; `Promotion` keeps them."""

    def __init__(self, platform: Platform, ledger: Ledger) -> None:
        self._platform = platform
        self._ledger = ledger

    def create(
        self,
        context: Context,
        starts_at_ms: int,
        ends_at_ms: int,
        reason: str,
        *,
        alias: str | None = None,
    ) -> FreezeWindow:
        """Freeze promotions from `starts_at_ms` until before `ends_at_ms` (UTC epoch milliseconds).

        `alias` None freezes every protected alias of the workspace. A window lies ahead, at least in
        part, and is at most 366 days long.
        """
        context.require(Action.GATE_WRITE)
        check_text(reason, "reason", max_length=MAX_REASON, allow_empty=False)
        if not 0 <= starts_at_ms < ends_at_ms <= min(starts_at_ms + MAX_FREEZE_MS, _LAST_MS):
            raise InvalidArgument(
                "A freeze ends after it starts, after 366 days at the latest, and before the year 10000.",
                field="ends_at_ms",
            )
        if ends_at_ms <= context.now_ms:
            raise InvalidArgument("This freeze would be over already.", field="ends_at_ms")
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            workspace = get_workspace(tx, self._platform, context.workspace)
            if alias is not None:
                check_alias(alias)
                check_spelling(alias, workspace.policy.protected)
                if not is_protected(alias, workspace.policy.protected):
                    raise InvalidArgument(
                        f"{alias!r} is not protected here, so no promotion moves it.",
                        field="alias",
                    )
            freeze_id = self._platform.token_hex(8)
            freezes.insert_freeze(
                tx,
                workspace.pk,
                freeze_id=freeze_id,
                alias=alias,
                starts_at_ms=starts_at_ms,
                ends_at_ms=ends_at_ms,
                reason=reason,
                created_by=actor_text(context),
                now_ms=context.now_ms,
            )
            made = self._get(tx, context, freeze_id)
            self._record(tx, context, "freeze.created", made)
        return made

    def lift(self, context: Context, freeze_id: str, *, reason: str = "") -> FreezeWindow:
        """End a window before its time; the ledger keeps who did and why."""
        context.require(Action.GATE_WRITE)
        check_text(reason, "reason", max_length=MAX_REASON)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            found = self._get(tx, context, freeze_id)
            if found.lifted_at_ms is not None or found.ends_at_ms <= context.now_ms:
                raise FailedPrecondition(f"The freeze {freeze_id!r} is over.", field="freeze_id")
            freezes.lift_freeze(tx, found.pk, actor_text(context), context.now_ms)
            self._record(tx, context, "freeze.lifted", found, why=reason)
            return self._get(tx, context, freeze_id)

    def list(
        self, context: Context, *, max_results: int = 100, page_token: str | None = None
    ) -> Page[FreezeWindow]:
        """Windows in the order in which they were made, past and lifted ones included."""
        context.require(Action.GATE_READ)
        check_page_size(max_results, MAX_PAGE)
        pages = KeyPages("freezes", context.workspace)
        with self._platform.database.read() as tx:
            found = freezes.list_freezes(
                tx, context.workspace, after_pk=pages.start(page_token), limit=max_results + 1
            )
        return pages.page(found, max_results)

    def _get(self, tx: Transaction, context: Context, freeze_id: str) -> FreezeWindow:
        found = freezes.find_freeze(tx, context.workspace, freeze_id)
        if found is None:
            raise NotFound(f"Freeze {freeze_id[:100]!r} does not exist.", field="freeze_id")
        return found

    def _record(
        self,
        tx: Transaction,
        context: Context,
        action: str,
        window: FreezeWindow,
        why: str | None = None,
    ) -> None:
        self._ledger.record(
            tx,
            context,
            action=action,
            object=freeze_target(window.freeze_id),
            workspace=window.workspace,
            details={
                "alias": window.alias,
                "starts_at_ms": window.starts_at_ms,
                "ends_at_ms": window.ends_at_ms,
                "reason": window.reason if why is None else why,
            },
        )
