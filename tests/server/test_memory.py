"""Memory that one large reading took is the system's again."""

import platform
import subprocess
import sys

import pytest

LEFT_BEHIND = """
from pathlib import Path

from assay.server.memory import return_large_blocks

def resident_pages():
    return int(Path("/proc/self/statm").read_text().split()[1])

assert return_large_blocks()
large = 24 * 2**20
freed_once = b"x" * large
del freed_once
before = resident_pages()
columns = [b"x" * large, b"y" * large]
kept = b"z" * 60_000
del columns
print((resident_pages() - before) * 4096)
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="another C library keeps its own ways"
)
def test_large_blocks_leave_nothing_behind() -> None:
    """Also after one was freed before, and with something small that was asked for after them."""
    done = subprocess.run(
        [sys.executable, "-c", LEFT_BEHIND], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 8 * 2**20
