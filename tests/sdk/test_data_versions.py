"""Names of data: the same bytes under the same names have one, and any change makes another."""

import hashlib
import subprocess
from pathlib import Path

import pytest

import assay
from assay.domain.artifact import ManifestEntry, artifact_digest
from assay.domain.errors import FailedPrecondition, InvalidArgument, NotFound


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of two files."""
    folder = tmp_path / "data"
    (folder / "train").mkdir(parents=True)
    (folder / "train" / "a.jsonl").write_bytes(b"one\n")
    (folder / "b.txt").write_bytes(b"two\n")
    return folder


def entry(path: str, content: bytes) -> ManifestEntry:
    return ManifestEntry(path, len(content), hashlib.sha256(content).hexdigest())


def test_a_folder_has_the_digest_of_the_artifact_that_it_would_be(data: Path) -> None:
    """The data version of a folder is what the same files have when they are logged."""
    expected = artifact_digest([entry("b.txt", b"two\n"), entry("train/a.jsonl", b"one\n")])

    assert assay.data_version(data) == f"sha256:{expected}"
    assert assay.data_version(str(data) + "/") == f"sha256:{expected}"


def test_a_file_goes_by_its_name(data: Path) -> None:
    """Where a file lies does not matter, what it is called does."""
    expected = artifact_digest([entry("b.txt", b"two\n")])

    assert assay.data_version(data / "b.txt") == f"sha256:{expected}"


def test_several_paths_go_by_their_names(data: Path) -> None:
    """Of several paths each one's name comes first; their order does not matter."""
    expected = artifact_digest([entry("b.txt", b"two\n"), entry("train/a.jsonl", b"one\n")])

    assert assay.data_version([data / "train", data / "b.txt"]) == f"sha256:{expected}"
    assert assay.data_version([data / "b.txt", data / "train"]) == f"sha256:{expected}"


@pytest.mark.parametrize("change", ["content", "name", "added", "removed"])
def test_any_change_makes_another_version(data: Path, change: str) -> None:
    """A byte, a name, one file more or less: all are other data."""
    before = assay.data_version(data)
    file = data / "b.txt"
    if change == "content":
        file.write_bytes(b"twO\n")
    elif change == "name":
        file.rename(data / "c.txt")
    elif change == "added":
        (data / "empty").write_bytes(b"")
    else:
        file.unlink()

    assert assay.data_version(data) != before


def test_links_are_followed_and_loops_refused(data: Path, tmp_path: Path) -> None:
    """Data behind a link is data; a link to a folder above would never end."""
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "train").symlink_to(data / "train")
    (linked / "b.txt").symlink_to(data / "b.txt")
    assert assay.data_version(linked) == assay.data_version(data)

    (data / "train" / "loop").symlink_to(data)
    with pytest.raises(InvalidArgument, match="leads back"):
        assay.data_version(data)


def test_no_data_has_no_version(tmp_path: Path, data: Path) -> None:
    """An empty folder, a missing path and two files of one name are mistakes, not versions."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidArgument, match="no file"):
        assay.data_version(tmp_path / "empty")
    with pytest.raises(FileNotFoundError):
        assay.data_version(tmp_path / "missing")
    with pytest.raises(InvalidArgument, match="twice"):
        assay.data_version([data / "b.txt", data / "b.txt"])


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(data: Path) -> Path:
    """The folder's parent as a repository in which the folder is committed."""
    root = data.parent
    git(root, "init", "-q")
    git(root, "add", "data")
    git(root, "commit", "-q", "-m", "data")
    return root


def test_data_in_git_is_named_by_object_and_commit(repository: Path) -> None:
    """The version says which bytes, which commit has them, and where; later commits do not change it."""
    commit = git(repository, "rev-parse", "HEAD")
    tree, blob = git(repository, "rev-parse", "HEAD:data", "HEAD:data/b.txt").split()
    git(repository, "commit", "-q", "--allow-empty", "-m", "later")

    assert assay.git_data_version(repository / "data") == f"git:{tree}@{commit}:data"
    assert (
        assay.git_data_version(repository / "data" / "b.txt") == f"git:{blob}@{commit}:data/b.txt"
    )


