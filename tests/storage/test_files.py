"""Artifact trees on both engines."""

import pytest

from assay.domain.tracking import FileEntry
from assay.storage.files import RUN_FILES, one_level
from tests.support.tracking import Tracking

SHA_A, SHA_B = "a" * 64, "b" * 64


@pytest.fixture
def run_pk(tracking: Tracking) -> int:
    return tracking.a_run().run.pk


def _put(tracking: Tracking, run_pk: int, *paths: str, sha256: str = SHA_A) -> None:
    with tracking.database.write() as tx:
        for path in paths:
            RUN_FILES.put(tx, run_pk, path, sha256, 3, 1)


def _walk(tracking: Tracking, run_pk: int, folder: str = "") -> list[str]:
    with tracking.database.read() as tx:
        return [entry.path for entry in RUN_FILES.walk(tx, run_pk, folder)]


def test_a_folder_is_exactly_what_is_below_it(tracking: Tracking, run_pk: int) -> None:
    """Names that merely start alike are not inside, whatever their next mark is."""
    _put(tracking, run_pk, "a/x", "a/y/z", "a", "a.txt", "a-b/x", "a0", "ab/x", "A/x", "ä/x")
    assert _walk(tracking, run_pk, "a") == ["a/x", "a/y/z"]
    assert _walk(tracking, run_pk, "a/y") == ["a/y/z"]
    assert _walk(tracking, run_pk, "nothing") == []


def test_wildcards_in_paths_are_letters(tracking: Tracking, run_pk: int) -> None:
    """`%` and `_` mean themselves."""
    _put(tracking, run_pk, "a_b/x", "aXb/x", "a%/x", "abc/x")
    assert _walk(tracking, run_pk, "a_b") == ["a_b/x"]
    assert _walk(tracking, run_pk, "a%") == ["a%/x"]


def test_paths_come_in_byte_order(tracking: Tracking, run_pk: int) -> None:
    """The order is the same on both engines, whatever the database's locale."""
    paths = ["Z", "a", "B", "é", "_", "10", "9"]
    _put(tracking, run_pk, *paths)
    assert _walk(tracking, run_pk) == sorted(paths, key=str.encode)


def test_one_level_shows_folders_first(tracking: Tracking, run_pk: int) -> None:
    """A level has each folder once, then the files that stand in it."""
    _put(tracking, run_pk, "m/b/1", "m/b/2", "m/a", "m/c/d/e", "top")
    with tracking.database.read() as tx:
        level = one_level(RUN_FILES.walk(tx, run_pk, "m"), "m")
        root = one_level(RUN_FILES.walk(tx, run_pk, ""), "")
    assert [(entry.path, entry.is_folder) for entry in level] == [
        ("m/b", True),
        ("m/c", True),
        ("m/a", False),
    ]
    assert [entry.path for entry in root] == ["m", "top"]


def test_putting_again_replaces_the_row(tracking: Tracking, run_pk: int) -> None:
    """A path holds what was put last."""
    _put(tracking, run_pk, "f")
    _put(tracking, run_pk, "f", sha256=SHA_B)
    with tracking.database.read() as tx:
        assert RUN_FILES.find(tx, run_pk, "f") == FileEntry(
            "f", is_folder=False, size_bytes=3, sha256=SHA_B
        )
        assert RUN_FILES.find(tx, run_pk, "g") is None


def test_removing_a_folder_leaves_its_neighbours(tracking: Tracking, run_pk: int) -> None:
    """A file goes by its path, a folder with all below it, the root with everything."""
    other = tracking.a_run().run.pk
    _put(tracking, run_pk, "a/1", "a/2", "a.txt", "b")
    _put(tracking, other, "a/1")
    with tracking.database.write() as tx:
        assert RUN_FILES.delete(tx, run_pk, "a") == 2
        assert RUN_FILES.delete(tx, run_pk, "b") == 1
        assert RUN_FILES.delete(tx, run_pk, "b") == 0
    assert _walk(tracking, run_pk) == ["a.txt"]
    with tracking.database.write() as tx:
        assert RUN_FILES.delete(tx, run_pk, "") == 1
    assert _walk(tracking, other) == ["a/1"]


@pytest.mark.parametrize(
    ("path", "clash"),
    [
        ("a/b/c/d", "a/b/c"),
        ("a/b", "a/b/c"),
        ("a", "a/b/c"),
        ("a/b/c", None),
        ("a/b/d", None),
        ("a/b/c.d", None),
        ("b", None),
    ],
)
def test_a_file_is_never_a_folder(
    tracking: Tracking, run_pk: int, path: str, clash: str | None
) -> None:
    """A path clashes with a file that it would need as a folder and with a folder at its place."""
    _put(tracking, run_pk, "a/b/c")
    with tracking.database.read() as tx:
        found = RUN_FILES.find_clash(tx, run_pk, path)
    assert (None if found is None else found.path) == clash
