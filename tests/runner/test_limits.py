"""What a program may use: each limit holds, for one process and for all of them together."""

import uuid
from pathlib import Path

import pytest

from assay.domain.errors import InvalidArgument
from assay.runner.process import Outcome
from assay.runner.sandbox import Limits, Sandbox
from tests.runner.programs import RunCode, processes_with


def test_a_fork_bomb_stays_small(sandbox: Sandbox, run_code: RunCode) -> None:
    """200 children are wanted, at most 32 processes are had, and none is left."""
    marker = uuid.uuid4().hex
    result = run_code(
        sandbox,
        """
        import os, signal
        count = 1
        for _ in range(200):
            try:
                if os.fork() == 0:
                    signal.pause()
            except OSError:
                break
            count += 1
        print(count, flush=True)
        """,
        arguments=(marker,),
    )
    if result.outcome is Outcome.KILLED:
        assert result.detail == "more than 32 processes"
    else:
        assert 1 < int(result.stdout) <= 32
    assert list(processes_with(marker)) == []


def test_an_allocation_beyond_the_limit_fails(sandbox: Sandbox, run_code: RunCode) -> None:
    """10 GB are refused by the kernel and the outcome says memory."""
    result = run_code(sandbox, "b = bytearray(10 * 2**30)")
    assert result.outcome is Outcome.MEMORY


def test_many_processes_share_one_memory_limit(sandbox: Sandbox, run_code: RunCode) -> None:
    """Children that each stay below the limit are ended when together they exceed it."""
    result = run_code(
        sandbox,
        """
        import os, signal
        for _ in range(8):
            if os.fork() == 0:
                hoard = bytearray(os.urandom(1)) * (100 * 2**20)
                signal.pause()
        signal.pause()
        """,
    )
    assert result.outcome is Outcome.MEMORY
    assert "512" in result.detail or "536870912" in result.detail


def test_memory_shared_after_a_fork_counts_once(
    sandbox: Sandbox, run_code: RunCode, out_dir: Path
) -> None:
    """Eight children of a process with 200 MB do not make it 1.8 GB, for as long as one looks."""
    looks = 0

    def looked_at_often() -> bool:
        nonlocal looks
        looks += (out_dir / "ready").exists()
        return looks > 3

    result = run_code(
        sandbox,
        """
        import os, signal
        hoard = bytearray(os.urandom(1)) * (200 * 2**20)
        for _ in range(8):
            if os.fork() == 0:
                signal.pause()
        open("/assay/out/ready", "w").close()
        signal.pause()
        """,
        should_stop=looked_at_often,
    )
    assert result.detail == "the runner stopped it"


def test_memory_that_nobody_counts_cannot_be_had(sandbox: Sandbox, run_code: RunCode) -> None:
    """Anonymous memory files are refused; shared memory is bounded by its file system."""
    result = run_code(
        sandbox,
        """
        import os
        try:
            os.memfd_create("hoard")
        except PermissionError:
            print("refused", flush=True)
        with open("/dev/shm/hoard", "wb") as file:
            for _ in range(1024):
                file.write(bytes(2**20))
        """,
    )
    assert result.stdout == b"refused\n"
    assert result.outcome is Outcome.FAILED


def test_an_endless_loop_ends_at_the_wall_clock(sandbox: Sandbox, run_code: RunCode) -> None:
    """What does not finish in time is killed and says timeout."""
    result = run_code(sandbox, "while True: pass", wall_s=0.5)
    assert (result.outcome, result.exit_code) == (Outcome.TIMEOUT, None)
    assert result.duration_s < 5


def test_processor_time_is_bounded(sandbox: Sandbox, run_code: RunCode) -> None:
    """One second of computing is one second, whatever the wall clock would allow."""
    result = run_code(sandbox, "while True: pass", cpu_s=1)
    assert result.outcome is Outcome.TIMEOUT
    assert "processor" in result.detail


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_flood_of_output_is_cut(sandbox: Sandbox, run_code: RunCode, stream: str) -> None:
    """1 GB of text ends the program after 64 KiB, and no more than that was kept."""
    result = run_code(
        sandbox,
        f"""
        import sys
        for _ in range(1024):
            sys.{stream}.write("x" * 2**20)
        """,
    )
    assert result.outcome is Outcome.OUTPUT
    assert len(result.stdout) <= 64 * 1024
    assert len(result.stderr_tail) <= 8192


def test_the_disk_cannot_be_filled(sandbox: Sandbox, run_code: RunCode) -> None:
    """Many files that are each small enough are ended when together they are too much."""
    result = run_code(
        sandbox,
        """
        import itertools
        for number in itertools.count():
            with open(f"/assay/out/{number}", "wb") as file:
                file.write(bytes(2**20))
        """,
    )
    assert result.outcome is Outcome.OUTPUT
    assert "written" in result.detail


def test_one_file_cannot_grow_past_its_limit(sandbox: Sandbox, run_code: RunCode) -> None:
    """A single file stops at its size and the program learns why."""
    result = run_code(sandbox, 'open("/assay/out/big", "wb").write(bytes(9 * 2**20))')
    assert result.outcome is not Outcome.OK
    assert "too large" in result.stderr_tail or "written" in result.detail


def test_without_walls_limits_still_hold(
    bare: Sandbox, run_code: RunCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unsandboxed means no walls; time, memory, output, processes and a clean environment stay."""
    monkeypatch.setenv("ASSAY_TOKEN", "asy_hidden")
    assert run_code(bare, "while True: pass", wall_s=0.5).outcome is Outcome.TIMEOUT
    assert run_code(bare, "b = bytearray(10 * 2**30)").outcome is Outcome.MEMORY
    assert run_code(bare, "while True: print('x' * 999)").outcome is Outcome.OUTPUT
    forks = "import os, signal; [os.fork() and None for _ in range(6)]; signal.pause()"
    assert run_code(bare, forks).detail == "more than 32 processes"
    seen = run_code(bare, "import os; print('ASSAY_TOKEN' in os.environ)")
    assert seen.stdout == b"False\n"


@pytest.mark.parametrize(
    "wrong", [{"wall_s": 0}, {"processes": -1}, {"memory_bytes": 1024}, {"output_bytes": 0}]
)
def test_limits_must_leave_room(wrong: dict[str, float]) -> None:
    """A limit of nothing, or less memory than Python needs, is refused by name."""
    with pytest.raises(InvalidArgument) as refusal:
        Limits(**wrong)  # type: ignore[arg-type]
    assert refusal.value.field == next(iter(wrong))
