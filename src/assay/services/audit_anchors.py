"""Comparing the ledger with what was signed: the checkpoints beside it, and those that were kept elsewhere."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from assay.domain.audit import AuditReport
from assay.domain.checkpoint import Checkpoint, Note, VerifierKey, event_leaf, parse_key, parse_note
from assay.domain.errors import AppError, DataCorrupted
from assay.domain.ledger import LedgerRow
from assay.domain.merkle import Frontier, leaf_hash
from assay.services.anchors import Anchor, lost, misnamed
from assay.services.ledger_key import is_signed
from assay.services.ledger_tree import BLOCK, STRIDE
from assay.storage import checkpoints as rows
from assay.storage.database import Transaction

_UNREADABLE: Final = leaf_hash(b"unreadable")


class Anchors(NamedTuple):
    """What was kept elsewhere: anchors by size, and the public keys that are trusted to sign them."""

    anchors: Sequence[Anchor] = ()
    keys: Sequence[VerifierKey] = ()
    place: str = ""
    """Where they are kept, as `AnchorSink.identity` says it; empty: that is not known."""


class _Expected(NamedTuple):
    size: int
    name: str
    is_anchor: bool
    checkpoint: Checkpoint


class SignedPast:
    """Walks along the ledger and holds it against every checkpoint and anchor, and the kept nodes.

    Memory grows with the number of anchors given, and not with the ledger.
    """

    def __init__(self, tx: Transaction, report: AuditReport, elsewhere: Anchors) -> None:
        self._report = report
        self._tree = Frontier()
        self._blocks = {level: Frontier() for level in (STRIDE, 2 * STRIDE, 3 * STRIDE)}
        self._tx = tx
        self._stored = rows.stream_checkpoints(tx)
        # Keys that came with the anchors count alone: those in the database are its owner's to change.
        known = [parse_key(text) for text in rows.list_keys(tx)]
        self._keys = known
        self._expected = heapq.merge(
            self._kept(), self._given(elsewhere, elsewhere.keys or known), key=lambda e: e.size
        )
        self._next = next(self._expected, None)

    def close(self) -> None:
        """Let go of the table."""
        self._stored.close()

    def follow(self, row: LedgerRow) -> None:
        """Take the next event."""
        try:
            leaf = event_leaf(row.hash)
        except DataCorrupted:
            leaf = _UNREADABLE
        self._tree.append(leaf)
        self._follow_nodes(leaf)
        while self._next is not None and self._next.size <= self._tree.size:
            self._compare(self._next, row)
            self._next = next(self._expected, None)

    def finish(self) -> None:
        """Note what was signed and lies beyond the last event."""
        while self._next is not None:
            found = self._next
            self._report.add(
                "anchors" if found.is_anchor else "checkpoints",
                f"{found.name}: the ledger had {found.size} events then, now it has "
                f"{self._tree.size}: some were cut off, or an older backup was restored",
                self._tree.size,
            )
            self._next = next(self._expected, None)

    def _compare(self, found: _Expected, row: LedgerRow) -> None:
        area = "anchors" if found.is_anchor else "checkpoints"
        if found.is_anchor:
            self._report.anchors += 1
        else:
            self._report.checkpoints += 1
        told = found.checkpoint
        if (told.size, told.root, told.head) != (self._tree.size, self._tree.root(), row.hash):
            self._report.add(
                area,
                f"{found.name}: the first {found.size} events are not those that were signed: "
                "the ledger was rewritten",
                found.size,
            )

    def _follow_nodes(self, leaf: bytes) -> None:
        carried = leaf
        for level, block in self._blocks.items():
            block.append(carried)
            if block.size < BLOCK:
                return
            carried = block.root()
            self._blocks[level] = Frontier()
            position = (self._tree.size >> level) - 1
            kept = rows.list_nodes(self._tx, level, position, position).get(position)
            if kept is not None and kept != carried.hex():
                self._report.add(
                    "checkpoints", f"node {position} of level {level} is not that of its events"
                )

    def _kept(self) -> Iterator[_Expected]:
        for stored in self._stored:
            name = f"checkpoint {stored.size}"
            try:
                note = parse_note(stored.note)
            except AppError as fault:
                self._report.add("checkpoints", f"{name}: {fault.message}", stored.size)
                continue
            told = (note.checkpoint.size, note.checkpoint.root.hex(), note.checkpoint.at_ms)
            if told != (stored.size, stored.root, stored.at_ms):
                self._report.add("checkpoints", f"{name}: its columns differ from its text")
            self._check_signature("checkpoints", name, note, self._keys)
            yield _Expected(stored.size, name, is_anchor=False, checkpoint=note.checkpoint)

    def _given(self, elsewhere: Anchors, keys: Sequence[VerifierKey]) -> Iterable[_Expected]:
        if elsewhere.place:
            kept = rows.list_anchored(self._tx, elsewhere.place)
            for fault in lost(elsewhere.place, kept, elsewhere.anchors):
                self._report.add("anchors", fault)
        for anchor in elsewhere.anchors:
            replaced = misnamed(anchor)
            if replaced is not None:
                self._report.add("anchors", replaced, anchor.note.checkpoint.size)
            self._check_signature("anchors", anchor.name, anchor.note, keys)
            told = anchor.note.checkpoint
            yield _Expected(told.size, anchor.name, is_anchor=True, checkpoint=told)

    def _check_signature(
        self, area: str, name: str, note: Note, keys: Sequence[VerifierKey]
    ) -> None:
        if not is_signed(note, keys):
            self._report.add(area, f"{name}: no trusted key has signed it", note.checkpoint.size)
