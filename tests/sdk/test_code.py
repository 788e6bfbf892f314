"""Which commit a run was started from, and how a tree with changes is noted."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.domain.errors import InvalidArgument
from assay.domain.lineage import Lineage
from assay.sdk import git
from assay.sdk.git import CodeState, code_state
from assay.sdk.start import declared, with_code

Git = Callable[..., str]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one commit of `train.py` in a folder `src`."""
    root = tmp_path / "checkout"
    (root / "src").mkdir(parents=True)
    (root / "src" / "train.py").write_text("print('v1')\n")
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
        run_git(root, *command)
    return root


def run_git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_a_clean_tree_is_its_commit(checkout: Path) -> None:
    """The commit is found from any folder inside the checkout."""
    head = run_git(checkout, "rev-parse", "HEAD")

    assert code_state(checkout / "src") == CodeState(head, is_dirty=False, diff_sha256=None)


def test_a_tree_with_changes_is_noted_with_the_digest_of_the_changes(checkout: Path) -> None:
    """The diff of the whole tree against the commit is digested, wherever one stands in it."""
    (checkout / "new.py").write_text("x = 1\n")
    run_git(checkout, "add", "new.py")
    (checkout / "src" / "train.py").write_text("print('v2')\n")
    diff = subprocess.run(
        ["git", "-C", str(checkout), "diff", "--binary", "--no-color", "HEAD"],
        check=True,
        capture_output=True,
    ).stdout

    found = code_state(checkout / "src")

    assert found is not None
    assert found.is_dirty
    assert found.diff_sha256 == hashlib.sha256(diff).hexdigest()


@pytest.mark.parametrize("prepare", ["none", "empty"])
def test_without_a_commit_there_is_no_state(tmp_path: Path, prepare: str) -> None:
    """A folder outside of git, or a repository without commits, states nothing."""
    if prepare == "empty":
        run_git(tmp_path, "init", "-q")

    assert code_state(tmp_path) is None


def test_a_machine_without_git_states_nothing(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git is no requirement."""
    monkeypatch.setenv("PATH", "")

    assert code_state(checkout) is None


def test_a_slow_diff_is_given_up_and_counts_as_changed(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Starting a run is not held up by a huge checkout, and a tree is never called clean unseen."""
    real = checkout.parent / "git"
    real.write_text(
        '#!/bin/sh\ncase "$*" in *" diff "*) exec sleep 60;; esac\nexec /usr/bin/env -i '
        f'PATH="{os.environ["PATH"]}" git "$@"\n'
    )
    real.chmod(0o755)
    head = run_git(checkout, "rev-parse", "HEAD")
    monkeypatch.setenv("PATH", f"{checkout.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(git, "TIMEOUT_S", 0.5)
    before = time.monotonic()

    found = code_state(checkout)

    assert found == CodeState(head, is_dirty=True, diff_sha256=None)
    assert time.monotonic() - before < 20


def test_a_hooks_repository_is_not_mistaken_for_the_scripts(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIT_DIR of a surrounding hook does not change whose commit is recorded."""
    other = tmp_path / "other"
    other.mkdir()
    run_git(other, "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))

    found = code_state(checkout)

    monkeypatch.delenv("GIT_DIR")
    assert found is not None
    assert found.commit == run_git(checkout, "rev-parse", "HEAD")


def test_a_script_declares_the_commit_of_its_own_folder(checkout: Path, tmp_path: Path) -> None:
    """The checkout of the script counts, not the folder from which it is called."""
    (checkout / "src" / "train.py").write_text(
        "import assay\n"
        "from assay.sdk.start import declared\n"
        "print(declared(assay.Lineage(seed=1)))\n"
    )
    head = run_git(checkout, "rev-parse", "HEAD")
    environment = {key: value for key, value in os.environ.items() if key != "ASSAY_GIT"}

    printed = subprocess.run(
        [sys.executable, str(checkout / "src" / "train.py")],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
    ).stdout

    record = json.loads(printed)
    assert (record["code_commit"], record["seed"], record["code_dirty"]) == (head, 1, True)
    assert len(record["code_diff_sha256"]) == 64


def test_a_stated_commit_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the script states wins over what git says."""
    monkeypatch.delenv("ASSAY_GIT")

    assert with_code(Lineage(code_commit="c" * 40)) == Lineage(code_commit="c" * 40)


def test_notes_on_the_code_stay_outside_the_fingerprint(checkout: Path) -> None:
    """A dirty tree is visible beside the lineage and does not make it another one."""
    (checkout / "src" / "train.py").write_text("print('v2')\n")
    found = code_state(checkout)
    assert found is not None
    fields = {"data_version": "d", "base_model": "b", "seed": 1, "config": {"lr": 1e-05}}
    clean = Lineage(code_commit=found.commit, **fields)  # type: ignore[arg-type]
    dirty = Lineage(
        code_commit=found.commit,
        annotations={"code_dirty": True, "code_diff_sha256": found.diff_sha256},
        **fields,  # type: ignore[arg-type]
    )

    assert dirty.fingerprint().hex == clean.fingerprint().hex


def test_numbers_of_array_libraries_are_declared_as_pythons() -> None:
    """A seed or a rate that comes out of numpy is the number that it shows."""
    import numpy as np

    text = declared(Lineage(seed=np.int64(7), config={"lr": np.float64(1e-05), "k": (np.int8(1),)}))  # type: ignore[arg-type]

    assert text == '{"config": {"lr": 1e-05, "k": [1]}, "seed": 7}'


@pytest.mark.parametrize(
    ("lineage", "place"),
    [
        (Lineage(config={"lr": float("nan")}), "config.lr"),
        (Lineage(config={"a": {"b": {1, 2}}}), "config.a.b"),
        (Lineage(config={1: "x"}), "config"),  # type: ignore[dict-item]
        (Lineage(base_model="\x00"), "base_model"),
    ],
)
def test_a_lineage_that_json_cannot_carry_is_refused_at_the_start(
    lineage: Lineage, place: str
) -> None:
    """The mistake is named before the training, and never rewritten into another lineage."""
    with pytest.raises(InvalidArgument) as refusal:
        declared(lineage)

    assert refusal.value.field == place


def test_a_lineage_of_another_type_is_refused_in_words() -> None:
    """A plain dict is a likely slip; the refusal says what is wanted instead."""
    with pytest.raises(InvalidArgument, match=r"assay\.Lineage.*not a dict") as refusal:
        declared({"seed": 7})  # type: ignore[arg-type]

    assert refusal.value.field == "lineage"


def test_nothing_stated_declares_nothing() -> None:
    """A run without lineage is a run like any other."""
    assert declared(None) is None
