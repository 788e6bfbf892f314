"""A background thread that carries things to the server: again and again, with pauses when it fails."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from enum import Enum
from typing import Final

from assay.sdk.delivery import Blocked

FLUSH_INTERVAL_S: Final = 0.5
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 60.0
DRAIN_PAUSE_S: Final = 1.0
"""The longest pause while somebody waits for a drain."""

PATIENCE: Final = 5
"""How many failures in a row a drain sits through before it gives up."""


class Courier:
    """Calls `step` until it answers False, then looks again after half a second or when it is woken.

    A failing step is repeated after a pause that doubles up to a minute, and `on_failure` is told each
    time. `Blocked` ends the courier.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], bool],
        *,
        on_failure: Callable[[Exception], None],
    ) -> None:
        self._step = step
        self._on_failure = on_failure
        self._wake = threading.Event()
        self._changed = threading.Condition()
        self._wanted = 0
        self._emptied = 0
        self._failures = 0
        self._waiting = 0
        self._is_stopping = False
        self._has_ended = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def drain(self, timeout_s: float, on_wait: Callable[[], None] | None = None) -> bool:
        """Wait until all that is there now has been carried. False: given up, or out of time.

        It gives up after a few failures in a row. `on_wait` is called several times a second.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            self._wanted += 1
            self._waiting += 1
            aim, bearable = self._wanted, self._failures + PATIENCE
            self._wake.set()
            try:
                while self._emptied < aim and not self._has_ended and self._failures < bearable:
                    left_s = deadline - time.monotonic()
                    if left_s <= 0:
                        break
                    self._changed.wait(min(left_s, 0.2))
                    if on_wait is not None:
                        on_wait()
            finally:
                self._waiting -= 1
            return self._emptied >= aim

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Ask the thread to end after the step that it is in; answers whether it has."""
        with self._changed:
            self._is_stopping = True
            self._wake.set()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        pause_s = 0.0
        try:
            while True:
                self._wake.wait(pause_s)
                self._wake.clear()
                with self._changed:
                    if self._is_stopping:
                        return
                    aim = self._wanted
                outcome = self._attempt()
                if outcome is _Outcome.BLOCKED:
                    return
                with self._changed:
                    self._failures = self._failures + 1 if outcome is _Outcome.FAILED else 0
                    if outcome is _Outcome.EMPTY:
                        self._emptied = aim
                    self._changed.notify_all()
                    longest_s = DRAIN_PAUSE_S if self._waiting else LONGEST_PAUSE_S
                pause_s = _pause_s(outcome, self._failures, longest_s)
        finally:
            with self._changed:
                self._has_ended = True
                self._changed.notify_all()

    def _attempt(self) -> _Outcome:
        try:
            return _Outcome.MORE if self._step() else _Outcome.EMPTY
        except Blocked as error:
            self._on_failure(error)
            return _Outcome.BLOCKED
        except Exception as error:  # noqa: BLE001 - a thread that dies silently loses what follows
            self._on_failure(error)
            return _Outcome.FAILED


class _Outcome(Enum):
    MORE = "more"
    EMPTY = "empty"
    FAILED = "failed"
    BLOCKED = "blocked"


def _pause_s(outcome: _Outcome, failures: int, longest_s: float) -> float:
    if outcome is _Outcome.MORE:
        return 0.0
    if outcome is _Outcome.EMPTY:
        return FLUSH_INTERVAL_S
    pause_s: float = min(longest_s, FIRST_PAUSE_S * 2 ** min(failures - 1, 10))
    return pause_s * (0.5 + random.random() / 2)  # noqa: S311 - spreads clients, no secret
