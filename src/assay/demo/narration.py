"""How the demonstration talks: phases, the commands that a stranger would type, claims that must hold.

A claim is a sentence with its evidence: it is printed when it holds and stops everything when not.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.domain.errors import FailedPrecondition

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

_LINES_SHOWN = 14
_SEEN_SHOWN = 1_000


class ClaimFailed(FailedPrecondition):
    """Something that the demonstration promises to show is not so."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the story and how long it took, in seconds."""

    title: str
    seconds: float


class Narrator:
    """Tells the story on a console, keeps the time, and counts the claims that held."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.phases: list[Phase] = []
        self.claims_held = 0
        self._title = ""
        self._started = 0.0

    def open(self, title: str) -> None:
        """Begin a phase; the one before ends here."""
        self.close()
        self._title = title
        self._started = time.monotonic()
        number = len(self.phases) + 1
        self._line(f"\n{number}. {title}", "bold cyan")

    def close(self) -> None:
        """End the phase that is open, if there is one."""
        if self._title:
            self.phases.append(Phase(self._title, time.monotonic() - self._started))
            self._title = ""

    def say(self, text: str) -> None:
        """A sentence of the story."""
        self._line(f"  {text}", "")

    def command(self, typed: str) -> None:
        """A command as a stranger would type it."""
        self._line(f"$ {typed}", "bold")

    def shown(self, output: str) -> None:
        """What a command answered: its first lines, without the empty ones."""
        lines = [line.rstrip() for line in output.splitlines() if line.strip()]
        for line in lines[:_LINES_SHOWN]:
            self._line(f"  {line}", "dim")
        if len(lines) > _LINES_SHOWN:
            self._line(f"  … and {len(lines) - _LINES_SHOWN} more lines", "dim")

    def claim(self, sentence: str, *, holds: bool, seen: object = "") -> None:
        """Print the sentence if it holds; raise ClaimFailed with what was seen instead if not."""
        if not holds:
            found = f" What was seen: {str(seen).strip()[:_SEEN_SHOWN]}" if seen != "" else ""
            message = f"The demonstration failed, because this does not hold: {sentence}.{found}"
            raise ClaimFailed(message)
        self.claims_held += 1
        tick = "✓" if "utf" in self.console.encoding.lower() else "ok:"
        self._line(f"  {tick} {sentence}", "green")

    def waiting(self, text: str) -> AbstractContextManager[object]:
        """A spinner while something takes its time; nothing without a terminal."""
        return self.console.status(text) if self.console.is_terminal else nullcontext()

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Progress]:
        """A bar that is gone afterwards, with one task; nothing without a terminal."""
        from rich.progress import (  # noqa: PLC0415 - loaded when there is something to show
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(
            *columns,
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        ) as progress:
            progress.add_task(what, total=total)
            yield progress

    def _line(self, text: str, style: str) -> None:
        from rich.text import Text  # noqa: PLC0415 - the same

        self.console.print(Text(text, style=style), soft_wrap=True)
