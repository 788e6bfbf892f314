"""How `--help` is laid out: two plain columns, the same on a terminal, in a pipe and in the docs."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions

_INDENT = 2
_LABEL_MAX = 26
_WIDTH_MAX = 100


class PlainHelp:
    """Prints usage, description and panels as text; boxes and colours tell nobody anything."""

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        """One panel: its title, then a line or more per entry."""
        del options
        if not panel.entries:
            return
        width = min(console.width, _WIDTH_MAX)
        rows = [(_label(panel, entry), _description(entry)) for entry in panel.entries]
        column = min(max(len(label) for label, _ in rows), _LABEL_MAX)
        lines = [f"{_plain(panel.title)}:"]
        for label, text in rows:
            lines += _row(label, text, column, width)
        _write(console, "\n".join(lines) + "\n")

    def render_usage(self, console: Console, options: ConsoleOptions, usage: Any) -> None:
        """The usage line."""
        del options
        text = _plain(usage).removeprefix("Usage:").strip()
        if text:
            _write(console, f"Usage: {text}\n")

    def render_description(
        self, console: Console, options: ConsoleOptions, description: Any
    ) -> None:
        """What the command does, wrapped paragraph by paragraph; indented lines stay as they are."""
        del options
        width = min(console.width, _WIDTH_MAX)
        paragraphs = [_paragraph(part, width) for part in _plain(description).strip().split("\n\n")]
        if any(paragraphs):
            _write(console, "\n\n".join(paragraphs) + "\n")


def _label(panel: HelpPanel, entry: HelpEntry) -> str:
    if panel.format == "command":
        return ", ".join(entry.all_options)
    if entry.positional_label:
        return entry.positional_label
    return ", ".join(entry.display_labels_with_metavar)


def _description(entry: HelpEntry) -> str:
    parts = [" ".join(_plain(entry.description).split())]
    if entry.choices:
        parts.append(f"[{', '.join(entry.choices)}]")
    if entry.default not in (None, "False", "None", "()", "''", '""', ""):
        parts.append(f"[default: {entry.default}]")
    if entry.required and not entry.positional_label:
        parts.append("[required]")
    return " ".join(part for part in parts if part)


def _row(label: str, text: str, column: int, width: int) -> list[str]:
    start = " " * _INDENT + label.ljust(column)
    gap = " " * (_INDENT + column + 2)
    wrapped = textwrap.wrap(text, max(width - len(gap), 20), break_on_hyphens=False) or [""]
    if len(label) > column:
        return [start, *(gap + line for line in wrapped)]
    return [f"{start}  {wrapped[0]}".rstrip(), *(gap + line for line in wrapped[1:])]


def _paragraph(text: str, width: int) -> str:
    if any(line.startswith("    ") for line in text.splitlines()):
        return text
    return textwrap.fill(" ".join(text.split()), width, break_on_hyphens=False)


def _plain(value: Any) -> str:
    if value is None:
        return ""
    # Descriptions come as a text with further texts appended to it.
    parts = [getattr(value, "primary_renderable", value), *getattr(value, "texts", ())]
    return " ".join(str(part) for part in parts if str(part))


def _write(console: Console, text: str) -> None:
    # Around the console's own printing, which would take a closed pipe for a failure.
    console.file.write(text + "\n")
