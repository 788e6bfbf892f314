"""Starting what is measured, each on a free port with fresh data, and what it costs to have it there."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

START_LIMIT_S = 120
STOP_LIMIT_S = 20


@dataclass
class Server:
    """A running server: its address, its first process, and how long it took to be ready."""

    name: str
    port: int
    data: Path
    process: subprocess.Popen[bytes]
    ready_after_s: float

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def memory_bytes(self) -> tuple[int, int]:
        """Proportional set size of all its processes, and how many they are."""
        pids = _descendants(self.process.pid)
        return sum(_proportional_set(pid) for pid in pids), len(pids)

    def cpu_seconds(self) -> float:
        """Processor time of all its processes so far, user's and system's."""
        return sum(_cpu_ticks(pid) for pid in _descendants(self.process.pid)) / os.sysconf(
            "SC_CLK_TCK"
        )

    def stop(self) -> None:
        """End it and everything that it started."""
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(STOP_LIMIT_S)
        except (subprocess.TimeoutExpired, ProcessLookupError):
            pass
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def start_assay(folder: Path) -> Server:
    """Assay with default settings."""
    port = free_port()
    argv = [sys.executable, "-m", "assay", "serve", "--port", str(port)]
    return start("assay", [*argv, "--data", str(folder / "assay")], port, folder)


def start_mlflow(folder: Path) -> Server:
    """The stock MLflow server on SQLite with proxied artifacts, default settings otherwise."""
    port = free_port()
    data = folder / "mlflow"
    data.mkdir(parents=True)
    argv = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    store = ["--backend-store-uri", f"sqlite:///{data / 'mlflow.db'}"]
    artifacts = ["--artifacts-destination", str(data / "artifacts")]
    return start("mlflow", argv + store + artifacts, port, folder)


def start(name: str, argv: list[str], port: int, folder: Path) -> Server:
    """Run a server's command and wait until it answers. RuntimeError with its log when it does not."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "ASSAY_"))
    }
    environment |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    began = time.perf_counter()
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            argv, stdout=log, stderr=log, env=environment, cwd=folder, start_new_session=True
        )
    server = Server(name, port, folder / name, process, 0.0)
    while time.perf_counter() - began < START_LIMIT_S:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{server.url}/health", timeout=5):
                server.ready_after_s = time.perf_counter() - began
                return server
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.01)
    server.stop()
    tail = (folder / f"{name}.log").read_text(errors="replace")[-2000:]
    msg = f"{name} did not become ready:\n{tail}"
    raise RuntimeError(msg)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parent = int(stat.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found, queue = [], [pid]
    while queue:
        current = queue.pop()
        found.append(current)
        queue += children.get(current, [])
    return found


def _cpu_ticks(pid: int) -> int:
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(words[11]) + int(words[12])


def _proportional_set(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    match = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(match[1]) * 1024 if match else 0
