"""A server that dies at a chosen step of a promotion: `assay serve`, with a hook that only tests know.

Steps are the statements that the request sends to the database, its commit, and the moment between
the commit and the answer. A request with the idempotency key `crash-N` dies before its step N, once.
"""

from __future__ import annotations

import os
import re
import signal
import stat
import sys
import threading
from pathlib import Path
from typing import Any

_KEY = re.compile(r"crash-(\d+)")
_ROOT = Path(__file__).parents[2]


class Failpoints:
    """Counts the steps of an armed request, and kills this process at the one that was asked for."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._now = threading.local()

    def arm(self, key: str | None) -> bool:
        """Begin to count if the key asks for it and has not had its death yet."""
        match = _KEY.fullmatch(key or "")
        if match is None or (self._place / str(key)).exists():
            return False
        self._now.key, self._now.wanted, self._now.step = str(key), int(match[1]), 0
        return True

    def pass_by(self, *_: object) -> None:
        """One step of this thread; the end, if it is the one."""
        if getattr(self._now, "key", None) is None:
            return
        self._now.step += 1
        if self._now.step == self._now.wanted:
            (self._place / self._now.key).touch()
            os.kill(os.getpid(), signal.SIGKILL)

    def disarm(self) -> None:
        """The request has come to its end without reaching its step: tell how many it has."""
        (self._place / "steps").write_text(str(self._now.step))
        self._now.key = None


def serve(place: Path, arguments: list[str]) -> int:
    """Run the command with failpoints installed."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    from assay.cli.main import run
    from assay.services.promotion import Promotion

    points = Failpoints(place)
    event.listen(Engine, "before_cursor_execute", points.pass_by)
    event.listen(Engine, "commit", points.pass_by)
    promote = Promotion.promote

    def armed(self: Promotion, context: Any, *args: Any, **options: Any) -> Any:
        is_armed = points.arm(context.idempotency_key)
        move = promote(self, context, *args, **options)
        if is_armed:
            points.pass_by()
            points.disarm()
        return move

    Promotion.promote = armed  # type: ignore[method-assign]
    return run(arguments)


def interpreter(place: Path) -> str:
    """A program to be used as `python -m assay …`, whose server has the failpoints."""
    path = place / "python-with-failpoints"
    path.write_text(
        f"#!{sys.executable}\n"
        "import sys\nfrom pathlib import Path\n"
        f"sys.path.insert(0, {str(_ROOT)!r})\n"
        "from tests.support.failpoints import serve\n"
        f"sys.exit(serve(Path({str(place)!r}), sys.argv[3:]))\n"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)
