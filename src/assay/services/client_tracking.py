"""What clients that name their runs themselves need, put together, with the sweep over silent runs."""

from __future__ import annotations

import threading
from typing import Final

import structlog

from assay.domain.errors import AppError
from assay.services.client_history import ClientHistory
from assay.services.client_runs import PATIENCE_MS, ClientRuns
from assay.services.ingest import Ingest
from assay.services.ledger import Ledger
from assay.services.platform import Platform
from assay.services.runs import Runs

SWEEP_S: Final = 60.0
_log = structlog.get_logger("assay.client_tracking")


class ClientTracking:
    """Runs and histories of such clients. `start()` begins to look for runs that fell silent."""

    def __init__(self, platform: Platform, runs: Runs, ingest: Ingest, ledger: Ledger) -> None:
        self.runs = ClientRuns(platform, runs, ledger)
        self.history = ClientHistory(platform, ingest)
        self._now_ms = platform.now_ms
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread. It first waits: clients need time to come back after a restart."""
        self._thread = threading.Thread(target=self._run, name="assay-silent-runs", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the thread. Again is fine."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        if self._stop.wait(PATIENCE_MS / 1000):
            return
        while True:
            try:
                self.runs.give_up_silent(self._now_ms())
            except AppError as error:
                _log.warning("silent runs could not be looked for", error=error.message)
            if self._stop.wait(SWEEP_S):
                return
