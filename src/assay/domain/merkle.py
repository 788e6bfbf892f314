"""Merkle trees over the ledger (RFC 6962): roots, proofs that an event is in, proofs that nothing was rewritten.

A leaf is SHA-256 of 0x00 and its data, a node SHA-256 of 0x01 and its two children. A tree of n
leaves splits at the largest power of two below n. Where the hashes are kept lies elsewhere: proofs
ask for complete subtrees, `(level, index)` being the leaves from `index << level` on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from assay.domain.errors import InvalidArgument

EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
HASH_BYTES: Final = 32
MAX_PROOF: Final = 128
"""More hashes than any proof about a ledger of 2^63 events has."""

Nodes: TypeAlias = Callable[[int, int], bytes]
"""Answers the hash of the complete subtree at `(level, index)`."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node with these children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree that only grows: takes leaves one by one and keeps a hash for each power of two."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[tuple[int, bytes]] = []

    def append(self, leaf: bytes) -> None:
        """Add the hash of the next leaf."""
        level, carried = 0, leaf
        while self._peaks and self._peaks[-1][0] == level:
            carried = node_hash(self._peaks.pop()[1], carried)
            level += 1
        self._peaks.append((level, carried))
        self.size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add the hashes of the next leaves."""
        for leaf in leaves:
            self.append(leaf)

    def root(self) -> bytes:
        """The root over all leaves so far."""
        if not self._peaks:
            return EMPTY_ROOT
        found = self._peaks[-1][1]
        for _, peak in reversed(self._peaks[:-1]):
            found = node_hash(peak, found)
        return found


def root(nodes: Nodes, size: int) -> bytes:
    """The root over the first `size` leaves."""
    return EMPTY_ROOT if size == 0 else _range_root(nodes, 0, size)


def inclusion_proof(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """The hashes that lead from the leaf `index` to the root over `size` leaves, lowest first."""
    if not 0 <= index < size:
        raise InvalidArgument(f"There is no leaf {index} in a tree of {size}.", field="index")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_range_root(nodes, middle, end))
            end = middle
        else:
            proof.append(_range_root(nodes, start, middle))
            start = middle
    return proof[::-1]


def consistency_proof(nodes: Nodes, old_size: int, size: int) -> list[bytes]:
    """The hashes that show that the first `old_size` leaves of a tree of `size` are an older tree."""
    if not 0 < old_size <= size:
        raise InvalidArgument(
            f"A tree of {old_size} is not the beginning of one of {size}.", field="old_size"
        )
    proof: list[bytes] = []
    start, end, is_whole = 0, size, True
    while old_size != end:
        middle = start + _split(end - start)
        if old_size <= middle:
            proof.append(_range_root(nodes, middle, end))
            end = middle
        else:
            proof.append(_range_root(nodes, start, middle))
            start, is_whole = middle, False
    if not is_whole:
        proof.append(_range_root(nodes, start, end))
    return proof[::-1]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes
) -> bool:
    """Whether the proof leads from the leaf's hash to the root `expected`."""
    if not 0 <= index < size or len(proof) > MAX_PROOF:
        return False
    place, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and found == expected


def verify_consistency(
    old_size: int, size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether the tree of `size` with `new_root` goes on from the one of `old_size` with `old_root`."""
    if not 0 < old_size <= size or len(proof) > MAX_PROOF:
        return False
    if old_size == size:
        return not proof and old_root == new_root
    hashes = list(proof)
    if old_size & (old_size - 1) == 0:
        hashes.insert(0, old_root)
    if not hashes:
        return False
    place, last = old_size - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old_found = new_found = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old_found = node_hash(sibling, old_found)
            new_found = node_hash(sibling, new_found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new_found = node_hash(new_found, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and old_found == old_root and new_found == new_root


def _split(size: int) -> int:
    """The largest power of two below `size`, which is at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def _range_root(nodes: Nodes, start: int, end: int) -> bytes:
    size = end - start
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return nodes(level, start >> level)
    middle = start + _split(size)
    return node_hash(_range_root(nodes, start, middle), _range_root(nodes, middle, end))
