"""Progress of transfers: a bar on standard error when someone is looking, nothing otherwise."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from assay.cli.output import console, printable

OnProgress: TypeAlias = Callable[[int, "int | None"], None]
ForFile: TypeAlias = Callable[[str], OnProgress]

_NAME_SHOWN = 24


@contextmanager
def transfer(total_bytes: int, verb: str) -> Iterator[ForFile]:
    """Show one bar over `total_bytes`; the yielded function answers the callback of the next file.

    A file that is sent or fetched anew starts over, and so does its share of the bar.
    """
    if not total_bytes or not sys.stderr.isatty():
        yield lambda _path: _ignore
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.table import Column

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        DownloadColumn(binary_units=True, table_column=Column(no_wrap=True)),
        TransferSpeedColumn(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        task = progress.add_task(verb, total=total_bytes)
        finished = 0
        current = 0

        def for_file(path: str) -> OnProgress:
            nonlocal finished, current
            finished, current = finished + current, 0
            name = printable(path)
            shown = name if len(name) <= _NAME_SHOWN else "…" + name[1 - _NAME_SHOWN :]
            progress.update(task, description=f"{verb} {shown}")

            def on_progress(done: int, _total: int | None) -> None:
                nonlocal current
                current = done
                progress.update(task, completed=finished + done)

            return on_progress

        yield for_file


def _ignore(_done: int, _total: int | None) -> None:
    return
