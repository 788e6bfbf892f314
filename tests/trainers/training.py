"""A training script of its own process, and what the server holds of it afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

from tests.support.server import LiveServer

SCRIPTS = Path(__file__).with_name("scripts")
LIMIT_S = 200


@dataclass(frozen=True)
class Checkout:
    """A git repository that holds the scripts, at one commit."""

    folder: Path
    commit: str

    @classmethod
    def make(cls, folder: Path) -> Checkout:
        """Commit the scripts, and nothing that they will write."""
        folder.mkdir()
        for script in SCRIPTS.glob("*.py"):
            (folder / script.name).write_bytes(script.read_bytes())
        (folder / ".gitignore").write_text("out/\ntiny-base/\n__pycache__/\n")
        git(folder, "init", "-q")
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", "train")
        return cls(folder, git(folder, "rev-parse", "HEAD").strip())

    def train(
        self, script: str, server: LiveServer, argument: str = "", **environment: str
    ) -> dict[str, Any]:
        """Run a script to its end, with its own name or another argument; what it answered."""
        done = subprocess.run(
            [sys.executable, f"{script}.py", argument or script],
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "HF_HUB_OFFLINE": "1",
                "MLFLOW_TRACKING_URI": server.url,
                "MLFLOW_DISABLE_TELEMETRY": "true",
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        answer: dict[str, Any] = json.loads(done.stdout.partition("ANSWER ")[2])
        return answer


def git(folder: Path, *arguments: str) -> str:
    """What git prints, with nobody's configuration."""
    identity = ["-c", "user.name=Test Author", "-c", "user.email=author@example.org"]
    return subprocess.run(
        ["git", *identity, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@dataclass(frozen=True)
class Training:
    """A finished training: what its script said, and how to ask the server about it."""

    script: str
    checkout: Checkout
    server: LiveServer
    answer: dict[str, Any]

    def ask(self, path: str) -> Any:
        """An answer of the native API, which knows nothing of the client that wrote."""
        with urlopen(f"{self.server.url}/api/v1{path}", timeout=30) as answer:
            return json.load(answer)

    def run(self) -> dict[str, Any]:
        """The run as the server holds it."""
        found: dict[str, Any] = self.ask(f"/runs/{self.answer['run_id']}")
        return found

    def steps(self, key: str) -> list[int]:
        """The steps of a metric's curve, in order."""
        found: list[int] = self.ask(f"/runs/{self.answer['run_id']}/history?key={quote(key)}")[
            "steps"
        ]
        return found

    def version(self) -> dict[str, Any]:
        """The model version that the script registered."""
        path = f"/models/{self.script}/versions/{self.answer['version']}"
        found: dict[str, Any] = self.ask(path)
        return found

    def files(self) -> dict[str, str]:
        """Path and SHA-256 of the version's frozen files."""
        path = f"/models/{self.script}/versions/{self.answer['version']}/manifest"
        return {file["path"]: file["sha256"] for file in self.ask(path)["files"]}

    def saved(self) -> dict[str, str]:
        """The same of the folder that the trainer saved."""
        folder = self.checkout.folder / "out" / "model"
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()
        }
