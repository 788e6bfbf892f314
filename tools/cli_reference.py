"""Write docs/reference/cli.md from the command's own help; with --check only say whether it is so."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from cyclopts import App
from rich.console import Console

from assay.cli.main import NOUNS, build

PLACE = Path(__file__).parent.parent / "docs/reference/cli.md"
WIDTH = 92
SHARED = "\nConnection and output:\n"

HEAD = """# The command line

Written by `tools/cli_reference.py` from what `--help` says.

Every command that speaks to a server finds it by `--url`, else `ASSAY_URL`, else <http://127.0.0.1:7475>; its
credential by `ASSAY_TOKEN`, else what `assay login` keeps; its workspace by `--workspace`, else `ASSAY_WORKSPACE`,
else `default`. A run may be named by the first characters of its id, a version by `NAME/VERSION` or `NAME@ALIAS`.
`--url`, `--workspace` and `--json` are not repeated below.

Answers go to standard output, as a table or with `--json` as one document; everything else goes to standard error.
In a pipe a row is a line, and nothing is folded or coloured.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | refused or failed: a promotion that is held, a file that differs, a server that is away |
| 2 | wrong usage |
| 3 | `audit verify` could not read what it was to verify |
| 130 | interrupted |
"""


def render() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_sections()])


def _sections() -> Iterator[str]:
    for noun in NOUNS:
        app = build([noun])
        verbs = _verbs(app[noun])
        yield f"## assay {noun}\n"
        if not verbs:
            yield _help(app, noun)
            continue
        yield f"{NOUNS[noun][1]}\n"
        for verb in verbs:
            yield f"### assay {noun} {verb}\n"
            yield _help(app, noun, verb)


def _verbs(app: App) -> list[str]:
    return sorted(name for name in app if not name.startswith("-"))


def _help(app: App, *words: str) -> str:
    text = io.StringIO()
    app.help_print(list(words), console=Console(file=text, width=WIDTH, color_system=None))
    # The flags that all commands share are told once, above.
    own = text.getvalue().partition(SHARED)[0]
    return f"```text\n{own.strip()}\n```\n"


def main() -> int:
    """Write or check; 1 when --check finds another text."""
    page = render()
    if "--check" in sys.argv[1:]:
        return 0 if PLACE.read_text(encoding="utf-8") == page else 1
    PLACE.parent.mkdir(exist_ok=True)
    PLACE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
