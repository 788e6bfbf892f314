"""Files far larger than the memory that a server may take."""

import hashlib
import threading
from pathlib import Path
from typing import Self

import mlflow
import psutil
import pytest
from mlflow import MlflowClient

from tests.support.server import LiveServer

SIZE = 1 << 30
PIECE = bytes(range(256)) * 4_096
MAX_GROWTH = 64 << 20


class Peak:
    """The greatest proportional memory of the server while the body runs."""

    def __init__(self, server: LiveServer) -> None:
        self._process = psutil.Process(server.pid)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.before = self._now()
        self.greatest = self.before

    def _now(self) -> int:
        family = [self._process, *self._process.children(recursive=True)]
        return sum(each.memory_full_info().pss for each in family)

    def _watch(self) -> None:
        while not self._done.wait(0.2):
            self.greatest = max(self.greatest, self._now())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_gibibyte_goes_up_and_comes_down_in_constant_memory(
    client: MlflowClient, server: LiveServer, tmp_path: Path
) -> None:
    """Both ways streamed: the server's memory grows by a small part of the file."""
    big = tmp_path / "weights.bin"
    with big.open("wb") as file:
        for _ in range(SIZE // len(PIECE)):
            file.write(PIECE)
    with mlflow.start_run() as run:
        mlflow.log_text("warm", "warm.txt")
        with Peak(server) as peak:
            mlflow.log_artifact(str(big), "model")
            target = tmp_path / "down"
            target.mkdir()
            local = client.download_artifacts(run.info.run_id, "model/weights.bin", str(target))

    assert peak.greatest - peak.before < MAX_GROWTH, (peak.before, peak.greatest)
    assert digest(Path(local)) == digest(big)
