"""Flows of the page in a real browser: every `flow("…")` of a `*.flows.mjs` file is a test of that name.

A file is one Node process with one server and one browser of its own; its flows run in their order.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.server.page import Page

ROOT = Path(__file__).parents[3]
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
TIMEOUT_S = 300
SLOW_TIMEOUT_S = 900
_FLOW = re.compile(r'^(flow|slowFlow)\(\s*"([^"]+)"', re.MULTILINE)


def missing() -> list[str]:
    """What this machine lacks to run the flows."""
    needs = {
        "Node": shutil.which("node") is not None,
        f"Chromium at {CHROMIUM} (or name it in CHROMIUM)": CHROMIUM.exists(),
        "ui/node_modules (`make install`)": (ROOT / "ui/node_modules/playwright-core").is_dir(),
        "the built page (`make install`)": Page().is_built,
    }
    return [what for what, is_there in needs.items() if not is_there]


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> FlowFile | None:
    """Files of flows are test files."""
    if not file_path.name.endswith(".flows.mjs"):
        return None
    made: FlowFile = FlowFile.from_parent(parent, path=file_path)
    return made


class FlowFile(pytest.File):
    """A file of flows, and how they went once the first of them was asked for."""

    _results: dict[str, str | None] | None = None
    _told = ""

    def collect(self) -> Iterator[Flow]:
        """A test for each flow."""
        for kind, name in _FLOW.findall(self.path.read_text(encoding="utf-8")):
            flow: Flow = Flow.from_parent(self, name=name)
            is_slow = kind == "slowFlow"
            if is_slow:
                flow.add_marker(pytest.mark.slow)
            flow.add_marker(pytest.mark.timeout(SLOW_TIMEOUT_S if is_slow else TIMEOUT_S))
            yield flow

    def result(self, name: str) -> str | None:
        """What went wrong in the flow; None when all went well."""
        if self._results is None:
            self._results = self._run()
        return self._results.get(name, f"the flow did not run:\n{self._told[-4000:]}")

    def _run(self) -> dict[str, str | None]:
        wanted = [item.name for item in self.session.items if item.parent is self]
        is_slow = any(item.get_closest_marker("slow") for item in self.session.items)
        told = subprocess.run(
            ["node", f"--test-reporter={self.path.with_name('reporter.mjs')}", str(self.path)],
            cwd=ROOT,
            env={
                **os.environ,
                "ASSAY_PYTHON": sys.executable,
                "ASSAY_FLOWS": json.dumps(wanted),
                "CHROMIUM": str(CHROMIUM),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=(SLOW_TIMEOUT_S if is_slow else TIMEOUT_S) - 20,
        )
        self._told = told.stdout + told.stderr
        results: dict[str, str | None] = {}
        for line in told.stdout.splitlines():
            if line.startswith('{"flow":'):
                event = json.loads(line)
                results[event["flow"]] = event["error"]
        return results


class FlowFailed(Exception):
    """A flow did not go as its name says."""


class Flow(pytest.Item):
    """One flow."""

    def setup(self) -> None:
        """Skip where the means are missing, but never in CI, where that would hide the page."""
        if lacks := missing():
            reason = f"the page's flows need {', '.join(lacks)}"
            if os.environ.get("CI"):
                raise FlowFailed(reason)
            pytest.skip(reason)

    def runtest(self) -> None:
        """Run the file, unless another of its flows did, and look at this one."""
        assert isinstance(self.parent, FlowFile)
        error = self.parent.result(self.name)
        if error is not None:
            raise FlowFailed(error)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *args: Any) -> Any:
        """The browser's side of the story instead of a Python traceback."""
        if isinstance(excinfo.value, FlowFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, *args)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the flow is written."""
        return self.path, 0, self.name
