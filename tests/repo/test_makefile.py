"""The commands that stay stable, and the documents and scripts that rely on them."""

import os
import re
import subprocess

import pytest

from tests.repo.sources import ROOT

STABLE_TARGETS = ("demo", "test", "install", "check", "bench")


def make(*arguments: str) -> str:
    """What make prints, started with nothing of the surrounding make in its environment."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    completed = subprocess.run(
        ["make", *arguments], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    return completed.stdout


@pytest.mark.parametrize("target", STABLE_TARGETS)
def test_every_stable_target_exists_and_is_explained(target: str) -> None:
    """`make help` lists each promised command with a sentence."""
    assert re.search(rf"^ *make {target} +\S+ \S+", make("help"), re.MULTILINE)


def test_make_alone_prints_the_help() -> None:
    """Somebody who types `make` learns what there is, and nothing is built."""
    assert make() == make("help")


def test_every_target_is_explained() -> None:
    """A target without a `##` sentence would be invisible."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)[1].split())  # type: ignore[index]

    explained = set(re.findall(r"^([a-z-]+):.*## \w", text, re.MULTILINE))

    assert explained == phony


@pytest.mark.parametrize("script", [".ci/run", "tools/create-venv"])
def test_a_script_can_be_started(script: str) -> None:
    """Git keeps the executable bit, and the shell can parse the file."""
    listing = subprocess.run(
        ["git", "ls-files", "--stage", script], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    subprocess.run(["bash", "-n", script], cwd=ROOT, check=True)

    assert listing.startswith("100755 ")


def test_ci_runs_the_test_command_of_the_readme() -> None:
    """What lands has passed what a stranger is told to type."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")

    assert "make test" in readme
    assert re.search(r"^make test\b", script, re.MULTILINE)
