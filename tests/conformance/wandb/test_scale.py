"""Long runs, wide rows and large files of the unmodified client."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.wandb.conftest import run_directly
from tests.support.server import LiveServer

pytestmark = pytest.mark.slow

MIB = 2**20


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[LiveServer]:
    """A server of its own, whose memory is measured."""
    (tmp_path / "client").mkdir()
    with LiveServer(tmp_path / "data") as running:
        yield running


def peak_bytes(server: LiveServer) -> int:
    """The most memory that the server has had so far."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.timeout(400)
def test_a_run_of_100_000_steps_reads_back_whole(fresh: LiveServer, tmp_path: Path) -> None:
    """Every row comes back in order, and a sample of them when that is asked for."""
    folder = tmp_path / "client"
    found = run_directly("scale", fresh.url, folder, "s", "steps", "100000", timeout_s=380)
    assert found == {"whole": True, "last": 99_999, "sampled": 500}


@pytest.mark.timeout(400)
def test_a_row_of_10_000_keys_reads_back_whole(fresh: LiveServer, tmp_path: Path) -> None:
    """In the history as in the summary."""
    folder = tmp_path / "client"
    found = run_directly("scale", fresh.url, folder, "k", "keys", "10000", timeout_s=380)
    assert found == {"summary": 10_000, "rows": [10_000] * 3, "last": 10_001}


@pytest.mark.timeout(600)
def test_a_gibibyte_goes_up_and_down_in_constant_memory(fresh: LiveServer, tmp_path: Path) -> None:
    """The server needs no more for it than for a small file, give or take its buffers."""
    folder = tmp_path / "client"
    run_directly("scale", fresh.url, folder, "small", "artifact", "8")
    (folder / "sent.bin").unlink()
    before = peak_bytes(fresh)
    found = run_directly("scale", fresh.url, folder, "a", "artifact", "1024", timeout_s=580)
    assert found == {"same": True, "size": 1024 * MIB}
    assert peak_bytes(fresh) - before < 64 * MIB


@pytest.mark.timeout(600)
def test_a_file_of_two_gibibytes_comes_in_one_put(fresh: LiveServer, tmp_path: Path) -> None:
    """No part is asked for, and the server's memory stays small."""
    before = peak_bytes(fresh)
    found = run_directly(
        "scale", fresh.url, tmp_path / "client", "p", "one_put", "2048", timeout_s=580
    )
    assert found == {"size": 2048 * MIB + 1}
    assert peak_bytes(fresh) - before < 96 * MIB
