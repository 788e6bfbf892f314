"""Telling webhooks what happened, in threads of its own: the ledger is written out, then sent.

An event reaches a webhook at least once. Nothing here takes part in the transaction that it tells of.

Nobody asks the database in a hurry: the ledger says when it grew, whoever writes notices out wakes a
sender, and a sender that found one wakes the next. Asking every few seconds is for the rest: what
another server on the same database wrote, and attempts that fall due again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import structlog

from assay.domain.errors import AppError
from assay.domain.ledger import Event
from assay.domain.webhook import (
    DeliveryState,
    Subject,
    Webhook,
    delivery_id,
    headers,
    kind_of,
    messages,
    object_of,
    retry_after_ms,
)
from assay.services.platform import Platform
from assay.services.webhook_post import WebhookPost
from assay.storage import model_versions, registered_models, webhook_deliveries, webhooks
from assay.storage.database import Transaction
from assay.storage.ledger import get_head
from assay.storage.webhook_deliveries import Lease

POLL_S: Final = 2.0
"""How often the database is asked though nothing was heard of it here."""

HEARD_WAITS_S: Final = (0.01, 0.05, 0.25, 1.0)
"""The ledger tells before its transaction ends: looks that come when it should have ended."""

SENDERS: Final = 4
LEASE_MS: Final = 60_000
"""Longer than any attempt: whoever holds it beyond this has died."""

KEPT_MS: Final = 30 * 24 * 3_600_000
EVENTS_A_STEP: Final = 200

_REST_S: Final = 10.0
_PURGE_EVERY_MS: Final = 600_000
_PURGE_A_STEP: Final = 1_000
_IS_PROMPT: Final = "mlflow.prompt.is_prompt"
_TEMPLATE: Final = "mlflow.prompt.text"
_log = structlog.get_logger("assay.webhooks")


class WebhookDelivery:
    """Writes out and sends after `start()`; or step by step by `write_out` and `send_next`."""

    def __init__(
        self,
        platform: Platform,
        post: WebhookPost,
        *,
        poll_s: float = POLL_S,
        senders: int = SENDERS,
        recorded: threading.Event | None = None,
    ) -> None:
        self._platform = platform
        self._post = post
        self._poll_s = poll_s
        self._senders = senders
        self._recorded = recorded or threading.Event()
        self._stop = threading.Event()
        self._called = threading.Condition()
        self._calls = 0
        self._threads: list[threading.Thread] = []
        self._purged_at_ms = 0

    def start(self) -> None:
        """Start the threads; they begin with what an earlier process left."""
        # One sender asks the database; the others wait to be woken.
        polls = [self._poll_s] + [None] * (self._senders - 1)
        jobs: list[Callable[[], None]] = [self._keep_writing_out]
        jobs += [partial(self._keep_sending, poll_s) for poll_s in polls]
        for number, job in enumerate(jobs):
            thread = threading.Thread(target=job, name=f"assay-webhooks-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """Stop after the attempts at hand. What was not sent is sent after the next start."""
        self._stop.set()
        self._recorded.set()
        with self._called:
            self._called.notify_all()
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def write_out(self) -> bool:
        """Turn the ledger's next events into notices for those who asked; False when none is left."""
        database = self._platform.database
        with database.read() as tx:
            is_idle = get_head(tx).seq <= webhook_deliveries.read_cursor(tx)
            if is_idle or not webhooks.list_active(tx):
                return False
        with database.write() as tx:
            cursor = webhook_deliveries.lock_cursor(tx)
            active = webhooks.list_active(tx)
            if not active:
                return False
            start = max(cursor, min(webhook.after_seq for webhook in active))
            events = webhook_deliveries.events_after(tx, start, EVENTS_A_STEP)
            for event in events:
                self._write_out_event(tx, event, active)
            seq = events[-1].seq if events else start
            if seq != cursor:
                webhook_deliveries.move_cursor(tx, seq)
        self._call_a_sender()
        return len(events) == EVENTS_A_STEP

    def send_next(self, on_found: Callable[[], object] | None = None) -> bool:
        """Send the notice that is due, if any, and write down how that went; False when none is.

        `on_found` is called before sending: another may be due beside this one.
        """
        lease = self._lease()
        if lease is None:
            return False
        if on_found is not None:
            on_found()
        at_s = self._platform.now_ms() // 1000
        signed = headers(lease.secret, lease.delivery_id, at_s, lease.body)
        result = self._post.send(lease.url, signed, lease.body)
        now_ms = self._platform.now_ms()
        wait_ms = retry_after_ms(lease.attempts)
        if result.is_delivered:
            state = DeliveryState.DELIVERED
        else:
            state = DeliveryState.FAILED if wait_ms is None else DeliveryState.PENDING
        with self._platform.database.write() as tx:
            is_ours = webhook_deliveries.end_attempt(
                tx,
                lease,
                state=state,
                status=result.status,
                error=result.error,
                now_ms=now_ms,
                next_attempt_at_ms=now_ms + (wait_ms or 0),
            )
            if is_ours:
                webhooks.note_outcome(
                    tx, lease.webhook_pk, is_delivered=result.is_delivered, now_ms=now_ms
                )
        if state is DeliveryState.FAILED:
            _log.warning("a webhook was given up", delivery=lease.delivery_id, error=result.error)
        return True

    def purge(self) -> None:
        """Forget deliveries that were finished long ago."""
        before_ms = self._platform.now_ms() - KEPT_MS
        while not self._stop.is_set():
            with self._platform.database.write() as tx:
                gone = webhook_deliveries.purge_finished(tx, before_ms, _PURGE_A_STEP)
            if gone < _PURGE_A_STEP:
                return

    def _lease(self) -> Lease | None:
        now_ms = self._platform.now_ms()
        with self._platform.database.read() as tx:
            if not webhook_deliveries.has_due(tx, now_ms):
                return None
        with self._platform.database.write() as tx:
            return webhook_deliveries.lease_next(tx, now_ms, LEASE_MS)

    def _write_out_event(self, tx: Transaction, event: Event, active: Sequence[Webhook]) -> None:
        if kind_of(event) is None:
            return
        listeners = [
            webhook
            for webhook in active
            if webhook.workspace == event.workspace and webhook.after_seq < event.seq
        ]
        if not listeners:
            return
        subject = _subject(tx, event)
        now_ms = self._platform.now_ms()
        for webhook in listeners:
            for ordinal, message in enumerate(messages(event, subject, webhook.events)):
                name = delivery_id(webhook.webhook_id, event.seq, message.event, ordinal)
                webhook_deliveries.insert_delivery(tx, webhook.pk, name, event.seq, message, now_ms)

    def _keep_writing_out(self) -> None:
        waits_s: list[float] = []
        while not self._stop.is_set():
            try:
                while self.write_out() and not self._stop.is_set():
                    pass
                self._purge_sometimes()
            except AppError:
                _log.exception("events could not be written out for webhooks")
                self._stop.wait(_REST_S)
            if self._recorded.wait(waits_s.pop(0) if waits_s else self._poll_s):
                self._recorded.clear()
                waits_s = list(HEARD_WAITS_S)
                self._stop.wait(waits_s.pop(0))

    def _keep_sending(self, poll_s: float | None) -> None:
        while not self._stop.is_set():
            try:
                while not self._stop.is_set() and self.send_next(self._call_a_sender):
                    pass
            except AppError:
                _log.exception("a delivery to a webhook could not be written down")
                self._stop.wait(_REST_S)
            with self._called:
                self._called.wait_for(lambda: self._calls or self._stop.is_set(), poll_s)
                self._calls = max(self._calls - 1, 0)

    def _call_a_sender(self) -> None:
        with self._called:
            # More calls than senders say nothing more.
            self._calls = min(self._calls + 1, self._senders)
            self._called.notify()

    def _purge_sometimes(self) -> None:
        now_ms = self._platform.now_ms()
        if now_ms - self._purged_at_ms >= _PURGE_EVERY_MS:
            self._purged_at_ms = now_ms
            self.purge()


def _subject(tx: Transaction, event: Event) -> Subject:
    """What the registry says now of the model and version that the event is about."""
    about = object_of(event)
    name, number = about.get("model"), about.get("version")
    if not isinstance(name, str) or event.workspace is None:
        return Subject()
    model = registered_models.find_model(tx, event.workspace, name)
    if model is None:
        return Subject()
    model_tags = registered_models.MODEL_TAGS.of(tx, model.pk)
    subject = Subject(
        is_prompt=model_tags.get(_IS_PROMPT, "").lower() == "true",
        model_tags=model_tags,
        model_description=model.description,
    )
    version = None
    if isinstance(number, int):
        version = model_versions.find_version(tx, model.pk, number)
    if version is None:
        return subject
    tags = model_versions.VERSION_TAGS.of(tx, version.pk)
    return Subject(
        is_prompt=subject.is_prompt,
        model_tags=model_tags,
        model_description=model.description,
        version_tags=tags,
        version_description=version.description,
        source=version.source,
        run_id=version.run_id,
        template=tags.get(_TEMPLATE, ""),
    )
