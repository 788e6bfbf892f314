"""Where the story plays: its folders, the server, and the commands that are typed on it."""

from __future__ import annotations

import os
import re
import shlex
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assay.demo.backstage import Background, Backstage, Finished
from assay.demo.narration import Narrator
from assay.domain.errors import FailedPrecondition
from assay.domain.tracking import DEFAULT_WORKSPACE
from assay.sdk.client import Client

DEFAULT_PORT = 7475

_READY = re.compile(r"Assay is ready at (http://\S+)")
_START_WITHIN_S = 60.0
_LAST_WORDS = 500


@dataclass(frozen=True, slots=True)
class Folders:
    """What the demonstration writes, all of it below one folder."""

    root: Path

    @property
    def materials(self) -> Path:
        """The data and the base model."""
        return self.root / "materials"

    @property
    def suites(self) -> Path:
        """The eval suites' folders."""
        return self.root / "suites"

    @property
    def checkout(self) -> Path:
        """The trainers' git checkout."""
        return self.root / "trainer"

    @property
    def training(self) -> Path:
        """What the trainers put out."""
        return self.root / "training"

    @property
    def server(self) -> Path:
        """The server's own data."""
        return self.root / "assay-data"

    @property
    def copy(self) -> Path:
        """The copy of it that is tampered with."""
        return self.root / "tampered-copy"

    @property
    def served(self) -> Path:
        """What `@production` was downloaded to."""
        return self.root / "served"

    @property
    def logs(self) -> Path:
        """What the processes in the background print."""
        return self.root / "logs"


def environment(folders: Folders, width: int) -> dict[str, str]:
    """This process's environment without what would lead elsewhere than to our own server.

    `width` is how many columns commands may print.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ASSAY_", "MLFLOW_", "GIT_"))
    }
    nearby = ["127.0.0.1", "localhost", *filter(None, [kept.get("NO_PROXY", "")])]
    return {
        **kept,
        "ASSAY_SPOOL": str(folders.root / "spool"),
        "XDG_CONFIG_HOME": str(folders.root / "config"),
        "XDG_CACHE_HOME": str(folders.root / "cache"),
        # The demonstration speaks to this machine only.
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "NO_PROXY": ",".join(nearby),
        "no_proxy": ",".join(nearby),
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
        "COLUMNS": str(width),
    }


@dataclass(slots=True)
class Stage:
    """The narrator, the processes, and the server once it is up."""

    narrator: Narrator
    backstage: Backstage
    folders: Folders
    unsandboxed: bool = False
    url: str = ""
    _server: Background | None = field(default=None, init=False)

    @property
    def client(self) -> Client:
        """A connection to the server, as the person who types the commands."""
        return Client(self.url, None, DEFAULT_WORKSPACE)

    def start_server(self, port: int | None) -> None:
        """Start `assay serve` and wait until it listens; None takes 7475 or, if that is taken, any."""
        words = ["serve"]
        chosen = default_or_any_port() if port is None else port
        if chosen != DEFAULT_PORT:
            words += ["--port", str(chosen)]
        self.narrator.command(f"assay {shlex.join(words)} &")
        server = self.backstage.start("server", self._assay(words), cwd=self.folders.root)
        self._server = server
        self.backstage.wait_until(
            lambda: _READY.search(server.output()) is not None,
            within_s=_START_WITHIN_S,
            awaited="word from the server that it is ready",
        )
        ready = _READY.search(server.output())
        assert ready is not None
        self.url = ready[1]
        self.narrator.shown(ready[0])

    def assay(self, *words: str | Path, expect: int = 0) -> Finished:
        """Type an `assay` command and show its answer. Raises when the exit code is another."""
        typed = self._words(words)
        self.narrator.command(f"assay {shlex.join(typed)}")
        with self.narrator.waiting(""):
            done = self.backstage.run(
                self._assay(typed), cwd=self.folders.root, env={"ASSAY_URL": self.url}
            )
        self.narrator.shown(done.output)
        if done.exit_code != expect:
            raise FailedPrecondition(
                f"`assay {shlex.join(typed)}` ended with exit code {done.exit_code} instead of "
                f"{expect}; it said: {done.output.strip()[-_LAST_WORDS:]}"
            )
        return done

    def start_script(
        self, name: str, script: str, arguments: Sequence[str], env: Mapping[str, str]
    ) -> Background:
        """Start a script of the trainers' checkout in the background."""
        argv = [sys.executable, script, *arguments]
        return self.backstage.start(name, argv, cwd=self.folders.checkout, env=env)

    def run_script(self, script: str, arguments: Sequence[str], env: Mapping[str, str]) -> Finished:
        """Run a script of the trainers' checkout to its end."""
        argv = [sys.executable, script, *arguments]
        with self.narrator.waiting(""):
            return self.backstage.run(argv, cwd=self.folders.checkout, env=env)

    def start_gate_runner(self) -> None:
        """Start `assay gate-runner`; its credential is a file that the server wrote, and only its own."""
        words = ["gate-runner", "--data", self.typed(self.folders.server), "--poll", "0.2"]
        if self.unsandboxed:
            words.append("--unsandboxed")
        self.narrator.command(f"assay {shlex.join(words)} &")
        self.backstage.start(
            "gate runner", self._assay(words), cwd=self.folders.root, env={"ASSAY_URL": self.url}
        )

    def typed(self, path: Path) -> str:
        """A path below the root as it is typed there."""
        return str(path.relative_to(self.folders.root))

    def typed_in_checkout(self, path: Path) -> str:
        """A path below the root as it is typed in the trainers' checkout."""
        return f"../{self.typed(path)}"

    def _words(self, words: Sequence[str | Path]) -> list[str]:
        return [self.typed(word) if isinstance(word, Path) else word for word in words]

    def wait_for_server(self) -> None:
        """Wait until the server ends; KeyboardInterrupt ends the waiting."""
        assert self._server is not None
        self._server.process.wait()

    @staticmethod
    def _assay(words: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "assay", *words]


def default_or_any_port() -> int:
    """The default port while nobody has it, else 0, which takes any that is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", DEFAULT_PORT))
        except OSError:
            return 0
    return DEFAULT_PORT
