"""Which runs of an experiment are new or were changed, told to whoever watches it.

Every commit that touches runs says so, whatever wrote it. A thread gathers what came close together,
looks up where those runs are, and tells the watchers of their experiments. On PostgreSQL it also tells
the other servers, and hears them while anybody watches here.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from typing import Final

import structlog

from assay.domain.access import Action
from assay.domain.errors import AppError, NotFound
from assay.services.context import Context
from assay.services.experiments import experiment_pk
from assay.services.live import Hub
from assay.services.platform import Platform
from assay.storage import experiments, run_changes
from assay.storage.dialect import Engine

MAX_NAMED: Final = 200
"""When more runs of an experiment changed at once, its watchers are told to look anew."""

GATHER_S: Final = 0.15
LISTEN_S: Final = 0.5
RETRY_S: Final = 2.0
_MAX_PENDING: Final = 1_000
_TOKEN_BYTES: Final = 8
_log = structlog.get_logger("assay.run_news")


class RunNews:
    """Hears of changed runs from the database after `start()`, and tells the watchers in `hub`."""

    def __init__(self, platform: Platform) -> None:
        self.hub: Hub[str] = Hub()
        self._database = platform.database
        self._has_neighbours = platform.database.engine is Engine.POSTGRESQL
        self._sender = platform.token_hex(_TOKEN_BYTES)
        self._lock = threading.Lock()
        self._changed: set[int] = set()
        self._heard: set[int] = set()
        self._are_many = False
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._teller: threading.Thread | None = None
        self._listener: threading.Thread | None = None

    def start(self) -> None:
        """Begin to hear of changes."""
        self._teller = threading.Thread(target=self._tell_on, name="assay-run-news", daemon=True)
        self._teller.start()
        self._database.on_runs_changed = self.note

    def close(self) -> None:
        """End every watch, then the threads. Again is fine."""
        self._database.on_runs_changed = None
        self.hub.close()
        self._stop.set()
        self._wake.set()
        for thread in (self._teller, self._listener):
            if thread is not None:
                thread.join()

    def note(self, run_pks: Collection[int]) -> None:
        """These runs were changed by a commit of this process."""
        if self._has_neighbours or self.hub.watched_pks():
            self._take(run_pks, self._changed)

    def locate(self, context: Context, experiment_id: str) -> int:
        """The key of an experiment that the caller may watch. Raises NotFound, PermissionDenied."""
        pk = experiment_pk(experiment_id)
        what = f"Experiment {experiment_id!r}"
        with self._database.read() as tx:
            found = experiments.find_experiment(tx, pk)
        if found is None:
            raise NotFound(f"{what} does not exist.", field="experiment_id")
        context.require_object(Action.TRACKING_READ, found.workspace, what)
        return pk

    def listen(self) -> None:
        """Hear the other servers from now on, where there can be any."""
        with self._lock:
            if not self._has_neighbours or self._listener is not None or self._stop.is_set():
                return
            self._listener = threading.Thread(
                target=self._listen_on, name="assay-run-news-listener", daemon=True
            )
            self._listener.start()

    def _take(self, run_pks: Collection[int], into: set[int]) -> None:
        with self._lock:
            into.update(run_pks)
            if len(into) > _MAX_PENDING:
                into.clear()
                self._are_many = True
        self._wake.set()

    def _tell_on(self) -> None:
        while True:
            self._wake.wait()
            if self._stop.wait(GATHER_S):
                return
            self._wake.clear()
            with self._lock:
                changed, self._changed = self._changed, set()
                heard, self._heard = self._heard, set()
                are_many, self._are_many = self._are_many, False
            try:
                if changed and self._has_neighbours:
                    with self._database.write() as tx:
                        run_changes.announce(tx, self._sender, sorted(changed))
                self._publish(changed | heard)
            except AppError as error:
                _log.warning("changed runs could not be told of", error=str(error))
                are_many = True
            if are_many:
                self._say_many()

    def _publish(self, run_pks: Collection[int]) -> None:
        if not run_pks or not self.hub.watched_pks():
            return
        with self._database.read() as tx:
            placed = run_changes.place_runs(tx, run_pks)
        by_experiment: dict[int, list[str]] = {}
        for run in placed:
            by_experiment.setdefault(run.experiment_pk, []).append(run.run_id)
        for pk in self.hub.watched(by_experiment):
            run_ids = sorted(by_experiment[pk])
            is_whole = len(run_ids) <= MAX_NAMED
            self.hub.publish(pk, run_ids if is_whole else (), is_whole=is_whole)

    def _say_many(self) -> None:
        for pk in self.hub.watched_pks():
            self.hub.publish(pk, (), is_whole=False)

    def _listen_on(self) -> None:
        while not self._stop.is_set():
            try:
                with run_changes.listening(self._database) as neighbours:
                    # What was changed before this moment has not been heard.
                    self._say_many()
                    while not self._stop.is_set():
                        for changes in neighbours.wait(LISTEN_S):
                            self._hear(changes)
            except AppError as error:
                _log.warning("other servers cannot be heard", error=str(error))
                self._stop.wait(RETRY_S)

    def _hear(self, changes: run_changes.Changes) -> None:
        if changes.sender == self._sender or not self.hub.watched_pks():
            return
        if changes.run_pks is None:
            self._say_many()
        else:
            self._take(changes.run_pks, self._heard)
