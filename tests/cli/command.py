"""Running the command in this process, as a stranger would type it."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from assay.cli.main import run


@dataclass(frozen=True, slots=True)
class Told:
    """What a command answered: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON document and nothing else."""
        return json.loads(self.out)


class Assay:
    """`assay(*words)` runs a command and answers what it told."""

    def __init__(self, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._patch = patch

    def __call__(self, *words: object, stdin: str = "") -> Told:
        self._patch.setattr(sys, "stdin", io.StringIO(stdin))
        self._capsys.readouterr()
        code = run([str(word) for word in words])
        heard = self._capsys.readouterr()
        return Told(code, heard.out, heard.err)

    def done(self, *words: object) -> str:
        """Run a command that must succeed; its standard output."""
        told = self(*words)
        assert told.code == 0, told.err or told.out
        return told.out

    def json(self, *words: object) -> Any:
        """Run a command that must succeed with --json; its document."""
        return json.loads(self.done(*words, "--json"))
