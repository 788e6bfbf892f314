"""The ledger: every change of the registry is an event in its transaction, or there is no change."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import astuple, replace

from assay.domain.access import Action, is_allowed
from assay.domain.errors import InvalidArgument
from assay.domain.ledger import Event, EventOutcome, chain
from assay.domain.names import check_text
from assay.domain.paging import bind, decode, encode
from assay.domain.tracking import Page
from assay.services.checks import check_page_size
from assay.services.context import Context
from assay.services.platform import Platform
from assay.storage import ledger as rows
from assay.storage.database import Transaction
from assay.storage.ledger import EventFilter, Head, LedgerEntry

__all__ = ["EventFilter", "Head", "Ledger", "LedgerEntry", "actor_text"]

MAX_PAGE = 1_000
MAX_SCANNED = 100_000
"""Events that one page looks through at most."""

MAX_TEXT = 200


class Ledger:
    """Appends events and reads them."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.recorded = threading.Event()
        """Set whenever an event was appended, shortly before its transaction ends."""

    def lock(self, tx: Transaction) -> None:
        """Let no other event be written until this transaction ends.

        Whoever decides from the registry's state locks first and reads then: so all changes of the
        registry happen in the ledger's order, and no two transactions can wait for each other.
        """
        rows.lock_head(tx)

    def record(
        self,
        tx: Transaction,
        context: Context,
        *,
        action: str,
        object: str,  # noqa: A002 - the word of the event's own form
        workspace: str | None,
        details: Mapping[str, object],
        before: str | None = None,
        after: str | None = None,
        outcome: EventOutcome = EventOutcome.ALLOWED,
    ) -> int:
        """Append an event in the transaction of the change that it tells of; returns its number.

        `before` and `after` are digests of the object's state; `details` holds no secret.
        """
        head = rows.lock_head(tx)
        event = Event(
            seq=head.seq + 1,
            at_ms=context.now_ms,
            actor=actor_text(context),
            action=action,
            target=object,
            workspace=workspace,
            outcome=outcome,
            request_id=context.request_id,
            details=details,
            before=before,
            after=after,
            token_id=context.actor.token_id,
            prev=head.hash,
        )
        rows.append_event(tx, event, chain(event))
        self.recorded.set()
        return event.seq

    def record_denied(
        self,
        context: Context,
        *,
        action: str,
        object: str,  # noqa: A002 - the word of the event's own form
        workspace: str | None,
        details: Mapping[str, object],
    ) -> int:
        """Record, in a transaction of its own, an attempt that was refused and changed nothing."""
        with self._platform.database.write() as tx:
            return self.record(
                tx,
                context,
                action=action,
                object=object,
                workspace=workspace,
                details=details,
                outcome=EventOutcome.DENIED,
            )

    def list(
        self,
        context: Context,
        *,
        object: str | None = None,  # noqa: A002 - the word of the event's own form
        action: str | None = None,
        newest_first: bool = False,
        max_results: int = 100,
        page_token: str | None = None,
    ) -> Page[LedgerEntry]:
        """Events in order. Who may read the ledger in one workspace only is shown that workspace's."""
        wanted = EventFilter(target=object, action=action)
        return self.search(
            context,
            wanted,
            newest_first=newest_first,
            max_results=max_results,
            page_token=page_token,
        )

    def search(
        self,
        context: Context,
        wanted: EventFilter,
        *,
        newest_first: bool = False,
        max_results: int = 100,
        page_token: str | None = None,
    ) -> Page[LedgerEntry]:
        """The events that agree with everything in `wanted`, in order.

        A page comes from at most `MAX_SCANNED` events, so that it may be short, or empty, and still
        have a next one. Who may read one workspace's ledger only is shown that workspace's.
        """
        context.require(Action.LEDGER_READ)
        check_page_size(max_results, MAX_PAGE)
        if not is_allowed(context.actor, Action.LEDGER_READ, None):
            wanted = replace(wanted, workspace=context.workspace)
        check_text(wanted.text or "", "text", max_length=MAX_TEXT)
        binding = bind([newest_first, *(str(value) for value in astuple(wanted))])
        after = None if page_token is None else decode(page_token, binding, size=1)[0]
        if after is not None and not isinstance(after, int):
            raise InvalidArgument("page_token is not one of this server.", field="page_token")
        with self._platform.database.read() as tx:
            end = rows.get_head(tx).seq
            if newest_first:
                last = end if after is None else after - 1
                first = max(1, last - MAX_SCANNED + 1)
            else:
                first = (after or 0) + 1
                last = min(end, first + MAX_SCANNED - 1)
            found = rows.list_events(
                tx, wanted, first=first, last=last, limit=max_results + 1, newest_first=newest_first
            )
        shown = tuple(found[:max_results])
        if len(found) > max_results:
            return Page(shown, encode([shown[-1].event.seq], binding))
        reached, is_end = (first, first <= 1) if newest_first else (last, last >= end)
        return Page(shown, None if is_end else encode([reached], binding))

    def head(self, context: Context) -> Head:
        """The last event's number and hash, for whoever anchors it elsewhere."""
        context.require(Action.LEDGER_READ)
        with self._platform.database.read() as tx:
            return rows.get_head(tx)


def actor_text(context: Context) -> str:
    """Who acts, as the ledger names them: `kind:name`."""
    return f"{context.actor.kind.value}:{context.actor.name}"
