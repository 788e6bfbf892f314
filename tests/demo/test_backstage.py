"""What the processes behind the story promise: none is left, and a failed one tells why."""

import os
import sys
from pathlib import Path

import pytest

from assay.demo.backstage import Background, Backstage
from assay.domain.errors import FailedPrecondition, Unavailable

FOREVER = "import signal, sys; print('up', flush=True); signal.pause()"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {FOREVER}"


@pytest.fixture
def backstage(tmp_path: Path) -> Backstage:
    """A backstage whose processes see the path and one variable."""
    return Backstage(tmp_path / "logs", {"PATH": os.environ["PATH"], "WHO": "demo"})


def start(backstage: Backstage, program: str, cwd: Path) -> Background:
    """A Python program in the background, waited for until it prints."""
    started = backstage.start("a program", [sys.executable, "-c", program], cwd=cwd)
    backstage.wait_until(lambda: "up" in started.output(), within_s=30, awaited="output")
    return started


def test_leaving_ends_every_process(backstage: Backstage, tmp_path: Path) -> None:
    """Also when an error is what leaves."""
    started = []

    def story() -> None:
        with backstage:
            started.extend(start(backstage, FOREVER, tmp_path) for _ in range(2))
            assert [one.exit_code for one in started] == [None, None]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        story()

    assert [one.exit_code for one in started] == [-15, -15]


def test_a_process_that_does_not_listen_is_killed(
    backstage: Backstage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing outlives the story by ignoring a polite request."""
    monkeypatch.setattr("assay.demo.backstage._STOP_TIMEOUT_S", 0.2)
    with backstage:
        stubborn = start(backstage, STUBBORN, tmp_path)

    assert stubborn.exit_code == -9


def test_waiting_ends_when_a_process_has_failed(backstage: Backstage, tmp_path: Path) -> None:
    """The error carries the end of what the process said, and its exit code."""
    with backstage:
        backstage.start("trainer", [sys.executable, "-c", "exit('no data')"], cwd=tmp_path)
        with pytest.raises(FailedPrecondition, match=r"(?s)trainer.*exit code 1.*no data"):
            backstage.wait_until(lambda: False, within_s=30, awaited="end")


def test_waiting_has_an_end(backstage: Backstage) -> None:
    """What does not come is named."""
    with pytest.raises(Unavailable, match="no verdict within 0 s"):
        backstage.wait_until(lambda: False, within_s=0.1, awaited="verdict")


def test_a_command_is_run_to_its_end_in_the_given_environment(
    backstage: Backstage, tmp_path: Path
) -> None:
    """Output, errors and exit code come back, and variables are those that were given."""
    program = (
        "import os, sys; print(os.environ['WHO'], os.environ['X'], flush=True); sys.exit('bad')"
    )

    done = backstage.run([sys.executable, "-c", program], cwd=tmp_path, env={"X": "y"})

    assert (done.exit_code, done.output) == (1, "demo y\nbad\n")
