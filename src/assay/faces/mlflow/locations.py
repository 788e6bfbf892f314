"""Where experiments keep their artifacts: asked once each, for it never changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

import anyio.to_thread

from assay.faces.endpoint import Call
from assay.faces.mlflow.roots import experiment_root

_MOST: Final = 10_000


class Locations:
    """Artifact roots by experiment id. The caller has found something in the experiment before."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    async def find(self, call: Call, experiment_id: str) -> str:
        """As `of`, for the event loop: it does not wait for the database there."""
        known = self._known.get(experiment_id)
        if known is not None:
            return known
        return await anyio.to_thread.run_sync(self.of, call, experiment_id)

    def of(self, call: Call, experiment_id: str) -> str:
        """The root of an experiment's artifacts."""
        with self._lock:
            known = self._known.get(experiment_id)
        if known is not None:
            return known
        found = experiment_root(call.services.experiments.get(call.context, experiment_id))
        with self._lock:
            self._known[experiment_id] = found
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
        return found
