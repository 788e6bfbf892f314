"""The quickstart, typed in as it stands."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import LiveServer

QUICKSTART = Path(__file__).parents[2] / "docs" / "quickstart.md"
BLOCK = re.compile(
    r"(?:`(?P<name>[\w./]+)`:\n\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
HELD = re.compile(r"#\s*held")


def blocks() -> list[re.Match[str]]:
    """The fenced blocks after the server's start, files and commands in their order."""
    text = QUICKSTART.read_text("utf-8")
    return list(BLOCK.finditer(text[text.index("## A trainer") :]))


def type_in(
    line: str, folder: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run one command as a reader would, without a shell."""
    words = shlex.split(line, comments=True)
    programs = {"assay": [sys.executable, "-m", "assay"], "python": [sys.executable]}
    return subprocess.run(
        [*programs.get(words[0], words[:1]), *words[1:]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.timeout(300)
def test_the_quickstart_works_as_it_is_written(tmp_path: Path) -> None:
    """Files are saved, commands are run in order; those that say `held` exit with 1, the others with 0."""
    with LiveServer(tmp_path / "assay-data") as server:
        environment = {
            **os.environ,
            "ASSAY_URL": server.url,
            "MLFLOW_TRACKING_URI": server.url,
            "PYTHONPATH": "",
        }
        said = ""
        for block in blocks():
            if block["name"] is not None:
                (tmp_path / block["name"]).parent.mkdir(exist_ok=True)
                (tmp_path / block["name"]).write_text(block["text"])
                continue
            for line in block["text"].splitlines():
                command = line.removeprefix("$ ")
                if command.startswith("export "):
                    continue
                done = type_in(command, tmp_path, environment)
                said += f"{line}\n{done.stdout}{done.stderr}"
                wanted = 1 if HELD.search(command) else 0
                assert done.returncode == wanted, said

    assert "not strictly better" in said
    assert "NOT intact" not in said
    assert (tmp_path / "served" / "answers.json").is_file()
