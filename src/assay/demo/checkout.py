"""The trainers' repository: a git checkout of its own, from which code_commit comes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from assay.demo.backstage import Backstage
from assay.domain.errors import FailedPrecondition

MLFLOW_TRAINER = "train_with_mlflow.py"
SDK_TRAINER = "train_with_sdk.py"
FORGETFUL_TRAINER = "forget_the_data.py"
SCRIPTS = (MLFLOW_TRAINER, SDK_TRAINER, FORGETFUL_TRAINER)

_SCRIPTS_FOLDER = Path(__file__).with_name("trainers")
_AUTHOR = {
    "GIT_AUTHOR_NAME": "A Trainer",
    "GIT_AUTHOR_EMAIL": "trainer@example.org",
    "GIT_COMMITTER_NAME": "A Trainer",
    "GIT_COMMITTER_EMAIL": "trainer@example.org",
    # What this user's git is configured to do (sign, run hooks) is not for an invented author.
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def make_checkout(backstage: Backstage, folder: Path) -> str:
    """Commit the training scripts in a new repository and return the commit's 40 digits.

    Raises FailedPrecondition when git is missing or refuses.
    """
    if shutil.which("git") is None:
        raise FailedPrecondition("The demonstration needs git, which is not installed.")
    folder.mkdir(parents=True)
    for name in SCRIPTS:
        shutil.copyfile(_SCRIPTS_FOLDER / name, folder / name)
    _git(backstage, folder, "-c", "init.defaultBranch=main", "init", "--quiet")
    _git(backstage, folder, "add", *SCRIPTS)
    _git(backstage, folder, "commit", "--quiet", "--message", "Fine-tune digits with LoRA")
    return _git(backstage, folder, "rev-parse", "HEAD").strip()


def _git(backstage: Backstage, folder: Path, *arguments: str) -> str:
    done = backstage.run(["git", *arguments], cwd=folder, env=_AUTHOR)
    if done.exit_code != 0:
        raise FailedPrecondition(f"git {arguments[0]} failed: {done.output.strip()[:1_000]}")
    return done.output
