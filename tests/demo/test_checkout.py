"""The trainers' repository: a commit that does not depend on who runs the demonstration."""

import os
import subprocess
from pathlib import Path

import pytest

from assay.demo.backstage import Backstage
from assay.demo.checkout import SCRIPTS, make_checkout
from assay.domain.errors import FailedPrecondition


def backstage(tmp_path: Path) -> Backstage:
    return Backstage(tmp_path / "logs", {"PATH": os.environ["PATH"], "HOME": str(tmp_path)})


def test_the_scripts_are_committed_and_the_checkout_is_clean(tmp_path: Path) -> None:
    """So code_commit names exactly what ran, whatever this user's git is told to do."""
    (tmp_path / ".gitconfig").write_text("[commit]\n  gpgsign = true\n[core]\n  hooksPath = /no\n")

    commit = make_checkout(backstage(tmp_path), tmp_path / "trainer")

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(tmp_path / "trainer"), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert git("rev-parse", "HEAD").strip() == commit
    assert sorted(git("ls-files").split()) == sorted(SCRIPTS)
    assert git("status", "--porcelain") == ""


def test_without_git_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence that names what is missing."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(FailedPrecondition, match="needs git"):
        make_checkout(backstage(tmp_path), tmp_path / "trainer")
