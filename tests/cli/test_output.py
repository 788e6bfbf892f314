"""How commands talk: tables for people and pipes, bars for those who look, escapes for terminals."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import pytest

from assay.cli import output
from assay.cli.progress import transfer
from assay.sdk.client import Client
from tests.cli.command import Assay
from tests.cli.scenes import add_run


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def look(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Let standard error be a terminal of 80 columns; within the test, as pytest swaps it before."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    return screen


def test_a_row_is_a_line_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """What a program reads is never folded, and ends without blanks."""
    output.print_table(["name", "text"], [["a", "x " * 300], ["b", ""]], empty="")
    lines = capsys.readouterr().out.splitlines()

    assert len(lines) == 3
    assert all(line == line.rstrip() for line in lines)


def test_a_table_fits_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a person reads, long cells are folded and lose nothing."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    output.print_table(["name", "digest"], [["a", "0123456789abcdef" * 4]], empty="")
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()

    assert max(map(len, lines)) <= 40
    assert "".join(line.split()[-1] for line in lines[1:]) == "0123456789abcdef" * 4


def screen_of(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let standard output be a terminal of that width."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))


def plain(text: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()


def test_only_the_longest_column_is_folded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A time or an id that is broken over lines is read by nobody."""
    screen_of(50, monkeypatch)
    row = ["7", "2026-11-23 16:42:38Z", "alias:support-bot-of-the-north@production"]
    output.print_table(["event", "when", "object"], [row], empty="")
    lines = plain(capsys.readouterr().out)

    assert max(map(len, lines)) <= 50
    assert lines[1].startswith("7      2026-11-23 16:42:38Z  alias:")


def test_a_row_that_does_not_fit_is_told_name_by_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A narrow terminal shows whole values below each other, one block for each row."""
    screen_of(30, monkeypatch)
    rows = [["one", "2026-11-23 16:42:38Z", None], ["two", "2026-11-24 16:42:38Z", "x"]]
    output.print_table(["name", "created", "description"], rows, empty="")

    assert plain(capsys.readouterr().out) == [
        "name         one",
        "created      2026-11-23 16:42:38Z",
        "description  -",
        "",
        "name         two",
        "created      2026-11-24 16:42:38Z",
        "description  x",
    ]


def test_what_was_not_asked_for_makes_room_first(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns that are spare are left out as far as the terminal is too narrow for them."""
    screen_of(20, monkeypatch)
    output.print_table(["name", "loss", "reward", "kl"], [["one", 1, 2, 3]], empty="", spare=3)

    assert plain(capsys.readouterr().out) == ["name  loss  reward", "one   1     2"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (True, "yes"),
        (0.1 + 0.2, "0.3"),
        (1e-7, "1e-07"),
        (["a", 2], "a, 2"),
        ([], "-"),
        ("", ""),
    ],
)
def test_a_value_becomes_a_cell(value: object, text: str) -> None:
    """Absent is a dash; a number is as short as people read it."""
    assert output.cell(value) == text


@pytest.mark.parametrize(
    ("exact", "text"),
    [(None, "-"), ("0.75", "0.75"), ("2/3", "2/3 ≈ 0.666667"), (f"1/{10**30}", "≈1e-30")],
)
def test_an_exact_score_stays_exact_where_it_is_short(exact: str | None, text: str) -> None:
    """A third is a third, and about how much it is."""
    assert output.score(exact) == text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(None, "-"), (0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 40, "5120.0 GiB")],
)
def test_a_size_is_told_in_binary_units(size_bytes: int | None, text: str) -> None:
    """KiB are 1,024 bytes and are called so."""
    assert output.size(size_bytes) == text


def test_times_are_utc_and_say_so() -> None:
    """Nobody has to know where the server stands."""
    assert output.when(1_700_000_000_000) == "2023-11-14 22:13:20Z"
    assert output.when(None) == "-"
    assert output.when(2**63 - 1) == "9223372036854775807 ms"


def test_what_drives_a_terminal_is_printed_as_an_escape() -> None:
    """Stored texts are texts: no colour, no cursor, no right-to-left override."""
    assert output.printable("a\x1b[31mb\u202ec\r") == r"a\x1b[31mb\u202ec\r"
    assert output.printable("größe\t1\n") == "größe\t1\n"


def test_a_transfer_shows_a_bar_to_whoever_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file in hand, the end of its name, and how much of all there is to do."""
    terminal = look(monkeypatch)
    with transfer(3 << 20, "Fetching") as for_file:
        for_file("a.bin")(1 << 20, None)
        on_progress = for_file("weights/" + "b" * 60 + ".bin")
        on_progress(1 << 20, 2 << 20)
        on_progress(2 << 20, 2 << 20)

    assert f"Fetching …{'b' * 19}.bin" in terminal.getvalue()
    assert "3.0/3.0 MiB" in terminal.getvalue()


def test_a_file_that_starts_over_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A retry does not make the bar run past its end."""
    terminal = look(monkeypatch)
    with transfer(2 << 20, "Sending") as for_file:
        on_progress = for_file("a.bin")
        on_progress(2 << 20, 2 << 20)
        on_progress(1 << 20, 2 << 20)
        on_progress(2 << 20, 2 << 20)

    assert "2.0/2.0 MiB" in terminal.getvalue()


def test_nobody_looking_means_no_bar(assay: Assay, client: Client, tmp_path: Path) -> None:
    """A log file is not filled with bars."""
    run_id = add_run(client, files={"a.bin": bytes(1 << 20)})
    told = assay("artifacts", "download", run_id, "--to", tmp_path / "got")

    assert told.err == ""


def test_a_control_character_in_a_refusal_is_escaped(assay: Assay) -> None:
    """What was typed comes back as it can be printed."""
    told = assay("models", "show", "b\x1bot")

    assert told.code == 1
    assert "\x1b" not in told.err
