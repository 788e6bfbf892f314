import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.artifact import (
    ManifestEntry,
    artifact_digest,
    check_entry,
    manifest,
    manifest_text,
    total_bytes,
)
from assay.domain.errors import InvalidArgument

A, B = "a" * 64, "b" * 64
entries = st.lists(
    st.builds(ManifestEntry, st.sampled_from(["x", "y/1", "y/2", "z"]), st.integers(0, 9),
              st.sampled_from([A, B])),
    unique_by=lambda entry: entry.path,
)  # fmt: skip


@given(entries, st.randoms(use_true_random=False))
def test_the_digest_does_not_depend_on_order(files: list[ManifestEntry], random: Any) -> None:
    """The same files in any order are the same artifact."""
    shuffled = list(files)
    random.shuffle(shuffled)
    assert artifact_digest(files) == artifact_digest(shuffled)


@given(entries, entries)
def test_the_digest_tells_artifacts_apart(
    one: list[ManifestEntry], other: list[ManifestEntry]
) -> None:
    """Path, size and bytes all count."""
    assert (artifact_digest(one) == artifact_digest(other)) is (set(one) == set(other))


def test_the_manifest_text_is_canonical_json() -> None:
    """A list by path, so that anyone can compute the digest."""
    files = [ManifestEntry("b", 2, B), ManifestEntry("a/é", 1, A)]
    expected = [
        {"path": "a/é", "sha256": A, "size_bytes": 1},
        {"path": "b", "sha256": B, "size_bytes": 2},
    ]
    assert manifest_text(files) == json.dumps(expected, sort_keys=True, separators=(",", ":"))
    assert total_bytes(files) == 3


@pytest.mark.parametrize("paths", [("a", "a"), ("a", "a/b"), ("a/b/c", "a/b"), ("x/y", "x")])
def test_a_manifest_is_a_tree(paths: tuple[str, ...]) -> None:
    """A path that occurs twice, or is a file and a folder, cannot be unpacked."""
    with pytest.raises(InvalidArgument):
        manifest([ManifestEntry(path, 1, A) for path in paths])


def test_paths_sort_by_code_point() -> None:
    """`a-b` stands before `a/b`, as in the canonical text of keys."""
    files = [ManifestEntry(path, 1, A) for path in ("a/b", "a-b", "B", "é")]
    assert [entry.path for entry in manifest(files)] == ["B", "a-b", "a/b", "é"]


@pytest.mark.parametrize(
    ("entry", "field"),
    [(("../a", 1, A), "path"), (("a", -1, A), "size_bytes"), (("a", 2**63, A), "size_bytes"),
     (("a", True, A), "size_bytes"), (("a", 1.0, A), "size_bytes"), (("a", 1, "x"), "sha256")],
)  # fmt: skip
def test_a_malformed_entry_is_refused_by_field(entry: tuple[Any, ...], field: str) -> None:
    """A path that leads out, an impossible size, no digest."""
    with pytest.raises(InvalidArgument) as caught:
        check_entry(*entry)
    assert caught.value.field == field


def test_a_legal_entry_is_kept() -> None:
    """Also an empty file, and a digest with its algorithm in front."""
    assert check_entry("a/b", 0, "sha256:" + A) == ManifestEntry("a/b", 0, A)
