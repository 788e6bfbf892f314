"""A reader who types in what a page of the documentation says, and nothing else."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"

_BLOCK = re.compile(
    r"(?:^`(?P<name>[\w./-]+)`:\n\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_EXIT = re.compile(r"#.*\bexit (?P<code>\d+)\b")
_HELD = re.compile(r"#\s*held")
_COMMANDS = ("bash", "sh", "console")


class GuideReader:
    r"""Saves the named files of a page and runs its commands, in a folder and against a server.

    A file is a block after a line with its name in backquotes and a colon. A command is a line of a
    `bash` block (a `\\` at the end goes on); `# exit 2` after it says what it ends with, `# held`
    stands for 1. `export` lines are left to the environment.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = {**os.environ, **environment, "PYTHONPATH": "", "COLUMNS": "160"}
        self.said = ""

    def read(self, page: str) -> None:
        """Type in a whole page of `docs/`; AssertionError with all that was said when it fails."""
        for block in _BLOCK.finditer(page):
            if block["name"] is not None:
                target = self._folder / block["name"]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(block["text"])
            elif block["kind"] in _COMMANDS:
                for line in _lines(block["text"]):
                    self._type(line)

    def _type(self, line: str) -> None:
        held = _HELD.search(line)
        wanted = _EXIT.search(line)
        words = shlex.split(line, comments=True)
        if not words or words[0] == "export":
            return
        programs = {"assay": [sys.executable, "-m", "assay"], "python": [sys.executable]}
        done = subprocess.run(
            [*programs.get(words[0], words[:1]), *words[1:]],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.said += f"{line}\n{done.stdout}{done.stderr}"
        code = int(wanted["code"]) if wanted else 1 if held else 0
        assert done.returncode == code, self.said


def _lines(text: str) -> Iterator[str]:
    for line in text.replace("\\\n", " ").splitlines():
        yield line.removeprefix("$ ")