@pytest.mark.parametrize("change", ["modified", "untracked", "nowhere"])
def test_data_that_git_does_not_hold_as_it_is_has_no_git_version(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, change: str
) -> None:
    """A version that nobody can get back from git would be a false one."""
    path = repository / "data"
    if change == "modified":
        (path / "b.txt").write_bytes(b"changed\n")
    elif change == "untracked":
        (path / "new.txt").write_bytes(b"new\n")
    else:
        path = tmp_path_factory.mktemp("outside")

    with pytest.raises(FailedPrecondition, match="commit"):
        assay.git_data_version(path)


DVC_FILE = """\
outs:
- md5: 22e3f61e52c0ba45334d973244efc155.dir
  size: 12
  nfiles: 2
  hash: md5
  path: data
"""

DVC_2_FILE = """\
wdir: ..
outs:
- md5: c157a79031e1c40f85931829bc5fc552
  size: 4
  path: 'data/b.txt'
"""

DVC_LOCK = """\
schema: '2.0'
stages:
  prepare:
    cmd: python prepare.py --outs:
      data
    deps:
    - path: raw.csv
      hash: md5
      md5: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
      size: 5
    params:
      params.yaml:
        split: 0.2
    outs:
    - path: data/train
      hash: md5
      md5: 153aad06d376b6595932470e459ef42a.dir
      size: 8
      nfiles: 1
  train:
    cmd: python train.py
    outs:
    - path: "model.bin"
      hash: sha256
      sha256: bbbb
      size: 1
"""


@pytest.fixture
def dvc(data: Path) -> Path:
    """A repository in which DVC tracks the data."""
    root = data.parent
    (root / "meta").mkdir()
    (root / "data.dvc").write_text(DVC_FILE)
    (root / "meta" / "b.txt.dvc").write_text(DVC_2_FILE)
    (root / "dvc.lock").write_text(DVC_LOCK)
    git(root, "init", "-q")
    git(root, "add", "data.dvc", "meta", "dvc.lock")
    git(root, "commit", "-q", "-m", "track data")
    return root


def test_data_of_dvc_is_named_by_its_hash_and_commit(dvc: Path) -> None:
    """The `.dvc` file beside the data says which bytes; git says which commit has the file."""
    commit = git(dvc, "rev-parse", "HEAD")
    expected = f"dvc:md5:22e3f61e52c0ba45334d973244efc155.dir@{commit}:data"

    assert assay.dvc_data_version(dvc / "data") == expected
    assert assay.dvc_data_version(dvc / "data.dvc") == expected


def test_files_of_dvc_2_say_which_kind_of_md5_they_hold(dvc: Path) -> None:
    """DVC 2 changed line endings before hashing: another hash, with another name."""
    commit = git(dvc, "rev-parse", "HEAD")
    expected = f"dvc:md5-dos2unix:c157a79031e1c40f85931829bc5fc552@{commit}:data/b.txt"

    assert assay.dvc_data_version(dvc / "meta" / "b.txt.dvc") == expected


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("data/train", "md5:153aad06d376b6595932470e459ef42a.dir"),
        ("raw.csv", f"md5:{'a' * 32}"),
        ("model.bin", "sha256:bbbb"),
    ],
)
def test_outputs_of_a_pipeline_are_found_in_its_lock(dvc: Path, path: str, named: str) -> None:
    """What a stage makes or reads is named by `dvc.lock`, in whichever stage it stands."""
    commit = git(dvc, "rev-parse", "HEAD")

    assert assay.dvc_data_version(dvc / path) == f"dvc:{named}@{commit}:{path}"


def test_data_that_dvc_does_not_know_has_no_dvc_version(dvc: Path) -> None:
    """A path that neither file names is not guessed at."""
    with pytest.raises(NotFound, match="does not track"):
        assay.dvc_data_version(dvc / "other.csv")


def test_a_dvc_file_that_is_not_committed_has_no_version(dvc: Path) -> None:
    """The commit in the version must hold the hash in the version."""
    (dvc / "data.dvc").write_text(DVC_FILE.replace("22e3", "ffff"))

    with pytest.raises(FailedPrecondition, match="not committed"):
        assay.dvc_data_version(dvc / "data")


def test_a_dvc_file_without_a_digest_says_what_to_do(dvc: Path) -> None:
    """An output that was declared and not yet made has no version."""
    (dvc / "data.dvc").write_text("outs:\n- path: data\n")
    git(dvc, "commit", "-q", "-am", "declared")

    with pytest.raises(FailedPrecondition, match="dvc commit"):
        assay.dvc_data_version(dvc / "data")
