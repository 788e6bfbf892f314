"""The guide to collections, typed in as it stands."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.support.server import LiveServer

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "collections.md"
BLOCK = re.compile(r"^```console\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_guide_works_as_it_is_written(tmp_path: Path) -> None:
    """Every command succeeds, the same content is one version, and the copy is what was put."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.jsonl").write_text('{"prompt": "p"}\n')
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "train.jsonl").write_text('{"prompt": "q"}\n')
    commands = [
        line.removeprefix("$ ")
        for block in BLOCK.finditer(GUIDE.read_text("utf-8"))
        for line in block["text"].splitlines()
    ]
    said = []
    with LiveServer(tmp_path / "server") as server:
        for command in commands:
            done = subprocess.run(
                [sys.executable, "-m", *shlex.split(command)],
                cwd=tmp_path,
                env={**os.environ, "ASSAY_URL": server.url},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            said.append(done.stdout)
    assert (tmp_path / "copy" / "train.jsonl").read_text() == '{"prompt": "p"}\n'
    assert "sft-mix:v0 has this content already" in said[5]
    assert re.search(r"^v1\b.*\nv0\b", said[7], re.MULTILINE)
    assert "reviewed" in said[3]
