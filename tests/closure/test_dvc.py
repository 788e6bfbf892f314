from __future__ import annotations

import resource
from importlib.util import find_spec
from pathlib import Path

import pytest

from assay.closure.look_up import look_up
from assay.domain.closure import Finding, Source, Status
from assay.domain.references import ReferenceKind, parse_data
from tests.closure.places import (
    DvcPlace,
    a_reach,
    git,
    git_files,
    make_dvc_place,
    serving,
    tree_hash,
)


def ask(place: DvcPlace, reference: str | None = None, *, deep: bool = False) -> Finding:
    reach = a_reach(place.repository.parent)
    return look_up(reach, [place.source], parse_data(reference or place.reference), deep=deep)


@pytest.mark.parametrize(("deep", "level"), [(False, "members"), (True, "rehashed")])
def test_c2_data_that_is_all_there_is_ok(dvc_place: DvcPlace, deep: bool, level: str) -> None:
    """Named by the commit, and every member is in the remote."""
    found = ask(dvc_place, deep=deep)

    assert (found.status, found.level) == (Status.OK, level), found
    assert "3 members" in found.message


def test_c2_an_unknown_commit_is_missing(dvc_place: DvcPlace) -> None:
    """The repository has no such commit."""
    reference = dvc_place.reference.replace(dvc_place.commit, "0" * 40)

    assert ask(dvc_place, reference).status is Status.MISSING


def test_c2_data_that_the_commit_does_not_name_is_missing(dvc_place: DvcPlace) -> None:
    """Another path."""
    assert ask(dvc_place, dvc_place.reference + "2").status is Status.MISSING


def test_c2_other_data_than_the_commit_names_is_corrupt(dvc_place: DvcPlace) -> None:
    """The digest in the reference is not the one in the commit."""
    reference = dvc_place.reference.replace(dvc_place.value, f"{'a' * 32}.dir")

    assert ask(dvc_place, reference).status is Status.CORRUPT


def test_c2_data_of_a_commit_that_nothing_leads_to_is_unreachable(dvc_place: DvcPlace) -> None:
    """The data is there, and what names it may be cleaned up at any time."""
    git(dvc_place.repository, "commit", "--quiet", "--amend", "--allow-empty", "-m", "rewritten")

    assert ask(dvc_place).status is Status.UNREACHABLE


def test_c2_a_repository_that_is_away_is_unknown(dvc_place: DvcPlace) -> None:
    """Nobody could be asked."""
    dvc_place.repository.rename(dvc_place.repository.with_name("elsewhere"))

    assert ask(dvc_place).status is Status.UNKNOWN


def test_c2_a_short_commit_is_unsupported(dvc_place: DvcPlace) -> None:
    """Only a full id says which commit is meant."""
    reference = dvc_place.reference.replace(dvc_place.commit, "main")

    assert ask(dvc_place, reference).status is Status.UNSUPPORTED


def test_c4_a_member_that_was_removed_is_missing(dvc_place: DvcPlace) -> None:
    """DVC's own status calls this clean, since the folder's list is still there."""
    dvc_place.member().unlink()

    found = ask(dvc_place)

    assert found.status is Status.MISSING
    assert "1 of 3 members" in found.message


@pytest.mark.parametrize(
    "mode", [pytest.param(0o644, id="c5-0644"), pytest.param(0o444, id="c6-0444")]
)
def test_c5_c6_a_corrupt_member_is_found_and_left_alone(dvc_place: DvcPlace, mode: int) -> None:
    """Whatever its mode says of it; DVC's bulk check trusts one and deletes the other."""
    member = dvc_place.member()
    member.chmod(0o644)
    member.write_bytes(b"tampered\n")
    member.chmod(mode)
    before = tree_hash(dvc_place.remote)

    shallow, deep = ask(dvc_place), ask(dvc_place, deep=True)

    assert (shallow.status, deep.status) == (Status.OK, Status.CORRUPT)
    assert "1 of 3 members" in deep.message
    assert tree_hash(dvc_place.remote) == before


def test_c5_a_corrupt_list_of_members_is_found_at_once(dvc_place: DvcPlace) -> None:
    """It is small, so it is hashed even without a deep look."""
    listed = next(dvc_place.remote.rglob("*.dir"))
    listed.chmod(0o644)
    listed.write_text("[]")
    before = tree_hash(dvc_place.remote)

    assert ask(dvc_place).status is Status.CORRUPT
    assert tree_hash(dvc_place.remote) == before


@pytest.mark.parametrize("deep", [False, True])
def test_c7_looking_leaves_remote_and_repository_as_they_were(
    dvc_place: DvcPlace, deep: bool
) -> None:
    """Not a byte, a mode or a time differs, in what is whole as in what is damaged."""
    dvc_place.member(0).chmod(0o644)
    dvc_place.member(0).write_bytes(b"tampered\n")
    dvc_place.member(1).unlink()
    before = tree_hash(dvc_place.remote), tree_hash(dvc_place.repository)

    ask(dvc_place, deep=deep)

    assert (tree_hash(dvc_place.remote), tree_hash(dvc_place.repository)) == before


def test_c8_a_renamed_remote_is_unknown(dvc_place: DvcPlace) -> None:
    """The data may well be somewhere: it is not missing until somebody was asked."""
    dvc_place.remote.rename(dvc_place.remote.with_name("renamed"))

    assert ask(dvc_place).status is Status.UNKNOWN


def test_data_of_a_repository_on_the_web_is_looked_up(dvc_place: DvcPlace, tmp_path: Path) -> None:
    """The commit by the mirror, the data in the remote that the source names."""
    reference = parse_data(dvc_place.reference)
    with serving(git_files(dvc_place.repository)) as url:
        source = Source("data", ReferenceKind.DVC, f"{url}/", str(dvc_place.remote))
        found = look_up(a_reach(tmp_path), [source], reference, deep=True)

    assert (found.status, found.level) == (Status.OK, "rehashed"), found


def test_a_remote_without_its_library_is_unsupported(dvc_place: DvcPlace, tmp_path: Path) -> None:
    """The answer says what to install; it is no statement about the data."""
    if find_spec("dvc_s3") is not None:
        pytest.skip("the library is installed")
    source = Source("data", ReferenceKind.DVC, str(dvc_place.repository), "s3://bucket/data")

    found = look_up(a_reach(tmp_path), [source], parse_data(dvc_place.reference), deep=False)

    assert found.status is Status.UNSUPPORTED
    assert "dvc-s3" in found.message


def test_the_remote_that_a_commit_names_is_never_asked(dvc_place: DvcPlace, tmp_path: Path) -> None:
    """Whoever may push to the repository cannot choose where the server looks."""
    empty = tmp_path / "place" / "empty"
    empty.mkdir()
    source = Source("data", ReferenceKind.DVC, str(dvc_place.repository), str(empty))

    found = look_up(a_reach(tmp_path), [source], parse_data(dvc_place.reference), deep=False)

    assert found.status is Status.MISSING
    assert list(empty.rglob("*")) == []


@pytest.mark.slow
def test_c11_ten_thousand_files_in_bounded_memory(tmp_path: Path) -> None:
    """Every member is asked for by itself; the memory is that of the list, not of the data."""
    place = make_dvc_place(tmp_path / "large", members=10_000)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    found = ask(place, deep=True)

    assert found.status is Status.OK
    assert "10000 members" in found.message
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 600 * 1024
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 64 * 1024
