"""The guide's example is a suite, and its scorer scores."""

import json
import re
from pathlib import Path

from assay.bundles.suite_folder import read_suite_folder
from assay.runner.sandbox import Limits, Sandbox
from assay.runner.scoring import score_candidate

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "gates.md"
FILE = re.compile(r"^`(?P<name>[\w.]+)`:\n\n```\w+\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_example_of_the_guide_works(sandbox: Sandbox, limits: Limits, tmp_path: Path) -> None:
    """What a reader copies out of the guide can be frozen and run as it is."""
    bundle, candidate = tmp_path / "bundle", tmp_path / "candidate"
    bundle.mkdir()
    candidate.mkdir()
    for file in FILE.finditer(GUIDE.read_text(encoding="utf-8")):
        (bundle / file["name"]).write_text(file["text"])
    (candidate / "answers.json").write_text(json.dumps({"France": "Paris", "Italy": "Milano"}))
    suite = read_suite_folder(bundle).suite
    outcome = score_candidate(
        bundle, candidate, item_count=suite.item_count(), sandbox=sandbox, limits=limits
    )
    assert outcome.error is None
    assert {row.item_id: row.metrics["accuracy"] for row in outcome.rows} == {"fr": 1, "it": 0}


def test_the_guide_states_the_limits_that_hold() -> None:
    """The defaults in the guide's table are those of the code."""
    text = GUIDE.read_text(encoding="utf-8")
    limits = Limits()
    gibibytes = limits.memory_bytes // 1024**3
    for stated in (
        f"| wall clock | {limits.wall_s:.0f} s |",
        f"| processor time, per process | {limits.cpu_s} s |",
        f"| memory, per process and for all together | {gibibytes} GiB |",
        f"| processes | {limits.processes} |",
        f"| open files, per process | {limits.open_files} |",
        f"files together | {limits.file_size_bytes // 1024**2} MiB |",
        f"| output on the terminal | {limits.output_bytes // 1024**2} MiB |",
    ):
        assert stated in text
