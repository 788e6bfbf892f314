"""The guide to lineage, typed in as it stands."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assay.sdk.client import Client
from tests.support.server import LiveServer

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "lineage.md"
BLOCK = re.compile(r"^```console\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Every command of the guide, in its order."""
    text = GUIDE.read_text("utf-8")
    return [
        line.removeprefix("$ ")
        for block in BLOCK.finditer(text)
        for line in block["text"].splitlines()
    ]


def make_code(folder: Path) -> str:
    """A repository with one commit; the commit."""
    folder.mkdir()
    (folder / "train.py").write_text("print('training')\n")
    for arguments in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "--all"],
        ["commit", "--quiet", "-m", "training"],
    ):
        subprocess.run(["git", "-C", str(folder), *arguments], check=True)
    head = ["git", "-C", str(folder), "rev-parse", "HEAD", "HEAD:train.py"]
    commit, blob = subprocess.run(head, capture_output=True, text=True, check=True).stdout.split()
    return f"{commit} {blob}"


def register(client: Client, commit: str, blob: str) -> None:
    """A base model, and a version that was trained from it."""
    lineage: dict[str, Any] = {
        "data_version": f"git:{blob}@{commit}:train.py",
        "code_commit": commit,
        "config": {"lr": 0.1},
        "base_model": "models:/base/1",
        "seed": 0,
    }
    for model in ("base", "digits"):
        run = client.post("/runs", {"experiment": "e"})["run_id"]
        client.request("PUT", f"/runs/{run}/files/model/w.bin", content=model.encode())
        body = {"run_id": run, "artifact_path": "model", "lineage": lineage}
        client.post(f"/models/{model}/versions", body)


@pytest.mark.timeout(300)
def test_the_guide_works_as_it_is_written(tmp_path: Path) -> None:
    """Commands are run in order; those that say `lost` exit with 1, the others with 0."""
    commit, blob = make_code(tmp_path / "code").split()
    said = ""
    with LiveServer(tmp_path / "assay-data", "--source-root", str(tmp_path)) as server:
        with Client(server.url) as client:
            register(client, commit, blob)
        environment = {**os.environ, "ASSAY_URL": server.url, "PYTHONPATH": ""}
        for command in commands():
            line = command.replace("$PWD", str(tmp_path)).replace("ORIG", commit)
            words = shlex.split(line, comments=True)
            program = [sys.executable, "-m", "assay"] if words[0] == "assay" else words[:1]
            done = subprocess.run(
                [*program, *words[1:]],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            said += f"$ {command}\n{done.stdout}{done.stderr}"
            assert done.returncode == (1 if command.endswith("# lost") else 0), said

        with Client(server.url) as client:
            found = client.get("/models/digits/versions/1/closure")
            dropped = client.get("/ledger", action="closure.dropped")["events"]
            mapping = client.get("/workspaces/default/lineage-mapping")["lineage_mapping"]

    assert found["status"] == "ok", json.dumps(found, indent=2)
    assert found["faults"] == []
    assert {check["subject"] for check in found["checks"]} == {
        "files",
        "lineage",
        "code_commit",
        "base_model",
        "data_version",
    }
    assert len(dropped) == 1
    assert mapping["ignore"] == ["run_name", "output_dir", "logging_dir"]
    assert "unreachable" in said
    assert "No version holds a protected alias" in said
