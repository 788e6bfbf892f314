"""A real server process on a free port of loopback, as a user would start it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_READY = re.compile(r"Assay is ready at (?P<url>http://\S+)")
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30


class LiveServer:
    """`assay serve` in a process of its own; `url` answers once it is ready."""

    def __init__(
        self,
        data: Path,
        *flags: str,
        port: int = 0,
        env: dict[str, str] | None = None,
        python: str = sys.executable,
    ) -> None:
        self.data = data
        self.flags = flags
        self.url = ""
        self._port = port
        self._env = env or {}
        self._python = python
        self._process: subprocess.Popen[str] | None = None
        self.log = data.with_name(data.name + ".log")

    def start(self) -> Self:
        """Start and wait until it listens."""
        argv = [
            self._python,
            "-m",
            "assay",
            "serve",
            "--port",
            str(self._port),
            "--data",
            str(self.data),
        ]
        environment = {
            k: v for k, v in os.environ.items() if not k.startswith(("ASSAY_", "MLFLOW_"))
        }
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                [*argv, *self.flags],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**environment, **self._env},
            )
        guard = threading.Timer(START_TIMEOUT_S, self._process.kill)
        guard.start()
        try:
            assert self._process.stdout is not None
            for line in self._process.stdout:
                match = _READY.search(line)
                if match is not None:
                    self.url = match["url"]
                    # A restart must come back under the same address.
                    self._port = int(self.url.rpartition(":")[2])
                    return self
        finally:
            guard.cancel()
        self._process.stdout.close()
        msg = f"the server did not start (exit {self._process.wait()}):\n{self.log.read_text()[-4000:]}"
        raise RuntimeError(msg)

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None
        return self._process.pid

    def token(self, name: str) -> str:
        """A credential that the server wrote at its first start (`admin`, `gate-runner`)."""
        return (self.data / f"{name}.token").read_text().strip()

    def kill(self) -> None:
        """SIGKILL: what power loss looks like to the process."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM and wait; answers the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        process = self._process
        if process is None:
            return 0
        process.send_signal(number)
        try:
            code = process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        assert process.stdout is not None
        process.stdout.close()
        self._process = None
        return code

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        if self._process is not None:
            self.stop()
