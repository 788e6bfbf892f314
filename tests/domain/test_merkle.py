"""Merkle trees against the definition itself, written down as plainly as RFC 6962 has it."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.errors import InvalidArgument
from assay.domain.merkle import (
    EMPTY_ROOT,
    Frontier,
    Nodes,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root,
    verify_consistency,
    verify_inclusion,
)


def plain_root(data: list[bytes]) -> bytes:
    """The root by the definition."""
    if not data:
        return hashlib.sha256().digest()
    if len(data) == 1:
        return hashlib.sha256(b"\x00" + data[0]).digest()
    k = 1
    while k * 2 < len(data):
        k *= 2
    return hashlib.sha256(b"\x01" + plain_root(data[:k]) + plain_root(data[k:])).digest()


def plain_path(index: int, data: list[bytes]) -> list[bytes]:
    """The audit path by the definition."""
    if len(data) == 1:
        return []
    k = 1
    while k * 2 < len(data):
        k *= 2
    if index < k:
        return [*plain_path(index, data[:k]), plain_root(data[k:])]
    return [*plain_path(index - k, data[k:]), plain_root(data[:k])]


def plain_consistency(m: int, data: list[bytes], *, is_whole: bool = True) -> list[bytes]:
    """The consistency proof by the definition."""
    n = len(data)
    if m == n:
        return [] if is_whole else [plain_root(data)]
    k = 1
    while k * 2 < n:
        k *= 2
    if m <= k:
        return [*plain_consistency(m, data[:k], is_whole=is_whole), plain_root(data[k:])]
    return [*plain_consistency(m - k, data[k:], is_whole=False), plain_root(data[:k])]


def nodes_of(data: list[bytes]) -> Nodes:
    def node(level: int, index: int) -> bytes:
        part = data[index << level : (index + 1) << level]
        assert len(part) == 1 << level, "only complete subtrees may be asked for"
        return plain_root(part)

    return node


def entries(size: int) -> list[bytes]:
    return [f"event {number}".encode() for number in range(size)]


VECTORS = (
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
)
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    """The values that every implementation of RFC 6962 is checked with."""
    data = list(VECTORS[:size])
    assert root(nodes_of(data), size).hex() == ROOTS[size]


@given(st.integers(0, 300))
def test_a_growing_tree_has_the_root_of_the_definition(size: int) -> None:
    """Leaf by leaf or all at once, the root is the same."""
    data = entries(size)
    frontier = Frontier()
    frontier.extend(map(leaf_hash, data))
    assert frontier.size == size
    assert frontier.root() == root(nodes_of(data), size) == plain_root(data)


def test_nothing_has_the_root_of_nothing() -> None:
    """A ledger without events has a root too."""
    assert Frontier().root() == EMPTY_ROOT


@given(st.data())
def test_inclusion_proofs_are_those_of_the_definition_and_hold(data: st.DataObject) -> None:
    """For every leaf of every tree."""
    size = data.draw(st.integers(1, 200))
    index = data.draw(st.integers(0, size - 1))
    leaves = entries(size)
    proof = inclusion_proof(nodes_of(leaves), index, size)
    assert proof == plain_path(index, leaves)
    assert verify_inclusion(leaf_hash(leaves[index]), index, size, proof, plain_root(leaves))


@given(st.data())
def test_consistency_proofs_are_those_of_the_definition_and_hold(data: st.DataObject) -> None:
    """For every earlier tree of every tree."""
    size = data.draw(st.integers(1, 200))
    old = data.draw(st.integers(1, size))
    leaves = entries(size)
    proof = consistency_proof(nodes_of(leaves), old, size)
    assert proof == plain_consistency(old, leaves)
    assert verify_consistency(old, size, plain_root(leaves[:old]), plain_root(leaves), proof)


@given(st.data())
def test_a_wrong_inclusion_proof_is_refused(data: st.DataObject) -> None:
    """Another leaf, place, size, root, or a proof with a hash more, less or changed."""
    size = data.draw(st.integers(2, 100))
    index = data.draw(st.integers(0, size - 1))
    leaves = entries(size)
    good, whole = inclusion_proof(nodes_of(leaves), index, size), plain_root(leaves)
    leaf = leaf_hash(leaves[index])
    place = data.draw(st.integers(0, len(good) - 1))
    changed = [*good[:place], bytes(32), *good[place + 1 :]]
    other = (index + data.draw(st.integers(1, size - 1))) % size

    assert not verify_inclusion(leaf_hash(b"other"), index, size, good, whole)
    assert not verify_inclusion(leaf, other, size, good, whole)
    assert not verify_inclusion(leaf, index, size, changed, whole)
    assert not verify_inclusion(leaf, index, size, good[:-1], whole)
    assert not verify_inclusion(leaf, index, size, [*good, bytes(32)], whole)
    assert not verify_inclusion(leaf, index, size, good, bytes(32))
    assert not verify_inclusion(leaf, size, size, good, whole)


@given(st.data())
def test_a_rewritten_beginning_has_no_consistency_proof(data: st.DataObject) -> None:
    """The proof of a rewritten ledger does not lead to the root that was anchored."""
    size = data.draw(st.integers(2, 100))
    old = data.draw(st.integers(1, size - 1))
    leaves = entries(size)
    anchored = plain_root(leaves[:old])
    leaves[data.draw(st.integers(0, old - 1))] = b"rewritten"
    proof = consistency_proof(nodes_of(leaves), old, size)

    assert not verify_consistency(old, size, anchored, plain_root(leaves), proof)
    assert not verify_consistency(old, size, plain_root(leaves[:old]), bytes(32), proof)
    assert not verify_consistency(old, size, anchored, plain_root(leaves), proof[:-1])
    assert not verify_consistency(size, old, anchored, plain_root(leaves), proof)
    assert not verify_consistency(size, size, anchored, plain_root(leaves), [])


def test_a_proof_of_what_is_not_there_is_refused() -> None:
    """A leaf beyond the end, a tree that is larger than the ledger."""
    nodes = nodes_of(entries(3))
    for ask in (
        lambda: inclusion_proof(nodes, 3, 3),
        lambda: inclusion_proof(nodes, -1, 3),
        lambda: consistency_proof(nodes, 4, 3),
        lambda: consistency_proof(nodes, 0, 3),
    ):
        with pytest.raises(InvalidArgument):
            ask()
