"""The command as such: help, usage, exit codes, and what starting it costs."""

from __future__ import annotations

import importlib.util
import io
import os
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path, PurePath

import pytest
from cyclopts import App
from rich.console import Console

from assay.cli.help import PlainHelp
from assay.cli.main import NOUNS, build
from tests.cli.command import Assay
from tests.repo.sources import ROOT

REFERENCE = ROOT / "tools/cli_reference.py"


def verbs(noun: str) -> list[tuple[str, ...]]:
    found = [name for name in build([noun])[noun] if not name.startswith("-")]
    return [(noun, verb) for verb in found] or [(noun,)]


COMMANDS = [words for noun in NOUNS for words in verbs(noun)]


def help_of(*words: str) -> str:
    text = io.StringIO()
    console = Console(file=text, width=90, color_system=None)
    build(list(words)).help_print(list(words), console=console)
    return text.getvalue()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_flag_of_every_command_is_described(words: tuple[str, ...]) -> None:
    """Nobody has to guess what a flag does."""
    app: App = build(list(words))
    for word in words:
        app = app[word]
    undescribed = [
        argument.name
        for argument in app.assemble_argument_collection(parse_docstring=True)
        if argument.show and not argument.parameter.help
    ]

    assert undescribed == []


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_says_in_a_sentence_what_it_does(words: tuple[str, ...]) -> None:
    """The second paragraph of the help is the command's own sentence."""
    usage, _, rest = help_of(*words).partition("\n\n")

    assert usage.startswith(f"Usage: assay {' '.join(words)}")
    assert rest.split("\n\n", maxsplit=1)[0].rstrip().endswith(".")


@pytest.mark.parametrize("noun", NOUNS)
def test_every_list_of_commands_says_what_each_does(noun: str) -> None:
    """No command stands in its noun's list as a bare name."""
    _, has_list, listed = help_of(noun).partition("Commands:\n")
    lines = listed.partition("\n\n")[0].splitlines() if has_list else []
    entries = [line for line in lines if line[:3].strip()]

    assert [line for line in entries if len(line.split()) < 2] == []


def test_the_reference_is_what_the_help_says() -> None:
    """`tools/cli_reference.py` has been run since a flag changed."""
    spec = importlib.util.spec_from_file_location("cli_reference", REFERENCE)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)

    assert tool.PLACE.read_text(encoding="utf-8") == tool.render()


def documented() -> list[list[str]]:
    """Every line of the docs that a reader may type after `$ assay`."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    lines = [line for page in pages for line in page.read_text(encoding="utf-8").splitlines()]
    typed = [line.strip().removeprefix("$ ") for line in lines if line.strip().startswith("$ ")]
    words = [shlex.split(line.replace("…", "x"), comments=True) for line in typed]
    return [found[1:] for found in words if found and PurePath(found[0]).name == "assay"]


@pytest.mark.parametrize("words", documented(), ids=" ".join)
def test_what_the_docs_tell_to_type_can_be_typed(words: list[str]) -> None:
    """Commands and flags in the docs are those of the command."""
    command, _, _ = build(words).parse_args(words, exit_on_error=False, print_error=False)

    assert callable(command)


def test_help_lists_every_noun_in_the_order_of_the_main_job() -> None:
    """A stranger reads from serving to proving."""
    listed = [line.split()[0] for line in help_of().splitlines() if line.startswith("  ")]

    assert [word for word in listed if not word.startswith("-")] == list(NOUNS)


def test_help_fits_the_width_that_it_is_given() -> None:
    """No line of the help is broken by a narrow terminal."""
    text = io.StringIO()
    console = Console(file=text, width=60, color_system=None)
    build(["promote"]).help_print(["promote"], console=console)

    assert max(map(len, text.getvalue().splitlines())) <= 60


def test_help_of_a_panel_without_entries_prints_nothing() -> None:
    """An empty title helps nobody."""
    from cyclopts.help import HelpPanel

    text = io.StringIO()
    console = Console(file=text, width=60)
    PlainHelp()(console, console.options, HelpPanel(format="command", title="Commands"))

    assert text.getvalue() == ""


def test_the_version_is_the_packages(nowhere: Assay) -> None:
    """`assay --version` prints what is installed."""
    assert nowhere.done("--version").strip() == version("assay")


def test_help_starts_within_a_third_of_a_second(tmp_path: Path) -> None:
    """The command answers before one wonders; measured as processor time, the best of a few."""
    costs = []
    for _ in range(4):
        before = os.times()
        subprocess.run([sys.executable, "-m", "assay", "--help"], check=True, capture_output=True)
        after = os.times()
        children = (after.children_user, after.children_system)
        costs.append(sum(children) - before.children_user - before.children_system)

    assert min(costs) < 0.3


def test_help_loads_neither_server_nor_transport() -> None:
    """What a command does not need is not imported for it."""
    heavy = ["httpx2", "msgspec", "numpy", "rich.markdown", "sqlalchemy", "starlette"]
    program = (
        "import sys; from assay.cli.main import run; code = run(['--help']);"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)

    assert told.stderr.strip() == b"[]"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["wino"], "There is no command 'wino'. Did you mean 'winner'?"),
        (["runs", "shwo"], "There is no command 'shwo'. Did you mean 'show'?"),
        (["runs", "show"], "RUN is missing."),
        (["gates", "create", "exam"], "--suite is missing."),
        (["gates", "create", "exam", "--siute", "x"], "mean that by --siute?"),
        (["runs", "list", "--limit"], "--limit needs a value."),
        (["runs", "list", "--limit", "many"], "--limit takes a whole number, not 'many'."),
        (["runs", "list", "--limit", "0"], "--limit must be at least 1, not 0."),
        (["serve", "--closure-every", "often"], "--closure-every takes a number, not 'often'."),
        (["runs", "list", "--colour"], "--colour"),
        (["promote", "a", "1", "2"], "There is no place for '2' here."),
    ],
)
def test_wrong_usage_exits_with_2_and_points_to_the_help(
    nowhere: Assay, words: list[str], sentence: str
) -> None:
    """A usage error is a sentence on standard error, and where to read on."""
    told = nowhere(*words)

    assert told.code == 2
    assert told.out == ""
    assert sentence in told.err
    assert "--help`" in told.err


def test_a_server_that_is_away_is_one_sentence_with_the_next_step(nowhere: Assay) -> None:
    """No traceback: what cannot be reached, and how to start it."""
    told = nowhere("runs", "list")

    assert told.code == 1
    assert told.err.startswith("assay: Assay at http://127.0.0.1:9 cannot be reached")
    assert "assay serve" in told.err
    assert len(told.err.splitlines()) == 1


def test_an_address_that_is_none_is_refused_before_anything_is_sent(nowhere: Assay) -> None:
    """A typing error in --url is named as such."""
    told = nowhere("whoami", "--url", "127.0.0.1:7475")

    assert told.code == 1
    assert "must be an address" in told.err


def test_a_reader_that_closes_the_pipe_ends_the_command_quietly() -> None:
    """`assay … | head` prints no traceback and is no failure."""
    reading, writing = os.pipe()
    os.close(reading)
    command = subprocess.Popen(
        [sys.executable, "-m", "assay", "--help"], stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    _, said = command.communicate()

    assert said == b""
    assert command.returncode == 0
