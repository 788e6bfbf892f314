"""The guide to gates, its commands typed in by the people whom it names."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from assay.sdk.client import Client
from tests.cli.scenes import add_run
from tests.support.server import LiveServer

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "gates.md"
FILE = re.compile(r"^`(?P<name>[\w.]+)`:\n\n```\w+\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (?P<line>assay .*?)(?:  # (?P<note>.*))?$", re.MULTILINE)
PEOPLE = {"maria": "maintainer", "max": "maintainer", "carl": "contributor"}


def tokens_of(server: LiveServer) -> dict[str, str]:
    """A token for each person of the guide, and the runner's."""
    tokens = {"ada": server.token("admin"), "runner": server.token("gate-runner")}
    with Client(server.url, tokens["ada"]) as admin:
        admin.post("/principals", {"name": "ada", "kind": "user", "roles": {"*": ["admin"]}})
        tokens["ada"] = admin.post("/tokens", {"principal": "ada"})["token"]
        for name, role in PEOPLE.items():
            body = {"name": name, "kind": "user", "roles": {"default": [role]}}
            admin.post("/principals", body)
            tokens[name] = admin.post("/tokens", {"principal": name})["token"]
    return tokens


def commands() -> list[tuple[str, str]]:
    """(command, note) of the part about more than the score, in order."""
    text = GUIDE.read_text("utf-8")
    part = text[text.index("## Beyond the score") :]
    return [(found["line"], found["note"] or "") for found in COMMAND.finditer(part)]


@pytest.mark.timeout(300)
def test_the_commands_of_the_guide_work_as_they_are_written(tmp_path: Path) -> None:
    """Each is run as the person it names; those that say `held` exit with 1, the others with 0."""
    suite = tmp_path / "capitals"
    suite.mkdir()
    for file in FILE.finditer(GUIDE.read_text("utf-8")):
        (suite / file["name"]).write_text(file["text"])
    with LiveServer(tmp_path / "data", "--auth") as server:
        tokens = tokens_of(server)
        with Client(server.url, tokens["carl"]) as carl:
            for known in ({"France": "Paris", "Italy": "Roma"}, {"France": "Paris"}):
                content = repr(known).replace("'", '"').encode()
                run_id = add_run(carl, files={"adapter/answers.json": content})
                body = {"run_id": run_id, "artifact_path": "adapter"}
                carl.post("/models/bot/versions", body)
        kept: dict[str, str] = {}
        for line, note in commands():
            who = re.search(r"as (\w+)", note)
            words = shlex.split(line)
            told = subprocess.run(
                [sys.executable, "-m", "assay", *(kept.get(word, word) for word in words[1:])],
                cwd=tmp_path,
                env={
                    **os.environ,
                    "ASSAY_URL": server.url,
                    "ASSAY_TOKEN": tokens[who[1]] if who else "",
                },
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            wanted = 1 if "held" in note else 0
            assert told.returncode == wanted, f"{line}\n{told.stdout}\n{told.stderr}"
            for name, pattern in (
                ("PUBLIC-KEY", r"public key +(\w{64})"),
                ("REQUEST-ID", r"Asked: (\w+),"),
            ):
                found = re.search(pattern, told.stdout)
                if found:
                    kept[name] = found[1]
        with Client(server.url, tokens["maria"]) as reader:
            moves = reader.get("/models/bot/aliases/production/history")["moves"]
    assert [move["kind"] for move in moves] == ["promotion", "break_glass", "rollback"]
