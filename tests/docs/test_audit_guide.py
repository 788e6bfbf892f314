"""The commands of the audit guide do what the guide says, in its order, on a real server."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from assay.sdk.client import Client
from tests.cli.scenes import add_version
from tests.support.server import LiveServer

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "audit.md").read_text("utf-8")
COMMAND = re.compile(r"^\$ (?P<line>[^\n]+?)(?:\s{2,}#[^\n]*)?$", re.MULTILINE)
SKIPPED = ("s3://",)


def commands() -> list[list[str]]:
    """Every command of the guide, without its remark."""
    lines = [match["line"].split("   #")[0] for match in COMMAND.finditer(GUIDE)]
    return [shlex.split(line) for line in lines if not any(word in line for word in SKIPPED)]


def test_every_command_of_the_audit_guide_works(tmp_path: Path) -> None:
    """In the guide's order; each ends with 0 and nothing is missing for the next."""
    environment = {**os.environ, "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    with LiveServer(tmp_path / "assay-data") as live, Client(live.url) as client:
        environment["ASSAY_URL"] = live.url
        for right in (1, 2, 3, 3):
            add_version(client, "support-bot", right, seed=right)
        client.put("/models/support-bot/aliases/production-candidate", {"version": 4})
        (tmp_path / "kept-checkpoint.txt").write_text(
            client.post("/ledger/checkpoints", {})["note"], encoding="utf-8"
        )
        client.put("/models/support-bot/aliases/staging", {"version": 1})
        seen = 0
        for given in commands():
            words = fitted(given, tmp_path)
            program = {"assay": ["-m", "assay"], "python3": []}[words[0]]
            done = subprocess.run(
                [sys.executable, *program, *words[1:]],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            assert done.returncode == 0, (words, done.stdout, done.stderr)
            seen += 1
    assert seen > 15


def fitted(given: list[str], place: Path) -> list[str]:
    """A command of the guide with what only this story knows: a copy, a key, its days and alias."""
    words = list(given)
    if "./copy" in words and not (place / "copy").exists():
        subprocess.run(
            [sys.executable, "-c", COPY, place / "assay-data", place / "copy"], check=True
        )
    if words[0] == "python3" and "--key" in words:
        folder = place / "since"
        key = (folder / "key.txt").read_text().strip()
        return ["python3", "-I", str(folder / "verify.py"), "--key", key, *words[-2:]]
    known = {
        "support-bot@production": "support-bot@staging",
        "2026-01-01": "2020-01-01",
        "2026-03-31": "2100-01-01",
    }
    return [known.get(word, word) for word in words]


COPY = """
import shutil, sqlite3, sys
from pathlib import Path
data, copy = map(Path, sys.argv[1:])
copy.mkdir()
source, target = sqlite3.connect(data / "assay.db"), sqlite3.connect(copy / "assay.db")
source.backup(target)
source.close(), target.close()
shutil.copytree(data / "blobs", copy / "blobs")
"""


def test_the_guide_says_which_exit_codes_there_are() -> None:
    """The table is that of the command."""
    from assay.cli.audit import BROKEN, INTACT, UNREADABLE

    for code, word in ((INTACT, "intact"), (BROKEN, "changed"), (UNREADABLE, "checked")):
        assert re.search(rf"\| {code} \| [^|]*{word}", GUIDE)
