"""The ledger's Merkle tree, read from where its hashes lie: events, and every eighth level above them.

What a proof needs is read in blocks of 256 hashes, a few for each eight levels, so its cost grows with
the logarithm of the ledger. A kept node is only a shortcut: where one is missing it is computed.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from assay.domain.checkpoint import event_leaf
from assay.domain.errors import DataCorrupted
from assay.domain.merkle import node_hash
from assay.storage import checkpoints as rows
from assay.storage.database import Transaction

STRIDE: Final = 8
BLOCK: Final = 1 << STRIDE
TOP_LEVEL: Final = 56
_MAX_BLOCKS: Final = 1_024


class LedgerTree:
    """Answers the hash of any complete subtree of the first `size` events; read-only."""

    def __init__(self, tx: Transaction, size: int) -> None:
        self._tx = tx
        self.size = size
        # A block is a heap of 511 hashes: 256 of one kept level, and what lies above them.
        self._blocks: OrderedDict[tuple[int, int], list[bytes | None]] = OrderedDict()

    def __call__(self, level: int, index: int) -> bytes:
        """The hash of the complete subtree at `(level, index)`."""
        if (index + 1) << level > self.size:
            raise DataCorrupted(f"The ledger has no {(index + 1) << level} events.")
        above = level % STRIDE
        place = index << above
        # The 256 hashes of a kept level begin at slot 256; each halving goes one level up.
        return self._at(level - above, place // BLOCK, (BLOCK + place % BLOCK) >> above)

    def new_nodes(self, level: int, first: int, limit: int) -> list[bytes]:
        """The complete nodes of a kept level from `first` on, at most `limit`."""
        last = min(self.size >> level, first + limit)
        return [self._compute(level, position) for position in range(first, last)]

    def _block(self, level: int, number: int) -> list[bytes | None]:
        key = (level, number)
        if key in self._blocks:
            self._blocks.move_to_end(key)
            return self._blocks[key]
        first = number * BLOCK
        heap: list[bytes | None] = [None] * BLOCK + list(self._row(level, first))
        heap += [None] * (2 * BLOCK - len(heap))
        for slot in range(BLOCK - 1, 0, -1):
            left, right = heap[2 * slot], heap[2 * slot + 1]
            if left is not None and right is not None:
                heap[slot] = node_hash(left, right)
        self._blocks[key] = heap
        if len(self._blocks) > _MAX_BLOCKS:
            self._blocks.popitem(last=False)
        return heap

    def _row(self, level: int, first: int) -> list[bytes]:
        count = min(BLOCK, (self.size >> level) - first)
        if count <= 0:
            return []
        if level == 0:
            found = rows.event_hashes(self._tx, first + 1, first + count)
            return [event_leaf(value) for value in found]
        kept = rows.list_nodes(self._tx, level, first, first + count - 1)
        return [
            bytes.fromhex(kept[position]) if position in kept else self._compute(level, position)
            for position in range(first, first + count)
        ]

    def _compute(self, level: int, position: int) -> bytes:
        return self._at(level - STRIDE, position, 1)

    def _at(self, level: int, number: int, slot: int) -> bytes:
        found = self._block(level, number)[slot]
        if found is None:
            raise DataCorrupted("The ledger lacks events that its head counts.")
        return found
