"""How a script ends is how its run ends, also when the script never says so."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.sdk.client import Client
from assay.sdk.run import Run
from assay.sdk.start import new_run_id
from tests.sdk.reading import history

SCRIPT = """
import sys
import assay
run = assay.start_run("exit", run_id=sys.argv[1], url=sys.argv[2], spool=sys.argv[3])
run.log({"a": 1.0})
del run
"""


def run_script(url: str, spool: Path, run_id: str, ending: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT + ending, run_id, url, str(spool)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "ASSAY_GIT": "0"},
    )


@pytest.mark.parametrize(
    ("ending", "status", "code"),
    [
        ("", "finished", 0),
        ("sys.exit(0)", "finished", 0),
        ("raise ValueError('diverged')", "failed", 1),
        ("raise KeyboardInterrupt", "killed", -signal.SIGINT),
    ],
)
def test_a_run_that_nobody_finishes_ends_with_its_script(
    client: Client, spool: Path, ending: str, status: str, code: int
) -> None:
    """Forgetting `finish` loses nothing: what was logged is sent, and the status is how it ended."""
    run_id = new_run_id()

    done = run_script(client.url, spool, run_id, ending)

    assert done.returncode == code
    assert history(client, run_id, "a") == [(0, 1.0)]
    assert client.get(f"/runs/{run_id}")["status"] == status
    assert list(spool.iterdir()) == []


def test_a_worker_of_multiprocessing_joins_the_run(client: Client, spool: Path) -> None:
    """Data loaders and rollout workers that fork may log; the run's end sends what they left."""
    run_id = new_run_id()
    script = """
import multiprocessing, sys
import assay

def work(run, rank):
    run.log({f"rank{rank}": float(rank)}, step=rank)

run = assay.start_run("exit", run_id=sys.argv[1], url=sys.argv[2], spool=sys.argv[3])
run.log({"a": 1.0})
forking = multiprocessing.get_context("fork")
workers = [forking.Process(target=work, args=(run, rank)) for rank in range(3)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
    assert worker.exitcode == 0
"""
    subprocess.run(
        [sys.executable, "-c", script, run_id, client.url, str(spool)],
        check=True,
        env={**os.environ, "ASSAY_GIT": "0"},
    )

    for rank in range(3):
        assert history(client, run_id, f"rank{rank}") == [(rank, float(rank))]
    assert list(spool.iterdir()) == []


def test_a_finished_run_leaves_no_file_open(
    started: Callable[..., Run], free_handles: Callable[[], int], tmp_path: Path
) -> None:
    """A service that starts a run per job does not run out of file handles."""
    (tmp_path / "f").write_bytes(b"x")

    def a_run() -> None:
        with started() as run:
            run.log({"a": 1.0})
            run.log_artifact(tmp_path / "f")

    a_run()
    before = free_handles()
    for _ in range(3):
        a_run()

    assert free_handles() == before


def test_what_a_run_says_cannot_break_a_script_without_standard_error(spool: Path) -> None:
    """A daemon that has closed its standard error trains on."""
    done = run_script(
        "http://127.0.0.1:1", spool, new_run_id(), "import os\nos.close(2)\nsys.stderr = None"
    )

    assert done.returncode == 0
