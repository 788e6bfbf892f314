"""What shells are given to complete commands with."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from assay.cli.main import NOUNS
from tests.cli.command import Assay


def completed(script: Path, *words: str) -> list[str]:
    """What bash offers for the last of these words."""
    bash = shutil.which("bash")
    assert bash is not None
    program = (
        f"source {script}; COMP_WORDS=({' '.join(repr(word) for word in words)}); "
        f'COMP_CWORD={len(words) - 1}; COMPREPLY=(); _assay; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    told = subprocess.run([bash, "-c", program], capture_output=True, text=True, check=True)
    return [word.strip() for word in told.stdout.splitlines() if word.strip()]


@pytest.fixture
def script(nowhere: Assay, tmp_path: Path) -> Path:
    """Bash's script, as the command prints it."""
    path = tmp_path / "assay.bash"
    path.write_text(nowhere.done("completion", "bash"), encoding="utf-8")
    return path


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_nouns_commands_and_flags(script: Path) -> None:
    """Each level offers what the command itself knows there."""
    assert set(NOUNS) <= set(completed(script, "assay", ""))
    assert completed(script, "assay", "runs", "comp") == ["compare"]
    assert completed(script, "assay", "promote", "--expected") == ["--expected-revision"]
    assert completed(script, "assay", "runs", "list", "--view", "del") == ["deleted"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_scripts_of_other_shells_know_every_noun(nowhere: Assay, shell: str) -> None:
    """Zsh and fish are served as well."""
    told = nowhere.done("completion", shell)

    assert [noun for noun in NOUNS if noun not in told] == []


def test_an_unknown_shell_is_told_which_there_are(nowhere: Assay) -> None:
    """The refusal lists the choices."""
    told = nowhere("completion", "tcsh")

    assert told.code == 2
    assert "bash" in told.err
