from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from assay.server.page import Page

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
NEEDED = (shutil.which("node"), Path(CHROMIUM).exists(), Page().is_built)


@pytest.mark.skipif(not all(NEEDED), reason="needs node, chromium and the built page")
@pytest.mark.skipif(not (ROOT / "ui/node_modules").is_dir(), reason="needs `npm ci` in ui/")
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_flows_of_the_page_hold_in_a_real_browser() -> None:
    """Every flow in tests/e2e/ui passes against a real server: no console error, nothing runs that a run sent."""
    told = subprocess.run(
        ["node", "--test", "tests/e2e/ui/flows.test.mjs"],
        cwd=ROOT,
        env={**os.environ, "ASSAY_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout[-8000:]
