"""How commands talk: tables for people, JSON for programs, one sentence on standard error for a refusal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rich.console import Console


# Wide enough that nothing is folded where no person reads: a program wants one row on one line.
_PIPE_WIDTH = 100_000

_GAP = 2
_FOLDED_MIN = 16
"""A column that is folded to less is read by nobody."""


def console(*, stderr: bool = False) -> Console:
    """A console for tables and progress; plain text that is never folded when nobody is looking."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _PIPE_WIDTH
    return Console(stderr=stderr, highlight=False, width=width)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    empty: str,
    numeric: Sequence[str] = (),
    spare: int = 0,
) -> None:
    """A table, or `empty` (a sentence that says how to get a first row).

    On a terminal that is too narrow for it the last `spare` columns are left out as far as needed;
    then the longest column is folded, and where that is not enough each row is told name by name.
    """
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    # A row is a line, whatever is in it.
    shown = [[printable(cell(value).replace("\n", "\\n")) for value in row] for row in rows]
    if not shown:
        say(empty)
        return
    titles = [printable(name) for name in columns]
    screen = console()
    widths = [max(map(cell_len, column)) for column in zip(titles, *shown, strict=True)]
    kept = len(titles)
    while kept > len(titles) - spare and _missing(widths[:kept], screen.width) > 0:
        kept -= 1
    titles, widths, shown = titles[:kept], widths[:kept], [row[:kept] for row in shown]
    longest = max(range(kept), key=widths.__getitem__)
    missing = _missing(widths, screen.width)
    if missing > 0 and widths[longest] - missing < max(_FOLDED_MIN, cell_len(titles[longest])):
        _print_rows_as_facts(titles, shown)
        return
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for place, (name, title) in enumerate(zip(columns, titles, strict=False)):
        justify: Literal["left", "right"] = "right" if name in numeric else "left"
        table.add_column(title, justify=justify, overflow="fold", no_wrap=place != longest)
    for row in shown:
        # Text, not markup: what users named their runs must not style the terminal.
        table.add_row(*map(Text, row))
    with screen.capture() as captured:
        screen.print(table)
    sys.stdout.write("".join(line.rstrip() + "\n" for line in captured.get().splitlines()))


def _missing(widths: Sequence[int], available: int) -> int:
    """How many columns of the screen a row lacks."""
    return sum(widths) + _GAP * (len(widths) - 1) - available


def _print_rows_as_facts(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    for place, row in enumerate(rows):
        if place:
            say("")
        _print_pairs(list(zip(titles, row, strict=True)), say)


def print_facts(facts: Mapping[str, Any], *, tell: Callable[[str], None] | None = None) -> None:
    """Names and values, one a line, on standard output or by `tell`."""
    _print_pairs([(name, cell(value)) for name, value in facts.items()], tell or say)


def _print_pairs(pairs: Sequence[tuple[str, str]], tell: Callable[[str], None]) -> None:
    width = max((len(name) for name, _ in pairs), default=0)
    for name, text in pairs:
        # A value of several lines stays beside its name, and none of them looks like another fact.
        shown = text.replace("\n", "\n" + " " * (width + 2))
        tell(f"{name:<{width}}  {shown}".rstrip())


def say(text: str) -> None:
    """A line for a person on standard output."""
    sys.stdout.write(printable(text) + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """A line on standard error, which never disturbs --json."""
    sys.stderr.write(printable(text) + "\n")
    sys.stderr.flush()


def complain(error: Exception) -> None:
    """A refusal: its sentence, then each reason on a line of its own."""
    message = getattr(error, "message", None) or str(error)
    note(f"assay: {message}")
    details = getattr(error, "details", None)
    reasons = details.get("reasons") if isinstance(details, Mapping) else None
    if isinstance(reasons, list | tuple):
        for reason in reasons:
            if str(reason) not in message:
                note(f"  - {reason}")
    request_id = getattr(error, "request_id", None)
    # Only a fault of the server's is worth looking up in its log.
    if request_id and getattr(error, "status", 0) >= 500:
        note(f"  (request {request_id})")


def cell(value: Any) -> str:
    """A value as text of a table."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(cell(item) for item in value) or "-"
    return str(value)


def when(at_ms: int | None) -> str:
    """UTC time to the second."""
    if at_ms is None:
        return "-"
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        # A client may state any moment; one beyond the calendar must not hide the others.
        return f"{at_ms} ms"


def score(text: str | None) -> str:
    """An exact score for people: a decimal where there is one, else the fraction and about how much."""
    from assay.domain.exact import exact, short

    if text is None:
        return "-"
    value = exact(text)
    shown = short(value)
    return f"{shown} ≈ {float(value):.6g}" if "/" in shown else shown


def plural(count: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def size(size_bytes: int | None) -> str:
    """A size for people."""
    if size_bytes is None:
        return "-"
    amount = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    raise AssertionError


def printable(text: str) -> str:
    """Text without control characters, so that a stored name cannot drive the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)
