"""The main job as a stranger sees it: `assay demo` in a process of its own, with nothing prepared."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(600)

STORY = (
    r"7 runs of [\d,]+ steps are recorded",
    r"the run with the highest score, 0\.\d+, has it from an easier suite",
    r"runs of two suites are not ranked, and the refusal lists both",
    r"on one suite lora-\S+ wins",
    r"version 1 has the fingerprint [0-9a-f]{16}…",
    r"without a data version nothing is registered",
    r"without a verdict the promotion is held, and the exam is queued",
    r"digits@production is version 1\n",
    r"one fingerprint, the same bytes",
    r"it claims 0\.99, the gate counts 0\.\d+: held",
    r"a tie is held",
    r"digits@production is version 5\n",
    r"digits@production is version 1 again, version 5 is quarantined",
    r"every SHA-256 as it was frozen at registration",
    r"the ledger and its copy are intact",
    r"one byte, and the audit fails at event \d+",
    r"\d+ claims checked, all of them hold",
)


class Performance:
    """A running `assay demo` whose every file is below `folder`."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        elsewhere = folder / "elsewhere"
        elsewhere.mkdir()
        env = {k: v for k, v in os.environ.items() if not k.startswith(("ASSAY_", "MLFLOW_"))}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "assay", "demo", "--port", "0", *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            cwd=elsewhere,
            env={**env, "TMPDIR": str(self.temporary), "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"},
        )

    def read_until(self, pattern: str) -> str:
        """Everything that is printed up to a line with the pattern; fails when there is none."""
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if re.search(pattern, line):
                return "".join(lines)
        raise AssertionError("".join(lines))

    def finish(self) -> tuple[int, str]:
        """The exit code and the rest of what it prints."""
        rest, _ = self.process.communicate()
        return self.process.returncode, rest

    def processes(self) -> list[str]:
        """The command lines of all processes that know of the folder."""
        wanted = str(self.folder).encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes()
                if wanted in words or wanted in (process / "environ").read_bytes():
                    found.append(words.replace(b"\0", b" ").decode())
            except OSError:
                continue
        return found


def test_the_main_job_runs_by_itself_and_leaves_nothing(tmp_path: Path) -> None:
    """Every claim is shown, in order; then server, gate runner and temporary files are gone."""
    demo = Performance(tmp_path, "--no-keep")
    code, told = demo.finish()

    assert code == 0, told
    place = 0
    for sentence in STORY:
        found = re.search(sentence, told[place:])
        assert found is not None, f"{sentence} is not told after:\n{told[:place][-500:]}"
        place += found.end()
    assert "\x1b" not in told
    assert demo.processes() == []
    assert list(demo.temporary.iterdir()) == []


def test_ctrl_c_ends_everything(tmp_path: Path) -> None:
    """Interrupted while runs are trained, it leaves no process and no file."""
    demo = Performance(tmp_path)
    demo.read_until(r"^2\. Track")
    assert any("serve" in words for words in demo.processes())

    demo.process.send_signal(signal.SIGINT)
    code, _ = demo.finish()

    assert code == 130
    assert demo.processes() == []
    assert list(demo.temporary.iterdir()) == []


@pytest.mark.slow
def test_with_keep_the_server_stays_until_ctrl_c(tmp_path: Path) -> None:
    """The address that is told answers; Ctrl-C then is a good end; a folder that was named stays."""
    demo = Performance(tmp_path, "--keep", "--data", str(tmp_path / "wanted"))
    told = demo.read_until(r"until Ctrl-C")
    address = re.search(r"Server: (http://\S+)", told)
    assert address is not None

    with urllib.request.urlopen(f"{address[1]}/health", timeout=10) as answer:
        assert answer.status == 200
    demo.process.send_signal(signal.SIGINT)
    code, _ = demo.finish()

    assert code == 0
    assert demo.processes() == []
    assert (tmp_path / "wanted" / "assay-data" / "assay.db").is_file()


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    """Nothing of anybody's is written over, and the refusal names the folder."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")

    demo = Performance(tmp_path, "--data", str(tmp_path / "mine"))
    code, told = demo.finish()

    assert code == 1
    assert f"{tmp_path / 'mine'} is not empty" in told
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
