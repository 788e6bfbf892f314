"""Checkpoints of the ledger: made on demand, after every promotion, and every so many events or minutes.

A checkpoint takes no part in the transaction of a change. What is new since the last one is read in
bounded steps, and proofs are made from what is kept, whatever the ledger's length.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

import structlog

from assay.domain import merkle
from assay.domain.access import Action
from assay.domain.checkpoint import Checkpoint, origin_of
from assay.domain.errors import AppError, FailedPrecondition, InvalidArgument, NotFound
from assay.domain.paging import bind, decode, encode
from assay.domain.tracking import Page
from assay.services.anchors import AnchorSink
from assay.services.checks import check_page_size
from assay.services.context import Context
from assay.services.ledger_key import LedgerKey
from assay.services.ledger_tree import STRIDE, TOP_LEVEL, LedgerTree
from assay.services.platform import Platform
from assay.storage import checkpoints as rows
from assay.storage.checkpoints import StoredCheckpoint
from assay.storage.database import Transaction
from assay.storage.ledger import get_head

__all__ = ["Checkpoints", "StoredCheckpoint"]

EVERY_EVENTS: Final = 1_000
EVERY_MS: Final = 300_000
"""How long an event may wait for a checkpoint: until then it could still be rewritten unseen."""

MAX_PAGE: Final = 1_000
_NODES_A_STEP: Final = 64
_POLL_S: Final = 1.0
_REST_S: Final = 10.0
_log = structlog.get_logger("assay.checkpoints")


class Checkpoints:
    """Makes checkpoints and proofs; a thread of its own makes those that are due, after `start()`.

    Without a key, one is made that lasts as long as this object.
    """

    def __init__(
        self, platform: Platform, key: LedgerKey | None = None, sink: AnchorSink | None = None
    ) -> None:
        self._platform = platform
        self._key = key
        self._sink = sink
        self._anchored = 0
        self._made_at_ms = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; it begins with what has happened since the last checkpoint."""
        self._thread = threading.Thread(target=self._run, name="assay-checkpoints", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after the step at hand."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def make(self, context: Context) -> StoredCheckpoint:
        """The checkpoint of the ledger as it is now. Raises FailedPrecondition while it is empty."""
        context.require(Action.LEDGER_READ)
        return self._make(context.now_ms)

    def latest(self, context: Context) -> StoredCheckpoint:
        """The checkpoint that covers most. NotFound when none was made."""
        context.require(Action.LEDGER_READ)
        with self._platform.database.read() as tx:
            found = rows.latest_checkpoint(tx)
        if found is None:
            raise NotFound("No checkpoint has been made yet.")
        return found

    def get(self, context: Context, size: int) -> StoredCheckpoint:
        """The checkpoint that covers exactly `size` events."""
        context.require(Action.LEDGER_READ)
        with self._platform.database.read() as tx:
            found = rows.find_checkpoint(tx, size)
        if found is None:
            raise NotFound(f"There is no checkpoint of {size} events.", field="size")
        return found

    def list(
        self, context: Context, *, max_results: int = 100, page_token: str | None = None
    ) -> Page[StoredCheckpoint]:
        """Checkpoints, the newest first."""
        context.require(Action.LEDGER_READ)
        check_page_size(max_results, MAX_PAGE)
        binding = bind(["checkpoints"])
        below = None if page_token is None else decode(page_token, binding, size=1)[0]
        if below is not None and not isinstance(below, int):
            raise InvalidArgument("page_token is not one of this server.", field="page_token")
        with self._platform.database.read() as tx:
            found = rows.list_checkpoints(tx, below=below, limit=max_results + 1)
        shown = tuple(found[:max_results])
        more = len(found) > max_results
        return Page(shown, encode([shown[-1].size], binding) if more else None)

    def keys(self, context: Context) -> Sequence[str]:
        """The public keys of this server and of all that have signed a checkpoint here."""
        context.require(Action.LEDGER_READ)
        mine = str(self.key().verifier)
        with self._platform.database.read() as tx:
            found = rows.list_keys(tx)
        return found if mine in found else [*found, mine]

    def inclusion(self, context: Context, seq: int, size: int) -> Sequence[str]:
        """The hashes that prove that event `seq` is in the tree of the first `size` events."""
        context.require(Action.LEDGER_READ)
        with self._platform.database.read() as tx:
            self._check_size(tx, size)
            found = merkle.inclusion_proof(LedgerTree(tx, size), seq - 1, size)
        return [value.hex() for value in found]

    def consistency(self, context: Context, old_size: int, size: int) -> Sequence[str]:
        """The hashes that prove that the first `old_size` events were not rewritten since."""
        context.require(Action.LEDGER_READ)
        with self._platform.database.read() as tx:
            self._check_size(tx, size)
            found = merkle.consistency_proof(LedgerTree(tx, size), old_size, size)
        return [value.hex() for value in found]

    def key(self) -> LedgerKey:
        """The key that this server signs with."""
        with self._lock:
            if self._key is None:
                self._key = LedgerKey(bytes.fromhex(self._platform.token_hex(32)))
            return self._key

    def step(self) -> bool:
        """Make a checkpoint if one is due, and hand it to the sink; whether one was made."""
        now_ms = self._platform.now_ms()
        with self._platform.database.read() as tx:
            head = get_head(tx).seq
            last = rows.latest_checkpoint(tx)
            size = 0 if last is None else last.size
            behind = head - size
            waited = now_ms - max(self._made_at_ms, 0 if last is None else last.at_ms)
            is_due = behind > 0 and (
                behind >= EVERY_EVENTS or waited >= EVERY_MS or rows.has_promotion_after(tx, size)
            )
        if is_due:
            last = self._make(now_ms)
            self._made_at_ms = now_ms
        if self._sink is not None and last is not None and last.size > self._anchored:
            self._sink.put(last.note, [str(self.key().verifier)])
            with self._platform.database.write() as tx:
                rows.insert_anchored(tx, self._sink.identity, last.size, now_ms)
            self._anchored = last.size
        return is_due

    def _make(self, now_ms: int) -> StoredCheckpoint:
        database = self._platform.database
        with database.read() as tx:
            size = get_head(tx).seq
            last = rows.latest_checkpoint(tx)
        if size == 0:
            raise FailedPrecondition("The ledger has no event yet, so there is nothing to sign.")
        if last is not None and last.size == size:
            return last
        while self._keep_nodes(size):
            pass
        key = self.key()
        with database.read() as tx:
            root = merkle.root(LedgerTree(tx, size), size)
            first, head = rows.event_hashes(tx, 1, 1)[0], rows.event_hashes(tx, size, size)[0]
        checkpoint = Checkpoint(origin_of(first), size, root, now_ms, head)
        made = StoredCheckpoint(
            size, root.hex(), now_ms, key.verifier.key_id, key.sign_checkpoint(checkpoint)
        )
        with database.write() as tx:
            rows.insert_key(tx, key.verifier.key_id, str(key.verifier), now_ms)
            if not rows.insert_checkpoint(tx, made):
                made = rows.find_checkpoint(tx, size) or made
        return made

    def _keep_nodes(self, size: int) -> bool:
        """Keep the next complete nodes of the tree, a bounded number; whether there were any."""
        database = self._platform.database
        for level in range(STRIDE, TOP_LEVEL + 1, STRIDE):
            with database.read() as tx:
                first = rows.count_nodes(tx, level)
                new = LedgerTree(tx, size).new_nodes(level, first, _NODES_A_STEP)
            if new:
                with database.write() as tx:
                    # Another server may have kept some of them meanwhile: they are the same.
                    known = rows.count_nodes(tx, level)
                    fresh = new[known - first :] if known > first else new
                    rows.insert_nodes(tx, level, max(known, first), [node.hex() for node in fresh])
                return True
            if size >> level == 0:
                return False
        return False

    def _check_size(self, tx: Transaction, size: int) -> None:
        if size > get_head(tx).seq:
            raise InvalidArgument(f"The ledger has fewer than {size} events.", field="size")

    def _run(self) -> None:
        while not self._stop.wait(_POLL_S):
            try:
                self.step()
            except (AppError, OSError):
                _log.exception("a checkpoint could not be made or anchored")
                self._stop.wait(_REST_S)
