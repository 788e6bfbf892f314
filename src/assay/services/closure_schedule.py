"""Looking at the closure of every protected version from time to time, in a thread of its own."""

from __future__ import annotations

import threading
from typing import Final

import structlog

from assay.domain.access import SYSTEM
from assay.domain.errors import AppError
from assay.domain.names import is_protected
from assay.services.closure import Closures
from assay.services.context import Context
from assay.services.platform import Platform
from assay.storage import closure as rows
from assay.storage import model_versions, workspaces

EVERY_S: Final = 24 * 3_600.0
"""The usual time between two looks at one version."""

_POLL_S: Final = 60.0
_LEAVE_S: Final = 5.0
_log = structlog.get_logger("assay.closure")


class ClosureSchedule:
    """After `start()`, looks at what is due, one version after the other; 0 seconds: never."""

    def __init__(self, platform: Platform, closures: Closures, *, every_s: float = EVERY_S) -> None:
        self._platform = platform
        self._closures = closures
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread, unless there is no schedule."""
        if self._every_s > 0:
            self._thread = threading.Thread(target=self._keep, name="assay-closure", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop. A look that still waits for a source is left to end by itself, and is lost."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_LEAVE_S)
            self._thread = None

    def look_at_due(self) -> int:
        """Look at every version that holds a protected alias and is due; how many were."""
        looked = 0
        for workspace, model, version in self._due():
            if self._stop.is_set():
                break
            now_ms = self._platform.now_ms()
            context = Context(SYSTEM, workspace, "closure-schedule", now_ms)
            try:
                self._closures.look(context, model, version)
                looked += 1
            except AppError:
                _log.exception("the closure of a version could not be looked at", model=model)
        return looked

    def _due(self) -> list[tuple[str, str, int]]:
        """(workspace, model, version) whose answers are older than the schedule allows."""
        before_ms = self._platform.now_ms() - int(self._every_s * 1000)
        found: dict[int, tuple[str, str, int]] = {}
        with self._platform.database.read() as tx:
            known = {
                workspace.pk: workspace
                for workspace in workspaces.list_workspaces(tx, self._platform.policy)
            }
            for workspace_pk, alias, version_pk, checked_at_ms in rows.held_versions(tx):
                workspace = known[workspace_pk]
                if checked_at_ms is not None and checked_at_ms > before_ms:
                    continue
                if not is_protected(alias, workspace.policy.protected) or version_pk in found:
                    continue
                version = model_versions.find_version_by_pk(tx, version_pk)
                if version is not None:
                    found[version_pk] = (workspace.name, version.model, version.version)
        return list(found.values())

    def _keep(self) -> None:
        while not self._stop.is_set():
            try:
                self.look_at_due()
            except AppError:
                _log.exception("what is due could not be found")
            self._stop.wait(min(_POLL_S, self._every_s))
