from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from assay.closure.look_up import look_up
from assay.domain.closure import Finding, Source, Status
from assay.domain.references import ReferenceKind, parse_commit, parse_data
from tests.closure.places import Answering, a_reach, git, git_files, serving, tree_hash


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two commits."""
    folder = tmp_path / "code"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    for number in (1, 2):
        (folder / "train.py").write_text(f"print({number})\n")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "-m", f"step {number}")
    return folder


def ask(repository: Path, commit: str, *, deep: bool = False) -> Finding:
    source = Source("code", ReferenceKind.GIT, str(repository))
    return look_up(a_reach(repository.parent), [source], parse_commit(commit), deep=deep)


def object_file(repository: Path, name: str) -> Path:
    return repository / ".git" / "objects" / name[:2] / name[2:]


@pytest.mark.parametrize(("deep", "level"), [(False, "complete"), (True, "rehashed")])
def test_c1_a_commit_that_a_branch_leads_to_is_ok(repository: Path, deep: bool, level: str) -> None:
    """It exists, is reachable, and all of its objects are there."""
    found = ask(repository, git(repository, "rev-parse", "HEAD"), deep=deep)

    assert (found.status, found.level) == (Status.OK, level)


def test_c1_a_commit_that_never_was_is_missing(repository: Path) -> None:
    """Nobody has it."""
    assert ask(repository, "0" * 40).status is Status.MISSING


def test_c1_a_commit_lost_by_a_force_push_is_unreachable(repository: Path) -> None:
    """It still exists until it is cleaned up, which is not the same as being safe."""
    lost = git(repository, "rev-parse", "HEAD")
    git(repository, "reset", "--quiet", "--hard", "HEAD~1")

    found = ask(repository, lost)

    assert (found.status, found.level) == (Status.UNREACHABLE, "exists")


def test_c1_a_commit_without_its_files_is_missing(repository: Path) -> None:
    """A clone that lacks blobs passes the check of the commit alone."""
    blob = git(repository, "rev-parse", "HEAD:train.py")
    object_file(repository, blob).unlink()

    found = ask(repository, git(repository, "rev-parse", "HEAD"))

    assert (found.status, found.level) == (Status.MISSING, "reachable")


def test_c1_a_damaged_file_is_corrupt_for_the_deep_look(repository: Path) -> None:
    """Bytes of another blob under this one's name are found by hashing them again."""
    blob = git(repository, "rev-parse", "HEAD:train.py")
    other = git(repository, "rev-parse", "HEAD~1:train.py")
    place = object_file(repository, blob)
    place.chmod(0o644)
    place.write_bytes(object_file(repository, other).read_bytes())

    assert ask(repository, git(repository, "rev-parse", "HEAD"), deep=True).status is Status.CORRUPT


def test_c1_a_shallow_repository_does_not_know(repository: Path, tmp_path: Path) -> None:
    """What was cut off may exist elsewhere: neither missing nor ok."""
    first = git(repository, "rev-parse", "HEAD~1")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repository}", "shallow")

    assert ask(tmp_path / "shallow", first).status is Status.UNKNOWN


def test_c1_a_repository_that_is_away_is_unknown(tmp_path: Path) -> None:
    """No answer is no statement about the commit."""
    assert ask(tmp_path / "gone", "0" * 40).status is Status.UNKNOWN


@pytest.mark.parametrize("word", ["HEAD", "main", "abc1234", "--upload-pack=touch x"])
def test_c1_a_word_for_a_commit_is_unsupported(repository: Path, word: str) -> None:
    """What it means today is not what it meant; and nothing that looks like an option is passed on."""
    assert ask(repository, word).status is Status.UNSUPPORTED


def test_a_replacement_object_does_not_count(repository: Path) -> None:
    """A ref that swaps the commit for another one changes nothing of what is looked at."""
    head, first = (git(repository, "rev-parse", name) for name in ("HEAD", "HEAD~1"))
    git(repository, "replace", "--force", head, first)
    tree = git(repository, "--no-replace-objects", "rev-parse", f"{head}:train.py")
    reference = parse_data(f"git:{tree}@{head}:train.py")
    source = Source("code", ReferenceKind.GIT, str(repository))

    found = look_up(a_reach(repository.parent), [source], reference, deep=True)

    assert found.status is Status.OK


def test_data_in_git_must_be_the_object_that_is_named(repository: Path) -> None:
    """The path exists at the commit, and it is another object."""
    head = git(repository, "rev-parse", "HEAD")
    other = git(repository, "rev-parse", "HEAD~1:train.py")
    source = Source("code", ReferenceKind.GIT, str(repository))
    reach = a_reach(repository.parent)

    wrong = look_up(reach, [source], parse_data(f"git:{other}@{head}:train.py"), deep=False)
    absent = look_up(reach, [source], parse_data(f"git:{other}@{head}:eval.py"), deep=False)

    assert (wrong.status, absent.status) == (Status.CORRUPT, Status.MISSING)


def test_looking_leaves_the_repository_as_it_was(repository: Path) -> None:
    """Not a byte, a mode or a time differs, and no hook ran."""
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch ran\n")
    hook.chmod(0o755)
    before = tree_hash(repository)

    ask(repository, git(repository, "rev-parse", "HEAD"), deep=True)

    assert tree_hash(repository) == before


def test_a_repository_outside_the_roots_is_not_read(repository: Path, tmp_path: Path) -> None:
    """A link inside the root that leads out of it is outside."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(repository)
    source = Source("code", ReferenceKind.GIT, str(root / "link"))
    head = git(repository, "rev-parse", "HEAD")

    found = look_up(a_reach(root), [source], parse_commit(head), deep=False)

    assert found.status is Status.UNKNOWN


def test_a_repository_on_the_web_is_mirrored(repository: Path, tmp_path: Path) -> None:
    """Over HTTP as over a folder; and a commit whose branch went away is found out."""
    head = git(repository, "rev-parse", "HEAD")

    with serving(git_files(repository)) as url:
        source = Source("code", ReferenceKind.GIT, f"{url}/")
        reach = a_reach(tmp_path)
        found = look_up(reach, [source], parse_commit(head), deep=False)
        git(repository, "reset", "--quiet", "--hard", "HEAD~1")
        git(repository, "update-server-info")
        lost = look_up(reach, [source], parse_commit(head), deep=False)
    away = look_up(reach, [source], parse_commit(head), deep=False)

    assert found.status is Status.OK
    assert lost.status is Status.UNREACHABLE
    assert away.status is Status.UNKNOWN


def test_c10_a_source_that_hangs_is_unknown(tmp_path: Path) -> None:
    """The look ends at its deadline, and so does the program that it started."""
    released = threading.Event()

    class Hanging(Answering, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            released.wait(30)

    with serving(Hanging) as url:
        source = Source("code", ReferenceKind.GIT, f"{url}/code.git")
        reach = a_reach(tmp_path, timeout_s=0.5)
        found = look_up(reach, [source], parse_commit("0" * 40), deep=False)
        released.set()

    assert found.status is Status.UNKNOWN
    assert "in time" in found.message


def test_c9_a_repository_that_asks_for_credentials_is_unknown(tmp_path: Path) -> None:
    """Revoked credentials say nothing about the commit."""

    class Refusing(Answering, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(401, headers={"www-authenticate": "Basic realm=x"})

    with serving(Refusing) as url:
        source = Source("code", ReferenceKind.GIT, f"{url}/", credentials="ASSAY_SOURCE_CODE")
        reach = a_reach(tmp_path, secret=lambda _name: "user:revoked")
        found = look_up(reach, [source], parse_commit("0" * 40), deep=False)

    assert found.status is Status.UNKNOWN
